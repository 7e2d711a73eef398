#include "collector/status_doc.h"
#include "abi/hist_bucket.h"
#include "collector/history.h"
#include "core/common.h"
#include "telemetry/hist.h"
#include "telemetry/names.h"
#include "telemetry/route_hist.h"
#include "telemetry/stream_lost.h"
#include <math.h>
#include <string.h>

#define LAST_S 10 /* of percentiles in the status */

_Static_assert(HZ_STAGE_TOTAL == 0, "it is summed up before those that are compared with it");

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;
json_t *hz_status_doc_text(const char *text)
{
	char plain[128];
	size_t len = strnlen(text, sizeof(plain));
	json_t *string = json_stringn(text, len);

	if (string != NULL)
		return string;
	for (size_t i = 0; i < len; i++)
		plain[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	return json_stringn(plain, len);
}

/* One digit behind the point is more than a rate of one second knows. */
static json_t *rate_json(double per_s)
{
	return per_s < 0 ? json_null() : json_real(round(per_s * 10) / 10);
}

static json_t *count_json(uint64_t count)
{
	return json_integer((json_int_t)HZ_MIN(count, (uint64_t)INT64_MAX));
}

static json_t *quantile_json(const struct hz_hist *hist, uint64_t count, uint32_t per_million)
{
	if (count == 0)
		return json_null();
	return count_json(HZ_MIN(hz_hist_quantile_ns(hist, per_million), hist->max_ns));
}

static void percentiles_set(json_t *row, const struct hz_hist *hist, uint64_t count)
{
	json_object_set_new(row, "p50_ns", quantile_json(hist, count, 500000));
	json_object_set_new(row, "p90_ns", quantile_json(hist, count, 900000));
	json_object_set_new(row, "p99_ns", quantile_json(hist, count, 990000));
	json_object_set_new(row, "p999_ns", quantile_json(hist, count, 999000));
	json_object_set_new(row, "max_ns", count == 0 ? json_null() : count_json(hist->max_ns));
}

json_t *hz_status_doc_stage(uint32_t stage, const struct hz_hist *hist, uint32_t interval_s,
                            uint64_t requests)
{
	uint64_t count = hz_hist_count(hist);
	bool is_measured = count > 0 || requests == 0 || stage == HZ_STAGE_HEALTH;
	double per_s = interval_s == 0 || !is_measured ? -1 : (double)count / interval_s;
	json_t *row =
		json_pack("{s:s, s:o, s:o, s:o}", "stage", stage_names[stage], "count",
	                  is_measured ? count_json(count) : json_null(), "per_s", rate_json(per_s),
	                  "mean_ns", count == 0 ? json_null() : count_json(hist->sum_ns / count));

	percentiles_set(row, hist, count);
	return row;
}

/* What nobody counts any more is not 0 per second, but unknown. */
static double rate_of(const struct hz_feed *feed, bool is_alive, uint64_t now, uint64_t before)
{
	return is_alive ? hz_feed_rate(feed, now, before) : -1;
}

static json_t *total_json(const struct hz_feed *feed, const char *name, bool is_counted,
                          uint64_t now, uint64_t before, const struct hz_hist *hist)
{
	static const struct hz_hist none;
	json_t *row = json_pack("{s:s, s:o, s:o}", "name", name, "per_s",
	                        rate_json(rate_of(feed, is_counted, now, before)), "total",
	                        count_json(now));

	percentiles_set(row, hist != NULL ? hist : &none, hist != NULL ? hz_hist_count(hist) : 0);
	return row;
}

static void totals_find(const struct hz_map_view *view, uint64_t out[HZ_SERVER_TOTALS])
{
	struct hz_verdicts verdicts;

	_Static_assert(sizeof(verdicts) == sizeof(view->verdicts), "a counter per reason");
	memcpy(&verdicts, view->verdicts, sizeof(verdicts));
	hz_server_view_totals(view->worker, &verdicts, out);
}

/* What XDP counts goes on while no worker lives. */
static json_t *totals_json(const struct hz_feed *feed)
{
	static const char *const names[HZ_SERVER_TOTALS] = HZ_SERVER_TOTAL_NAMES;
	static const int stages[HZ_SERVER_TOTALS] = { [HZ_SERVER_HEALTH] = HZ_STAGE_HEALTH,
		                                      [HZ_SERVER_SERVED] = HZ_STAGE_TOTAL,
		                                      [HZ_SERVER_SHED] = -1,
		                                      [HZ_SERVER_ERRORS] = -1 };
	uint64_t now[HZ_SERVER_TOTALS], before[HZ_SERVER_TOTALS];
	json_t *list = json_array();
	struct hz_hist hist;

	totals_find(&feed->now, now);
	totals_find(&feed->before, before);
	for (unsigned i = 0; i < HZ_SERVER_TOTALS; i++) {
		bool is_counted =
			feed->now.is_alive || i == HZ_SERVER_HEALTH || i == HZ_SERVER_SHED;

		if (stages[i] >= 0)
			(void)hz_series_last(&feed->series, (uint32_t)stages[i], LAST_S, &hist);
		json_array_append_new(list, total_json(feed, names[i], is_counted, now[i],
		                                       before[i], stages[i] >= 0 ? &hist : NULL));
	}
	return list;
}

/* busy_ns grows by at most one second a second. */
static json_t *busy_json(const struct hz_feed *feed, uint32_t i, bool is_live)
{
	double per_s =
		rate_of(feed, is_live, feed->now.worker[i].busy_ns, feed->before.worker[i].busy_ns);

	if (per_s < 0)
		return json_null();
	return json_real(round(fmin(per_s / (double)HZ_NS_PER_S, 1.0) * 10000) / 10000);
}

static json_t *worker_json(const struct hz_feed *feed, const struct hz_server_view *server,
                           uint32_t i)
{
	const struct hz_worker *now = &feed->now.worker[i];
	bool is_live = hz_server_view_is_live(server, i);

	return json_pack(
		"{s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o}", "id", (int)i, "cpu", (int)now->cpu,
		"state", hz_server_view_worker_state(server, i), "busy_ratio",
		busy_json(feed, i, is_live), "requests_per_s",
		rate_json(rate_of(feed, is_live, now->requests, feed->before.worker[i].requests)),
		"connections", count_json(now->connections), "longest_gap_ns",
		count_json(now->longest_gap_ns), "beat_age_ms",
		count_json(hz_server_view_beat_age_ns(server, i) / HZ_NS_PER_MS));
}

static json_t *stages_json(const struct hz_feed *feed)
{
	json_t *list = json_array();
	struct hz_hist hist;
	uint64_t requests = 0;

	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		uint32_t known_s = hz_series_last(&feed->series, i, LAST_S, &hist);

		if (i == HZ_STAGE_TOTAL)
			requests = hz_hist_count(&hist);
		json_array_append_new(list, hz_status_doc_stage(i, &hist, known_s, requests));
	}
	return list;
}

static json_t *route_quantile_json(const struct hz_route_hist *gained, uint32_t per_million)
{
	if (hz_route_hist_count(gained) == 0)
		return json_null();
	return count_json(hz_route_hist_quantile_ns(gained, per_million));
}

/* Of the time since the older baseline that knows this name: a route that got another one, or maps that are new, have none. */
static json_t *route_json(const struct hz_feed *feed, uint32_t slot)
{
	const struct hz_route_view *now = &feed->now.route[slot];
	const struct hz_route_hist *base = NULL;
	uint64_t requests = hz_route_hist_answers(&now->hist), ns = 0;
	struct hz_route_hist gained = { 0 };
	double per_s = -1;

	for (uint32_t i = 0; i < 2 && base == NULL; i++)
		if (feed->base_ns[i] != 0 && strcmp(now->name, feed->base[i][slot].name) == 0) {
			base = &feed->base[i][slot].hist;
			ns = feed->now.time_ns - feed->base_ns[i];
		}
	if (base != NULL) {
		hz_route_hist_since(&gained, &now->hist, base);
		if (feed->now.is_alive && ns > 0 && requests >= hz_route_hist_answers(base))
			per_s = (double)(requests - hz_route_hist_answers(base)) *
			        (double)HZ_NS_PER_S / (double)ns;
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
	                 hz_status_doc_text(now->name), "requests", count_json(requests),
	                 "window_s",
	                 ns > 0 ? count_json((ns + HZ_NS_PER_S / 2) / HZ_NS_PER_S) : json_null(),
	                 "per_s", rate_json(per_s), "errors", count_json(now->hist.answers[4]),
	                 "p50_ns", route_quantile_json(&gained, 500000), "p99_ns",
	                 route_quantile_json(&gained, 990000));
}

static json_t *verdicts_json(const struct hz_feed *feed)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < HZ_REASON_COUNT; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o}", "reason", hz_names_reason(i)->name,
		                        "action", hz_names_reason(i)->action, "total",
		                        count_json(feed->now.verdicts[i]), "per_s",
		                        rate_json(hz_feed_rate(feed, feed->now.verdicts[i],
		                                               feed->before.verdicts[i]))));
	return list;
}

static json_t *conns_json(const struct hz_map_view *view)
{
	json_t *object = json_object();

	for (uint32_t i = 0; i < HZ_MAP_VIEW_CONN_STATES; i++)
		json_object_set_new(object, hz_names_conn(i), count_json(view->conns[i]));
	return object;
}

static json_t *lists_json(const struct hz_feed *feed, const struct hz_server_view *server)
{
	json_t *workers = json_array(), *routes = json_array();

	for (uint32_t i = 0; i < feed->now.workers; i++)
		if (hz_server_view_is_worker(server, i))
			json_array_append_new(workers, worker_json(feed, server, i));
	for (uint32_t i = 0; i < feed->now.routes; i++)
		if (feed->now.route[i].name[0] != '\0')
			json_array_append_new(routes, route_json(feed, i));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "totals", totals_json(feed), "workers",
	                 workers, "stages", stages_json(feed), "routes", routes, "verdicts",
	                 verdicts_json(feed), "connections", conns_json(&feed->now));
}

/* How far back the heatmap can be asked for beyond the day in memory; 0: there is no history. */
static json_t *history_json(const struct hz_feed *feed)
{
	return count_json(
		feed->history != NULL ? hz_history_length(feed->history, feed->series.open_s) : 0);
}

/* Records that found the ring full, by kind; deltas that it refused are counted as refused, and come later. */
static json_t *lost_json(const struct hz_stream_stats *stats)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "slow", count_json(stats->slow_lost), "shed",
	                 count_json(stats->shed_lost), "drop", count_json(stats->drop_lost),
	                 "state", count_json(stats->state_lost));
}

json_t *hz_status_doc(const struct hz_feed *feed)
{
	const struct hz_map_view *view = &feed->now;
	const struct hz_server_view server = hz_map_view_server(view);
	/* that nobody can be asked is no life either */
	const char *state =
		hz_server_view_state(&server, view->is_alive ? view->cfg.state : HZ_STATE_DOWN);
	const uint64_t uptime_ns = view->is_alive ? hz_server_view_uptime_ns(&server) : 0;
	const char *instance = feed->conf.instance;
	json_t *lists = lists_json(feed, &server);
	json_t *doc = json_pack(
		"{s:s, s:s, s:o, s:b, s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:o}", "instance",
		instance != NULL ? instance : "", "version", HZ_VERSION, "time_unix_ms",
		count_json(view->unix_ms), "is_alive", view->is_alive, "state", state, "generation",
		count_json(view->cfg.generation), "uptime_s",
		uptime_ns > 0 ? count_json(uptime_ns / HZ_NS_PER_S) : json_null(), "shed_permille",
		(int)hz_server_view_shed_permille(&server), "events_lost",
		count_json(hz_feed_events_lost(feed)), "records", count_json(view->stream.records),
		"refused", count_json(view->stream.refused), "lost", lost_json(&view->stream));

	if (doc != NULL)
		json_object_set_new(doc, "history_s", history_json(feed));
	if (doc != NULL && lists != NULL)
		json_object_update(doc, lists);
	json_decref(lists);
	return doc;
}
