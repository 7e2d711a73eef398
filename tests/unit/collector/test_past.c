/* Weeks of history: columns of 10 min, and the heatmap that is made of them. */
#include "collector/history.h"
#include "collector/past_doc.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_S 1800000000 /* a whole hour */

struct past_world {
	char path[64];
	struct hz_feed *feed;
	struct hz_err err;
	uint8_t packed[HZ_HIST_PACK_MAX];
};

static void path_remove(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[80];

	for (size_t i = 0; i < HZ_ARRAY_LEN(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static struct past_world *world_make(void)
{
	struct past_world *world = calloc(1, sizeof(*world));

	snprintf(world->path, sizeof(world->path), "/tmp/hz-unit-past-%d.db", (int)getpid());
	path_remove(world->path);
	world->feed = calloc(1, sizeof(*world->feed));
	CU_ASSERT_EQUAL_FATAL(hz_series_open(&world->feed->series, NULL, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(world->path, "", BEGIN_S, &world->feed->series,
	                                      &world->feed->history, &world->err),
	                      0);
	return world;
}

static void world_again(struct past_world *world, int64_t now_s)
{
	hz_history_close(world->feed->history);
	hz_series_close(&world->feed->series);
	memset(&world->feed->series, 0, sizeof(world->feed->series));
	CU_ASSERT_EQUAL_FATAL(hz_series_open(&world->feed->series, NULL, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(world->path, "", now_s, &world->feed->series,
	                                      &world->feed->history, &world->err),
	                      0);
}

static void world_free(struct past_world *world)
{
	hz_history_close(world->feed->history);
	hz_series_close(&world->feed->series);
	path_remove(world->path);
	free(world->feed);
	free(world);
}

static int column_try(struct past_world *world, int64_t unix_s, uint64_t samples)
{
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	struct hz_series *series = &world->feed->series;
	size_t bytes;

	stage[HZ_STAGE_TOTAL].bucket[300] = samples;
	bytes = hz_hist_pack(stage, world->packed);
	free(stage);
	CU_ASSERT_EQUAL_FATAL(hz_tier_put(&series->far, unix_s, world->packed, bytes), 0);
	series->open_s = unix_s + HZ_SERIES_FAR_STEP_S;
	return hz_history_write(world->feed->history, &series->far);
}

static void column_write(struct past_world *world, int64_t unix_s, uint64_t samples)
{
	CU_ASSERT_EQUAL_FATAL(column_try(world, unix_s, samples), 0);
}

static void sql_run(const struct past_world *world, const char *text)
{
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(world->path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

struct wide_seen {
	uint32_t columns;
	int64_t last_s;
	uint64_t samples;
};

static void wide_note(void *ctx, int64_t unix_s, const uint8_t *packed, size_t bytes)
{
	struct wide_seen *seen = ctx;
	struct hz_hist hist = { 0 };

	CU_ASSERT_EQUAL(unix_s % HZ_HISTORY_WIDE_STEP_S, 0);
	CU_ASSERT(seen->columns++ == 0 || unix_s > seen->last_s);
	seen->last_s = unix_s;
	CU_ASSERT_EQUAL(hz_hist_unpack(packed, bytes, HZ_STAGE_TOTAL, &hist), 0);
	seen->samples += hz_hist_count(&hist);
}

/* 2000 s in two runs: three times 10 min are over. */
static void columns_of_ten_minutes_hold_what_came_in_them(void)
{
	struct past_world *world = world_make();
	struct wide_seen seen = { 0 }, later = { 0 };

	for (int64_t i = 0; i < 100; i++)
		column_write(world, BEGIN_S + i * 10, 3);
	world_again(world, BEGIN_S + 1000);
	CU_ASSERT_EQUAL(world->feed->series.open_s, BEGIN_S + 990);
	hz_series_tick(&world->feed->series, BEGIN_S + 1000, HZ_SERIES_LIVES);
	for (int64_t i = 100; i < 200; i++)
		column_write(world, BEGIN_S + i * 10, 3);
	CU_ASSERT_EQUAL(hz_history_read(world->feed->history, 0, wide_note, &seen), BEGIN_S + 1800);
	CU_ASSERT_EQUAL(seen.columns, 3);
	CU_ASSERT_EQUAL(seen.samples, 180 * 3);
	CU_ASSERT_EQUAL(hz_history_read(world->feed->history, BEGIN_S + 600, wide_note, &later),
	                BEGIN_S + 1800);
	CU_ASSERT_EQUAL(later.columns, 2);
	CU_ASSERT_EQUAL(hz_history_length(world->feed->history, BEGIN_S + 2000), 2000);
	world_free(world);
}

static void column_of_ten_minutes_is_made_anew_when_the_clock_is_set_back_into_it(void)
{
	struct past_world *world = world_make();
	struct hz_series *series = &world->feed->series;
	struct wide_seen before = { 0 }, seen = { 0 };

	for (int64_t i = 0; i < 130; i++)
		column_write(world, BEGIN_S + i * 10, 1);
	hz_series_tick(series, BEGIN_S + 895, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL_FATAL(series->set_back, 1);
	CU_ASSERT_EQUAL(hz_history_follow(world->feed->history, BEGIN_S + 895, series), 0);
	CU_ASSERT_EQUAL(hz_history_read(world->feed->history, 0, wide_note, &before),
	                BEGIN_S + 600);
	CU_ASSERT_EQUAL(before.samples, 60);
	for (int64_t i = 90; i < 121; i++)
		column_write(world, BEGIN_S + i * 10, 2);
	CU_ASSERT_EQUAL(hz_history_read(world->feed->history, 0, wide_note, &seen), BEGIN_S + 1200);
	CU_ASSERT_EQUAL(seen.samples, 90 + 2 * 30);
	world_free(world);
}

/* Two are due in one turn, the second one finds the disk full: the first one goes with it, and comes again with it. */
static void column_of_ten_minutes_that_was_rolled_back_is_made_later(void)
{
	struct past_world *world = world_make();
	struct wide_seen seen = { 0 };
	char text[160];
	int64_t i = 0;

	for (; i < 60; i++)
		column_write(world, BEGIN_S + i * 10, 1);
	sql_run(world,
	        "CREATE TRIGGER busy BEFORE INSERT ON col BEGIN SELECT RAISE(ABORT, 'busy'); END");
	for (; i < 121; i++)
		CU_ASSERT_EQUAL(column_try(world, BEGIN_S + i * 10, 1), -EIO);
	snprintf(
		text, sizeof(text),
		"DROP TRIGGER busy; CREATE TRIGGER full BEFORE INSERT ON wide WHEN new.unix_s = %d "
		"BEGIN SELECT RAISE(ABORT, 'full'); END",
		BEGIN_S + 600);
	sql_run(world, text);
	CU_ASSERT_EQUAL(column_try(world, BEGIN_S + i++ * 10, 1), -EIO);
	CU_ASSERT_EQUAL(hz_history_read(world->feed->history, 0, wide_note, &seen), 0);
	CU_ASSERT_EQUAL(seen.columns, 0);
	sql_run(world, "DROP TRIGGER full");
	CU_ASSERT_EQUAL(column_try(world, BEGIN_S + i * 10, 1), 0);
	CU_ASSERT_EQUAL(hz_history_read(world->feed->history, 0, wide_note, &seen), BEGIN_S + 1200);
	CU_ASSERT_EQUAL(seen.columns, 2);
	CU_ASSERT_EQUAL(seen.samples, 120);
	world_free(world);
}

static json_t *heatmap_read(const struct past_world *world, uint32_t last_s)
{
	struct hz_doc doc = { 0 };
	json_t *root;

	hz_past_doc_heatmap(world->feed, HZ_STAGE_TOTAL, last_s, &doc);
	root = json_loadb(doc.data, doc.bytes, 0, NULL);
	hz_doc_text_close(&doc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	return root;
}

static uint64_t column_samples(const json_t *column)
{
	const json_t *counts = json_object_get(column, "counts"), *count;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach (counts, i, count)
		sum += (uint64_t)json_integer_value(count);
	return sum;
}

/* Three days with a hole of one, and what the file has no column of 10 min of yet. */
static void heatmap_of_weeks_holds_every_sample_once(void)
{
	static const uint32_t lasts[] = { 4 * 86400, 7 * 86400, HZ_HISTORY_KEEP_S };
	static const int64_t steps[] = { 600, 1200, 3600 };
	struct past_world *world = world_make();
	uint64_t fed = 0;

	for (int64_t i = 0; i < 3 * 8640; i += 7) {
		if (i >= 8640 && i < 2 * 8640)
			continue;
		column_write(world, BEGIN_S + i * 10, (uint64_t)i % 50 + 1);
		fed += (uint64_t)i % 50 + 1;
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(lasts); i++) {
		json_t *root = heatmap_read(world, lasts[i]);
		const json_t *columns = json_object_get(root, "columns"), *column;
		int64_t step_s = json_integer_value(json_object_get(root, "step_s"));
		int64_t at_s = json_integer_value(json_object_get(root, "from_unix"));
		uint64_t samples = 0;
		size_t j;

		CU_ASSERT_EQUAL(step_s, steps[i]);
		CU_ASSERT(json_array_size(columns) <= HZ_PAST_DOC_COLUMNS + 1);
		json_array_foreach (columns, j, column) {
			bool is_in_hole =
				at_s >= BEGIN_S + 86400 && at_s + step_s <= BEGIN_S + 2 * 86400;

			CU_ASSERT_EQUAL(json_integer_value(json_object_get(column, "t")), at_s);
			CU_ASSERT_EQUAL(json_is_null(json_object_get(column, "counts")),
			                at_s + step_s <= BEGIN_S || is_in_hole);
			samples += column_samples(column);
			at_s += step_s;
		}
		CU_ASSERT(at_s >= world->feed->series.open_s);
		CU_ASSERT_EQUAL(samples, fed);
		json_decref(root);
	}
	world_free(world);
}

HZ_SUITE(past, CASE(columns_of_ten_minutes_hold_what_came_in_them),
         CASE(column_of_ten_minutes_is_made_anew_when_the_clock_is_set_back_into_it),
         CASE(column_of_ten_minutes_that_was_rolled_back_is_made_later),
         CASE(heatmap_of_weeks_holds_every_sample_once));
