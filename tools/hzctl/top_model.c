#include "top_model.h"
#include "telemetry/hist.h"
#include <string.h>

_Static_assert(HZ_STAGE_TOTAL == 0, "it is summed up before those that are compared with it");

static const char *const total_names[HZ_SERVER_TOTALS] = HZ_SERVER_TOTAL_NAMES;

static uint64_t gain(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static uint64_t per_second(uint64_t now, uint64_t before, uint64_t interval_ns)
{
	if (interval_ns == 0)
		return HZ_TOP_UNKNOWN;
	return (uint64_t)((unsigned __int128)gain(now, before) * HZ_NS_PER_S / interval_ns);
}

bool hz_top_model_is_alive(const struct hz_top_sample *sample)
{
	const struct hz_server_view server = hz_top_sample_server(sample);

	return hz_server_view_is_alive(&server);
}

static uint32_t shed_permille_of(const struct hz_top_sample *sample)
{
	const struct hz_server_view server = hz_top_sample_server(sample);

	return hz_server_view_shed_permille(&server);
}

/* --- latency ------------------------------------------------------------------------------------------ */

/* hist: what was gained; private to the caller. */
static void latency_fill(struct hz_top_latency *out, const struct hz_hist *hist)
{
	struct hz_latency_pct pct;

	hz_hist_pct(&pct, hist, 0, 0);
	*out = (struct hz_top_latency){ .count = pct.count,
		                        .mean_ns = pct.mean_ns,
		                        .p50_ns = pct.p50_ns,
		                        .p90_ns = pct.p90_ns,
		                        .p99_ns = pct.p99_ns,
		                        .p999_ns = pct.p999_ns,
		                        .max_ns = pct.max_ns };
}

static void stages_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                        const struct hz_top_sample *then)
{
	struct hz_hist gained;

	for (unsigned i = 0; i < HZ_STAGE_COUNT; i++) {
		/* With one sample only there is no interval: what was since the start. */
		if (out->window_ns == 0)
			gained = now->stage[i];
		else
			hz_hist_since(&gained, &now->stage[i], &then->stage[i]);
		latency_fill(&out->stage[i], &gained);
		/* XDP answers probes without a worker: none of them says nothing of requests */
		out->is_measured[i] = out->stage[i].count > 0 || i == HZ_STAGE_HEALTH ||
		                      out->stage[HZ_STAGE_TOTAL].count == 0;
	}
}

static void route_fill(struct hz_top_route_row *out, const struct hz_top_route *now,
                       const struct hz_top_route *before, const struct hz_top_route *then,
                       uint64_t interval_ns, uint64_t window_ns)
{
	struct hz_route_hist gained = now->hist;

	/* A slot may have got another name meanwhile: then what it had is not this route's. */
	if (strcmp(now->name.name, before->name.name) != 0)
		interval_ns = 0;
	if (strcmp(now->name.name, then->name.name) != 0)
		window_ns = 0;
	if (window_ns != 0)
		hz_route_hist_since(&gained, &now->hist, &then->hist);
	*out = (struct hz_top_route_row){
		.name = now->name.name[0] != '\0' ? now->name.name : "-",
		.requests = hz_route_hist_answers(&now->hist),
		.errors = now->hist.answers[HZ_CODE_CLASSES - 1],
		.window_ns = window_ns,
		.latency = { .count = hz_route_hist_count(&gained),
		             .p50_ns = hz_route_hist_quantile_ns(&gained, 500000),
		             .p99_ns = hz_route_hist_quantile_ns(&gained, 990000),
		             .max_ns = gained.max_ns },
	};
	out->per_s = per_second(out->requests, hz_route_hist_answers(&before->hist), interval_ns);
	if (out->latency.count > 0)
		out->latency.mean_ns = gained.sum_ns / out->latency.count;
}

static void routes_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                        const struct hz_top_sample *before, const struct hz_top_sample *then)
{
	if (!now->has_routes)
		return;
	for (unsigned slot = 0; slot < HZ_ROUTE_SLOTS; slot++) {
		const struct hz_top_route *route = &now->route[slot];

		if (route->name.name[0] == '\0' && hz_route_hist_answers(&route->hist) == 0)
			continue;
		route_fill(&out->route[out->route_count++], route, &before->route[slot],
		           &then->route[slot], before->has_routes ? out->interval_ns : 0,
		           then->has_routes ? out->window_ns : 0);
	}
}

/* --- counters ----------------------------------------------------------------------------------------- */

static void totals_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                        const struct hz_top_sample *before)
{
	uint64_t count[HZ_SERVER_TOTALS], was[HZ_SERVER_TOTALS];

	hz_server_view_totals(now->workers.worker, &now->verdicts, count);
	hz_server_view_totals(before->workers.worker, &before->verdicts, was);
	for (unsigned i = 0; i < HZ_SERVER_TOTALS; i++) {
		bool is_xdps = i == HZ_SERVER_HEALTH || i == HZ_SERVER_SHED;

		out->total[i] = (struct hz_top_total){ .name = total_names[i],
			                               .is_known = now->has_kernel || !is_xdps,
			                               .total = count[i],
			                               .per_s = per_second(count[i], was[i],
			                                                   out->interval_ns) };
	}
	out->total[HZ_SERVER_HEALTH].latency = out->stage[HZ_STAGE_HEALTH];
	out->total[HZ_SERVER_SERVED].latency = out->stage[HZ_STAGE_TOTAL];
}

static void workers_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                         const struct hz_top_sample *before)
{
	const struct hz_server_view server = hz_top_sample_server(now);
	uint64_t busy;

	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++) {
		const struct hz_worker *worker = &now->workers.worker[i];
		const struct hz_worker *was = &before->workers.worker[i];

		if (!hz_server_view_is_worker(&server, i))
			continue;
		busy = per_second(worker->busy_ns, was->busy_ns, out->interval_ns);
		if (busy != HZ_TOP_UNKNOWN)
			busy = HZ_MIN(busy / HZ_NS_PER_MS, 1000u);
		out->worker[out->worker_count++] = (struct hz_top_worker){
			.id = i,
			.cpu = worker->cpu,
			.state = hz_server_view_worker_state(&server, i),
			.requests_per_s =
				per_second(worker->requests, was->requests, out->interval_ns),
			.connections = worker->connections,
			.longest_gap_ns = worker->longest_gap_ns,
			.beat_age_ms = hz_server_view_beat_age_ns(&server, i) / HZ_NS_PER_MS,
			.shed_permille = worker->shed_permille,
			.busy_permille = busy,
		};
	}
}

static void verdicts_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                          const struct hz_top_sample *before)
{
	uint64_t count[HZ_REASON_COUNT], was[HZ_REASON_COUNT];

	if (!now->has_kernel)
		return;
	memcpy(count, &now->verdicts, sizeof(count));
	memcpy(was, &before->verdicts, sizeof(was));
	for (uint32_t i = 0; i < HZ_REASON_COUNT; i++)
		out->verdict[out->verdict_count++] =
			(struct hz_top_verdict){ i, count[i],
			                         per_second(count[i], was[i], out->interval_ns) };
}

void hz_top_model_make(struct hz_top_model *out, const struct hz_top_sample *now,
                       const struct hz_top_sample *before, const struct hz_top_sample *then)
{
	const struct hz_server_view server = hz_top_sample_server(now);

	memset(out, 0, sizeof(*out));
	out->sample = now;
	out->interval_ns = gain(now->time_ns, before->time_ns);
	out->window_ns = gain(now->time_ns, then->time_ns);
	out->is_alive = hz_server_view_is_alive(&server);
	out->state =
		hz_server_view_state(&server, now->has_kernel ? now->cfg.state : HZ_STATE_NONE);
	out->uptime_s = hz_server_view_uptime_ns(&server) / HZ_NS_PER_S;
	out->shed_permille = hz_server_view_shed_permille(&server);
	out->connections = hz_server_view_connections(&server);
	stages_fill(out, now, then);
	totals_fill(out, now, before);
	workers_fill(out, now, before);
	routes_fill(out, now, before, then);
	verdicts_fill(out, now, before);
}

enum hz_top_mark hz_top_model_mark(const struct hz_top_sample *now,
                                   const struct hz_top_sample *before)
{
	if (hz_top_model_is_alive(before) && !hz_top_model_is_alive(now))
		return HZ_TOP_MARK_DOWN;
	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		if (now->workers.worker[i].started_ns != before->workers.worker[i].started_ns)
			return HZ_TOP_MARK_RESTART;
	if ((shed_permille_of(now) > 0) != (shed_permille_of(before) > 0))
		return HZ_TOP_MARK_SHED;
	/* a server that started anew counts from 1 again, a moment after its workers began */
	if (now->has_kernel && before->has_kernel && now->cfg.generation > before->cfg.generation)
		return HZ_TOP_MARK_RELOAD;
	return HZ_TOP_MARK_NONE;
}
