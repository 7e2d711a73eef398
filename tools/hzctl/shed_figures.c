#include "shed_figures.h"
#include "telemetry/counter_set.h"

static void workers_add(const struct hz_telemetry_view_workers *all, bool is_live,
                        struct hz_shed_figures *to)
{
	for (int i = 0; i < HZ_WORKERS_MAX; i++) {
		const struct hz_worker *worker = &all->worker[i];

		to->requests += worker->counters[HZ_COUNTER_shed_request];
		to->worker_cookies += worker->counters[HZ_COUNTER_syn_cookie_sent];
		if (!is_live) /* a level dies with the beat */
			continue;
		to->pressure_percent = HZ_MAX(to->pressure_percent, worker->shed_pressure);
		to->level_permille = HZ_MAX(to->level_permille, worker->shed_permille);
	}
}

int hz_shed_figures_read(const struct hz_telemetry_view *view, struct hz_shed_figures *out)
{
	struct hz_shed_figures figures = { .has_xdp = !view->is_shared };
	struct hz_telemetry_view_workers workers;
	struct hz_verdicts verdicts = { 0 };
	struct hz_err ignored = { 0 };
	struct hz_cfg cfg = { 0 };
	int status = hz_telemetry_view_workers(view, &workers, &ignored);

	if (status == 0 && figures.has_xdp)
		status = hz_xdp_verdicts_read(&view->maps, &verdicts);
	if (status == 0 && figures.has_xdp)
		status = hz_xdp_cfg_read(&view->maps, &cfg);
	if (status != 0)
		return status;
	figures.verdict = cfg.shed_verdict;
	figures.drop = verdicts.shed_drop;
	figures.reset = verdicts.shed_reset;
	figures.syn_ack = verdicts.shed_syn_ack;
	figures.answer_503 = verdicts.shed_503;
	figures.denied = verdicts.drop_deny;
	figures.source_rate = verdicts.drop_source_rate;
	figures.cookies = verdicts.cookie_syn_ack;
	figures.cookies_back = verdicts.steer_cookie;
	workers_add(&workers, hz_telemetry_view_is_live(view), &figures);
	*out = figures;
	return 0;
}

uint64_t hz_shed_figures_refused(const struct hz_shed_figures *figures)
{
	return figures->drop + figures->reset + figures->syn_ack + figures->requests;
}
