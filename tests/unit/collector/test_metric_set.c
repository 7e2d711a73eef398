/* Which series there are: never twice, never too many, and from the beginning. */
#include "collector/metric_set.h"
#include "collector/prom_text.h"
#include "hz_test.h"
#include "telemetry/counter_set.h"
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tally {
	uint32_t calls, hists, routes;
};

static void series_count(void *ctx, enum hz_metric metric, const char *const *label, double value,
                         const struct hz_hist *hist)
{
	struct tally *tally = ctx;

	(void)value;
	tally->calls++;
	tally->hists += hist != NULL;
	if (metric == HZ_METRIC_hz_requests_total && strcmp(label[0], HZ_METRIC_OTHERS) == 0)
		tally->routes++;
}

static int latency_make(uint64_t samples)
{
	struct hz_hist hist = { .sum_ns = 5 * samples };
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "latency", 4, sizeof(hist), HZ_HIST_ENTRIES,
	                        NULL);

	hist.bucket[5] = samples;
	for (uint32_t i = 0; i < HZ_HIST_ENTRIES && fd >= 0; i++)
		if (bpf_map_update_elem(fd, &i, &hist, BPF_ANY) != 0)
			return -1;
	return fd;
}

static void fullest_machine_has_at_most_a_thousand_series(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	static const uint32_t forms[] = { 1, HZ_PROM_TEXT_BOUNDS + 3 };

	feed->source.fd[HZ_STREAM_latency] = latency_make(1);
	if (feed->source.fd[HZ_STREAM_latency] < 0) {
		free(feed);
		HZ_SKIP("needs root");
	}
	feed->has_before = true;
	feed->now.time_ns = 1000000000;
	feed->now.workers = HZ_WORKERS_MAX;
	feed->now.routes = HZ_ROUTE_SLOTS;
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++) {
		feed->now.beat[i].state = HZ_STATE_READY;
		feed->now.worker[i].started_ns = 1;
	}
	for (uint32_t i = 0; i < HZ_ROUTE_SLOTS; i++) {
		snprintf(feed->now.route[i].name, sizeof(feed->now.route[i].name), "route-%u", i);
		for (uint32_t j = 0; j < HZ_CODE_CLASSES; j++)
			feed->now.route[i].hist.answers[j] = 1;
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(forms); i++) {
		struct tally tally = { 0 };
		uint32_t series = hz_metric_set_each(feed, forms[i], series_count, &tally);

		CU_ASSERT(series > 0 && series <= HZ_METRIC_SERIES_MAX);
		CU_ASSERT_EQUAL(series, tally.calls + tally.hists * (forms[i] - 1));
		CU_ASSERT_EQUAL(tally.hists, HZ_STAGE_COUNT); /* workers together */
		CU_ASSERT_EQUAL(tally.routes, HZ_CODE_CLASSES);
	}
	close(feed->source.fd[HZ_STREAM_latency]);
	free(feed);
}

/* rate() of what appears with its first count does not see that one. */
static void nothing_happened_yet_and_all_series_are_there(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct hz_doc doc = { 0 };
	static const char *const wanted[] = {
		"hz_requests_total{route=\"a\",code_class=\"5xx\"} 0\n",
		"hz_requests_total{route=\"a\",code_class=\"2xx\"} 0\n",
		"hz_requests_total{route=\"-\",code_class=\"4xx\"} 0\n",
		"hz_request_duration_seconds_count{stage=\"handler\",worker=\"all\"} 0\n",
		"stage=\"total\",worker=\"all\",le=\"+Inf\"} 0\n",
		"hz_collector_dropped_total{reason=\"history\"} 0\n",
		"hz_collector_push_failed_total 0\n",
		"hz_telemetry_lost_total{kind=\"slow\"} 0\n",
	};

	feed->source.fd[HZ_STREAM_latency] = latency_make(0);
	if (feed->source.fd[HZ_STREAM_latency] < 0) {
		free(feed);
		HZ_SKIP("needs root");
	}
	feed->now.workers = 1;
	feed->now.routes = 2;
	feed->now.route[0].name[0] = '-';
	feed->now.route[1].name[0] = 'a';
	CU_ASSERT(hz_prom_text_write(feed, &doc) > 0);
	hz_doc_text_add(&doc, "", 1);
	for (size_t i = 0; i < HZ_ARRAY_LEN(wanted); i++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(doc.data, wanted[i]));
	CU_ASSERT_PTR_NULL(strstr(doc.data, "1xx"));
	/* who does not tell routes apart counts all the same */
	feed->now.worker[0].responses_5xx = 3;
	hz_doc_text_clear(&doc);
	CU_ASSERT(hz_prom_text_write(feed, &doc) > 0);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(doc.data, "hz_requests_total{route=\"-\",code_class=\"5xx\"} 3\n"));
	CU_ASSERT_PTR_NULL(strstr(doc.data, "route=\"a\""));
	/* lost on the way to the kernel's ring and lost there is lost */
	feed->now.worker[0].counters[HZ_COUNTER_slow_lost] = 3;
	feed->now.stream = (struct hz_stream_stats){ .slow_lost = 4, .state_lost = 5 };
	hz_doc_text_clear(&doc);
	CU_ASSERT(hz_prom_text_write(feed, &doc) > 0);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(doc.data, "hz_telemetry_lost_total{kind=\"slow\"} 7\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(doc.data, "hz_telemetry_lost_total{kind=\"drop\"} 0\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(doc.data, "hz_telemetry_lost_total{kind=\"state\"} 5\n"));
	hz_doc_text_close(&doc);
	close(feed->source.fd[HZ_STREAM_latency]);
	free(feed);
}

/* Seven stages go by worker, health by CPU: a large machine with few workers shows these apart, and nothing empty. */
static void workers_are_told_apart_whatever_the_machine_has(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	uint32_t cpus = (uint32_t)HZ_MIN(sysconf(_SC_NPROCESSORS_CONF), (long)HZ_WORKERS_MAX);
	uint32_t most = (HZ_METRIC_HISTS_MAX - cpus) / (HZ_STAGE_COUNT - 1);

	feed->source.fd[HZ_STREAM_latency] = latency_make(1);
	if (feed->source.fd[HZ_STREAM_latency] < 0) {
		free(feed);
		HZ_SKIP("needs root");
	}
	for (uint32_t workers = 1; workers <= most + 1; workers++) {
		struct tally apart = { 0 }, text = { 0 }; /* of as few bounds as can be */

		feed->now.workers = workers;
		CU_ASSERT(hz_metric_set_each(feed, 1, series_count, &apart) > 0);
		CU_ASSERT_EQUAL(apart.hists, workers > most
		                                     ? HZ_STAGE_COUNT
		                                     : (HZ_STAGE_COUNT - 1) * workers + cpus);
		CU_ASSERT(hz_metric_set_each(feed, 2, series_count, &text) > 0);
		CU_ASSERT_EQUAL(text.hists, HZ_STAGE_COUNT);
	}
	close(feed->source.fd[HZ_STREAM_latency]);
	free(feed);
}

/* Of what does not turn nobody knows how busy it is. */
static void dead_worker_is_not_busy_nor_idle(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct hz_doc doc = { 0 };

	feed->source.fd[HZ_STREAM_latency] = latency_make(0);
	if (feed->source.fd[HZ_STREAM_latency] < 0) {
		free(feed);
		HZ_SKIP("needs root");
	}
	feed->has_before = feed->now.is_alive = true;
	feed->now.time_ns = 5 * HZ_NS_PER_S;
	feed->before.time_ns = 4 * HZ_NS_PER_S;
	feed->now.cfg.beat_timeout_ns = HZ_NS_PER_S / 2;
	feed->now.workers = 2;
	feed->now.beat[0] = (struct hz_beat){ .beat_ns = 4 * HZ_NS_PER_S, .state = HZ_STATE_READY };
	feed->now.beat[1] = (struct hz_beat){ .beat_ns = 5 * HZ_NS_PER_S, .state = HZ_STATE_READY };
	CU_ASSERT(hz_prom_text_write(feed, &doc) > 0);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_PTR_NULL(strstr(doc.data, "hz_worker_busy_ratio{worker=\"0\"}"));
	CU_ASSERT_PTR_NOT_NULL(strstr(doc.data, "hz_worker_busy_ratio{worker=\"1\"} 0\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(doc.data, "hz_shed_level_ratio 0\n"));
	feed->now.is_alive = false;
	hz_doc_text_clear(&doc);
	CU_ASSERT(hz_prom_text_write(feed, &doc) > 0);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_PTR_NULL(strstr(doc.data, "hz_shed_level_ratio 0\n"));
	hz_doc_text_close(&doc);
	close(feed->source.fd[HZ_STREAM_latency]);
	free(feed);
}

struct names {
	uint32_t count, twice;
	double others;
	char name[8][HZ_ROUTE_NAME_BYTES + 1];
};

static void names_note(void *ctx, enum hz_metric metric, const char *const *label, double value,
                       const struct hz_hist *hist)
{
	struct names *names = ctx;

	(void)hist;
	if (metric != HZ_METRIC_hz_requests_total || strcmp(label[1], "2xx") != 0)
		return;
	if (strcmp(label[0], HZ_METRIC_OTHERS) == 0)
		names->others += value;
	for (uint32_t i = 0; i < names->count; i++)
		names->twice += strcmp(names->name[i], label[0]) == 0;
	CU_ASSERT_FATAL(names->count < HZ_ARRAY_LEN(names->name));
	snprintf(names->name[names->count++], sizeof(names->name[0]), "%s", label[0]);
}

static void routes_called_like_our_own_words_make_no_series_twice(void)
{
	static const char *const routes[] = { "-", "a", HZ_METRIC_OTHERS, "-", "other" };
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct names names = { 0 };

	feed->source.fd[HZ_STREAM_latency] = latency_make(0);
	if (feed->source.fd[HZ_STREAM_latency] < 0) {
		free(feed);
		HZ_SKIP("needs root");
	}
	feed->now.routes = HZ_ARRAY_LEN(routes);
	for (size_t i = 0; i < HZ_ARRAY_LEN(routes); i++) {
		snprintf(feed->now.route[i].name, sizeof(feed->now.route[i].name), "%s", routes[i]);
		feed->now.route[i].hist.answers[1] = 1u << i;
	}
	CU_ASSERT(hz_metric_set_each(feed, 1, names_note, &names) > 0);
	CU_ASSERT_EQUAL(names.count, 4);
	CU_ASSERT_EQUAL(names.twice, 0);
	CU_ASSERT_EQUAL(names.others, 4 + 8);
	close(feed->source.fd[HZ_STREAM_latency]);
	free(feed);
}

HZ_SUITE(metric_set, CASE(nothing_happened_yet_and_all_series_are_there),
         CASE(routes_called_like_our_own_words_make_no_series_twice),
         CASE(workers_are_told_apart_whatever_the_machine_has),
         CASE(dead_worker_is_not_busy_nor_idle),
         CASE(fullest_machine_has_at_most_a_thousand_series));
