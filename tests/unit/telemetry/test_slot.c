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

static void slot_drops_are_the_counters_named_drop(void)
{
	struct hz_counter_set drops = hz_slot_drops();

	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++)
		CU_ASSERT_EQUAL(hz_counter_set_has(&drops, i),
		                strncmp(hz_slot_counter_name((enum hz_counter)i), "drop_", 5) == 0);
	CU_ASSERT(
		hz_counter_set_has(&drops, HZ_COUNTER_drop_arp)); /* one of those that came later */
	CU_ASSERT(!hz_counter_set_has(&drops, HZ_COUNTER_challenge_ack));
}

static void counter_set_tells_all_counters_apart(void)
{
	for (unsigned i = 0; i < HZ_COUNTERS_MAX; i++) {
		struct hz_counter_set set = { 0 };

		hz_counter_set_add(&set, i);
		for (unsigned j = 0; j < HZ_COUNTERS_MAX; j++)
			CU_ASSERT_EQUAL(hz_counter_set_has(&set, j), j == i);
	}
}

HZ_SUITE(slot, CASE(slot_counts_and_records_in_the_named_place),
         CASE(slot_counter_names_are_those_of_the_table_and_distinct),
         CASE(slot_drops_are_the_counters_named_drop), CASE(counter_set_tells_all_counters_apart));
