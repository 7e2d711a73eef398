#include "collector/metric_set.h"
#include "core/common.h"
#include "core/cpu_ids.h"
#include "telemetry/counter_set.h"
#include "telemetry/hist.h"
#include "telemetry/names.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef HZ_COMMIT
#define HZ_COMMIT "unknown"
#endif

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;
static const char *const class_names[HZ_CODE_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
static const struct hz_metric_info infos[HZ_METRICS] = {
#define HZ_METRIC(name, type, first, second, help)                                                 \
	{ #name, help, HZ_METRIC_##type, { first, second } },
#include "collector/metrics.def"
#undef HZ_METRIC
};

const struct hz_metric_info *hz_metric_set_info(enum hz_metric metric)
{
	return &infos[metric];
}

struct writer {
	const struct hz_feed *feed;
	hz_metric_fn *fn;
	void *ctx;
	uint32_t series, series_per_hist;
};

static void put(struct writer *writer, enum hz_metric metric, const char *first, const char *second,
                double value)
{
	const char *const label[HZ_METRIC_LABELS_MAX] = { first, second };

	writer->fn(writer->ctx, metric, label, value, NULL);
	writer->series++;
}

static void hist_put(struct writer *writer, uint32_t stage, const char *worker,
                     const struct hz_hist *hist)
{
	const char *const label[HZ_METRIC_LABELS_MAX] = { stage_names[stage], worker };

	writer->fn(writer->ctx, HZ_METRIC_hz_request_duration_seconds, label, 0, hist);
	writer->series += writer->series_per_hist;
}

/* Of workers that ever were: those of a dead run count, for histograms only grow. */
static uint32_t workers_ever(const struct hz_map_view *view)
{
	uint32_t workers = view->workers;

	for (uint32_t i = workers; i < HZ_WORKERS_MAX; i++)
		if (view->worker[i].started_ns != 0)
			workers = i + 1;
	return workers;
}

/* Rows of a stage in `latency`: XDP records health by CPU, all else is by worker. */
static uint32_t rows_of(uint32_t stage, uint32_t workers)
{
	return stage == HZ_STAGE_HEALTH ? hz_cpu_ids(HZ_WORKERS_MAX) : workers;
}

/* One series per stage and worker, from the beginning: who takes rates needs a zero to begin with. */
static bool hists_apart(struct writer *writer, uint32_t workers)
{
	struct hz_hist hist;
	char name[12];

	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++)
		for (uint32_t i = 0; i < rows_of(stage, workers); i++) {
			if (hz_map_view_hist(&writer->feed->source, i, stage, &hist) != 0)
				return false;
			snprintf(name, sizeof(name), "%u", i);
			hist_put(writer, stage, name, &hist);
		}
	return true;
}

static bool hists_together(struct writer *writer, uint32_t workers)
{
	struct hz_hist hist, sum;

	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++) {
		memset(&sum, 0, sizeof(sum));
		for (uint32_t i = 0; i < rows_of(stage, workers); i++) {
			if (hz_map_view_hist(&writer->feed->source, i, stage, &hist) != 0)
				return false;
			hz_hist_merge(&sum, &hist);
		}
		hist_put(writer, stage, "all", &sum);
	}
	return true;
}

/* Those of the text form are never told apart: a second CPU or worker would rename them all. */
static bool hists_put(struct writer *writer)
{
	uint32_t workers = workers_ever(&writer->feed->now), series = 0;

	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++)
		series += rows_of(stage, workers);
	if (writer->series_per_hist > 1 || series > HZ_METRIC_HISTS_MAX)
		return hists_together(writer, workers);
	return hists_apart(writer, workers);
}

/* Classes that may come are there before they do: the first error of a route would be none to `increase` otherwise. */
static void route_put(struct writer *writer, const char *name, const __u64 *answers)
{
	for (uint32_t i = 0; i < HZ_CODE_CLASSES; i++)
		if (i > 0 || answers[i] > 0)
			put(writer, HZ_METRIC_hz_requests_total, name, class_names[i],
			    (double)answers[i]);
}

/* A site may call a route as it likes, but no two series may be the same. */
static bool is_apart(const struct hz_map_view *view, uint32_t slot, uint32_t shown)
{
	const char *name = view->route[slot].name;

	return shown < HZ_METRIC_ROUTES_MAX && strcmp(name, HZ_METRIC_OTHERS) != 0 &&
	       (slot == 0 || strcmp(name, view->route[0].name) != 0);
}

/* The first ones, not the busiest: a name keeps its slot, so that series do not come and go. */
static void routes_put(struct writer *writer)
{
	const struct hz_map_view *view = &writer->feed->now;
	__u64 others[HZ_CODE_CLASSES] = { 0 };
	uint32_t shown = 0;
	bool has_others = false;

	for (uint32_t i = 0; i < view->routes; i++) {
		const struct hz_route_view *route = &view->route[i];

		if (route->name[0] == '\0')
			continue;
		if (is_apart(view, i, shown)) {
			shown++;
			route_put(writer, route->name, route->hist.answers);
			continue;
		}
		has_others = true;
		for (uint32_t j = 0; j < HZ_CODE_CLASSES; j++)
			others[j] += route->hist.answers[j];
	}
	if (has_others)
		route_put(writer, HZ_METRIC_OTHERS, others);
}

/* There may be room for routes, and a hzd that does not tell them apart. */
static bool has_routes(const struct hz_map_view *view)
{
	uint64_t by_route = 0, by_worker = HZ_MAP_VIEW_SUM(view, responses_2xx) +
	                                   HZ_MAP_VIEW_SUM(view, responses_4xx) +
	                                   HZ_MAP_VIEW_SUM(view, responses_5xx);

	for (uint32_t i = 0; i < view->routes; i++)
		for (uint32_t j = 0; j < HZ_CODE_CLASSES; j++)
			by_route += view->route[i].hist.answers[j];
	return view->routes > 0 && (by_route > 0 || by_worker == 0);
}

/* Where routes are not told apart, workers still count classes; 1xx and 3xx they do not. */
static void requests_put(struct writer *writer)
{
	const struct hz_map_view *view = &writer->feed->now;

	if (has_routes(view)) {
		routes_put(writer);
		return;
	}
	put(writer, HZ_METRIC_hz_requests_total, "-", class_names[1],
	    (double)HZ_MAP_VIEW_SUM(view, responses_2xx));
	put(writer, HZ_METRIC_hz_requests_total, "-", class_names[3],
	    (double)HZ_MAP_VIEW_SUM(view, responses_4xx));
	put(writer, HZ_METRIC_hz_requests_total, "-", class_names[4],
	    (double)HZ_MAP_VIEW_SUM(view, responses_5xx));
}

static uint64_t counter_sum(const struct hz_map_view *view, enum hz_counter counter)
{
	return hz_map_view_sum(view,
	                       offsetof(struct hz_worker, counters) + counter * sizeof(__u64));
}

static void counters_put(struct writer *writer)
{
	const struct hz_map_view *view = &writer->feed->now;
	const struct hz_server_view server = hz_map_view_server(view);

	for (uint32_t i = 0; i < HZ_REASON_COUNT; i++)
		put(writer, HZ_METRIC_hz_xdp_verdicts_total, hz_names_reason(i)->action,
		    hz_names_reason(i)->name, (double)view->verdicts[i]);
	for (uint32_t i = 0; i < HZ_MAP_VIEW_CONN_STATES; i++)
		put(writer, HZ_METRIC_hz_connections, hz_names_conn(i), NULL,
		    (double)view->conns[i]);
	put(writer, HZ_METRIC_hz_evictions_total, "full", NULL,
	    (double)counter_sum(view, HZ_COUNTER_evicted));
	put(writer, HZ_METRIC_hz_evictions_total, "shed_idle", NULL,
	    (double)counter_sum(view, HZ_COUNTER_shed_idle));
	put(writer, HZ_METRIC_hz_evictions_total, "shed_answered", NULL,
	    (double)counter_sum(view, HZ_COUNTER_shed_connection));
	if (view->is_alive)
		put(writer, HZ_METRIC_hz_shed_level_ratio, NULL, NULL,
		    hz_server_view_shed_permille(&server) / 1000.0);
}

static void workers_put(struct writer *writer)
{
	const struct hz_feed *feed = writer->feed;
	const struct hz_server_view server = hz_map_view_server(&feed->now);
	char name[12];

	for (uint32_t i = 0; i < feed->now.workers; i++) {
		double busy = hz_feed_rate(feed, feed->now.worker[i].busy_ns,
		                           feed->before.worker[i].busy_ns) /
		              (double)HZ_NS_PER_S;

		snprintf(name, sizeof(name), "%u", i);
		if (hz_server_view_is_worker(&server, i) && !hz_server_view_is_stale(&server, i) &&
		    busy >= 0)
			put(writer, HZ_METRIC_hz_worker_busy_ratio, name, NULL, HZ_MIN(busy, 1.0));
	}
	for (uint32_t i = 0; i < feed->now.workers; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (hz_server_view_is_worker(&server, i))
			put(writer, HZ_METRIC_hz_worker_longest_gap_seconds, name, NULL,
			    (double)feed->now.worker[i].longest_gap_ns / (double)HZ_NS_PER_S);
	}
}

static void stream_put(struct writer *writer)
{
	const struct hz_map_view *view = &writer->feed->now;
	const struct hz_stream_stats *stream = &view->stream;
	const struct {
		const char *kind;
		__u64 count;
	} lost[] = {
		/* the kernel's ring, and the workers' own in front of it */
		{ "slow", stream->slow_lost + counter_sum(view, HZ_COUNTER_slow_lost) },
		{ "shed", stream->shed_lost },
		{ "drop", stream->drop_lost },
		{ "state", stream->state_lost },
	};

	put(writer, HZ_METRIC_hz_telemetry_records_total, NULL, NULL, (double)stream->records);
	put(writer, HZ_METRIC_hz_telemetry_refused_total, NULL, NULL, (double)stream->refused);
	for (size_t i = 0; i < HZ_ARRAY_LEN(lost); i++)
		put(writer, HZ_METRIC_hz_telemetry_lost_total, lost[i].kind, NULL,
		    (double)lost[i].count);
}

/* Of the collector itself. */
static void own_put(struct writer *writer)
{
	const struct hz_feed *feed = writer->feed;
	const struct {
		const char *reason;
		uint64_t count;
	} rows[] = {
		{ "malformed", feed->malformed }, { "unknown", feed->unknown },
		{ "event", feed->log.refused },   { "sse", feed->losses.sse },
		{ "span", feed->losses.spans },   { "history", feed->losses.history },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		put(writer, HZ_METRIC_hz_collector_dropped_total, rows[i].reason, NULL,
		    (double)rows[i].count);
	put(writer, HZ_METRIC_hz_collector_push_failed_total, NULL, NULL,
	    (double)feed->losses.pushes);
}

uint32_t hz_metric_set_each(const struct hz_feed *feed, uint32_t series_per_hist, hz_metric_fn *fn,
                            void *ctx)
{
	struct writer writer = { feed, fn, ctx, 0, series_per_hist };

	put(&writer, HZ_METRIC_hz_up, NULL, NULL, feed->now.is_alive);
	if (!hists_put(&writer))
		return 0;
	requests_put(&writer);
	counters_put(&writer);
	workers_put(&writer);
	put(&writer, HZ_METRIC_hz_config_generation, NULL, NULL, (double)feed->now.cfg.generation);
	if (feed->now.cfg.reload_unix != 0) {
		put(&writer, HZ_METRIC_hz_config_last_reload_success, NULL, NULL,
		    feed->now.cfg.reload_failed == 0);
		put(&writer, HZ_METRIC_hz_config_last_reload_timestamp_seconds, NULL, NULL,
		    (double)feed->now.cfg.reload_unix);
	}
	stream_put(&writer);
	own_put(&writer);
	put(&writer, HZ_METRIC_hz_build_info, HZ_VERSION, HZ_COMMIT, 1);
	return writer.series;
}
