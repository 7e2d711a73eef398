/* Refused deltas are not lost; each other kind is. */
#include "telemetry/stream_lost.h"
#include <hz_test.h>

static void refused_deltas_are_not_lost(void)
{
	const struct hz_stream_stats stats = {
		.records = 1, .refused = 2, .samples = 3, .left = 4
	};

	CU_ASSERT_EQUAL(hz_stream_lost_sum(&stats), 0);
}

static void each_other_kind_counts(void)
{
	const struct hz_stream_stats stats = {
		.slow_lost = 1, .shed_lost = 10, .drop_lost = 100, .state_lost = 1000
	};

	CU_ASSERT_EQUAL(hz_stream_lost_sum(&stats), 1111);
}

HZ_SUITE(stream_lost, CASE(refused_deltas_are_not_lost), CASE(each_other_kind_counts));
