/* Two minutes of latency in hzctl top. */
#include "../../../tools/hzctl/top_data.h"
#include "abi/hist_bucket.h"
#include "core/rng.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include "top_rig.h"
#include <stdlib.h>
#include <string.h>

static uint32_t heat_row(uint64_t ns)
{
	return hz_heat_rows_of(hz_hist_bucket(ns));
}

static void heat_rows_are_ascending_and_hold_their_values(void)
{
	unsigned wrong = 0;

	for (unsigned row = 0; row < HZ_HEAT_ROWS; row++) {
		wrong += heat_row(hz_heat_rows_low_ns(row)) != row;
		wrong += row > 0 && heat_row(hz_heat_rows_low_ns(row) - 1) != row - 1;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(hz_heat_rows_low_ns(0), 256);
	CU_ASSERT_EQUAL(heat_row(0), 0);
	CU_ASSERT_EQUAL(heat_row(UINT64_MAX), HZ_HEAT_ROWS - 1);
}

static void heat_column_holds_every_sample_once(void)
{
	struct hz_top_heat *heat = calloc(1, sizeof(*heat));
	struct hz_hist hist = { 0 };
	uint64_t sum = 0;
	unsigned first, last;
	struct hz_rng rng;

	hz_rng_seed(&rng, 3);
	for (unsigned i = 0; i < 5000; i++)
		hz_hist_record(&hist, hz_rng_below(&rng, 1ull << (8 + i % 30)));
	CU_ASSERT(!hz_top_heat_range(heat, &first, &last));
	hz_top_heat_add(heat, &hist, HZ_TOP_MARK_RELOAD);
	hz_top_heat_add(heat, NULL, HZ_TOP_MARK_NONE);
	for (unsigned row = 0; row < HZ_HEAT_ROWS; row++)
		sum += hz_top_heat_at(heat, 1)->count[row];
	CU_ASSERT_EQUAL(sum, 5000);
	CU_ASSERT(hz_top_heat_at(heat, 1)->is_known && !hz_top_heat_at(heat, 0)->is_known);
	CU_ASSERT(hz_top_heat_range(heat, &first, &last) && first == 0 && last > 80);
	for (unsigned i = 0; i < HZ_TOP_HEAT_COLUMNS; i++)
		hz_top_heat_add(heat, NULL, HZ_TOP_MARK_NONE);
	CU_ASSERT(!hz_top_heat_range(heat, &first, &last)); /* two minutes are over */
	free(heat);
}

/* The newest second is the column at the right end, and its latency at the right height. */
static void heat_cell_stands_where_time_and_latency_say(void)
{
	struct top_rig *rig = top_rig_open();
	struct hz_hist slow = { 0 }, fast = { 0 };
	unsigned top = 0, bottom = 0, right = 0;

	hz_hist_record(&fast, 1000);
	hz_hist_record(&slow, 1000000);
	for (unsigned i = 0; i < HZ_TOP_HEAT_COLUMNS; i++)
		hz_top_heat_add(&rig->heat, i + 1 < HZ_TOP_HEAT_COLUMNS ? &fast : &slow,
		                HZ_TOP_MARK_NONE);
	rig->state.view = HZ_TOP_VIEW_LATENCY;
	rig->state.is_utf8 = false; /* one row per cell, by its background */
	(void)top_rig_screen(rig, 33, 140);
	for (unsigned row = 2; row < 22; row++) {
		for (unsigned col = 9; col < 129; col++) {
			if (rig->grid.cell[row * 140 + col].style.bg == HZ_TOP_COLOUR_NONE)
				continue;
			if (col == 128) {
				top = row;
				right++;
			} else {
				bottom = row;
			}
		}
	}
	CU_ASSERT_EQUAL(right, 1); /* one cell of that second */
	/* 41 rows from 1 us to 1 ms, three in a line of 20: the range begins at 256 ns */
	CU_ASSERT_EQUAL(top, 2 + 19 - heat_row(1000000) / 3);
	CU_ASSERT_EQUAL(bottom, 2 + 19 - heat_row(1000) / 3);
	top_rig_close(rig);
}

/* 1000 answers in a second; the sample before it was taken earlier and earlier. */
static void heat_gap_between_samples_is_no_column_of_all_that_came(void)
{
	static const uint64_t gaps_ms[] = { 900, 1000, 1499, 1501, 12000 };
	struct top_rig *rig = top_rig_open();

	for (size_t i = 0; i < HZ_ARRAY_LEN(gaps_ms); i++) {
		const struct hz_top_heat_column *column;

		rig->sample[1].time_ns = rig->sample[0].time_ns - gaps_ms[i] * HZ_NS_PER_MS;
		rig->sample[0].cfg.generation++;
		hz_top_data_heat(&rig->heat, &rig->sample[0], &rig->sample[1]);
		column = hz_top_heat_at(&rig->heat, 0);
		CU_ASSERT_EQUAL(column->is_known, gaps_ms[i] < 1500);
		CU_ASSERT_EQUAL(column->count[heat_row(8000)], gaps_ms[i] < 1500 ? 1000 : 0);
		CU_ASSERT_EQUAL(column->mark, HZ_TOP_MARK_RELOAD); /* it happened all the same */
	}
	rig->sample[1].time_ns = rig->sample[0].time_ns - HZ_NS_PER_S;
	rig->sample[0].workers.beat[0].beat_ns -= HZ_NS_PER_S;
	hz_top_data_heat(&rig->heat, &rig->sample[0], &rig->sample[1]);
	CU_ASSERT(!hz_top_heat_at(&rig->heat, 0)->is_known); /* nobody lives */
	top_rig_close(rig);
}

static const char *line_of(const char *text, const char *part)
{
	static const char none[] = "";
	const char *at = strstr(text, part);

	while (at != NULL && at > text && at[-1] != '\n')
		at--;
	return at != NULL ? at : none;
}

static void heat_mark_is_not_within_a_label_of_the_axis(void)
{
	struct top_rig *rig = top_rig_open();
	struct hz_hist one = { 0 };
	const char *axis;

	hz_hist_record(&one, 1000);
	rig->state.view = HZ_TOP_VIEW_LATENCY;
	hz_top_heat_add(&rig->heat, &one, HZ_TOP_MARK_RELOAD);
	axis = line_of(top_rig_screen(rig, 33, 140), "-120 s");
	CU_ASSERT(strncmp(axis + strcspn(axis, "R"), "R now\n", 6) == 0);
	axis = line_of(top_rig_screen(rig, 33, 129), "-120 s"); /* no room beside it */
	CU_ASSERT(strncmp(axis + strcspn(axis, "R"), "R\n", 2) == 0);
	CU_ASSERT(strcspn(axis, "now") > strcspn(axis, "R")); /* no remnant of it */
	for (unsigned i = 0; i < 3; i++)
		hz_top_heat_add(&rig->heat, &one, HZ_TOP_MARK_NONE);
	axis = line_of(top_rig_screen(rig, 33, 129), "-120 s");
	CU_ASSERT(strncmp(axis + strcspn(axis, "R"), "Rnow\n", 5) == 0);
	top_rig_close(rig);
}

static void heat_legend_in_80_columns_is_whole(void)
{
	struct top_rig *rig = top_rig_open();
	struct hz_hist many = { 0 };

	rig->state.view = HZ_TOP_VIEW_LATENCY;
	many.bucket[hz_hist_bucket(1000)] = 33432;
	hz_top_heat_add(&rig->heat, &many, HZ_TOP_MARK_NONE);
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 24, 80),
	                      "33 432  Reload Shed Begin Dead  / no data"));
	many.bucket[hz_hist_bucket(1000)] = 123456789;
	hz_top_heat_add(&rig->heat, &many, HZ_TOP_MARK_NONE);
	(void)top_rig_screen(rig, 24, 80);
	CU_ASSERT(top_rig_has(rig->text, "Reload Shed Begin Dead\n"));
	top_rig_close(rig);
}

HZ_SUITE(top_heat, CASE(heat_rows_are_ascending_and_hold_their_values),
         CASE(heat_column_holds_every_sample_once),
         CASE(heat_cell_stands_where_time_and_latency_say),
         CASE(heat_gap_between_samples_is_no_column_of_all_that_came),
         CASE(heat_mark_is_not_within_a_label_of_the_axis),
         CASE(heat_legend_in_80_columns_is_whole));
