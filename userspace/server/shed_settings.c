/* What overload does: settings into the words that workers read, and what came of it. */
#include "server/server_priv.h"

#define BEATS_PER_TIMEOUT 4u   /* a sleeper that beats so often is never taken for dead */
#define SLEEP_MS_MAX      100u /* as long as a worker sleeps of its own accord */

static void word_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

uint32_t hz_server_sleep_ms(const struct hz_tune *tune)
{
	return HZ_MIN(HZ_MAX(tune->health_beat_timeout_ms / BEATS_PER_TIMEOUT, 1u), SLEEP_MS_MAX);
}

uint32_t hz_server_half_open_max(const struct hz_server *server)
{
	return HZ_MAX(server->conf->tune.shed_half_open_max / HZ_MAX(server->seats.count, 1u), 1u);
}

void hz_server_shed_apply(struct hz_server *server)
{
	const struct hz_tune *tune = &server->conf->tune;
	struct hz_overload_conf *words = &server->overload;
	bool has_workers = server->fp != NULL || server->sock != NULL;

	word_store(&words->start_percent, tune->shed_start_percent);
	word_store(&words->max_permille, tune->shed_max_permille);
	word_store(&words->fixed_permille, tune->shed_fixed_permille);
	word_store(&words->mode, tune->shed_mode);
	word_store(&words->syn_cookies, tune->shed_syn_cookies);
	word_store(&words->half_open_max, hz_server_half_open_max(server));
	word_store(&words->sleep_ms_max, hz_server_sleep_ms(tune));
	for (uint32_t i = 0; has_workers && i < server->seats.count; i++)
		hz_server_ring(server, i); /* one that sleeps would look later */
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
		now.refused += __atomic_load_n(&worker->counters[HZ_COUNTER_shed_request],
		                               __ATOMIC_RELAXED);
		now.cookies_sent += __atomic_load_n(&worker->counters[HZ_COUNTER_syn_cookie_sent],
		                                    __ATOMIC_RELAXED);
	}
	if (!hz_server_has_xdp(server) || hz_xdp_verdicts_read(&server->maps, &sum) != 0)
		return now;
	now.refused += sum.shed_drop + sum.shed_reset + sum.shed_syn_ack;
	now.cookies_sent += sum.cookie_syn_ack;
	now.answered_200 = sum.health_200;
	now.answered_503 = sum.health_503;
	return now;
}
