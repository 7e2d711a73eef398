/* Marks in the history: there after another start, for weeks, each once. */
#include "collector/history.h"
#include "collector/past_doc.h"
#include "collector/time_doc.h"
#include "hz_test.h"
#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_S 1800000000

struct world {
	char path[64];
	struct hz_feed *feed;
	struct hz_err err;
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

static void run_begin(struct world *world, const char *instance, int64_t now_s)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));

	world->feed = feed;
	CU_ASSERT_EQUAL_FATAL(hz_series_open(&feed->series, NULL, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(world->path, instance, now_s, &feed->series,
	                                      &feed->history, &world->err),
	                      0);
	CU_ASSERT_EQUAL(hz_history_marks_load(hz_history_marks(feed->history), now_s - 86400, now_s,
	                                      &feed->log),
	                0);
	feed->series.open_s = now_s;
}

static void run_end(struct world *world)
{
	hz_history_close(world->feed->history);
	hz_series_close(&world->feed->series);
	free(world->feed);
}

static struct world *world_make(void)
{
	struct world *world = calloc(1, sizeof(*world));

	snprintf(world->path, sizeof(world->path), "/tmp/hz-unit-marks-%d.db", (int)getpid());
	path_remove(world->path);
	run_begin(world, "", BEGIN_S);
	return world;
}

static void world_free(struct world *world)
{
	run_end(world);
	path_remove(world->path);
	free(world);
}

static int marks_write(struct world *world)
{
	return hz_history_marks_write(hz_history_marks(world->feed->history), &world->feed->log);
}

static void sql_run(const struct world *world, const char *text)
{
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(world->path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* The marks of a picture: " TIME KIND TEXT;" each, times from BEGIN_S, and " +N;" behind one that stands for more. */
static void marks_are(const struct world *world, uint32_t last_s, const char *want)
{
	struct hz_doc doc = { 0 };
	char got[1024] = "";
	json_t *root, *mark;
	size_t i;

	if (last_s > HZ_TIME_DOC_LAST_S)
		hz_past_doc_heatmap(world->feed, HZ_STAGE_TOTAL, last_s, &doc);
	else
		hz_time_doc_heatmap(world->feed, HZ_STAGE_TOTAL, last_s, &doc);
	root = json_loadb(doc.data, doc.bytes, 0, NULL);
	hz_doc_text_close(&doc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	json_array_foreach (json_object_get(root, "marks"), i, mark) {
		long long more = json_integer_value(json_object_get(mark, "more"));
		size_t len = strlen(got);

		snprintf(got + len, sizeof(got) - len, " %lld %s %s;",
		         (long long)json_integer_value(json_object_get(mark, "t")) - BEGIN_S,
		         json_string_value(json_object_get(mark, "kind")),
		         json_string_value(json_object_get(mark, "text")));
		len = strlen(got);
		if (more > 0)
			snprintf(got + len, sizeof(got) - len, " +%lld;", more);
	}
	CU_ASSERT_STRING_EQUAL(got, want);
	json_decref(root);
}

static void marks_are_there_after_another_start_and_for_weeks(void)
{
	static const uint32_t lasts[] = { 600, 86400, 7 * 86400 };
	struct world *world = world_make();

	hz_event_log_mark(&world->feed->log, BEGIN_S - 100, "xdp", "eth1 attached");
	hz_event_log_mark(&world->feed->log, BEGIN_S - 100, "reload", "generation %u", 2u);
	CU_ASSERT_EQUAL(marks_write(world), 0);
	CU_ASSERT_EQUAL(marks_write(world), 0); /* not once more */
	hz_event_log_mark(&world->feed->log, BEGIN_S - 50, "stall", "no worker turns");
	for (size_t i = 0; i < HZ_ARRAY_LEN(lasts); i++) /* one of them is not in the file yet */
		marks_are(world, lasts[i],
		          " -100 xdp eth1 attached; -100 reload generation 2; -50 stall no worker "
		          "turns;");
	CU_ASSERT_EQUAL(marks_write(world), 0);
	run_end(world);
	run_begin(world, "", BEGIN_S);
	CU_ASSERT_EQUAL(world->feed->log.mark_count, 3);
	CU_ASSERT_EQUAL(marks_write(world), 0); /* they are no news */
	for (size_t i = 0; i < HZ_ARRAY_LEN(lasts); i++)
		marks_are(world, lasts[i],
		          " -100 xdp eth1 attached; -100 reload generation 2; -50 stall no worker "
		          "turns;");
	world->feed->series.open_s += 2 * 86400;
	marks_are(world, 86400, "");
	marks_are(world, 7 * 86400,
	          " -100 xdp eth1 attached; -100 reload generation 2; -50 stall no worker turns;");
	run_end(world);
	run_begin(world, "other", BEGIN_S);
	marks_are(world, 7 * 86400, "");
	world_free(world);
}

/* A site that sheds on and off: one mark of a kind in what is one column of the picture. */
static void marks_of_a_step_are_one_of_each_kind(void)
{
	struct world *world = world_make();
	int64_t step_begin_s = BEGIN_S - 7200;

	for (int64_t i = 0; i < 1000; i++) {
		hz_event_log_mark(&world->feed->log, step_begin_s + i, i % 2 == 0 ? "on" : "off",
		                  "n%d", (int)i);
		if (i % 100 == 99)
			CU_ASSERT_EQUAL(marks_write(world), 0);
	}
	marks_are(world, 7 * 86400, " -7200 on n0; +499; -7199 off n1; +499;");
	marks_are(world, 86400,
	          " -7200 on n0; +59; -7199 off n1; +59;"
	          " -7080 on n120; +59; -7079 off n121; +59;"
	          " -6960 on n240; +59; -6959 off n241; +59;"
	          " -6840 on n360; +59; -6839 off n361; +59;"
	          " -6720 on n480; +59; -6719 off n481; +59;"
	          " -6600 on n600; +59; -6599 off n601; +59;"
	          " -6480 on n720; +59; -6479 off n721; +59;"
	          " -6360 on n840; +59; -6359 off n841; +59;"
	          " -6240 on n960; +19; -6239 off n961; +19;");
	world_free(world);
}

static void marks_that_could_not_be_written_are_written_later_or_counted(void)
{
	struct world *world = world_make();
	sqlite3 *other;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(world->path, &other), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	hz_event_log_mark(&world->feed->log, BEGIN_S - 9, "drain", "draining");
	CU_ASSERT_EQUAL(marks_write(world), -EIO);
	CU_ASSERT_EQUAL(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	sql_run(world, "CREATE TRIGGER full BEFORE INSERT ON mark WHEN new.text = 'second' "
	               "BEGIN SELECT RAISE(ABORT, 'full'); END");
	hz_event_log_mark(&world->feed->log, BEGIN_S - 8, "xdp", "second");
	CU_ASSERT_NOT_EQUAL(marks_write(world), 0); /* the first goes with it */
	sql_run(world, "DROP TRIGGER full");
	CU_ASSERT_EQUAL(marks_write(world), 0);
	marks_are(world, 7 * 86400, " -9 drain draining; -8 xdp second;");
	for (uint32_t i = 0; i < HZ_EVENT_LOG_MARKS + 3; i++)
		hz_event_log_mark(&world->feed->log, BEGIN_S - 5, "xdp", "more");
	CU_ASSERT_EQUAL(marks_write(world), 0);
	CU_ASSERT_EQUAL(hz_history_lost(world->feed->history), 3);
	world_free(world);
}

static void marks_of_a_time_that_did_not_come_or_is_over_are_removed(void)
{
	struct world *world = world_make();
	struct hz_series *series = &world->feed->series;

	hz_event_log_mark(&world->feed->log, BEGIN_S - 86400, "xdp", "old");
	hz_event_log_mark(&world->feed->log, BEGIN_S, "xdp", "new");
	CU_ASSERT_EQUAL(marks_write(world), 0);
	hz_series_tick(series, BEGIN_S - 3600, HZ_SERIES_LIVES);
	CU_ASSERT_EQUAL(hz_history_follow(world->feed->history, BEGIN_S - 3600, series), 0);
	marks_are(world, 7 * 86400, " -86400 xdp old;");
	CU_ASSERT_EQUAL(hz_history_marks_prune(hz_history_marks(world->feed->history), BEGIN_S), 0);
	marks_are(world, 7 * 86400, "");
	world_free(world);
}

static void mark_of_a_file_that_lies_is_a_mark_all_the_same(void)
{
	struct world *world = world_make();

	sql_run(world, "INSERT INTO mark (instance, unix_s, kind, text) VALUES ('', 1799999990, "
	               "'a\"b-and-more-than-fits', 'c\"d' || char(10) || x'ff00')");
	marks_are(world, 7 * 86400, " -10 a?b-and-mor c?d??;");
	run_end(world);
	run_begin(world, "", BEGIN_S);
	marks_are(world, 600, " -10 a?b-and-mor c?d??;");
	world_free(world);
}

HZ_SUITE(history_marks, CASE(marks_are_there_after_another_start_and_for_weeks),
         CASE(marks_of_a_step_are_one_of_each_kind),
         CASE(marks_that_could_not_be_written_are_written_later_or_counted),
         CASE(marks_of_a_time_that_did_not_come_or_is_over_are_removed),
         CASE(mark_of_a_file_that_lies_is_a_mark_all_the_same));
