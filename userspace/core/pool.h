/* Fixed-size objects, allocated once, handed out and taken back in O(1). One thread per pool. */
#ifndef HZ_POOL_H
#define HZ_POOL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct hz_pool {
	unsigned char *base; /* owned; mmapped, pre-faulted on request */
	void *free;          /* singly linked through the objects */
	size_t object_bytes;
	size_t mapped_bytes;
	uint32_t capacity;
	uint32_t in_use; /* written by its thread alone, read by any */
	uint32_t high_water;
	uint32_t touched; /* objects ever handed out; the rest is untouched memory */
};

enum {
	HZ_POOL_PREFAULT = 1,
	HZ_POOL_HUGE =
		2, /* huge pages where the kernel has some: for many objects, used in no order */
};

/* object_bytes >= 8, aligned up to 8 (to 64 when >= 64). 0, -EINVAL, -EOVERFLOW or -ENOMEM. */
int hz_pool_open(struct hz_pool *pool, size_t object_bytes, uint32_t capacity, unsigned flags);
void hz_pool_close(struct hz_pool *pool); /* accepts a zeroed pool */

/* NULL when exhausted. Content is undefined. In builds with ASan an object outside get..put is poisoned:
 * touching it is reported. */
void *hz_pool_get(struct hz_pool *pool);
void hz_pool_put(struct hz_pool *pool, void *object);

/* Of any thread: how many are out, about now. */
static inline uint32_t hz_pool_in_use(const struct hz_pool *pool)
{
	return __atomic_load_n(&pool->in_use, __ATOMIC_RELAXED);
}

/* Index of an object, stable for its life, and back. */
uint32_t hz_pool_index(const struct hz_pool *pool, const void *object);
static inline void *hz_pool_at(const struct hz_pool *pool, uint32_t index)
{
	assert(index < pool->capacity);
	return pool->base + (size_t)index * pool->object_bytes;
}

#endif
