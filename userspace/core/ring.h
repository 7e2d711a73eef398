/* Queue of pointers from one thread to one other: single producer, single consumer, no lock (Lamport
 * 1983, with each side's copy of the other's index as in FastForward). What the producer wrote before
 * hz_ring_push is visible to the consumer after hz_ring_pop. */
#ifndef HZ_RING_H
#define HZ_RING_H

#include "core/base.h"
#include <errno.h>

struct hz_ring {
	void **slot; /* of the caller, who frees it */
	uint32_t mask;
	struct {
		uint32_t head; /* slots filled since the start, modulo 2^32 */
		uint32_t tail_seen;
	} producer HZ_LINE_ALIGNED;
	struct {
		uint32_t tail; /* slots emptied since the start */
		uint32_t head_seen;
	} consumer HZ_LINE_ALIGNED;
};
_Static_assert(sizeof(struct hz_ring) == 192, "producer and consumer each on a line of their own");

/* slots: room for capacity pointers, a power of two up to 2^31. 0 or -EINVAL. */
static inline int hz_ring_init(struct hz_ring *ring, void **slots, uint32_t capacity)
{
	if (capacity == 0 || (capacity & (capacity - 1)) != 0)
		return -EINVAL;
	*ring = (struct hz_ring){ .slot = slots, .mask = capacity - 1 };
	return 0;
}

/* Producer. False when full. */
static inline bool hz_ring_push(struct hz_ring *ring, void *pointer)
{
	uint32_t head = ring->producer.head;

	if (head - ring->producer.tail_seen > ring->mask) {
		ring->producer.tail_seen = __atomic_load_n(&ring->consumer.tail, __ATOMIC_ACQUIRE);
		if (head - ring->producer.tail_seen > ring->mask)
			return false;
	}
	ring->slot[head & ring->mask] = pointer;
	__atomic_store_n(&ring->producer.head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Consumer. NULL when empty. */
static inline void *hz_ring_pop(struct hz_ring *ring)
{
	uint32_t tail = ring->consumer.tail;
	void *pointer;

	if (tail == ring->consumer.head_seen) {
		ring->consumer.head_seen = __atomic_load_n(&ring->producer.head, __ATOMIC_ACQUIRE);
		if (tail == ring->consumer.head_seen)
			return NULL;
	}
	pointer = ring->slot[tail & ring->mask];
	__atomic_store_n(&ring->consumer.tail, tail + 1, __ATOMIC_RELEASE);
	return pointer;
}

/* Any thread; out of date when it returns. */
static inline uint32_t hz_ring_count(const struct hz_ring *ring)
{
	uint32_t tail = __atomic_load_n(&ring->consumer.tail, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&ring->producer.head, __ATOMIC_ACQUIRE) - tail;
}

#endif
