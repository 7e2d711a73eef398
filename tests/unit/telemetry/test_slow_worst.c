/* The longest answers of a second. */
#include "core/rng.h"
#include "hz_test.h"
#include "telemetry/slow_worst.h"
#include <stdlib.h>

#define ROOM 100u

static struct hz_slow_worst worst;
static uint64_t offered; /* counts up: the time of each */

static void begin(uint32_t room)
{
	CU_ASSERT_EQUAL_FATAL(hz_slow_worst_open(&worst, room), 0);
	offered = 0;
}

static uint32_t offer(uint32_t most, uint64_t total_ns)
{
	const struct hz_event_slow record = {
		.header.time_ns = ++offered,
		.stage_ns = { [HZ_STAGE_TOTAL] = total_ns },
	};

	return hz_slow_worst_offer(&worst, most, &record);
}

static int longest_first(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a < b) - (a > b);
}

/* The kept ones are those of an exact sort, and none is counted twice or not at all. */
static void kept_are_the_longest_of_any(void)
{
	uint64_t total[1000], kept[ROOM];
	struct hz_rng rng;

	hz_rng_seed(&rng, 7);
	for (unsigned round = 0; round < 200; round++) {
		uint32_t count = (uint32_t)(hz_rng_next(&rng) % 1000) + 1;
		uint32_t most = (uint32_t)(hz_rng_next(&rng) % (ROOM + 1)), refused = 0;

		begin(ROOM);
		for (uint32_t i = 0; i < count; i++) {
			total[i] = hz_rng_next(&rng) % (round % 2 == 0 ? 50 : 1000000);
			refused += offer(most, total[i]);
		}
		CU_ASSERT_EQUAL_FATAL(worst.count, count < most ? count : most);
		CU_ASSERT_EQUAL(worst.count + refused, count);
		qsort(total, count, sizeof(*total), longest_first);
		for (uint32_t i = 0; i < worst.count; i++)
			kept[i] = worst.record[i].stage_ns[HZ_STAGE_TOTAL];
		qsort(kept, worst.count, sizeof(*kept), longest_first);
		for (uint32_t i = 0; i < worst.count; i++)
			CU_ASSERT_EQUAL(kept[i], total[i]);
		hz_slow_worst_sort(&worst);
		for (uint32_t i = 1; i < worst.count; i++)
			CU_ASSERT(worst.record[i - 1].header.time_ns <
			          worst.record[i].header.time_ns);
		hz_slow_worst_close(&worst);
	}
}

static void earlier_one_stays_among_equals(void)
{
	begin(ROOM);
	CU_ASSERT_EQUAL(offer(2, 5) + offer(2, 5), 0);
	CU_ASSERT_EQUAL(offer(2, 5), 1);
	hz_slow_worst_sort(&worst);
	CU_ASSERT_EQUAL(worst.record[0].header.time_ns, 1);
	CU_ASSERT_EQUAL(worst.record[1].header.time_ns, 2);
	hz_slow_worst_close(&worst);
}

/* telemetry/slow_per_s is set while the second goes on. */
static void fewer_asked_for_refuses_the_shortest(void)
{
	begin(ROOM);
	for (uint64_t i = 1; i <= 10; i++)
		CU_ASSERT_EQUAL(offer(10, 11 - i), 0);
	CU_ASSERT_EQUAL(offer(3, 100), 8);
	hz_slow_worst_sort(&worst);
	CU_ASSERT_EQUAL_FATAL(worst.count, 3);
	CU_ASSERT_EQUAL(worst.record[0].stage_ns[HZ_STAGE_TOTAL], 10);
	CU_ASSERT_EQUAL(worst.record[1].stage_ns[HZ_STAGE_TOTAL], 9);
	CU_ASSERT_EQUAL(worst.record[2].stage_ns[HZ_STAGE_TOTAL], 100);
	CU_ASSERT_EQUAL(offer(0, 1000), 4);
	CU_ASSERT_EQUAL(worst.count, 0);
	hz_slow_worst_close(&worst);
}

static void room_bounds_what_is_asked_for(void)
{
	const struct hz_event_slow record = { .header.time_ns = 1 };

	begin(2);
	CU_ASSERT_EQUAL(offer(ROOM, 1) + offer(ROOM, 2), 0);
	CU_ASSERT_EQUAL(offer(ROOM, 3), 1);
	CU_ASSERT_EQUAL(worst.count, 2);
	hz_slow_worst_close(&worst);
	CU_ASSERT_EQUAL(hz_slow_worst_offer(&worst, ROOM, &record), 1);
	hz_slow_worst_sort(&worst);
	hz_slow_worst_close(&worst);
}

HZ_SUITE(slow_worst, CASE(kept_are_the_longest_of_any), CASE(earlier_one_stays_among_equals),
         CASE(fewer_asked_for_refuses_the_shortest), CASE(room_bounds_what_is_asked_for));
