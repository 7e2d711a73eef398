#include "core/base.h"
#include "telemetry/slot.h"
#include <hz_test.h>
#include <string.h>

static void slot_counts_and_records_in_the_named_place(void)
{
	struct hz_hist hist[HZ_STAGE_COUNT] = { 0 };
	struct hz_worker worker = { 0 };
	struct hz_slot slot = { .hist = hist, .worker = &worker };

	hz_slot_count(&slot, HZ_COUNTER_reset_sent);
	hz_slot_count(&slot, HZ_COUNTER_reset_sent);
	hz_slot_record(&slot, HZ_STAGE_PARSE, 50);
	CU_ASSERT_EQUAL(worker.counters[HZ_COUNTER_reset_sent], 2);
	CU_ASSERT_EQUAL(worker.counters[HZ_COUNTER_reset_received], 0);
	CU_ASSERT_EQUAL(hist[HZ_STAGE_PARSE].bucket[50], 1);
	CU_ASSERT_EQUAL(hz_hist_count(&hist[HZ_STAGE_TOTAL]), 0);
}

static void slot_counter_names_are_those_of_the_table_and_distinct(void)
{
	CU_ASSERT_STRING_EQUAL(hz_slot_counter_name(HZ_COUNTER_drop_short), "drop_short");
	CU_ASSERT_STRING_EQUAL(hz_slot_counter_name(HZ_COUNTER_challenge_ack), "challenge_ack");
	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++) {
		CU_ASSERT_TRUE(strlen(hz_slot_counter_help((enum hz_counter)i)) > 0);
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(hz_slot_counter_name((enum hz_counter)i),
			                           hz_slot_counter_name((enum hz_counter)j));
	}
}

static void slot_drop_mask_is_the_counters_named_drop(void)
{
	uint64_t mask = hz_slot_drop_mask();

	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++)
		CU_ASSERT_EQUAL((mask >> i) & 1,
		                strncmp(hz_slot_counter_name((enum hz_counter)i), "drop_", 5) == 0);
	CU_ASSERT((mask & 1ull << HZ_COUNTER_drop_arp) != 0); /* one of those that came later */
	CU_ASSERT((mask & 1ull << HZ_COUNTER_challenge_ack) == 0);
}

HZ_SUITE(slot, CASE(slot_counts_and_records_in_the_named_place),
         CASE(slot_counter_names_are_those_of_the_table_and_distinct),
         CASE(slot_drop_mask_is_the_counters_named_drop));
