#include "top_json.h"
#include "core/clock.h"
#include "telemetry/names.h"
#include "telemetry/stream_lost.h"
#include <time.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

static json_t *rate(uint64_t per_s)
{
	return per_s == HZ_TOP_UNKNOWN ? json_null() : json_integer((json_int_t)per_s);
}

static json_t *known(bool is_known, uint64_t value)
{
	return is_known ? json_integer((json_int_t)value) : json_null();
}

static json_t *totals_json(const struct hz_top_model *model)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < HZ_SERVER_TOTALS; i++) {
		const struct hz_top_total *total = &model->total[i];
		const struct hz_top_latency *latency = &total->latency;
		bool has = latency->count > 0;

		json_array_append_new(list,
		                      json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		                                total->name, "per_s",
		                                total->is_known ? rate(total->per_s) : json_null(),
		                                "total", known(total->is_known, total->total),
		                                "p50_ns", known(has, latency->p50_ns), "p90_ns",
		                                known(has, latency->p90_ns), "p99_ns",
		                                known(has, latency->p99_ns), "p999_ns",
		                                known(has, latency->p999_ns), "max_ns",
		                                known(has, latency->max_ns)));
	}
	return list;
}

static json_t *stages_json(const struct hz_top_model *model)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < HZ_STAGE_COUNT; i++) {
		const struct hz_top_latency *stage = &model->stage[i];
		bool has = stage->count > 0;

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "stage",
		                  stage_names[i], "count",
		                  known(model->is_measured[i], stage->count), "per_s",
		                  model->window_ns > 0 && model->is_measured[i]
		                          ? json_integer(
						    (json_int_t)((unsigned __int128)stage->count *
		                                                 HZ_NS_PER_S / model->window_ns))
		                          : json_null(),
		                  "mean_ns", known(has, stage->mean_ns), "p50_ns",
		                  known(has, stage->p50_ns), "p90_ns", known(has, stage->p90_ns),
		                  "p99_ns", known(has, stage->p99_ns), "p999_ns",
		                  known(has, stage->p999_ns), "max_ns", known(has, stage->max_ns)));
	}
	return list;
}

static json_t *workers_json(const struct hz_top_model *model)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < model->worker_count; i++) {
		const struct hz_top_worker *worker = &model->worker[i];
		bool has = worker->busy_permille != HZ_TOP_UNKNOWN;

		json_array_append_new(
			list,
			json_pack("{s:i, s:i, s:s, s:o, s:o, s:I, s:I, s:I}", "id", (int)worker->id,
		                  "cpu", (int)worker->cpu, "state", worker->state, "busy_ratio",
		                  has ? json_real((double)worker->busy_permille / 1000)
		                      : json_null(),
		                  "requests_per_s", rate(worker->requests_per_s), "connections",
		                  (json_int_t)worker->connections, "longest_gap_ns",
		                  (json_int_t)worker->longest_gap_ns, "beat_age_ms",
		                  (json_int_t)worker->beat_age_ms));
	}
	return list;
}

static json_t *routes_json(const struct hz_top_model *model)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < model->route_count; i++) {
		const struct hz_top_route_row *route = &model->route[i];
		bool has = route->latency.count > 0;
		/* a name that is not UTF-8 cannot be in JSON */
		json_t *name = json_string(route->name) ?: json_string("?");

		json_array_append_new(
			list,
			json_pack("{s:o, s:I, s:o, s:o, s:I, s:o, s:o}", "name", name, "requests",
		                  (json_int_t)route->requests, "window_s",
		                  known(route->window_ns > 0,
		                        (route->window_ns + HZ_NS_PER_S / 2) / HZ_NS_PER_S),
		                  "per_s", rate(route->per_s), "errors", (json_int_t)route->errors,
		                  "p50_ns", known(has, route->latency.p50_ns), "p99_ns",
		                  known(has, route->latency.p99_ns)));
	}
	return list;
}

static json_t *verdicts_json(const struct hz_top_model *model)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < model->verdict_count; i++) {
		const struct hz_top_verdict *verdict = &model->verdict[i];
		const struct hz_names_reason *reason = hz_names_reason(verdict->reason);

		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:o}", "reason",
		                                      reason->name, "action", reason->action,
		                                      "total", (json_int_t)verdict->total, "per_s",
		                                      rate(verdict->per_s)));
	}
	return list;
}

/* Without XDP nobody counts by state, but each worker what it has open. */
static json_t *conns_json(const struct hz_top_model *model)
{
	const struct hz_top_sample *sample = model->sample;
	json_t *object = json_object();

	for (unsigned i = 0; i < HZ_NAMES_CONNS; i++)
		json_object_set_new(object, hz_names_conn(i),
		                    known(sample->has_kernel, sample->conns[i]));
	if (!sample->has_kernel)
		json_object_set_new(object, "established",
		                    json_integer((json_int_t)model->connections));
	return object;
}

static json_t *lost_json(const struct hz_top_sample *sample)
{
	const struct hz_stream_stats *stream = &sample->stream;
	bool has = sample->has_kernel;

	return json_pack("{s:o, s:o, s:o, s:o}", "slow", known(has, stream->slow_lost), "shed",
	                 known(has, stream->shed_lost), "drop", known(has, stream->drop_lost),
	                 "state", known(has, stream->state_lost));
}

json_t *hz_top_json_make(const struct hz_top_model *model, const char *instance)
{
	const struct hz_top_sample *sample = model->sample;
	bool has = sample->has_kernel;
	struct timespec wall = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	return json_pack(
		"{s:s, s:s, s:I, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, "
		"s:o, s:o}",
		"instance", instance != NULL ? instance : "", "version", HZ_VERSION, "time_unix_ms",
		(json_int_t)wall.tv_sec * 1000 + wall.tv_nsec / (json_int_t)HZ_NS_PER_MS,
		"is_alive", model->is_alive, "state", model->state, "generation",
		known(has, sample->cfg.generation), "uptime_s",
		known(model->is_alive, model->uptime_s), "totals", totals_json(model), "workers",
		workers_json(model), "stages", stages_json(model), "routes", routes_json(model),
		"verdicts", verdicts_json(model), "connections", conns_json(model), "shed_permille",
		(int)model->shed_permille, "events_lost",
		known(has, hz_stream_lost_sum(&sample->stream)), "records",
		known(has, sample->stream.records), "refused", known(has, sample->stream.refused),
		"lost", lost_json(sample));
}
