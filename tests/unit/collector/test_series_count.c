/* How many series there may be: the worst case of all maps. */
#include "abi/hz_abi.h"
#include "collector/metric_set.h"
#include "collector/prom_text.h"
#include "hz_test.h"
#include <bpf/bpf.h>
#include <stdio.h>
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
	if (metric == HZ_METRIC_hz_requests_total && strcmp(label[0], "other") == 0)
		tally->routes++;
}

static int latency_make(void)
{
	struct hz_hist hist = { .sum_ns = 5 };
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "latency", 4, sizeof(hist), HZ_HIST_ENTRIES,
	                        NULL);

	hist.bucket[5] = 1;
	for (uint32_t i = 0; i < HZ_HIST_ENTRIES && fd >= 0; i++)
		if (bpf_map_update_elem(fd, &i, &hist, BPF_ANY) != 0)
			return -1;
	return fd;
}

static void fullest_machine_has_at_most_a_thousand_series(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	static const uint32_t forms[] = { 1, HZ_PROM_TEXT_BOUNDS + 3 };

	feed->source.fd[HZ_STREAM_latency] = latency_make();
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

HZ_SUITE(series_count, CASE(fullest_machine_has_at_most_a_thousand_series));
