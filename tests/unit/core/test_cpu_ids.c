#include "core/cpu_ids.h"
#include <hz_test.h>
#include <sched.h>

static void cpu_ids_list_with_gaps_counts_to_its_largest(void)
{
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0\n", 64), 1);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-3\n", 64), 4);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0,2-5,9\n", 64), 10);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-3,8-11", 64), 12);
}

static void cpu_ids_beyond_the_most_are_the_most(void)
{
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-62\n", 64), 63);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-63\n", 64), 64);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-64\n", 64), 64);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-99999999999999999999999\n", 64), 64);
}

static void cpu_ids_unknown_are_the_most(void)
{
	CU_ASSERT_EQUAL(hz_cpu_ids_in("", 64), 64);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("\n", 64), 64);
	CU_ASSERT_EQUAL(hz_cpu_ids_in("0-\n", 64), 64);
}

static void cpu_ids_of_this_machine_hold_this_cpu(void)
{
	uint32_t ids = hz_cpu_ids(1u << 20);

	CU_ASSERT(ids > (uint32_t)sched_getcpu());
	CU_ASSERT(ids < 1u << 20);
	CU_ASSERT_EQUAL(hz_cpu_ids(1), 1);
}

HZ_SUITE(cpu_ids, CASE(cpu_ids_list_with_gaps_counts_to_its_largest),
         CASE(cpu_ids_beyond_the_most_are_the_most), CASE(cpu_ids_unknown_are_the_most),
         CASE(cpu_ids_of_this_machine_hold_this_cpu));
