#include "core/base.h"
#include "core/clock.h"
#include <hz_test.h>
#include <time.h>

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void nap_ms(long ms)
{
	const struct timespec nap = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&nap, NULL);
}

/* How far the clock is from CLOCK_MONOTONIC: the smallest of a few, so that a preemption between two
 * readings does not count. */
static uint64_t drift_ns(const struct hz_clock *clock)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 100; i++) {
		uint64_t before = hz_clock_monotonic_ns();
		uint64_t shown = hz_clock_now_ns(clock);
		uint64_t after = hz_clock_monotonic_ns();
		uint64_t drift = apart(shown, before + (after - before) / 2);

		best = HZ_MIN(best, drift);
	}
	return best;
}

static void clock_after_open_is_near_monotonic(void)
{
	struct hz_clock clock;

	CU_ASSERT_EQUAL(hz_clock_open(&clock), 0);
	CU_ASSERT_TRUE(drift_ns(&clock) < 50 * HZ_NS_PER_US);
	nap_ms(300);
	/* 300 ms at 100 ppm, far more than calibration leaves. */
	CU_ASSERT_TRUE(drift_ns(&clock) < 80 * HZ_NS_PER_US);
}

static void clock_anchored_repeatedly_stays_near_and_monotone(void)
{
	struct hz_clock clock;
	uint64_t last;

	CU_ASSERT_EQUAL_FATAL(hz_clock_open(&clock), 0);
	last = hz_clock_now_ns(&clock);
	for (unsigned round = 0; round < 20; round++) {
		nap_ms(round % 4 == 0 ? 1 : 15);
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t now;

			if (i % 500 == 0)
				hz_clock_anchor(&clock);
			now = hz_clock_now_ns(&clock);
			CU_ASSERT_TRUE_FATAL(now >= last);
			last = now;
		}
	}
	CU_ASSERT_TRUE(drift_ns(&clock) < 50 * HZ_NS_PER_US);
}

static void clock_ahead_of_time_is_slowed_and_never_steps_back(void)
{
	struct hz_clock clock;
	uint64_t before, ahead_ns = 200 * HZ_NS_PER_US;

	CU_ASSERT_EQUAL_FATAL(hz_clock_open(&clock), 0);
	if (clock.mult == 0)
		HZ_SKIP("no invariant TSC on this machine");
	clock.ns_base += ahead_ns;
	before = hz_clock_now_ns(&clock);
	hz_clock_anchor(&clock);
	CU_ASSERT_TRUE(hz_clock_now_ns(&clock) >= before);
	nap_ms(500); /* half of the second in which it is worked off */
	CU_ASSERT_TRUE(drift_ns(&clock) < ahead_ns * 3 / 4);
	hz_clock_anchor(&clock);
	CU_ASSERT_TRUE(drift_ns(&clock) < ahead_ns * 3 / 4);
}

static void clock_after_a_jump_of_the_counter_starts_again_from_real_time(void)
{
	struct hz_clock clock;
	uint64_t mult;

	CU_ASSERT_EQUAL_FATAL(hz_clock_open(&clock), 0);
	if (clock.mult == 0)
		HZ_SKIP("no invariant TSC on this machine");
	mult = clock.mult;
	nap_ms(20);
	clock.tsc_base -= 1ULL << 40; /* as if it had run on through a suspend */
	hz_clock_anchor(&clock);
	CU_ASSERT_EQUAL(clock.mult, mult);
	CU_ASSERT_TRUE(drift_ns(&clock) < 50 * HZ_NS_PER_US);
}

static void clock_without_counter_reads_monotonic(void)
{
	struct hz_clock clock = { 0 };

	hz_clock_anchor(&clock);
	CU_ASSERT_EQUAL(clock.mult, 0);
	CU_ASSERT_TRUE(drift_ns(&clock) < HZ_NS_PER_MS);
}

HZ_SUITE(clock, CASE(clock_after_open_is_near_monotonic),
         CASE(clock_anchored_repeatedly_stays_near_and_monotone),
         CASE(clock_ahead_of_time_is_slowed_and_never_steps_back),
         CASE(clock_after_a_jump_of_the_counter_starts_again_from_real_time),
         CASE(clock_without_counter_reads_monotonic));
