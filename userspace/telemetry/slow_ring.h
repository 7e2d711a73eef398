/* Answers that are told about one by one, from a worker to housekeeping: those that took longer than telemetry/slow_us,
 * and of each second one more as an example of all, each with the same chance. One producer, one consumer, no lock; what
 * finds the ring full is lost, and the worker counts it.
 *
 * The example is a reservoir of one place. The i-th request of a second that takes it keeps it until request
 * floor(i / U) + 1 with U uniform in (0, 1]: it is still there after m requests with probability i / m, as it has to be.
 * So a request costs one comparison, and a random number is drawn about ln(n) times for n of them (Li 1994, algorithm L). */
#ifndef HZ_SLOW_RING_H
#define HZ_SLOW_RING_H

#include "abi/hz_abi.h"
#include "core/base.h"
#include "core/rng.h"
#include <stdbool.h>
#include <stdint.h>

#define HZ_SLOW_SLOTS 64u /* power of two */

/* Of all workers. Housekeeping stores at any time; a worker takes it over when a second begins. */
struct hz_slow_conf {
	uint64_t over_ns; /* UINT64_MAX: nothing is told, no example either */
};

/* Owned by the server. */
struct hz_slow_ring {
	/* the worker's */
	const struct hz_slow_conf *conf; /* lent */
	uint64_t over_ns;
	uint64_t seen; /* requests of this second, */
	uint64_t next; /* and which of them takes the example's place */
	uint64_t second_ns;
	uint32_t head, tail_seen;
	bool has_example;
	struct hz_event_slow example;
	/* housekeeping's */
	HZ_LINE_ALIGNED uint32_t tail;
	HZ_LINE_ALIGNED struct hz_event_slow slot[HZ_SLOW_SLOTS];
};

/* Tells nothing until its first second begins. */
void hz_slow_ring_init(struct hz_slow_ring *ring, const struct hz_slow_conf *conf);

/* --- the worker --- */

/* One more answer. True: it is told, as slow or perhaps as the example. */
static inline bool hz_slow_ring_wants(struct hz_slow_ring *ring, uint64_t total_ns)
{
	ring->seen++;
	return ring->seen == ring->next || total_ns >= ring->over_ns;
}

/* Then: the place where its record is composed, all of it; NULL: the ring is full. */
struct hz_event_slow *hz_slow_ring_place(struct hz_slow_ring *ring, uint64_t total_ns,
                                         struct hz_rng *rng);
void hz_slow_ring_put(struct hz_slow_ring *ring, const struct hz_event_slow *place);

/* Between requests: the second may be over. False: its example found the ring full. */
bool hz_slow_ring_second(struct hz_slow_ring *ring, uint64_t now_ns);
static inline bool hz_slow_ring_turn(struct hz_slow_ring *ring, uint64_t now_ns)
{
	return HZ_LIKELY(now_ns < ring->second_ns) || hz_slow_ring_second(ring, now_ns);
}

/* --- housekeeping --- */

/* The oldest record, NULL: there is none. It stays in the ring until it is dropped. */
const struct hz_event_slow *hz_slow_ring_first(const struct hz_slow_ring *ring);
void hz_slow_ring_drop(struct hz_slow_ring *ring);

#endif
