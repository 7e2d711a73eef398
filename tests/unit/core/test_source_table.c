/* Per-source connection counts, against plain arrays. */
#include "core/rng.h"
#include "core/source_table.h"
#include "hz_test.h"
#include <errno.h>
#include <string.h>

#define SOURCES 300

static void source_addr(uint32_t index, uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (index % 3 == 0) { /* an IPv6 /64 each; the host part must not matter */
		addr[0] = 0x20;
		addr[6] = (uint8_t)(index >> 8);
		addr[7] = (uint8_t)index;
		return;
	}
	addr[10] = addr[11] = 0xff;
	addr[12] = 10;
	addr[14] = (uint8_t)(index >> 8);
	addr[15] = (uint8_t)index;
}

static void source_table_matches_plain_counts(void)
{
	uint32_t count[SOURCES] = { 0 }, total = 0, wrong = 0;
	struct hz_source_table table;
	struct hz_rng rng;
	uint8_t addr[16];

	hz_rng_seed(&rng, 7);
	CU_ASSERT_EQUAL_FATAL(hz_source_table_open(&table, 512), 0);
	for (uint32_t i = 0; i < 400000; i++) {
		uint32_t source = (uint32_t)hz_rng_below(&rng, SOURCES);

		source_addr(source, addr);
		if (source % 3 == 0)
			addr[15] = (uint8_t)hz_rng_next(&rng);
		if (total < 512 && hz_rng_below(&rng, 2) == 0) {
			int err = hz_source_table_add(&table, addr, 4);

			wrong += err != (count[source] < 4 ? 0 : -EMFILE);
			if (err == 0) {
				count[source]++;
				total++;
			}
		} else if (count[source] > 0) {
			hz_source_table_remove(&table, addr);
			count[source]--;
			total--;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	for (uint32_t source = 0; source < SOURCES; source++) {
		source_addr(source, addr);
		while (count[source]-- > 0)
			hz_source_table_remove(&table, addr);
	}
	CU_ASSERT_EQUAL(table.in_use, 0);
	hz_source_table_close(&table);
}

static void source_limit_zero_is_no_limit(void)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 10 };
	struct hz_source_table table;

	CU_ASSERT_EQUAL_FATAL(hz_source_table_open(&table, 1000), 0);
	for (uint32_t i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(hz_source_table_add(&table, addr, 0), 0);
	CU_ASSERT_EQUAL(hz_source_table_add(&table, addr, 256), -EMFILE);
	hz_source_table_close(&table);
}

static void source_table_rejects_no_size(void)
{
	struct hz_source_table table = { 0 };

	CU_ASSERT_EQUAL(hz_source_table_open(&table, 0), -EINVAL);
	hz_source_table_close(&table);
}

HZ_SUITE(source_table, CASE(source_table_matches_plain_counts), CASE(source_limit_zero_is_no_limit),
         CASE(source_table_rejects_no_size));
