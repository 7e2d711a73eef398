/* What a worker lends to every layer it calls: its time, its index, its random numbers. One per
 * worker, owned by it; layers keep a pointer. Tests and the simulator drive it by hand. */
#ifndef HZ_ENV_H
#define HZ_ENV_H

#include "core/clock.h"
#include "core/overload.h"
#include "core/rng.h"

struct hz_env {
	uint64_t now_ns;              /* CLOCK_MONOTONIC, read once per turn */
	const struct hz_clock *clock; /* for stage timing inside a turn; NULL: use now_ns */
	struct hz_rng rng;            /* this worker's, seeded from getrandom or a test seed */
	/* When XDP saw the packet that is handled right now; 0: not known, or nothing of the kind (a timer, room to
	 * send, what another thread finished). */
	uint64_t rx_ns;
	uint64_t unix_s; /* wall clock in seconds, for Date only */
	uint32_t worker_index;
	/* What this worker sheds at the moment; NULL: its transport does not measure it. */
	const struct hz_overload *overload;
};

/* The time right now: the clock where there is one, else the turn's. */
static inline uint64_t hz_env_clock_ns(const struct hz_env *env)
{
	return env->clock ? hz_clock_now_ns(env->clock) : env->now_ns;
}

#endif
