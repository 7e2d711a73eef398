/* A circuit breaker as one worker sees it: closed, open, half-open. */
#ifndef HZ_BREAKER_STATE_H
#define HZ_BREAKER_STATE_H

#include "core/mw_conf.h"

#define HZ_BREAKER_BUCKETS 10u /* of a window */

enum hz_breaker_phase { HZ_BREAKER_CLOSED, HZ_BREAKER_OPEN, HZ_BREAKER_HALF_OPEN };

enum hz_breaker_result {
	HZ_BREAKER_GOOD,
	HZ_BREAKER_FAILURE,
	HZ_BREAKER_NONE, /* it says nothing about the handler */
};

struct hz_breaker_count {
	uint32_t all, failed;
};

/* One thread's. Zeroed: closed, nothing seen. */
struct hz_breaker_state {
	enum hz_breaker_phase phase;
	uint32_t changes;      /* of phase */
	uint64_t open_ns;      /* open: when it ends */
	uint32_t probes_under; /* half-open: way */
	uint32_t probes_good;
	/* closed: the last ten buckets, and their sum */
	uint32_t bucket;
	uint64_t bucket_end_ns;
	struct hz_breaker_count sum;
	struct hz_breaker_count count[HZ_BREAKER_BUCKETS];
} HZ_LINE_ALIGNED;
_Static_assert(sizeof(struct hz_breaker_state) == 128, "two cache lines for each worker");

/* A request comes: 0, and *ticket says to leave() in which phase that was; or how long nobody should come again. */
uint64_t hz_breaker_enter(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                          uint64_t now_ns, uint32_t *ticket);

/* Once for each ticket; what belongs to a phase that is over counts for nothing. True: it opened. */
bool hz_breaker_leave(struct hz_breaker_state *state, const struct hz_mw_breaker_conf *conf,
                      uint64_t now_ns, uint32_t ticket, enum hz_breaker_result result);

#endif
