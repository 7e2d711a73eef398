#include "core/pool.h"
#include "core/base.h"
#include "core/pages.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes)   ASAN_POISON_MEMORY_REGION(at, bytes)
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
#define POISON(at, bytes)   ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

#define WORD_BYTES 8u
#define LINE_BYTES 64u

int hz_pool_open(struct hz_pool *pool, size_t object_bytes, uint32_t capacity, unsigned flags)
{
	size_t align = object_bytes >= LINE_BYTES ? LINE_BYTES : WORD_BYTES;
	size_t bytes, total;
	void *base;

	if (object_bytes < sizeof(void *) || capacity == 0 ||
	    (flags & ~(unsigned)(HZ_POOL_PREFAULT | HZ_POOL_HUGE)) != 0)
		return -EINVAL;
	if (__builtin_add_overflow(object_bytes, align - 1, &bytes))
		return -EOVERFLOW;
	bytes &= ~(align - 1);
	if (__builtin_mul_overflow(bytes, (size_t)capacity, &total))
		return -EOVERFLOW;
	base = hz_pages_map(total, (flags & HZ_POOL_HUGE) != 0);
	if (base == NULL)
		return -ENOMEM;
	/* Not MAP_POPULATE, which comes before any advice about the size of pages. */
	if (flags & HZ_POOL_PREFAULT)
		memset(base, 0, total);
	POISON(base, total);
	*pool = (struct hz_pool){
		.base = base,
		.object_bytes = bytes,
		.mapped_bytes = total,
		.capacity = capacity,
	};
	return 0;
}

void hz_pool_close(struct hz_pool *pool)
{
	if (pool->base != NULL) {
		UNPOISON(pool->base, pool->mapped_bytes);
		hz_pages_unmap(pool->base, pool->mapped_bytes);
	}
	*pool = (struct hz_pool){ 0 };
}

static void in_use_set(struct hz_pool *pool, uint32_t in_use)
{
	__atomic_store_n(&pool->in_use, in_use, __ATOMIC_RELAXED);
}

void *hz_pool_get(struct hz_pool *pool)
{
	void *object = pool->free;

	if (object != NULL) {
		UNPOISON(object, pool->object_bytes);
		pool->free = *(void **)object;
	} else if (pool->touched < pool->capacity) {
		object = pool->base + (size_t)pool->touched * pool->object_bytes;
		UNPOISON(object, pool->object_bytes);
		pool->touched++;
	} else {
		return NULL;
	}
	in_use_set(pool, pool->in_use + 1);
	if (pool->in_use > pool->high_water)
		pool->high_water = pool->in_use;
	return object;
}

void hz_pool_put(struct hz_pool *pool, void *object)
{
	assert(pool->in_use > 0);
	assert(hz_pool_at(pool, hz_pool_index(pool, object)) == object);
	*(void **)object = pool->free;
	pool->free = object;
	in_use_set(pool, pool->in_use - 1);
	POISON(object, pool->object_bytes);
}

uint32_t hz_pool_index(const struct hz_pool *pool, const void *object)
{
	size_t offset = (size_t)((const unsigned char *)object - pool->base);

	assert(offset < pool->mapped_bytes);
	return (uint32_t)(offset / pool->object_bytes);
}
