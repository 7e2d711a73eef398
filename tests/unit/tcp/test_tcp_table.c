#include "hz_test.h"

#include "core/rng.h"
#include "tcp/tcp_table.h"
#include <errno.h>

#define ENTRIES 64u

static bool has(const struct hz_tcp_table *table, uint32_t hash, uint32_t ref)
{
	uint32_t at = hash, found;

	while ((found = hz_tcp_table_next(table, hash, &at)) != HZ_TCP_REF_NONE) {
		if (found == ref)
			return true;
	}
	return false;
}

/* Against an array; hashes are few and near the end, so that probes collide and wrap around. */
static void table_under_random_changes_matches_model(void)
{
	uint32_t hash[ENTRIES + 1] = { 0 };
	bool is_in[ENTRIES + 1] = { false };
	struct hz_tcp_table table = { 0 };
	struct hz_rng rng;
	uint32_t count = 0;

	hz_rng_seed(&rng, 11);
	CU_ASSERT_EQUAL_FATAL(hz_tcp_table_open(&table, ENTRIES), 0);
	for (unsigned step = 0; step < 200000; step++) {
		uint32_t ref = 1 + (uint32_t)hz_rng_below(&rng, ENTRIES);

		if (!is_in[ref]) {
			hash[ref] = 0xfffffff0u + (uint32_t)hz_rng_below(&rng, 24);
			hz_tcp_table_add(&table, hash[ref], ref);
			count++;
		} else {
			CU_ASSERT_FATAL(hz_tcp_table_remove(&table, hash[ref], ref));
			count--;
		}
		is_in[ref] = !is_in[ref];
		CU_ASSERT_EQUAL_FATAL(table.count, count);
		for (uint32_t i = 1; i <= ENTRIES; i++)
			CU_ASSERT_EQUAL_FATAL(has(&table, hash[i], i), is_in[i]);
	}
	hz_tcp_table_close(&table);
}

static void table_remove_of_missing_entry_is_false(void)
{
	struct hz_tcp_table table = { 0 };

	CU_ASSERT_EQUAL_FATAL(hz_tcp_table_open(&table, 8), 0);
	hz_tcp_table_add(&table, 5, 1);
	CU_ASSERT_FALSE(hz_tcp_table_remove(&table, 5, 2));
	CU_ASSERT_TRUE(hz_tcp_table_remove(&table, 5, 1));
	CU_ASSERT_FALSE(hz_tcp_table_remove(&table, 5, 1));
	CU_ASSERT_EQUAL(table.count, 0);
	hz_tcp_table_close(&table);
	hz_tcp_table_close(&table);
}

static void table_open_with_impossible_size_is_einval(void)
{
	struct hz_tcp_table table = { 0 };

	CU_ASSERT_EQUAL(hz_tcp_table_open(&table, 0), -EINVAL);
	CU_ASSERT_EQUAL(hz_tcp_table_open(&table, UINT32_MAX), -EINVAL);
}

HZ_SUITE(tcp_table, CASE(table_under_random_changes_matches_model),
         CASE(table_remove_of_missing_entry_is_false),
         CASE(table_open_with_impossible_size_is_einval));
