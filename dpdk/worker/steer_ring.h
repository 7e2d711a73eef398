/* Hands frames that arrived on the wrong queue to the worker their flow hash names: one ring for each
 * ordered pair of workers, one producer and one consumer, so no atomic read-modify-write. Only the
 * buffer's pointer moves; the consumer frees the buffer. */
#ifndef HZ_STEER_RING_H
#define HZ_STEER_RING_H

#include "core/base.h"
#include "core/common.h"

struct rte_mbuf;

#define HZ_STEER_SLOTS 512u /* power of two */

struct hz_steer_ring {
	HZ_LINE_ALIGNED uint32_t head; /* next slot to fill, the producer's */
	uint32_t tail_seen; /* the producer's copy of tail, refreshed when it looks full */
	HZ_LINE_ALIGNED uint32_t tail; /* next slot to empty, the consumer's */
	HZ_LINE_ALIGNED struct rte_mbuf *slot[HZ_STEER_SLOTS];
};

/* Producer. False: full, the buffer stays the caller's. */
static inline bool hz_steer_ring_push(struct hz_steer_ring *ring, struct rte_mbuf *mbuf)
{
	uint32_t head = ring->head;

	if (HZ_UNLIKELY(head - ring->tail_seen == HZ_STEER_SLOTS)) {
		ring->tail_seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
		if (head - ring->tail_seen == HZ_STEER_SLOTS)
			return false;
	}
	ring->slot[head & (HZ_STEER_SLOTS - 1)] = mbuf;
	__atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool hz_steer_ring_is_empty(const struct hz_steer_ring *ring)
{
	return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail;
}

/* Consumer. Up to count buffers, now the caller's. */
static inline uint32_t hz_steer_ring_pop(struct hz_steer_ring *ring, struct rte_mbuf **out,
                                         uint32_t count)
{
	uint32_t tail = ring->tail;
	uint32_t ready = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) - tail;
	uint32_t taken = HZ_MIN(ready, count);

	if (taken == 0)
		return 0;
	for (uint32_t i = 0; i < taken; i++)
		out[i] = ring->slot[(tail + i) & (HZ_STEER_SLOTS - 1)];
	__atomic_store_n(&ring->tail, tail + taken, __ATOMIC_RELEASE);
	return taken;
}

/* All rings of worker_count workers, as [to * worker_count + from]. */
struct hz_steer {
	uint32_t worker_count;
	struct hz_steer_ring *ring; /* owned */
};

int hz_steer_open(struct hz_steer *steer, uint32_t worker_count); /* 0 or -ENOMEM */
/* Frees what was never taken; no worker runs any more. Accepts a zeroed one. */
void hz_steer_close(struct hz_steer *steer);

static inline struct hz_steer_ring *hz_steer_between(const struct hz_steer *steer, uint32_t from,
                                                     uint32_t to)
{
	return &steer->ring[(size_t)to * steer->worker_count + from];
}

#endif
