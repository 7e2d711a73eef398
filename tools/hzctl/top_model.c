#include "top_model.h"
#include "telemetry/hist.h"
#include <string.h>

_Static_assert(HZ_STAGE_TOTAL == 0, "it is summed up before those that are compared with it");

static const char *const state_names[] = HZ_STATE_NAMES;

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

static const char *state_name(uint32_t state)
{
	return state < HZ_ARRAY_LEN(state_names) ? state_names[state] : "unknown";
}

static bool is_stale(const struct hz_top_sample *sample, unsigned worker)
{
	const struct hz_beat *beat = &sample->workers.beat[worker];

	return gain(sample->time_ns, beat->beat_ns) > sample->beat_timeout_ns;
}

static bool is_worker(const struct hz_top_sample *sample, unsigned worker)
{
	return sample->workers.beat[worker].state != HZ_STATE_NONE;
}

bool hz_top_model_is_alive(const struct hz_top_sample *sample)
{
	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		if (is_worker(sample, i) && sample->workers.beat[i].state != HZ_STATE_DOWN &&
		    !is_stale(sample, i))
			return true;
	return false;
}

static uint32_t shed_permille_of(const struct hz_top_sample *sample)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		if (is_worker(sample, i) && !is_stale(sample, i))
			most = HZ_MAX(most, sample->workers.worker[i].shed_permille);
	return (uint32_t)HZ_MIN(most, 1000u);
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
	if (window_ns != 0 && strcmp(now->name.name, then->name.name) == 0)
		hz_route_hist_since(&gained, &now->hist, &then->hist);
	*out = (struct hz_top_route_row){
		.name = now->name.name[0] != '\0' ? now->name.name : "-",
		.requests = hz_route_hist_answers(&now->hist),
		.errors = now->hist.answers[HZ_CODE_CLASSES - 1],
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

static uint64_t requests_of(const struct hz_top_sample *sample)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		sum += sample->workers.worker[i].requests;
	return sum;
}

static uint64_t errors_of(const struct hz_top_sample *sample)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		sum += sample->workers.worker[i].responses_5xx +
		       sample->workers.worker[i].bad_requests;
	return sum;
}

static uint64_t health_of(const struct hz_top_sample *sample)
{
	const struct hz_verdicts *verdicts = &sample->verdicts;

	return verdicts->health_200 + verdicts->health_503 + verdicts->health_404 +
	       verdicts->health_udp;
}

/* New flows that were refused, each once; a cookie's 503 belongs to a flow that was counted. */
static uint64_t shed_of(const struct hz_top_sample *sample)
{
	const struct hz_verdicts *verdicts = &sample->verdicts;

	return verdicts->shed_drop + verdicts->shed_reset + verdicts->shed_syn_ack;
}

static void totals_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                        const struct hz_top_sample *before)
{
	const struct {
		const char *name;
		bool is_known;
		uint64_t now, before;
	} rows[HZ_TOP_TOTALS] = {
		[HZ_TOP_HEALTH] = { "health", now->has_kernel, health_of(now), health_of(before) },
		[HZ_TOP_SERVED] = { "served", true, requests_of(now), requests_of(before) },
		[HZ_TOP_SHED] = { "shed", now->has_kernel, shed_of(now), shed_of(before) },
		[HZ_TOP_ERRORS] = { "errors", true, errors_of(now), errors_of(before) },
	};

	for (unsigned i = 0; i < HZ_TOP_TOTALS; i++)
		out->total[i] =
			(struct hz_top_total){ .name = rows[i].name,
			                       .is_known = rows[i].is_known,
			                       .total = rows[i].now,
			                       .per_s = per_second(rows[i].now, rows[i].before,
			                                           out->interval_ns) };
	out->total[HZ_TOP_HEALTH].latency = out->stage[HZ_STAGE_HEALTH];
	out->total[HZ_TOP_SERVED].latency = out->stage[HZ_STAGE_TOTAL];
}

static void workers_fill(struct hz_top_model *out, const struct hz_top_sample *now,
                         const struct hz_top_sample *before)
{
	uint64_t busy;

	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++) {
		const struct hz_worker *worker = &now->workers.worker[i];
		const struct hz_worker *was = &before->workers.worker[i];
		const struct hz_beat *beat = &now->workers.beat[i];

		if (!is_worker(now, i))
			continue;
		busy = per_second(worker->busy_ns, was->busy_ns, out->interval_ns);
		if (busy != HZ_TOP_UNKNOWN)
			busy = HZ_MIN(busy / HZ_NS_PER_MS, 1000u);
		/* its beat is old: dead, stopped or wedged */
		out->worker[out->worker_count++] = (struct hz_top_worker){
			.id = i,
			.cpu = worker->cpu,
			.state = beat->state != HZ_STATE_DOWN && is_stale(now, i)
			                 ? "stale"
			                 : state_name(beat->state),
			.requests_per_s =
				per_second(worker->requests, was->requests, out->interval_ns),
			.connections = worker->connections,
			.longest_gap_ns = worker->longest_gap_ns,
			.beat_age_ms = gain(now->time_ns, beat->beat_ns) / HZ_NS_PER_MS,
			.shed_permille = worker->shed_permille,
			.busy_permille = busy,
		};
		out->connections += is_stale(now, i) ? 0 : worker->connections;
		if (beat->state != HZ_STATE_DOWN && !is_stale(now, i) && worker->started_ns != 0)
			out->uptime_s =
				HZ_MAX(out->uptime_s,
			               gain(now->time_ns, worker->started_ns) / HZ_NS_PER_S);
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
		if (count[i] > 0)
			out->verdict[out->verdict_count++] = (struct hz_top_verdict){
				i, count[i], per_second(count[i], was[i], out->interval_ns)
			};
}

static uint32_t state_of(const struct hz_top_sample *sample)
{
	uint32_t state = HZ_STATE_NONE;

	if (sample->has_kernel)
		return sample->cfg.state;
	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		if (is_worker(sample, i) && !is_stale(sample, i))
			state = HZ_MAX(state, sample->workers.beat[i].state);
	return state;
}

void hz_top_model_make(struct hz_top_model *out, const struct hz_top_sample *now,
                       const struct hz_top_sample *before, const struct hz_top_sample *then)
{
	memset(out, 0, sizeof(*out));
	out->sample = now;
	out->interval_ns = gain(now->time_ns, before->time_ns);
	out->window_ns = gain(now->time_ns, then->time_ns);
	out->is_alive = hz_top_model_is_alive(now);
	out->state = out->is_alive ? state_name(state_of(now)) : "down";
	out->shed_permille = shed_permille_of(now);
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
