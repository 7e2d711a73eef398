#include "telemetry/server_view.h"
#include "core/base.h"
#include "telemetry/names.h"

bool hz_server_view_is_worker(const struct hz_server_view *view, uint32_t worker)
{
	return worker < HZ_MIN(view->workers, (uint32_t)HZ_WORKERS_MAX) &&
	       view->beat[worker].state != HZ_STATE_NONE;
}

static bool is_old(const struct hz_server_view *view, uint32_t worker)
{
	return hz_server_view_is_old(view->beat[worker].beat_ns, view->now_ns,
	                             view->beat_timeout_ns);
}

bool hz_server_view_is_live(const struct hz_server_view *view, uint32_t worker)
{
	return hz_server_view_is_worker(view, worker) &&
	       view->beat[worker].state != HZ_STATE_DOWN && !is_old(view, worker);
}

bool hz_server_view_is_alive(const struct hz_server_view *view)
{
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		if (hz_server_view_is_live(view, i))
			return true;
	return false;
}

bool hz_server_view_is_stale(const struct hz_server_view *view, uint32_t worker)
{
	uint32_t state = view->beat[worker].state;
	bool must_beat = state == HZ_STATE_READY || state == HZ_STATE_DRAINING ||
	                 state == HZ_STATE_MAINTENANCE;

	return must_beat && is_old(view, worker);
}

const char *hz_server_view_worker_state(const struct hz_server_view *view, uint32_t worker)
{
	return hz_server_view_is_stale(view, worker) ? "stale"
	                                             : hz_names_state(view->beat[worker].state);
}

const char *hz_server_view_state(const struct hz_server_view *view, uint32_t state)
{
	if (!hz_server_view_is_alive(view))
		return hz_names_state(HZ_STATE_DOWN);
	for (uint32_t i = 0; i < HZ_WORKERS_MAX && state == HZ_STATE_NONE; i++)
		if (hz_server_view_is_live(view, i))
			state = view->beat[i].state;
	return hz_names_state(state);
}

static uint64_t age_ns(const struct hz_server_view *view, uint64_t then_ns)
{
	return view->now_ns > then_ns ? view->now_ns - then_ns : 0;
}

uint64_t hz_server_view_uptime_ns(const struct hz_server_view *view)
{
	uint64_t most_ns = 0;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		if (hz_server_view_is_live(view, i) && view->worker[i].started_ns != 0)
			most_ns = HZ_MAX(most_ns, age_ns(view, view->worker[i].started_ns));
	return most_ns;
}

uint64_t hz_server_view_beat_age_ns(const struct hz_server_view *view, uint32_t worker)
{
	return age_ns(view, view->beat[worker].beat_ns);
}

uint32_t hz_server_view_shed_permille(const struct hz_server_view *view)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		if (hz_server_view_is_live(view, i))
			most = HZ_MAX(most, view->worker[i].shed_permille);
	return (uint32_t)HZ_MIN(most, 1000u);
}

uint64_t hz_server_view_connections(const struct hz_server_view *view)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		if (hz_server_view_is_live(view, i))
			sum += view->worker[i].connections;
	return sum;
}

uint64_t hz_server_view_probes(const struct hz_verdicts *verdicts)
{
	return verdicts->health_200 + verdicts->health_503 + verdicts->health_404 +
	       verdicts->health_udp;
}

void hz_server_view_totals(const struct hz_worker worker[HZ_WORKERS_MAX],
                           const struct hz_verdicts *verdicts, uint64_t out[HZ_SERVER_TOTALS])
{
	uint64_t served = 0, errors = 0;

	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++) {
		served += worker[i].requests;
		errors += worker[i].responses_5xx + worker[i].bad_requests;
	}
	out[HZ_SERVER_HEALTH] = verdicts->health_200 + verdicts->health_503 + verdicts->health_404 +
	                        verdicts->health_udp;
	out[HZ_SERVER_SERVED] = served;
	out[HZ_SERVER_SHED] = verdicts->shed_drop + verdicts->shed_reset + verdicts->shed_syn_ack;
	out[HZ_SERVER_ERRORS] = errors;
}
