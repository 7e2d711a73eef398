#include "core/arena.h"
#include "core/base.h"
#include "core/pool.h"
#include "core/rng.h"
#include <errno.h>
#include <hz_test.h>
#include <stdint.h>
#include <string.h>

static void pool_arguments_out_of_range_are_refused(void)
{
	struct hz_pool pool = { .capacity = 77 };

	CU_ASSERT_EQUAL(hz_pool_open(&pool, 7, 10, 0), -EINVAL);
	CU_ASSERT_EQUAL(hz_pool_open(&pool, 16, 0, 0), -EINVAL);
	CU_ASSERT_EQUAL(hz_pool_open(&pool, 16, 10, 4), -EINVAL);
	CU_ASSERT_EQUAL(hz_pool_open(&pool, SIZE_MAX, 1, 0), -EOVERFLOW);
	CU_ASSERT_EQUAL(hz_pool_open(&pool, SIZE_MAX / 2, 4, 0), -EOVERFLOW);
	CU_ASSERT_EQUAL(pool.capacity, 77); /* written only on success */
}

static void pool_too_large_is_enomem(void)
{
	struct hz_pool pool = { 0 };

	CU_ASSERT_EQUAL(hz_pool_open(&pool, (size_t)1 << 40, 1u << 20, 0), -ENOMEM);
}

static void pool_objects_are_distinct_aligned_and_limited(void)
{
	static const size_t sizes[] = { 8, 9, 63, 64, 65, 1000 };

	for (size_t s = 0; s < HZ_ARRAY_LEN(sizes); s++) {
		size_t align = sizes[s] >= 64 ? 64 : 8;
		struct hz_pool pool;
		unsigned char *object[32];

		CU_ASSERT_EQUAL_FATAL(hz_pool_open(&pool, sizes[s], 32, HZ_POOL_PREFAULT), 0);
		for (unsigned i = 0; i < 32; i++) {
			object[i] = hz_pool_get(&pool);
			CU_ASSERT_PTR_NOT_NULL_FATAL(object[i]);
			CU_ASSERT_EQUAL((uintptr_t)object[i] % align, 0);
			memset(object[i], (int)i, sizes[s]);
		}
		CU_ASSERT_PTR_NULL(hz_pool_get(&pool));
		for (unsigned i = 0; i < 32; i++) {
			CU_ASSERT_EQUAL(object[i][0], i);
			CU_ASSERT_EQUAL(object[i][sizes[s] - 1], i);
			CU_ASSERT_EQUAL(hz_pool_index(&pool, object[i]), i);
			CU_ASSERT_PTR_EQUAL(hz_pool_at(&pool, i), object[i]);
		}
		hz_pool_close(&pool);
		CU_ASSERT_PTR_NULL(pool.base);
	}
}

static void pool_random_gets_and_puts_keep_count(void)
{
	struct hz_pool pool;
	void *held[100] = { NULL };
	uint32_t held_count = 0, high_water = 0;
	struct hz_rng rng;

	hz_rng_seed(&rng, 7);
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&pool, 24, 50, 0), 0);
	for (unsigned op = 0; op < 100000; op++) {
		size_t i = hz_rng_below(&rng, HZ_ARRAY_LEN(held));

		if (held[i] == NULL) {
			held[i] = hz_pool_get(&pool);
			CU_ASSERT_EQUAL_FATAL(held[i] == NULL, held_count == 50);
			if (held[i] != NULL) {
				held_count++;
				*(size_t *)held[i] = i;
			}
		} else {
			CU_ASSERT_EQUAL_FATAL(*(size_t *)held[i], i); /* nobody else has it */
			hz_pool_put(&pool, held[i]);
			held[i] = NULL;
			held_count--;
		}
		high_water = HZ_MAX(high_water, held_count);
		CU_ASSERT_EQUAL_FATAL(pool.in_use, held_count);
	}
	CU_ASSERT_EQUAL(pool.high_water, high_water);
	CU_ASSERT_EQUAL(high_water, 50);
	hz_pool_close(&pool);
}

static void pool_reuses_before_it_touches_new_memory(void)
{
	struct hz_pool pool;
	void *first;

	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&pool, 64, 1000, 0), 0);
	first = hz_pool_get(&pool);
	hz_pool_put(&pool, first);
	CU_ASSERT_PTR_EQUAL(hz_pool_get(&pool), first);
	CU_ASSERT_EQUAL(pool.touched, 1);
	hz_pool_close(&pool);
}

static void pool_close_accepts_zeroed_and_closed(void)
{
	struct hz_pool pool = { 0 };

	hz_pool_close(&pool);
	CU_ASSERT_EQUAL_FATAL(hz_pool_open(&pool, 64, 2, 0), 0);
	hz_pool_close(&pool);
	hz_pool_close(&pool);
	CU_ASSERT_EQUAL(pool.mapped_bytes, 0);
}

static void arena_pieces_are_aligned_apart_and_bounded(void)
{
	_Alignas(8) uint8_t memory[64];
	struct hz_arena arena;
	uint8_t *a, *b;

	hz_arena_init(&arena, memory, sizeof(memory));
	a = hz_arena_get(&arena, 3);
	b = hz_arena_get(&arena, 8);
	CU_ASSERT_PTR_EQUAL(a, memory);
	CU_ASSERT_PTR_EQUAL(b, memory + 8);
	CU_ASSERT_PTR_NULL(hz_arena_get(&arena, 49));
	CU_ASSERT_PTR_NULL(hz_arena_get(&arena, SIZE_MAX));
	CU_ASSERT_PTR_EQUAL(hz_arena_get(&arena, 48), memory + 16);
	CU_ASSERT_PTR_NULL(hz_arena_get(&arena, 1));
	hz_arena_reset(&arena);
	CU_ASSERT_PTR_EQUAL(hz_arena_get(&arena, 64), memory);
}

static void arena_of_odd_size_never_ends_beyond_it(void)
{
	_Alignas(8) uint8_t memory[16];
	struct hz_arena arena;

	hz_arena_init(&arena, memory, 13);
	CU_ASSERT_PTR_NOT_NULL(hz_arena_get(&arena, 9));
	CU_ASSERT_PTR_NULL(hz_arena_get(&arena, 1)); /* would start at 16 */
	hz_arena_reset(&arena);
	CU_ASSERT_PTR_NOT_NULL(hz_arena_get(&arena, 8));
	CU_ASSERT_PTR_NULL(hz_arena_get(&arena, 6));
	CU_ASSERT_PTR_NOT_NULL(hz_arena_get(&arena, 5));
}

HZ_SUITE(pool, CASE(pool_arguments_out_of_range_are_refused), CASE(pool_too_large_is_enomem),
         CASE(pool_objects_are_distinct_aligned_and_limited),
         CASE(pool_random_gets_and_puts_keep_count), CASE(pool_reuses_before_it_touches_new_memory),
         CASE(pool_close_accepts_zeroed_and_closed),
         CASE(arena_pieces_are_aligned_apart_and_bounded),
         CASE(arena_of_odd_size_never_ends_beyond_it));
