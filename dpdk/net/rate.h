/* How many times a second something may be done, with a burst: the generic cell rate algorithm, which
 * needs one number. */
#ifndef HZ_RATE_H
#define HZ_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define HZ_RATE_BURST 32u

struct hz_rate {
	uint64_t due_ns; /* when the rate would be kept to exactly if nothing more came */
};

/* True: it may be done now, and is counted. per_s is at least 1. */
static inline bool hz_rate_take(struct hz_rate *rate, uint64_t now_ns, uint32_t per_s)
{
	uint64_t step_ns = 1000000000u / per_s;
	uint64_t due_ns = rate->due_ns > now_ns ? rate->due_ns : now_ns;

	if (due_ns - now_ns >= HZ_RATE_BURST * step_ns)
		return false;
	rate->due_ns = due_ns + step_ns;
	return true;
}

#endif
