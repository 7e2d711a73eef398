#include "core/base.h"
#include "core/rng.h"
#include "telemetry/hist.h"
#include <hz_test.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 1000000u

static void bucket_ranges_are_contiguous_and_map_to_themselves(void)
{
	unsigned wrong = 0;

	CU_ASSERT_EQUAL(hz_hist_bucket_low(0), 0);
	for (__u32 b = 0; b < HZ_HIST_BUCKETS; b++) {
		__u64 low = hz_hist_bucket_low(b);
		__u64 high = low + hz_hist_bucket_width(b) - 1;
		__u64 value = hz_hist_bucket_value(b);

		wrong += hz_hist_bucket(low) != b || hz_hist_bucket(high) != b;
		wrong += value < low || value > high;
		wrong += hz_hist_bucket(value) != b;
		if (b + 1 < HZ_HIST_BUCKETS)
			wrong += hz_hist_bucket_low(b + 1) != high + 1;
		else
			wrong += high != HZ_HIST_MAX_NS;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Exhaustive where it is cheap, the edges and the middle of every bucket beyond. */
static void bucket_value_is_within_one_64th(void)
{
	unsigned wrong = 0;

	for (__u64 v = 0; v < 1u << 20; v++) {
		__u64 value = hz_hist_bucket_value(hz_hist_bucket(v));
		__u64 apart = v > value ? v - value : value - v;

		wrong += apart * 64 > v;
		wrong += v > 0 && hz_hist_bucket(v) < hz_hist_bucket(v - 1);
	}
	for (__u32 b = 0; b < HZ_HIST_BUCKETS; b++) {
		__u64 low = hz_hist_bucket_low(b);
		__u64 value = hz_hist_bucket_value(b);
		__u64 high = low + hz_hist_bucket_width(b) - 1;

		wrong += (value - low) * 64 > low || (high - value) * 64 > high;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void bucket_of_value_beyond_range_is_the_last(void)
{
	CU_ASSERT_EQUAL(hz_hist_bucket(HZ_HIST_MAX_NS), HZ_HIST_BUCKETS - 1);
	CU_ASSERT_EQUAL(hz_hist_bucket(HZ_HIST_MAX_NS + 1), HZ_HIST_BUCKETS - 1);
	CU_ASSERT_EQUAL(hz_hist_bucket(UINT64_MAX), HZ_HIST_BUCKETS - 1);
}

static void record_keeps_sum_extremes_and_overflow(void)
{
	struct hz_hist hist = { 0 };

	hz_hist_record(&hist, 500);
	hz_hist_record(&hist, 70);
	hz_hist_record(&hist, 900);
	hz_hist_record(&hist, HZ_HIST_MAX_NS + 5);
	CU_ASSERT_EQUAL(hz_hist_count(&hist), 4);
	CU_ASSERT_EQUAL(hist.sum_ns, 1470 + HZ_HIST_MAX_NS + 5);
	CU_ASSERT_EQUAL(hist.min_ns, 70);
	CU_ASSERT_EQUAL(hist.max_ns, HZ_HIST_MAX_NS + 5);
	CU_ASSERT_EQUAL(hist.overflow, 1);
	CU_ASSERT_EQUAL(hist.bucket[HZ_HIST_BUCKETS - 1], 1);
}

static int u64_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Latencies as they come: a log-uniform body from 100 ns to 1 s. */
static uint64_t sample_draw(struct hz_rng *rng)
{
	uint64_t scale = 1ULL << (7 + hz_rng_below(rng, 23));

	return 100 + hz_rng_below(rng, scale);
}

static void quantiles_match_exact_sort_of_million_samples(void)
{
	static const uint32_t per_million[] = { 0,      1000,   10000,  500000, 900000,
		                                990000, 999000, 999900, 999999, 1000000 };
	uint64_t *sample = malloc(SAMPLES * sizeof(*sample));
	struct hz_hist *hist = calloc(1, sizeof(*hist));
	struct hz_rng rng;

	CU_ASSERT_PTR_NOT_NULL_FATAL(sample);
	CU_ASSERT_PTR_NOT_NULL_FATAL(hist);
	hz_rng_seed(&rng, 11);
	for (size_t i = 0; i < SAMPLES; i++) {
		sample[i] = sample_draw(&rng);
		hz_hist_record(hist, sample[i]);
	}
	qsort(sample, SAMPLES, sizeof(*sample), u64_compare);
	CU_ASSERT_EQUAL(hz_hist_count(hist), SAMPLES);
	for (size_t i = 0; i < HZ_ARRAY_LEN(per_million); i++) {
		size_t rank = (size_t)per_million[i] * SAMPLES / 1000000;
		uint64_t exact = sample[rank == 0 ? 0 : rank - 1];
		uint64_t shown = hz_hist_quantile_ns(hist, per_million[i]);
		uint64_t apart = shown > exact ? shown - exact : exact - shown;

		CU_ASSERT_TRUE(apart * 1000 <= exact * 16); /* 1.6 % */
		CU_ASSERT_EQUAL(hz_hist_bucket(shown), hz_hist_bucket(exact));
	}
	free(hist);
	free(sample);
}

static void quantile_of_few_samples_rounds_up(void)
{
	struct hz_hist hist = { 0 };

	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 500000), 0);
	hz_hist_record(&hist, 10);
	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 0), 10);
	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 1000000), 10);
	hz_hist_record(&hist, 20);
	hz_hist_record(&hist, 30);
	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 333333), 10);
	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 333334), 20);
	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 500000), 20);
	CU_ASSERT_EQUAL(hz_hist_quantile_ns(&hist, 666667), 30);
}

static void merge_equals_recording_into_one(void)
{
	struct hz_hist part[3] = { 0 }, whole = { 0 }, merged = { 0 };
	struct hz_rng rng;

	hz_rng_seed(&rng, 12);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t ns = sample_draw(&rng) << (i % 1000 == 0 ? 20 : 0);

		hz_hist_record(&part[i % 2], ns); /* part[2] stays empty */
		hz_hist_record(&whole, ns);
	}
	for (unsigned i = 0; i < 3; i++)
		hz_hist_merge(&merged, &part[i]);
	CU_ASSERT_TRUE(whole.overflow > 0);
	CU_ASSERT_EQUAL(memcmp(&merged, &whole, sizeof(whole)), 0);
}

static void since_gives_the_samples_of_the_interval(void)
{
	struct hz_hist now = { 0 }, then, gained, expected = { 0 };
	struct hz_rng rng;

	hz_rng_seed(&rng, 13);
	hz_hist_record(&now, 1);          /* before: smaller and larger */
	hz_hist_record(&now, 5000000000); /* than what comes later */
	then = now;
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t ns = sample_draw(&rng);

		hz_hist_record(&now, ns);
		hz_hist_record(&expected, ns);
	}
	hz_hist_since(&gained, &now, &then);
	CU_ASSERT_EQUAL(memcmp(gained.bucket, expected.bucket, sizeof(expected.bucket)), 0);
	CU_ASSERT_EQUAL(gained.sum_ns, expected.sum_ns);
	CU_ASSERT_EQUAL(gained.overflow, 0);
	CU_ASSERT_EQUAL(hz_hist_bucket(gained.min_ns), hz_hist_bucket(expected.min_ns));
	CU_ASSERT_EQUAL(hz_hist_bucket(gained.max_ns), hz_hist_bucket(expected.max_ns));
	CU_ASSERT_TRUE(gained.min_ns <= expected.min_ns);
	CU_ASSERT_TRUE(gained.max_ns >= expected.max_ns);
	hz_hist_since(&now, &now, &then); /* in place */
	CU_ASSERT_EQUAL(memcmp(&now, &gained, sizeof(now)), 0);
}

static void since_with_overflow_shows_the_true_maximum(void)
{
	struct hz_hist now = { 0 }, then = { 0 }, gained;

	hz_hist_record(&now, 3 * HZ_HIST_MAX_NS);
	hz_hist_since(&gained, &now, &then);
	CU_ASSERT_EQUAL(gained.max_ns, 3 * HZ_HIST_MAX_NS);
	CU_ASSERT_EQUAL(gained.overflow, 1);
}

static void since_of_nothing_or_a_new_map_is_empty(void)
{
	struct hz_hist now = { 0 }, then = { 0 }, zero = { 0 }, gained;

	hz_hist_record(&now, 1000);
	hz_hist_since(&gained, &now, &now);
	CU_ASSERT_EQUAL(memcmp(&gained, &zero, sizeof(zero)), 0);
	for (unsigned i = 0; i < 9; i++)
		hz_hist_record(&then, 1000);
	hz_hist_since(&gained, &now, &then);
	CU_ASSERT_EQUAL(memcmp(&gained, &zero, sizeof(zero)), 0);
}

static void pct_fills_all_but_stage_and_time(void)
{
	struct hz_latency_pct pct = { .stage = "total", .updated_unix = 99 };
	struct hz_hist hist = { 0 };

	for (uint64_t i = 1; i <= 1000; i++)
		hz_hist_record(&hist, i * 1000);
	hz_hist_pct(&pct, &hist, 400, 2 * HZ_NS_PER_S);
	CU_ASSERT_STRING_EQUAL(pct.stage, "total");
	CU_ASSERT_EQUAL(pct.updated_unix, 99);
	CU_ASSERT_EQUAL(pct.count, 1000);
	CU_ASSERT_EQUAL(pct.rate_per_s, 300);
	CU_ASSERT_EQUAL(pct.mean_ns, 500500);
	CU_ASSERT_EQUAL(hz_hist_bucket(pct.p50_ns), hz_hist_bucket(500000));
	CU_ASSERT_EQUAL(hz_hist_bucket(pct.p90_ns), hz_hist_bucket(900000));
	CU_ASSERT_EQUAL(hz_hist_bucket(pct.p99_ns), hz_hist_bucket(990000));
	CU_ASSERT_EQUAL(hz_hist_bucket(pct.p999_ns), hz_hist_bucket(999000));
	CU_ASSERT_TRUE(pct.p9999_ns <= pct.max_ns && pct.p999_ns <= pct.p9999_ns);
	CU_ASSERT_EQUAL(pct.max_ns, 1000000);
}

static void pct_of_empty_is_zero_without_division(void)
{
	struct hz_latency_pct pct;
	struct hz_hist hist = { 0 };

	memset(&pct, 0xff, sizeof(pct));
	hz_hist_pct(&pct, &hist, 5, 0);
	CU_ASSERT_EQUAL(pct.count, 0);
	CU_ASSERT_EQUAL(pct.rate_per_s, 0);
	CU_ASSERT_EQUAL(pct.mean_ns, 0);
	CU_ASSERT_EQUAL(pct.p50_ns, 0);
	CU_ASSERT_EQUAL(pct.max_ns, 0);
}

#define CONCURRENT 200000u

static void *record_many(void *ctx)
{
	struct hz_hist *hist = ctx;

	for (uint64_t i = 1; i <= CONCURRENT; i++)
		hz_hist_record(hist, i);
	return NULL;
}

/* Under SAN=tsan: reading while the worker records is no race. */
static void merge_while_being_recorded_grows_to_the_end(void)
{
	struct hz_hist *live = calloc(1, sizeof(*live));
	uint64_t last = 0, backwards = 0;
	pthread_t thread;

	CU_ASSERT_PTR_NOT_NULL_FATAL(live);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, record_many, live), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct hz_hist merged = { 0 };
		uint64_t count;

		hz_hist_merge(&merged, live);
		count = hz_hist_count(&merged);
		backwards += count < last;
		last = count;
	}
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(backwards, 0);
	CU_ASSERT_EQUAL(hz_hist_count(live), CONCURRENT);
	free(live);
}

static void hist_is_unused_until_its_first_sample_also_of_0_ns(void)
{
	for (uint64_t ns = 0; ns < 3000; ns += 1000) {
		struct hz_hist hist = { 0 };

		CU_ASSERT(hz_hist_is_unused(&hist));
		hz_hist_record(&hist, ns);
		CU_ASSERT(!hz_hist_is_unused(&hist));
	}
}

HZ_SUITE(hist, CASE(bucket_ranges_are_contiguous_and_map_to_themselves),
         CASE(bucket_value_is_within_one_64th), CASE(bucket_of_value_beyond_range_is_the_last),
         CASE(record_keeps_sum_extremes_and_overflow),
         CASE(quantiles_match_exact_sort_of_million_samples),
         CASE(quantile_of_few_samples_rounds_up), CASE(merge_equals_recording_into_one),
         CASE(since_gives_the_samples_of_the_interval),
         CASE(since_with_overflow_shows_the_true_maximum),
         CASE(since_of_nothing_or_a_new_map_is_empty), CASE(pct_fills_all_but_stage_and_time),
         CASE(pct_of_empty_is_zero_without_division),
         CASE(hist_is_unused_until_its_first_sample_also_of_0_ns),
         CASE(merge_while_being_recorded_grows_to_the_end));
