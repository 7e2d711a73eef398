/* Deltas into columns of two tiers, by clocks of all kinds. */
#include "abi/hist_bucket.h"
#include "collector/stage_series.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
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
		hz_series_tick(series, t, HZ_SERIES_LIVES);
	}
	hz_series_tick(series, end, HZ_SERIES_DEAD);
	CU_ASSERT_EQUAL(series->samples[HZ_STAGE_TOTAL], fed);
	CU_ASSERT_EQUAL(hz_series_last(series, HZ_STAGE_TOTAL, 3600, &sum), 3600);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), fed_near);
	hz_series_tick(series, end + 10, HZ_SERIES_DEAD); /* closes the last 10 s */
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
	hz_series_tick(series, 100, HZ_SERIES_LIVES);
	hz_series_tick(series, 101, HZ_SERIES_DEAD);
	hz_series_tick(series, 102, HZ_SERIES_LIVES);
	hz_series_tick(series, 103, HZ_SERIES_LIVES);
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
		hz_series_tick(series, t, HZ_SERIES_LIVES);
	hz_series_tick(series, 10000, HZ_SERIES_LIVES); /* a little: what is open waits */
	CU_ASSERT_EQUAL(series->open_s, 10029);
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 10001), 0);
	hz_series_tick(series, 6400, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL(series->near.count, 0);
	hz_series_tick(series, 6401, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL(hz_series_last(series, HZ_STAGE_TOTAL, 10, &sum), 1);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), 4);
	hz_series_close(series);
	free(series);
}

/* A tick that came late is no reason not to know the seconds before it; a restart is. */
static void seconds_without_a_tick_are_known_when_the_same_server_lives_on(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));
	struct hz_event_hist_delta delta = delta_of(HZ_STAGE_TOTAL, 1000, 4);

	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, NULL, NULL), 0);
	hz_series_tick(series, 100, HZ_SERIES_LIVES);
	series->is_unbroken = true;
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 103), 0);
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 107), 0);
	series->is_unbroken = false;
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 115), 0);
	CU_ASSERT_PTR_NULL(hz_tier_find(&series->near, 110)); /* nobody said so */
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 105), 0);
	hz_series_tick(series, 130, HZ_SERIES_LIVES_ON);
	for (int64_t t = 100; t < 108; t++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(hz_tier_find(&series->near, t));
	for (int64_t t = 115; t < 130; t++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(hz_tier_find(&series->near, t));
	CU_ASSERT_PTR_NOT_NULL(hz_tier_find(&series->far, 110));
	hz_series_tick(series, 140, HZ_SERIES_LIVES);
	CU_ASSERT_PTR_NOT_NULL(hz_tier_find(&series->near, 130));
	CU_ASSERT_PTR_NULL(hz_tier_find(&series->near, 135));
	hz_series_tick(series, 140 + HZ_SERIES_QUIET_S + 2, HZ_SERIES_LIVES_ON);
	CU_ASSERT_PTR_NULL(hz_tier_find(&series->near, 141));
	hz_series_close(series);
	free(series);
}

static void what_is_open_is_a_column_when_the_series_closes(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));
	struct hz_event_hist_delta delta = delta_of(HZ_STAGE_TOTAL, 1000, 4);
	struct far_seen seen = { 0 };

	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, far_note, &seen), 0);
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 101), 0);
	hz_series_tick(series, 102, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 103), 0);
	hz_series_close(series);
	CU_ASSERT_EQUAL(seen.columns, 1);
	CU_ASSERT_EQUAL(seen.samples, 8);
	free(series);
}

static void newest_column_of_an_earlier_run_is_open_again(void)
{
	struct hz_series *series = calloc(1, sizeof(*series));
	struct hz_event_hist_delta delta = delta_of(HZ_STAGE_TOTAL, 1000, 4);
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	struct far_seen seen = { 0 };
	size_t bytes;

	stage[HZ_STAGE_TOTAL].bucket[77] = 3;
	bytes = hz_hist_pack(stage, packed);
	CU_ASSERT_EQUAL_FATAL(hz_series_open(series, far_note, &seen), 0);
	CU_ASSERT_EQUAL(hz_series_resume(series, 101, packed, bytes), -EINVAL);
	CU_ASSERT_EQUAL(hz_series_resume(series, 100, packed, bytes - 1), -EBADMSG);
	CU_ASSERT_FALSE(series->is_far_known);
	CU_ASSERT_EQUAL(hz_series_resume(series, 100, packed, bytes), 0);
	CU_ASSERT_EQUAL(hz_series_add(series, &delta, delta.header.bytes, 108), 0);
	hz_series_tick(series, 300, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL(seen.columns, 1);
	CU_ASSERT_EQUAL(seen.samples, 7);
	/* while another one is open, it is over */
	CU_ASSERT_EQUAL(hz_series_resume(series, 200, packed, bytes), 0);
	CU_ASSERT_PTR_NOT_NULL(hz_tier_find(&series->far, 200));
	CU_ASSERT_EQUAL(hz_series_resume(series, 300, packed, bytes), 0);
	hz_series_close(series);
	CU_ASSERT_EQUAL(seen.columns, 2);
	CU_ASSERT_EQUAL(seen.samples, 7 + 3);
	free(stage);
	free(packed);
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
	hz_series_tick(series, 51, HZ_SERIES_LIVES);
	(void)hz_series_last(series, HZ_STAGE_TOTAL, 10, &sum);
	CU_ASSERT(sum.max_ns >= 992 && sum.max_ns < 1008); /* the bucket of 1000 */
	CU_ASSERT_EQUAL(sum.sum_ns, 1000);
	hz_series_close(series);
	free(series);
}

HZ_SUITE(series, CASE(samples_of_both_tiers_are_those_that_came),
         CASE(second_without_a_server_is_unknown_not_empty),
         CASE(clock_that_is_set_back_begins_anew_and_loses_no_sample),
         CASE(seconds_without_a_tick_are_known_when_the_same_server_lives_on),
         CASE(what_is_open_is_a_column_when_the_series_closes),
         CASE(newest_column_of_an_earlier_run_is_open_again),
         CASE(largest_of_an_interval_is_not_the_largest_ever));
