/* Figures, latency and worker screens; telemetry read from files. */
#include "../../../tools/hzctl/figures.h"
#include "../../../tools/hzctl/latency_json.h"
#include "../../../tools/hzctl/worker_json.h"
#include "core/base.h"
#include "hz_test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void nanoseconds_have_a_unit_and_three_digits(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0 ns" },           { 968, "968 ns" },      { 999, "999 ns" },
		{ 1000, "1.0 us" },      { 8049, "8.0 us" },     { 25344, "25.3 us" },
		{ 99949, "99.9 us" },    { 99950, "100 us" },    { 128000, "128 us" },
		{ 641022, "641 us" },    { 999499, "999 us" },   { 999500, "1.0 ms" },
		{ 1500000000, "1.5 s" }, { 999999999, "1.0 s" }, { 5000000000000ULL, "5000 s" },
	};
	char text[HZ_FIGURES_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		hz_figures_ns(rows[i].ns, text);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
	hz_figures_ns(UINT64_MAX, text);
	CU_ASSERT(strlen(text) < HZ_FIGURES_MAX);
}

static void counts_are_grouped_by_three(void)
{
	char text[HZ_FIGURES_MAX];

	hz_figures_count(0, text);
	CU_ASSERT_STRING_EQUAL(text, "0");
	hz_figures_count(999, text);
	CU_ASSERT_STRING_EQUAL(text, "999");
	hz_figures_count(1421990, text);
	CU_ASSERT_STRING_EQUAL(text, "1 421 990");
	hz_figures_count(UINT64_MAX, text);
	CU_ASSERT_STRING_EQUAL(text, "18 446 744 073 709 551 615");
}

static void many_is_singular_for_one(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	hz_figures_many(to, 0, "queue");
	fputc(' ', to);
	hz_figures_many(to, 1, "worker");
	fputc(' ', to);
	hz_figures_many(to, 2501, "request");
	fclose(to);
	CU_ASSERT_STRING_EQUAL(text, "0 queues 1 worker 2 501 requests");
	free(text);
}

static void ages_use_two_units(void)
{
	char text[HZ_FIGURES_MAX];

	hz_figures_age(59, text);
	CU_ASSERT_STRING_EQUAL(text, "59 s");
	hz_figures_age(14 * 60 + 5, text);
	CU_ASSERT_STRING_EQUAL(text, "14 min");
	hz_figures_age(2 * 86400 + 4 * 3600, text);
	CU_ASSERT_STRING_EQUAL(text, "2d 04h");
}

static char *render(json_t *result, void (*text)(FILE *, const json_t *))
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&out, &bytes);

	text(to, result);
	fclose(to);
	json_decref(result);
	return out;
}

static void stage_without_samples_prints_dashes(void)
{
	struct hz_hist hist = { 0 };
	json_t *result = json_pack("{s:n, s:n, s:[o]}", "last_s", "worker", "stages",
	                           hz_latency_json_make("parse", &hist, false));
	char *text = render(result, hz_latency_json_text);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "parse                   0         -         -"));
	CU_ASSERT_PTR_NULL(strstr(text, "0 ns"));
	free(text);
}

static void histogram_is_drawn_by_octave(void)
{
	struct hz_hist hist = { 0 };
	json_t *result;
	char *text;

	for (unsigned i = 0; i < 1000; i++)
		hz_hist_record(&hist, 3000);
	for (unsigned i = 0; i < 500; i++)
		hz_hist_record(&hist, 5000);
	hz_hist_record(&hist, 600000);
	result = json_pack("{s:i, s:i, s:[o]}", "last_s", 10, "worker", 2, "stages",
	                   hz_latency_json_make("total", &hist, true));
	text = render(result, hz_latency_json_text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "total, worker 2, last 10 s, 1 501 requests, "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  [  2.0 us,   4.1 us)         1 000 |"
	                                    "########################################\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  [  4.1 us,   8.2 us)           500 |"
	                                    "####################\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  [  8.2 us,  16.4 us)             0 |\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "             1 |#\n")); /* one is not nothing */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "p50 3.0 us"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "max 600 us"));
	free(text);
}

static void latency_json_lists_buckets_that_have_samples(void)
{
	struct hz_hist hist = { 0 };
	json_t *stage, *bucket;

	hz_hist_record(&hist, 7);
	hz_hist_record(&hist, 5000);
	hz_hist_record(&hist, 5000);
	stage = hz_latency_json_make("total", &hist, true);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(stage, "count")), 3);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(stage, "buckets")), 2);
	bucket = json_array_get(json_object_get(stage, "buckets"), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(bucket, 0)), 4992);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(bucket, 1)), 128);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(bucket, 2)), 2);
	json_decref(stage);
}

/* A run directory with telemetry of one worker; files as hzd with boot/io=socket leaves them. */
struct fixture {
	char dir[64];
};

static void file_write(const char *dir, const char *name, const void *data, size_t bytes,
                       size_t total)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd != -1 && write(fd, data, bytes) == (ssize_t)bytes);
	CU_ASSERT(ftruncate(fd, (off_t)total) == 0);
	close(fd);
}

static void fixture_make(struct fixture *f)
{
	struct hz_beat beat = { .beat_ns = hz_clock_monotonic_ns(), .state = HZ_STATE_READY };
	struct hz_worker worker = { .cpu = 5, .requests = 1234, .connections = 7 };
	struct hz_hist *hists = calloc(HZ_STAGE_COUNT, sizeof(*hists));

	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/hz-unit-hzctl.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->dir));
	hz_hist_record(&hists[HZ_STAGE_TOTAL], 5000);
	hz_hist_record(&hists[HZ_STAGE_PARSE], 100);
	hz_hist_record(&hists[HZ_STAGE_PARSE], 100);
	file_write(f->dir, "latency", hists, HZ_STAGE_COUNT * sizeof(*hists),
	           sizeof(struct hz_hist) * HZ_HIST_ENTRIES);
	file_write(f->dir, "beat", &beat, sizeof(beat), sizeof(beat) * HZ_WORKERS_MAX);
	file_write(f->dir, "workers", &worker, sizeof(worker), sizeof(worker) * HZ_WORKERS_MAX);
	free(hists);
}

static void fixture_remove(struct fixture *f)
{
	static const char *const names[] = { "latency", "beat", "workers" };
	char path[128];

	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
}

static void view_reads_the_files_of_a_run_directory(void)
{
	struct hz_telemetry_view_workers workers;
	struct hz_telemetry_view view;
	struct hz_err err = { 0 };
	struct hz_hist hist;
	struct fixture f;

	fixture_make(&f);
	CU_ASSERT_EQUAL_FATAL(hz_telemetry_view_open_at(f.dir, &view), 0);
	CU_ASSERT_EQUAL(hz_telemetry_view_hist(&view, HZ_STAGE_TOTAL, -1, &hist, &err), 0);
	CU_ASSERT_EQUAL(hz_hist_count(&hist), 1);
	CU_ASSERT_EQUAL(hz_telemetry_view_hist(&view, HZ_STAGE_PARSE, 0, &hist, &err), 0);
	CU_ASSERT_EQUAL(hz_hist_count(&hist), 2);
	CU_ASSERT_EQUAL(hz_telemetry_view_hist(&view, HZ_STAGE_PARSE, 63, &hist, &err), 0);
	CU_ASSERT_EQUAL(hz_hist_count(&hist), 0);
	CU_ASSERT_EQUAL(hz_telemetry_view_workers(&view, &workers, &err), 0);
	CU_ASSERT_EQUAL(workers.worker[0].requests, 1234);
	CU_ASSERT_EQUAL(workers.beat[1].state, HZ_STATE_NONE);
	hz_telemetry_view_close(&view);
	fixture_remove(&f);
}

static void view_of_a_file_with_another_size_is_refused(void)
{
	struct hz_telemetry_view view;
	struct hz_err err = { 0 };
	struct hz_hist hist;
	struct fixture f;
	char path[128];

	fixture_make(&f);
	snprintf(path, sizeof(path), "%s/latency", f.dir);
	CU_ASSERT_EQUAL(hz_telemetry_view_open_at(f.dir, &view), 0);
	CU_ASSERT_EQUAL(truncate(path, 100), 0); /* cut while in use: an error, no signal */
	CU_ASSERT_EQUAL(hz_telemetry_view_hist(&view, HZ_STAGE_TOTAL, 0, &hist, &err), -EPROTO);
	hz_telemetry_view_close(&view);
	CU_ASSERT_EQUAL(hz_telemetry_view_open_at(f.dir, &view), -EPROTO);
	fixture_remove(&f);
	CU_ASSERT_EQUAL(hz_telemetry_view_open_at(f.dir, &view), -ENOENT);
}

static void worker_rates_come_from_two_samples(void)
{
	struct hz_telemetry_view_workers *sample = calloc(2, sizeof(*sample));
	json_t *workers, *worker;
	char *text;

	sample[1].beat[3].state = sample[0].beat[3].state = HZ_STATE_READY;
	sample[1].beat[3].beat_ns = hz_clock_monotonic_ns();
	sample[0].worker[3].requests = 1000;
	sample[0].worker[3].responses_5xx = 5;
	sample[1].worker[3] = (struct hz_worker){ .cpu = 2,
		                                  .requests = 3000,
		                                  .responses_5xx = 7,
		                                  .bad_requests = 1,
		                                  .busy_ns = 125 * HZ_NS_PER_MS,
		                                  .rx_packets = 30,
		                                  .rx_bursts = 4,
		                                  .longest_gap_ns = 38000 };
	workers = hz_worker_json_make(&sample[0], &sample[1], 250 * HZ_NS_PER_MS,
	                              500 * HZ_NS_PER_MS, -1);
	CU_ASSERT_EQUAL_FATAL(json_array_size(workers), 1); /* the others never started */
	worker = json_array_get(workers, 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(worker, "id")), 3);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(worker, "requests_per_s")), 8000);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(worker, "errors")), 8);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(worker, "errors_per_s")), 12);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(worker, "busy_percent")), 50);
	CU_ASSERT(json_is_false(json_object_get(worker, "is_stale")));
	text = render(json_pack("{s:o}", "workers", workers), hz_worker_json_text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 3   2 ready        50%      8 000         0       7.5"
	                                    "      38.0 us"));
	free(text);
	free(sample);
}

static void worker_with_an_old_beat_is_stale(void)
{
	struct hz_telemetry_view_workers *sample = calloc(1, sizeof(*sample));
	json_t *workers;
	char *text;

	sample->beat[0].state = HZ_STATE_READY;
	sample->time_ns = 10 * HZ_NS_PER_S;
	sample->beat[0].beat_ns = 8 * HZ_NS_PER_S;
	workers = hz_worker_json_make(sample, sample, HZ_NS_PER_S, 500 * HZ_NS_PER_MS, -1);
	CU_ASSERT(json_is_true(json_object_get(json_array_get(workers, 0), "is_stale")));
	text = render(json_pack("{s:o}", "workers", workers), hz_worker_json_text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "stale"));
	free(text);
	free(sample);
}

HZ_SUITE(hzctl_figures, CASE(nanoseconds_have_a_unit_and_three_digits),
         CASE(counts_are_grouped_by_three), CASE(many_is_singular_for_one),
         CASE(ages_use_two_units), CASE(stage_without_samples_prints_dashes),
         CASE(histogram_is_drawn_by_octave), CASE(latency_json_lists_buckets_that_have_samples),
         CASE(view_reads_the_files_of_a_run_directory),
         CASE(view_of_a_file_with_another_size_is_refused),
         CASE(worker_rates_come_from_two_samples), CASE(worker_with_an_old_beat_is_stale));
