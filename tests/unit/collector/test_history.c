/* The history in a file. */
#include "collector/history.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_S 1800000000

static void path_remove(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[80];

	for (size_t i = 0; i < HZ_ARRAY_LEN(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static size_t column_make(uint64_t samples, uint8_t *packed)
{
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	size_t bytes;

	stage[HZ_STAGE_TOTAL].bucket[77] = samples;
	bytes = hz_hist_pack(stage, packed);
	free(stage);
	return bytes;
}

struct world {
	char path[64];
	struct hz_series *series;
	struct hz_history *history;
	struct hz_err err;
	uint8_t packed[HZ_HIST_PACK_MAX];
};

static struct world *world_make(void)
{
	struct world *world = calloc(1, sizeof(*world));

	snprintf(world->path, sizeof(world->path), "/tmp/hz-unit-history-%d.db", (int)getpid());
	path_remove(world->path);
	world->series = calloc(1, sizeof(*world->series));
	CU_ASSERT_EQUAL_FATAL(hz_series_open(world->series, NULL, NULL), 0);
	return world;
}

static int world_open(struct world *world, const char *instance, int64_t now_s)
{
	return hz_history_open(world->path, instance, now_s, world->series, &world->history,
	                       &world->err);
}

/* Another run: neither tier nor file are open. */
static void world_end_run(struct world *world)
{
	hz_history_close(world->history);
	world->history = NULL;
	hz_series_close(world->series);
	memset(world->series, 0, sizeof(*world->series));
	CU_ASSERT_EQUAL_FATAL(hz_series_open(world->series, NULL, NULL), 0);
}

static void world_free(struct world *world)
{
	world_end_run(world);
	hz_series_close(world->series);
	path_remove(world->path);
	free(world->series);
	free(world);
}

/* A finished column, as the series would have it. */
static int column_write(struct world *world, int64_t unix_s, uint64_t samples)
{
	size_t bytes = samples > 0 ? column_make(samples, world->packed) : 0;

	CU_ASSERT_EQUAL_FATAL(hz_tier_put(&world->series->far, unix_s, world->packed, bytes), 0);
	return hz_history_write(world->history, &world->series->far);
}

static uint64_t samples_of(const struct world *world)
{
	struct hz_hist sum = { 0 };

	(void)hz_tier_sum(&world->series->far, 0, INT64_MAX, HZ_STAGE_TOTAL, &sum);
	return hz_hist_count(&sum) + hz_hist_count(&world->series->open_far[HZ_STAGE_TOTAL]);
}

static void sql_run(const char *path, const char *text)
{
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static uint32_t rows_of(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *count;
	uint32_t rows = UINT32_MAX;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, "SELECT count(*) FROM col", -1, &count, NULL),
	                      SQLITE_OK);
	if (sqlite3_step(count) == SQLITE_ROW)
		rows = (uint32_t)sqlite3_column_int(count, 0);
	sqlite3_finalize(count);
	sqlite3_close(db);
	return rows;
}

static void columns_of_the_last_day_and_this_instance_come_back(void)
{
	struct world *world = world_make();

	CU_ASSERT_EQUAL_FATAL(world_open(world, "other", BEGIN_S), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S - 10, 100), 0);
	world_end_run(world);
	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	for (int64_t i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(column_write(world, BEGIN_S + i * 10, i % 3 == 0 ? 0 : (uint64_t)i),
		                0);
	world_end_run(world);
	/* the last four lie in the future */
	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + 159), 0);
	CU_ASSERT_EQUAL(world->series->far.count, 15);
	CU_ASSERT_EQUAL(world->series->open_s, BEGIN_S + 150); /* open again */
	CU_ASSERT_EQUAL(samples_of(world), 1 + 2 + 4 + 5 + 7 + 8 + 10 + 11 + 13 + 14);
	world_end_run(world);
	/* the first five are older than a day */
	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + 86400 + 50), 0);
	CU_ASSERT_EQUAL(world->series->far.count, 14);
	CU_ASSERT_PTR_NULL(hz_tier_find(&world->series->far, BEGIN_S + 40));
	world_free(world);
}

/* Runs that end within one step each add to its column. */
static void column_that_is_open_again_is_written_again(void)
{
	struct world *world = world_make();

	for (uint64_t i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + 5), 0);
		CU_ASSERT_EQUAL(samples_of(world), i * 7);
		hz_series_tick(world->series, BEGIN_S + 5, HZ_SERIES_LIVES);
		world->series->open_far[HZ_STAGE_TOTAL].bucket[77] += 7;
		hz_series_tick(world->series, BEGIN_S + 10, HZ_SERIES_LIVES);
		CU_ASSERT_EQUAL(hz_history_write(world->history, &world->series->far), 0);
		CU_ASSERT_EQUAL(rows_of(world->path), 1);
		world_end_run(world);
	}
	world_free(world);
}

static void old_columns_are_removed_whosever_they_are(void)
{
	struct world *world = world_make();

	CU_ASSERT_EQUAL_FATAL(world_open(world, "gone", BEGIN_S), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S, 1), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 10, 1), 0);
	world_end_run(world);
	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + HZ_HISTORY_KEEP_S), 0);
	/* the first column of a run removes */
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + HZ_HISTORY_KEEP_S + 10, 1), 0);
	CU_ASSERT_EQUAL(rows_of(world->path), 2);
	world_free(world);
}

/* A backup, for instance. Nobody waits for it, and nothing is lost. */
static void columns_that_could_not_be_written_are_written_later(void)
{
	struct world *world = world_make();
	sqlite3 *other;

	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S, 1), 0);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(world->path, &other), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int64_t i = 1; i <= 2 * HZ_HISTORY_WRITES_MAX; i++)
		CU_ASSERT_EQUAL(column_write(world, BEGIN_S + i * 10, 1), -EIO);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 5000, 1), 0);
	CU_ASSERT_EQUAL(rows_of(world->path), 1 + HZ_HISTORY_WRITES_MAX); /* a turn is bounded */
	hz_history_hurry(world->history);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 5010, 1), 0);
	CU_ASSERT_EQUAL(rows_of(world->path), 3 + 2 * HZ_HISTORY_WRITES_MAX);
	CU_ASSERT_EQUAL(hz_history_lost(world->history), 0);
	world_end_run(world);
	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + 5020), 0);
	CU_ASSERT_EQUAL(samples_of(world), 3 + 2 * HZ_HISTORY_WRITES_MAX);
	world_free(world);
}

/* In the middle of a transaction, as by a disk that is full. */
static void write_that_fails_half_way_leaves_nothing_and_is_done_later(void)
{
	struct world *world = world_make();

	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S, 1), 0);
	sql_run(world->path, "CREATE TRIGGER full BEFORE INSERT ON col WHEN new.unix_s > "
	                     "1800000010 BEGIN SELECT RAISE(ABORT, 'full'); END");
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 20, 1), -EIO);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 30, 1), -EIO);
	CU_ASSERT_EQUAL(rows_of(world->path), 1);
	sql_run(world->path, "DROP TRIGGER full");
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 40, 1), 0);
	CU_ASSERT_EQUAL(rows_of(world->path), 4);
	world_free(world);
}

static void columns_that_the_day_forgot_before_they_were_written_are_counted(void)
{
	struct world *world = world_make();
	sqlite3 *other;

	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(world->path, &other), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int64_t i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(column_write(world, BEGIN_S + i * 10, 1), -EIO);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 86400 + 20, 1), -EIO);
	CU_ASSERT_EQUAL(hz_history_lost(world->history), 3);
	world_end_run(world); /* nor does a start need to write */
	CU_ASSERT_EQUAL(world_open(world, "", BEGIN_S + 86400 + 20), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world->history);
	sqlite3_close(other);
	world_free(world);
}

static void clock_that_is_set_back_finds_the_day_before_it_in_the_file(void)
{
	struct world *world = world_make();

	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	for (int64_t i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(column_write(world, BEGIN_S + i * 10, 1), 0);
	hz_series_tick(world->series, BEGIN_S + 200, HZ_SERIES_LIVES);
	hz_series_tick(world->series, BEGIN_S + 101, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL_FATAL(world->series->set_back, 1);
	CU_ASSERT_EQUAL(hz_history_follow(world->history, BEGIN_S + 101, world->series), 0);
	CU_ASSERT_EQUAL(samples_of(world), 11);
	CU_ASSERT_EQUAL(rows_of(world->path), 11); /* nor do the others come when it is time */
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 110, 5), 0);
	CU_ASSERT_EQUAL(rows_of(world->path), 12);
	world_free(world);
}

/* Another program has the file just then, for longer than a step. */
static void clock_that_is_set_back_while_the_file_is_locked_finds_its_day_later(void)
{
	struct world *world = world_make();
	sqlite3 *other;

	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	for (int64_t i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(column_write(world, BEGIN_S + i * 10, 1), 0);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(world->path, &other), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 200, 1), -EIO);
	hz_series_tick(world->series, BEGIN_S + 210, HZ_SERIES_LIVES);
	hz_series_tick(world->series, BEGIN_S + 101, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL(hz_history_follow(world->history, BEGIN_S + 101, world->series), -EIO);
	CU_ASSERT_EQUAL(hz_history_lost(world->history), 1); /* the tier forgot it */
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 110, 5), -EIO);
	world->series->open_s = BEGIN_S + 120;
	CU_ASSERT_EQUAL(hz_history_follow(world->history, BEGIN_S + 120, world->series), -EIO);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	CU_ASSERT_EQUAL(hz_history_follow(world->history, BEGIN_S + 125, world->series), 0);
	/* 0 to 100 and 110; what was 120 in the time that did not come is open, and all behind it gone */
	CU_ASSERT_EQUAL(samples_of(world), 11 + 5 + 1);
	CU_ASSERT_EQUAL(rows_of(world->path), 13);
	CU_ASSERT_EQUAL(hz_history_lost(world->history), 1);
	CU_ASSERT_EQUAL(hz_history_follow(world->history, BEGIN_S + 126, world->series), 0);
	CU_ASSERT_EQUAL(samples_of(world), 11 + 5 + 1);
	world_free(world);
}

static void file_of_another_program_is_left_alone(void)
{
	struct world *world = world_make();
	FILE *file;

	sql_run(world->path, "CREATE TABLE theirs (x)");
	CU_ASSERT_EQUAL(world_open(world, "", BEGIN_S), -EPROTO);
	CU_ASSERT_EQUAL(world->err.exit_code, 1);
	path_remove(world->path);
	file = fopen(world->path, "w");
	for (int i = 0; i < 20; i++)
		fputs("this is not a database, though it is long enough to look like one\n", file);
	fclose(file);
	CU_ASSERT_EQUAL(world_open(world, "", BEGIN_S), -EBADMSG);
	CU_ASSERT_PTR_NULL(world->history);
	CU_ASSERT_EQUAL(access(world->path, F_OK), 0);
	path_remove(world->path);
	snprintf(world->path, sizeof(world->path), "/nonexistent/file");
	CU_ASSERT_EQUAL(world_open(world, "", BEGIN_S), -EACCES);
	CU_ASSERT_EQUAL(world->err.exit_code, 1);
	world_free(world);
}

static void file_damage(const char *path, long at, uint8_t byte, size_t bytes)
{
	FILE *file = fopen(path, "r+");

	CU_ASSERT_EQUAL_FATAL(fseek(file, at, SEEK_SET), 0);
	for (size_t i = 0; i < bytes; i++)
		fputc(byte, file);
	fclose(file);
}

/* Zeros where a file lost power, and a page in the middle that is none. */
static void broken_file_is_moved_aside_and_another_one_begun(void)
{
	static const struct {
		long at;
		uint8_t byte;
		size_t bytes;
	} rows[] = { { 0, 0, 4096 }, { 4096, 0xff, 4096 }, { 100, 0xff, 3000 } };

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct world *world = world_make();
		char aside[96];

		CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
		for (int64_t j = 0; j < 500; j++)
			CU_ASSERT_EQUAL(column_write(world, BEGIN_S + j * 10, 1), 0);
		world_end_run(world);
		file_damage(world->path, rows[i].at, rows[i].byte, rows[i].bytes);
		CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + 9000), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(world->history);
		CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 9000, 1), 0);
		snprintf(aside, sizeof(aside), "%s.bad-%d", world->path, BEGIN_S + 9000);
		CU_ASSERT_EQUAL(unlink(aside), 0);
		world_free(world);
	}
}

static void column_that_lies_is_left_out(void)
{
	static const uint8_t lies[] = { 0, 1, 1, 9, 0, 1 };
	struct world *world = world_make();

	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S), 0);
	CU_ASSERT_EQUAL(hz_tier_put(&world->series->far, BEGIN_S, lies, sizeof(lies)), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 10, 1), 0);
	CU_ASSERT_EQUAL(column_write(world, BEGIN_S + 20, 1), 0);
	CU_ASSERT_EQUAL(rows_of(world->path), 3);
	world_end_run(world);
	CU_ASSERT_EQUAL_FATAL(world_open(world, "", BEGIN_S + 100), 0);
	CU_ASSERT_EQUAL(world->series->far.count, 1);
	CU_ASSERT_EQUAL(world->series->open_s, BEGIN_S + 20);
	world_free(world);
}

HZ_SUITE(history, CASE(columns_of_the_last_day_and_this_instance_come_back),
         CASE(column_that_is_open_again_is_written_again),
         CASE(old_columns_are_removed_whosever_they_are),
         CASE(columns_that_could_not_be_written_are_written_later),
         CASE(write_that_fails_half_way_leaves_nothing_and_is_done_later),
         CASE(columns_that_the_day_forgot_before_they_were_written_are_counted),
         CASE(clock_that_is_set_back_finds_the_day_before_it_in_the_file),
         CASE(clock_that_is_set_back_while_the_file_is_locked_finds_its_day_later),
         CASE(file_of_another_program_is_left_alone),
         CASE(broken_file_is_moved_aside_and_another_one_begun),
         CASE(column_that_lies_is_left_out));
