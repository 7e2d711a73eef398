/* Counts below powers of two are exact, whatever the samples. */
#include "core/base.h"
#include "telemetry/hist.h"
#include "telemetry/hist_log2.h"
#include <hz_test.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t exponent;
	size_t offset;
} bounds[] = {
#define HZ_LOG2_BOUND(name, exponent)                                                              \
	{ #name, exponent, offsetof(struct hz_latency_log2, le_##name) },
#include "abi/log2_bounds.def"
#undef HZ_LOG2_BOUND
};
#define BOUNDS HZ_ARRAY_LEN(bounds)

static uint64_t below(const struct hz_latency_log2 *log2, size_t bound)
{
	uint64_t count;

	memcpy(&count, (const char *)log2 + bounds[bound].offset, sizeof(count));
	return count;
}

/* 512ns is 2^9, 1us 2^10, 2s 2^31. */
static uint32_t exponent_of(const char *name)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	char *unit;
	unsigned long number = strtoul(name, &unit, 10);
	uint32_t exponent = 0;

	while (strcmp(unit, units[exponent / 10]) != 0)
		exponent += 10;
	while (number > 1) {
		CU_ASSERT_EQUAL(number % 2, 0);
		number /= 2;
		exponent++;
	}
	return exponent;
}

static void bound_is_the_power_of_two_that_its_name_says(void)
{
	for (size_t i = 0; i < BOUNDS; i++)
		CU_ASSERT_EQUAL(exponent_of(bounds[i].name), bounds[i].exponent);
	CU_ASSERT_EQUAL(bounds[0].exponent, 8);
	for (size_t i = 1; i < BOUNDS; i++)
		CU_ASSERT_EQUAL(bounds[i].exponent, bounds[i - 1].exponent + 1);
	CU_ASSERT_EQUAL(bounds[BOUNDS - 1].exponent, 31);
}

/* One below, one at and one above each bound. */
static void sample_at_a_bound_counts_above_it(void)
{
	for (size_t i = 0; i < BOUNDS; i++) {
		uint64_t bound_ns = 1ULL << bounds[i].exponent;
		struct hz_latency_log2 log2 = { 0 };
		struct hz_hist hist = { 0 };

		hz_hist_record(&hist, bound_ns - 1);
		hz_hist_record(&hist, bound_ns);
		hz_hist_record(&hist, bound_ns + 1);
		hz_hist_log2_fill(&log2, &hist);
		for (size_t other = 0; other < BOUNDS; other++)
			CU_ASSERT_EQUAL(below(&log2, other), other < i ? 0 : other == i ? 1 : 3);
		CU_ASSERT_EQUAL(log2.le_inf, 3);
	}
}

static void random_samples_are_counted_exactly(void)
{
	struct hz_latency_log2 log2 = { .stage = "total", .updated_unix = 9 };
	uint64_t want[BOUNDS] = { 0 };
	struct hz_hist hist = { 0 };

	srandom(11);
	for (uint32_t i = 0; i < 100000; i++) {
		uint64_t ns = ((uint64_t)random() << 31 | (uint64_t)random()) >> random() % 62;

		hz_hist_record(&hist, ns);
		for (size_t bound = 0; bound < BOUNDS; bound++)
			want[bound] += ns < 1ULL << bounds[bound].exponent;
	}
	hz_hist_log2_fill(&log2, &hist);
	for (size_t bound = 0; bound < BOUNDS; bound++)
		CU_ASSERT_EQUAL(below(&log2, bound), want[bound]);
	CU_ASSERT_EQUAL(log2.le_inf, 100000);
	CU_ASSERT_STRING_EQUAL(log2.stage, "total");
	CU_ASSERT_EQUAL(log2.updated_unix, 9);
}

HZ_SUITE(hist_log2, CASE(bound_is_the_power_of_two_that_its_name_says),
         CASE(sample_at_a_bound_counts_above_it), CASE(random_samples_are_counted_exactly));
