/* Packed columns and tiers against exact sums. */
#include "abi/hist_bucket.h"
#include "collector/hist_pack.h"
#include "collector/stage_series.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STAGES_BYTES (HZ_STAGE_COUNT * sizeof(struct hz_hist))

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void packed_stages_come_back_exact(void)
{
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage)), back;
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);
	uint32_t seed = 7;
	size_t bytes;

	for (uint32_t i = 0; i < 400; i++)
		stage[2].bucket[next_random(&seed) % HZ_HIST_BUCKETS] += next_random(&seed);
	stage[2].bucket[0] = 1;
	stage[2].bucket[HZ_HIST_BUCKETS - 1] = UINT64_MAX;
	stage[2].sum_ns = UINT64_MAX - 5;
	stage[2].max_ns = 77;
	stage[5].bucket[9] = 3;
	bytes = hz_hist_pack(stage, packed);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		memset(&back, 0, sizeof(back));
		CU_ASSERT_EQUAL(hz_hist_unpack(packed, bytes, i, &back), 0);
		CU_ASSERT_EQUAL(memcmp(&back, &stage[i], sizeof(back)), 0);
	}
	free(packed);
	free(stage);
}

static void fullest_column_fits_and_empty_one_takes_nothing(void)
{
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);

	CU_ASSERT_EQUAL(hz_hist_pack(stage, packed), 0);
	memset(stage, 0xff, STAGES_BYTES);
	CU_ASSERT(hz_hist_pack(stage, packed) <= HZ_HIST_PACK_MAX);
	free(packed);
	free(stage);
}

static void packed_bytes_cut_or_lying_are_refused_with_nothing_added(void)
{
	/* stage, sum, max, bytes, then pairs */
	static const uint8_t beyond[] = { 0, 1, 1, 3, 0x80, 0x08, 1 }; /* bucket 1024 */
	static const uint8_t stage[] = { 8, 1, 1, 2, 0, 1 };           /* no such stage */
	static const uint8_t long_pairs[] = { 0, 1, 1, 9, 0, 1 };      /* more than there is */
	static const uint8_t half_pair[] = { 0, 1, 1, 1, 0 };
	static const uint8_t wide[] = {
		0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2
	};
	static const struct {
		const uint8_t *bytes;
		size_t count;
	} rows[] = { { beyond, sizeof(beyond) },
		     { stage, sizeof(stage) },
		     { long_pairs, sizeof(long_pairs) },
		     { half_pair, sizeof(half_pair) },
		     { wide, sizeof(wide) } };
	static const uint8_t good[] = { 0, 5, 4, 2, 3, 1 };
	struct hz_hist hist = { 0 }, none = { 0 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		CU_ASSERT_EQUAL(hz_hist_unpack(rows[i].bytes, rows[i].count, 0, &hist), -EBADMSG);
	for (size_t i = 1; i < sizeof(good); i++)
		CU_ASSERT_EQUAL(hz_hist_unpack(good, i, 0, &hist), -EBADMSG);
	CU_ASSERT_EQUAL(memcmp(&hist, &none, sizeof(hist)), 0);
	CU_ASSERT_EQUAL(hz_hist_unpack(good, sizeof(good), 0, &hist), 0);
	CU_ASSERT_EQUAL(hist.bucket[3], 1);
	CU_ASSERT_EQUAL(hist.sum_ns, 5);
}

static void sum_of_one_stage_steps_over_the_others(void)
{
	/* Stage 0 lies about its buckets, which takes looking into them to find. */
	static const uint8_t bytes[] = { 0, 1, 1, 3, 0x80, 0x08, 1, 1, 5, 4, 2, 3, 7 };
	struct hz_hist hist = { 0 };

	CU_ASSERT_EQUAL(hz_hist_unpack(bytes, sizeof(bytes), 1, &hist), -EBADMSG);
	CU_ASSERT_EQUAL(hz_hist_sum(bytes, sizeof(bytes), 1, &hist), 0);
	CU_ASSERT_EQUAL(hz_hist_count(&hist), 7);
	CU_ASSERT_EQUAL(hist.bucket[3], 7);
	CU_ASSERT_EQUAL(hz_hist_sum(bytes, sizeof(bytes), 0, &hist), -EBADMSG);
	CU_ASSERT_EQUAL(hz_hist_sum(bytes, sizeof(bytes) - 1, 1, &hist), -EBADMSG);
	CU_ASSERT_EQUAL(hz_hist_sum(bytes, 0, 1, &hist), 0);
}

static void coarse_histogram_keeps_its_count_and_its_quantiles_within_a_sixteenth(void)
{
	struct hz_hist hist = { 0 }, coarse;
	uint32_t seed = 3;

	for (uint32_t i = 0; i < 20000; i++)
		hz_hist_record(&hist, 200 + next_random(&seed) % 5000000);
	coarse = hist;
	hz_hist_coarsen(&coarse);
	CU_ASSERT_EQUAL(hz_hist_count(&coarse), hz_hist_count(&hist));
	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++)
		CU_ASSERT_FATAL(i % 4 == 2 || coarse.bucket[i] == 0);
	for (uint32_t part = 100000; part < 1000000; part += 100000) {
		double fine = (double)hz_hist_quantile_ns(&hist, part);
		double rough = (double)hz_hist_quantile_ns(&coarse, part);

		CU_ASSERT(rough > fine * (1 - 1.0 / 16) && rough < fine * (1 + 1.0 / 16));
	}
}

/* A column whose content tells its time. */
static size_t column_make(uint64_t tag, size_t pad, uint8_t *packed)
{
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	size_t bytes;

	stage[0].bucket[tag % HZ_HIST_BUCKETS] = tag + 1;
	for (size_t i = 0; i < pad; i++)
		stage[1].bucket[i] = 1;
	bytes = hz_hist_pack(stage, packed);
	free(stage);
	return bytes;
}

static void full_tier_forgets_the_oldest_and_nothing_else(void)
{
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);
	struct hz_tier tier;
	uint32_t seed = 11, kept = 0;
	int64_t last = 0;

	CU_ASSERT_EQUAL_FATAL(hz_tier_open(&tier, 10, 50, 4000), 0);
	for (int64_t i = 1; i <= 3000; i++) {
		size_t bytes = column_make((uint64_t)i, next_random(&seed) % 200, packed);
		struct hz_hist sum = { 0 };

		last = i * 10;
		CU_ASSERT_EQUAL_FATAL(hz_tier_put(&tier, last, packed, i % 7 == 0 ? 0 : bytes), 0);
		CU_ASSERT_FATAL(tier.count >= 1 && tier.count <= 50);
		CU_ASSERT_FATAL(hz_tier_used(&tier) <= 4000 + 50 * sizeof(struct hz_tier_column));
		kept = tier.count;
		for (int64_t t = last; t > last - 10 * (int64_t)kept; t -= 10) {
			const struct hz_tier_column *column = hz_tier_find(&tier, t);

			CU_ASSERT_PTR_NOT_NULL_FATAL(column);
			memset(&sum, 0, sizeof(sum));
			CU_ASSERT_EQUAL_FATAL(hz_tier_unpack(&tier, column, 0, &sum), 0);
			CU_ASSERT_EQUAL_FATAL(sum.bucket[(t / 10) % HZ_HIST_BUCKETS],
			                      (t / 10) % 7 == 0 ? 0 : (uint64_t)t / 10 + 1);
		}
		CU_ASSERT_PTR_NULL(hz_tier_find(&tier, last - 10 * (int64_t)kept));
	}
	CU_ASSERT(kept >= 8); /* 4000 bytes of at most 420 */
	CU_ASSERT_EQUAL(hz_tier_put(&tier, last, packed, 1), -EINVAL);
	CU_ASSERT_EQUAL(hz_tier_put(&tier, last + 5, packed, 1), -EINVAL);
	CU_ASSERT_EQUAL(hz_tier_put(&tier, last + 10, packed, 4001), -EINVAL);
	hz_tier_close(&tier);
	free(packed);
}

static void column_older_than_the_tier_is_long_goes_though_there_is_room(void)
{
	struct hz_tier tier;
	uint8_t byte[8] = { 0 };

	CU_ASSERT_EQUAL_FATAL(hz_tier_open(&tier, 1, 100, 4096), 0);
	CU_ASSERT_EQUAL(hz_tier_put(&tier, 1000, byte, 0), 0);
	CU_ASSERT_EQUAL(hz_tier_put(&tier, 1099, byte, 0), 0);
	CU_ASSERT_EQUAL(tier.count, 2);
	CU_ASSERT_EQUAL(hz_tier_put(&tier, 1100, byte, 0), 0);
	CU_ASSERT_PTR_NULL(hz_tier_find(&tier, 1000));
	CU_ASSERT_PTR_NOT_NULL(hz_tier_find(&tier, 1099));
	CU_ASSERT_PTR_NULL(hz_tier_find(&tier, 1050));
	hz_tier_close(&tier);
}

static struct hz_event_hist_delta delta_of(uint32_t stage, uint64_t ns, uint32_t gained)
{
	struct hz_event_hist_delta delta = { 0 };

	delta.header.kind = HZ_EVENT_HIST_DELTA;
	delta.header.bytes =
		(__u32)(offsetof(struct hz_event_hist_delta, pair) + sizeof(delta.pair[0]));
	delta.stage = stage;
	delta.pair_count = 1;
	delta.sum_ns = ns * gained;
	delta.max_ns = ns;
	delta.pair[0].bucket = hz_hist_bucket(ns);
	delta.pair[0].gained = gained;
	return delta;
}

struct far_seen {
	uint32_t columns;
	uint64_t samples;
};

static void far_note(void *ctx, int64_t unix_s, const uint8_t *packed, size_t bytes)
{
	struct far_seen *seen = ctx;
	struct hz_hist hist = { 0 };

	CU_ASSERT_EQUAL(unix_s % 10, 0);
	CU_ASSERT_EQUAL(hz_hist_unpack(packed, bytes, HZ_STAGE_TOTAL, &hist), 0);
	seen->columns++;
	seen->samples += hz_hist_count(&hist);
}

/* Two hours of a hostile clock: seconds without records, records that come late, a gap. */
static void samples_of_both_tiers_are_those_that_came(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));
	struct far_seen seen = { 0 };
	struct hz_hist sum;
	uint64_t fed = 0, fed_near = 0;
	uint32_t seed = 5;
	int64_t begin = 1000000, end = begin + 7205;

	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, far_note, &seen), 0);
	for (int64_t t = begin; t < end; t++) {
		uint32_t count = next_random(&seed) % 4;

		if (t > begin + 100 && t < begin + 180)
			continue; /* the collector stood still */
		for (uint32_t i = 0; i < count; i++) {
			uint32_t gained = next_random(&seed) % 1000 + 1;
			struct hz_event_hist_delta delta =
				delta_of(HZ_STAGE_TOTAL, 500 + next_random(&seed) % 90000, gained);
			int64_t late = i == 2 ? 3 : 0;

			CU_ASSERT_EQUAL_FATAL(
				hz_series_add(series, &delta, delta.header.bytes, t - late), 0);
			fed += gained;
			if (t >= end - 3600)
				fed_near += gained;
		}
		hz_series_tick(series, t, true);
	}
	hz_series_tick(series, end, false);
	CU_ASSERT_EQUAL(series->samples[HZ_STAGE_TOTAL], fed);
	CU_ASSERT_EQUAL(hz_series_last(series, HZ_STAGE_TOTAL, 3600, &sum), 3600);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), fed_near);
	hz_series_tick(series, end + 10, false); /* closes the last 10 s */
	CU_ASSERT_EQUAL(seen.samples, fed);
	CU_ASSERT_EQUAL(hz_series_last(series, HZ_STAGE_TOTAL, 86400, &sum), 10 * seen.columns);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), fed);
	CU_ASSERT_PTR_NULL(hz_tier_find(&series->far, begin + 120));
	CU_ASSERT_EQUAL(hz_series_last(series, HZ_STAGE_PARSE, 86400, &sum), 10 * seen.columns);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), 0);
	hz_series_close(series);
	free(series);
}

static void second_without_a_server_is_unknown_not_empty(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));

	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, NULL, NULL), 0);
	hz_series_tick(series, 100, true);
	hz_series_tick(series, 101, false);
	hz_series_tick(series, 102, true);
	hz_series_tick(series, 103, true);
	CU_ASSERT_PTR_NOT_NULL(hz_tier_find(&series->near, 100));
	CU_ASSERT_PTR_NULL(hz_tier_find(&series->near, 101));
	CU_ASSERT_PTR_NOT_NULL(hz_tier_find(&series->near, 102));
	hz_series_close(series);
	free(series);
}

static void clock_that_is_set_back_begins_anew_and_loses_no_sample(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));
	struct hz_event_hist_delta delta = delta_of(HZ_STAGE_TOTAL, 1000, 4);
	struct hz_hist sum;

	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, NULL, NULL), 0);
	for (int64_t t = 10000; t < 10030; t++)
		hz_series_tick(series, t, true);
	hz_series_tick(series, 10000, true); /* a little: what is open waits */
	CU_ASSERT_EQUAL(series->open_s, 10029);
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 10001), 0);
	hz_series_tick(series, 6400, true);
	CU_ASSERT_EQUAL(series->near.count, 0);
	hz_series_tick(series, 6401, true);
	CU_ASSERT_EQUAL(hz_series_last(series, HZ_STAGE_TOTAL, 10, &sum), 1);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), 4);
	hz_series_close(series);
	free(series);
}

static void largest_of_an_interval_is_not_the_largest_ever(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));
	struct hz_event_hist_delta delta = delta_of(HZ_STAGE_TOTAL, 1000, 1);
	struct hz_hist sum;

	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, NULL, NULL), 0);
	delta.max_ns = 5000000000; /* long ago */
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 50), 0);
	delta.pair_count = HZ_DELTA_PAIRS + 1;
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 50), -EBADMSG);
	hz_series_tick(series, 51, true);
	(void)hz_series_last(series, HZ_STAGE_TOTAL, 10, &sum);
	CU_ASSERT(sum.max_ns >= 992 && sum.max_ns < 1008); /* the bucket of 1000 */
	CU_ASSERT_EQUAL(sum.sum_ns, 1000);
	hz_series_close(series);
	free(series);
}

HZ_SUITE(tier, CASE(packed_stages_come_back_exact),
         CASE(fullest_column_fits_and_empty_one_takes_nothing),
         CASE(packed_bytes_cut_or_lying_are_refused_with_nothing_added),
         CASE(sum_of_one_stage_steps_over_the_others),
         CASE(coarse_histogram_keeps_its_count_and_its_quantiles_within_a_sixteenth),
         CASE(full_tier_forgets_the_oldest_and_nothing_else),
         CASE(column_older_than_the_tier_is_long_goes_though_there_is_room),
         CASE(samples_of_both_tiers_are_those_that_came),
         CASE(second_without_a_server_is_unknown_not_empty),
         CASE(clock_that_is_set_back_begins_anew_and_loses_no_sample),
         CASE(largest_of_an_interval_is_not_the_largest_ever));
