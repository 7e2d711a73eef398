#include "middleware/breaker_state.h"
#include <string.h>

/* How long who comes while the probes are under way should wait. */
#define PROBING_NS HZ_NS_PER_S

/* Never 0. */
static uint32_t ticket_of(const struct hz_breaker_state *state)
{
	return state->changes % UINT32_MAX + 1;
}

static void phase_set(struct hz_breaker_state *state, enum hz_breaker_phase phase)
{
	*state = (struct hz_breaker_state){ .phase = phase, .changes = state->changes + 1 };
}

/* Moves the window on to now. */
static void window_turn(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                        uint64_t now_ns)
{
	uint64_t bucket_ns = conf->window_ns / HZ_BREAKER_BUCKETS;

	if (now_ns >= state->bucket_end_ns + conf->window_ns) { /* all of it is past */
		memset(state->count, 0, sizeof(state->count));
		state->sum = (struct hz_breaker_count){ 0 };
		state->bucket_end_ns = now_ns + bucket_ns;
	}
	for (unsigned i = 0; i <= HZ_BREAKER_BUCKETS && now_ns >= state->bucket_end_ns; i++) {
		struct hz_breaker_count *oldest;

		state->bucket = (state->bucket + 1) % HZ_BREAKER_BUCKETS;
		oldest = &state->count[state->bucket];
		state->sum.all -= oldest->all;
		state->sum.failed -= oldest->failed;
		*oldest = (struct hz_breaker_count){ 0 };
		state->bucket_end_ns += bucket_ns;
	}
}

static void open_now(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                     uint64_t now_ns)
{
	phase_set(state, HZ_BREAKER_OPEN);
	state->open_ns = now_ns + conf->open_ns;
}

uint64_t hz_breaker_enter(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                          uint64_t now_ns, uint32_t *ticket)
{
	if (HZ_UNLIKELY(state->phase != HZ_BREAKER_CLOSED)) {
		if (state->phase == HZ_BREAKER_OPEN && now_ns < state->open_ns)
			return state->open_ns - now_ns;
		if (state->phase == HZ_BREAKER_OPEN)
			phase_set(state, HZ_BREAKER_HALF_OPEN);
		if (state->probes_under + state->probes_good >= conf->probes)
			return PROBING_NS;
		state->probes_under++;
	}
	*ticket = ticket_of(state);
	return 0;
}

static bool closed_leave(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                         uint64_t now_ns, bool is_failure)
{
	window_turn(state, conf, now_ns);
	state->sum.all++;
	state->count[state->bucket].all++;
	if (HZ_LIKELY(!is_failure))
		return false;
	state->sum.failed++;
	state->count[state->bucket].failed++;
	if (state->sum.all < conf->requests_least ||
	    (uint64_t)state->sum.failed * 100 < (uint64_t)state->sum.all * conf->failures_percent)
		return false;
	open_now(state, conf, now_ns);
	return true;
}

static bool probe_leave(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                        uint64_t now_ns, enum hz_breaker_result result)
{
	state->probes_under--;
	if (result == HZ_BREAKER_FAILURE) {
		open_now(state, conf, now_ns);
		return true;
	}
	state->probes_good += result == HZ_BREAKER_GOOD;
	if (state->probes_good >= conf->probes)
		phase_set(state, HZ_BREAKER_CLOSED);
	return false;
}

bool hz_breaker_leave(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                      uint64_t now_ns, uint32_t ticket, enum hz_breaker_result result)
{
	if (ticket != ticket_of(state))
		return false;
	if (state->phase == HZ_BREAKER_HALF_OPEN)
		return probe_leave(state, conf, now_ns, result);
	if (result == HZ_BREAKER_NONE)
		return false;
	return closed_leave(state, conf, now_ns, result == HZ_BREAKER_FAILURE);
}
