#include "telemetry/slow_ring.h"
#include <string.h>

void hz_slow_ring_init(struct hz_slow_ring *ring, const struct hz_slow_conf *conf)
{
	memset(ring, 0, sizeof(*ring));
	ring->conf = conf;
	ring->over_ns = ring->next = UINT64_MAX;
}

/* floor(seen / U) + 1. With a small U that is more than anybody asks for in a second. */
static uint64_t next_taker(uint64_t seen, struct hz_rng *rng)
{
	const double u = (double)((hz_rng_next(rng) >> 11) + 1) * 0x1p-53;
	const double taker = (double)seen / u;

	return taker < 0x1p62 ? (uint64_t)taker + 1 : UINT64_MAX;
}

static struct hz_event_slow *head_place(struct hz_slow_ring *ring)
{
	if (ring->head - ring->tail_seen == HZ_SLOW_SLOTS) {
		ring->tail_seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
		if (ring->head - ring->tail_seen == HZ_SLOW_SLOTS)
			return NULL;
	}
	return &ring->slot[ring->head & (HZ_SLOW_SLOTS - 1)];
}

struct hz_event_slow *hz_slow_ring_place(struct hz_slow_ring *ring, uint64_t total_ns,
                                         struct hz_rng *rng)
{
	const bool is_slow = total_ns >= ring->over_ns;

	if (ring->seen == ring->next) {
		ring->next = next_taker(ring->seen, rng);
		ring->has_example = !is_slow; /* a slow one is told anyway, and that is it */
	}
	return is_slow ? head_place(ring) : &ring->example;
}

void hz_slow_ring_put(struct hz_slow_ring *ring, const struct hz_event_slow *place)
{
	if (place != &ring->example)
		__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

static bool example_put(struct hz_slow_ring *ring)
{
	struct hz_event_slow *place;

	if (!ring->has_example)
		return true;
	ring->has_example = false;
	place = head_place(ring);
	if (place == NULL)
		return false;
	*place = ring->example;
	hz_slow_ring_put(ring, place);
	return true;
}

bool hz_slow_ring_second(struct hz_slow_ring *ring, uint64_t now_ns)
{
	bool is_put = example_put(ring);

	ring->over_ns = __atomic_load_n(&ring->conf->over_ns, __ATOMIC_RELAXED);
	ring->seen = 0;
	ring->next = ring->over_ns == UINT64_MAX ? UINT64_MAX : 1;
	ring->second_ns = now_ns + HZ_NS_PER_S;
	return is_put;
}

const struct hz_event_slow *hz_slow_ring_first(const struct hz_slow_ring *ring)
{
	if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail)
		return NULL;
	return &ring->slot[ring->tail & (HZ_SLOW_SLOTS - 1)];
}

void hz_slow_ring_drop(struct hz_slow_ring *ring)
{
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
}
