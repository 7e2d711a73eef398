/* Packed columns and tiers against exact sums. */
#include "abi/hist_bucket.h"
#include "collector/hist_pack.h"
#include "collector/tier.h"
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

HZ_SUITE(tier, CASE(packed_stages_come_back_exact),
         CASE(fullest_column_fits_and_empty_one_takes_nothing),
         CASE(packed_bytes_cut_or_lying_are_refused_with_nothing_added),
         CASE(sum_of_one_stage_steps_over_the_others),
         CASE(coarse_histogram_keeps_its_count_and_its_quantiles_within_a_sixteenth),
         CASE(full_tier_forgets_the_oldest_and_nothing_else),
         CASE(column_older_than_the_tier_is_long_goes_though_there_is_room));
