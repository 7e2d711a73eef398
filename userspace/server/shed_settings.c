/* What overload does: settings into the words that workers and XDP read, and what came of it. */
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

static void word_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static int verdict_write(const struct hz_server *server)
{
	struct hz_cfg cfg;
	int status;

	if (server->maps.beat == NULL)
		return 0;
	status = hz_xdp_cfg_read(&server->maps, &cfg);
	if (status != 0)
		return status;
	cfg.shed_verdict = server->conf->tune.shed_verdict;
	return hz_xdp_cfg_write(&server->maps, &cfg);
}

int hz_server_shed_apply(struct hz_server *server, struct hz_err *err)
{
	const struct hz_tune *tune = &server->conf->tune;
	int status = verdict_write(server);

	if (status != 0)
		return hz_err_set(err, status, 6, "map", "hzctl xdp show", "map cfg: %s",
		                  strerror(-status));
	word_store(&server->overload.start_percent, tune->shed_start_percent);
	word_store(&server->overload.max_permille, tune->shed_max_permille);
	word_store(&server->overload.fixed_permille, tune->shed_fixed_permille);
	word_store(&server->overload.mode, tune->shed_mode);
	return 0;
}

/* The worker that is pressed hardest speaks for all, as it does to XDP. */
struct hz_server_shed hz_server_shed_now(const struct hz_server *server)
{
	struct hz_server_shed now = { 0 };
	struct hz_verdicts sum;

	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_worker *worker = server->seats.seat[i].slot.worker;

		now.pressure_percent =
			HZ_MAX(now.pressure_percent,
		               __atomic_load_n(&worker->shed_pressure, __ATOMIC_RELAXED));
		now.level_permille =
			HZ_MAX(now.level_permille,
		               __atomic_load_n(&worker->shed_permille, __ATOMIC_RELAXED));
	}
	if (server->maps.beat != NULL && hz_xdp_verdicts_read(&server->maps, &sum) == 0)
		now.refused = sum.shed_drop + sum.shed_reset + sum.shed_syn_ack;
	return now;
}
