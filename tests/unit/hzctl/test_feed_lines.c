/* Lines hzctl makes of records, and latency by route. */
#include "../../../tools/hzctl/feed_text.h"
#include "../../../tools/hzctl/latency_json.h"
#include "../../../tools/hzctl/route_view.h"
#include "abi/hist_bucket.h"
#include "core/rng.h"
#include "hz_test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void line_is(const char *json, const char *wanted)
{
	json_t *object = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	hz_feed_text(to, object);
	fclose(to);
	/* the clock in front is local time */
	CU_ASSERT_STRING_EQUAL(bytes > 16 ? text + 16 : text, wanted);
	if (bytes <= 16 || strcmp(text + 16, wanted) != 0)
		fprintf(stderr, "# %s", text);
	free(text);
	json_decref(object);
}

static void lines_say_what_happened(void)
{
	line_is("{\"kind\":\"slow\",\"time_unix_ms\":5,\"total_ns\":641000,\"method\":\"GET\","
	        "\"path\":"
	        "\"/users/"
	        "812\",\"route\":\"app\",\"status\":200,\"worker\":1,\"trace_id\":\"4bf9\","
	        "\"stages_ns\":{\"queue\":512000,\"parse\":1000,\"route\":400,\"handler\":null,"
	        "\"upstream\":126000,\"tx\":1600}}",
	        "slow  641 us  GET /users/812  app 200  worker 1  queue 512 parse 1 route 0 "
	        "upstream "
	        "126 tx 2  trace 4bf9\n");
	line_is("{\"kind\":\"shed\",\"time_unix_ms\":5,\"prefix\":\"10.7.3.0/24\","
	        "\"prefix_bits\":24,"
	        "\"count\":2118,\"reason\":\"drop_source_rate\",\"span_ns\":1000000000}",
	        "shed  10.7.3.0/24  2 118 new flows  drop_source_rate  (1.0 s summary)\n");
	line_is("{\"kind\":\"shed\",\"cpu\":3,\"time_unix_ms\":5,\"prefix\":\"10.7.3.0/24\","
	        "\"prefix_bits\":24,\"count\":1,\"reason\":\"shed_drop\",\"span_ns\":0}",
	        "shed  10.7.3.0/24  1 new flows  shed_drop  (the first one of CPU 3)\n");
	line_is("{\"kind\":\"shed\",\"time_unix_ms\":5,\"prefix\":null,\"prefix_bits\":0,"
	        "\"count\":7,\"reason\":\"shed_drop\",\"span_ns\":1000000000}",
	        "shed  other sources  7 new flows  shed_drop  (1.0 s summary)\n");
	line_is("{\"kind\":\"state\",\"time_unix_ms\":5,\"what\":\"worker\",\"worker\":3,"
	        "\"before\":"
	        "\"ready\",\"now\":\"down\"}",
	        "state  worker 3  ready -> down\n");
	line_is("{\"kind\":\"state\",\"time_unix_ms\":5,\"what\":\"site\",\"before\":7,\"now\":8}",
	        "state  site  7 -> 8\n");
}

static void line_of_hostile_text_has_no_control_bytes(void)
{
	line_is("{\"kind\":\"slow\",\"time_unix_ms\":5,\"total_ns\":1,\"method\":\"\\u001b[2J\","
	        "\"path\":"
	        "\"/\\u009b\\n\",\"route\":\"\\r\",\"status\":\"x\",\"trace_id\":\"\\u0007\"}",
	        "slow  1 ns  ?[2J /???  ? 0  worker 0   trace ?\n");
}

/* --- latency by route ----------------------------------------------------------------------------------- */

static void route_quantiles_are_within_a_16th_of_exact_sorting(void)
{
	enum { SAMPLES = 20001 };
	static const uint32_t per_million[] = { 500000, 900000, 990000, 999000 };
	uint64_t *sample = calloc(SAMPLES, sizeof(*sample));
	struct hz_route_hist hist = { 0 };
	struct hz_rng rng;
	unsigned wrong = 0;

	hz_rng_seed(&rng, 5);
	for (unsigned i = 0; i < SAMPLES; i++) {
		/* ascending: sorted as it is made */
		sample[i] = (i > 0 ? sample[i - 1] : 300) + hz_rng_below(&rng, 1 + i / 4);
		hist.bucket[hz_hist_bucket(sample[i]) >> 2]++;
		hist.max_ns = sample[i];
	}
	CU_ASSERT_EQUAL(hz_route_hist_count(&hist), SAMPLES);
	for (size_t i = 0; i < HZ_ARRAY_LEN(per_million); i++) {
		uint64_t rank = ((uint64_t)SAMPLES * per_million[i] + 999999) / 1000000;
		uint64_t exact = sample[rank - 1];
		uint64_t shown = hz_route_hist_quantile_ns(&hist, per_million[i]);

		wrong += (shown > exact ? shown - exact : exact - shown) * 16 > exact;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	free(sample);
}

static void route_buckets_are_contiguous(void)
{
	unsigned wrong = 0;

	for (uint32_t i = 0; i + 1 < HZ_ROUTE_BUCKETS; i++) {
		uint64_t low = hz_route_hist_low(i), next = low + hz_route_hist_width(i);

		wrong += next != hz_route_hist_low(i + 1);
		wrong += hz_hist_bucket(low) >> 2 != i || hz_hist_bucket(next - 1) >> 2 != i;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void file_write(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CU_ASSERT_FATAL(write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

/* Two workers; slot 3 is route "users" on both. */
static void route_files_add_workers_and_refuse_other_sizes(void)
{
	char dir[] = "/tmp/hz-unit-XXXXXX", path[96];
	struct hz_route_name *names = calloc(HZ_ROUTE_SLOTS, sizeof(*names));
	struct hz_route_hist *hists = calloc((size_t)2 * HZ_ROUTE_SLOTS, sizeof(*hists));
	struct hz_route_hist sum;
	struct hz_route_name name;
	struct hz_route_view view;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL(hz_route_view_open_at(dir, &view), -ENOENT);
	memset(names[3].name, 'u', HZ_ROUTE_NAME_BYTES); /* not terminated */
	hists[3].bucket[9] = 5;
	hists[3].max_ns = 7;
	hists[HZ_ROUTE_SLOTS + 3].bucket[9] = 6;
	hists[HZ_ROUTE_SLOTS + 3].answers[4] = 2;
	file_write(dir, "route_names", names, HZ_ROUTE_SLOTS * sizeof(*names));
	file_write(dir, "route_latency", hists, 3 * sizeof(*hists));
	CU_ASSERT_EQUAL(hz_route_view_open_at(dir, &view), -EPROTO);
	file_write(dir, "route_latency", hists, (size_t)2 * HZ_ROUTE_SLOTS * sizeof(*hists));
	CU_ASSERT_FATAL(hz_route_view_open_at(dir, &view) == 0);
	CU_ASSERT(hz_route_view_name(&view, 3, &name) == 0 &&
	          strlen(name.name) == HZ_ROUTE_NAME_BYTES - 1);
	CU_ASSERT(hz_route_view_hist(&view, 3, -1, &sum) == 0);
	CU_ASSERT(sum.bucket[9] == 11 && sum.max_ns == 7 && hz_route_hist_answers(&sum) == 2);
	CU_ASSERT(hz_route_view_hist(&view, 3, 1, &sum) == 0 && sum.bucket[9] == 6);
	CU_ASSERT(hz_route_view_hist(&view, 3, 63, &sum) == 0 && sum.bucket[9] == 0);
	hz_route_view_close(&view);
	snprintf(path, sizeof(path), "%s/route_names", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/route_latency", dir);
	unlink(path);
	rmdir(dir);
	free(names);
	free(hists);
}

static void latency_text_queue_without_samples_is_not_measured(void)
{
	struct hz_hist some = { .max_ns = 40 }, none = { 0 };
	json_t *result;
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);

	some.bucket[40] = 3;
	result = json_pack("{s:n, s:n, s:[o, o, o]}", "last_s", "worker", "stages",
	                   hz_latency_json_stage(HZ_STAGE_TOTAL, &some, 3, false),
	                   hz_latency_json_stage(HZ_STAGE_QUEUE, &none, 3, false),
	                   hz_latency_json_stage(HZ_STAGE_HEALTH, &none, 3, false));
	hz_latency_json_text(to, result);
	json_decref(result);
	result = json_pack("{s:n, s:n, s:[o]}", "last_s", "worker", "stages",
	                   hz_latency_json_stage(HZ_STAGE_QUEUE, &none, 3, true));
	hz_latency_json_text(to, result);
	json_decref(result);
	fclose(to);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "queue        not measured"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "health                  0"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "not measured: no frame came with"));
	free(text);
}

/* Nobody asked: that is nobody's fault, least of all the driver's. */
static void latency_without_requests_blames_nobody(void)
{
	struct hz_hist none = { 0 };
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	json_t *result;

	for (int with_buckets = 0; with_buckets < 2; with_buckets++) {
		result = json_pack("{s:i, s:n, s:[o]}", "last_s", 5, "worker", "stages",
		                   hz_latency_json_stage(HZ_STAGE_QUEUE, &none, 0, with_buckets));
		CU_ASSERT(json_is_true(json_object_get(
			json_array_get(json_object_get(result, "stages"), 0), "is_measured")));
		hz_latency_json_text(to, result);
		json_decref(result);
	}
	fclose(to);
	CU_ASSERT_PTR_NULL(strstr(text, "not measured"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "queue                   0"));
	free(text);
}

static void latency_quantile_is_not_above_the_maximum(void)
{
	struct hz_hist hist = { .max_ns = 1000000, .min_ns = 1000000 };
	json_t *json;

	hist.bucket[hz_hist_bucket(1000000)] = 1;
	json = hz_latency_json_make("total", &hist, false);
	CU_ASSERT(json_integer_value(json_object_get(json, "p999_ns")) <= 1000000);
	json_decref(json);
}

HZ_SUITE(feed_lines, CASE(lines_say_what_happened), CASE(line_of_hostile_text_has_no_control_bytes),
         CASE(route_quantiles_are_within_a_16th_of_exact_sorting),
         CASE(route_buckets_are_contiguous), CASE(route_files_add_workers_and_refuse_other_sizes),
         CASE(latency_text_queue_without_samples_is_not_measured),
         CASE(latency_without_requests_blames_nobody),
         CASE(latency_quantile_is_not_above_the_maximum));
