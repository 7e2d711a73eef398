/* Bytes from one thread to one other: single producer, single consumer, no lock. The memory is mapped twice in a row,
 * so that what is reserved and what is there to take are each one piece, wherever they lie. What the producer wrote
 * before hz_byte_ring_commit is visible to the consumer after hz_byte_ring_peek. */
#ifndef HZ_BYTE_RING_H
#define HZ_BYTE_RING_H

#include "core/base.h"
#include <hz/span.h>

struct hz_byte_ring {
	uint8_t *base; /* 2 * bytes of address space; owned */
	uint32_t bytes;
	struct {
		uint32_t head; /* bytes committed since the start, modulo 2^32 */
		uint32_t tail_seen;
	} producer HZ_LINE_ALIGNED;
	struct {
		uint32_t tail; /* bytes consumed since the start */
	} consumer HZ_LINE_ALIGNED;
};

/* bytes: a power of two and whole pages, up to 2^30. 0, -EINVAL or -errno. */
int hz_byte_ring_open(struct hz_byte_ring *ring, uint32_t bytes);
void hz_byte_ring_close(struct hz_byte_ring *ring); /* accepts a zeroed one */

/* Producer. Room for that many bytes, or NULL. Reserving again forgets what was not committed. */
static inline uint8_t *hz_byte_ring_reserve(struct hz_byte_ring *ring, size_t bytes)
{
	uint32_t head = ring->producer.head;

	if (HZ_UNLIKELY(bytes > ring->bytes - (head - ring->producer.tail_seen))) {
		ring->producer.tail_seen = __atomic_load_n(&ring->consumer.tail, __ATOMIC_ACQUIRE);
		if (bytes > ring->bytes - (head - ring->producer.tail_seen))
			return NULL;
	}
	return ring->base + (head & (ring->bytes - 1));
}

/* Producer. The first bytes of what was reserved are the consumer's now. */
static inline void hz_byte_ring_commit(struct hz_byte_ring *ring, size_t bytes)
{
	__atomic_store_n(&ring->producer.head, ring->producer.head + (uint32_t)bytes,
	                 __ATOMIC_RELEASE);
}

/* Consumer. All there is. */
static inline struct hz_span hz_byte_ring_peek(const struct hz_byte_ring *ring)
{
	uint32_t head = __atomic_load_n(&ring->producer.head, __ATOMIC_ACQUIRE);
	uint32_t tail = ring->consumer.tail;

	return (struct hz_span){ ring->base + (tail & (ring->bytes - 1)), head - tail };
}

/* Consumer. The first bytes of that are done with. */
static inline void hz_byte_ring_consume(struct hz_byte_ring *ring, size_t bytes)
{
	__atomic_store_n(&ring->consumer.tail, ring->consumer.tail + (uint32_t)bytes,
	                 __ATOMIC_RELEASE);
}

#endif
