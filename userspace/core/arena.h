/* Bump allocator over memory somebody else owns: a request's scratch space. Reset is one store. */
#ifndef HZ_ARENA_H
#define HZ_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct hz_arena {
	uint8_t *base;
	size_t size;
	size_t used;
};

static inline void hz_arena_init(struct hz_arena *arena, void *memory, size_t bytes)
{
	arena->base = memory;
	arena->size = bytes;
	arena->used = 0;
}

static inline void hz_arena_reset(struct hz_arena *arena)
{
	arena->used = 0;
}

/* 8-byte aligned; NULL when it does not fit. */
static inline void *hz_arena_get(struct hz_arena *arena, size_t bytes)
{
	size_t at = (arena->used + 7u) & ~(size_t)7;

	if (bytes > arena->size || at > arena->size - bytes)
		return NULL;
	arena->used = at + bytes;
	return arena->base + at;
}

#endif
