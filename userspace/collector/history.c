#include "collector/history.h"
#include "collector/history_file.h"
#include "collector/history_mend.h"
#include "core/log.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define HURRY_MS    1000
#define PRUNE_EVERY 360 /* columns: an hour */

struct hz_history {
	sqlite3 *db; /* owned, as the statements */
	sqlite3_stmt *put, *load, *newest, *prune, *forget;
	const char *instance;
	int64_t written_s; /* columns up to it are in the file */
	uint32_t waiting;  /* columns of the tier that are not */
	uint32_t writes;   /* turns */
	uint32_t set_back; /* of the series, when the day was last read */
	uint64_t lost;
	bool is_failing; /* told */
	bool is_behind;  /* told: the day could not be read behind a clock that was set back */
	bool is_hurried;
	struct hz_history_wide wide;
	struct hz_history_marks marks;
};

static int statements_open(struct hz_history *history)
{
	const struct {
		sqlite3_stmt **statement;
		const char *text;
	} rows[] = {
		{ &history->put, "INSERT OR REPLACE INTO col VALUES (?1, ?2, ?3)" },
		{ &history->load, "SELECT unix_s, packed FROM col WHERE instance = ?1 AND "
		                  "unix_s >= ?2 AND unix_s < ?3 ORDER BY unix_s" },
		{ &history->newest,
		  "SELECT max(unix_s) FROM col WHERE instance = ?1 AND unix_s <= ?2" },
		/* a few at a time: somebody may come back after a month */
		{ &history->prune, "DELETE FROM col WHERE (instance, unix_s) IN (SELECT instance, "
		                   "unix_s FROM col WHERE unix_s < ?1 LIMIT 1000)" },
		{ &history->forget, "DELETE FROM col WHERE instance = ?1 AND unix_s > ?2" },
	};
	int result = SQLITE_OK;

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows) && result == SQLITE_OK; i++)
		result = sqlite3_prepare_v2(history->db, rows[i].text, -1, rows[i].statement, NULL);
	if (result == SQLITE_OK)
		result = hz_history_wide_open(&history->wide, history->db, history->instance);
	if (result == SQLITE_OK)
		return hz_history_marks_open(&history->marks, history->db, history->instance);
	return hz_history_file_status(result);
}

static int file_open(const char *path, struct hz_history *history, struct hz_err *err)
{
	int status = hz_history_file_open(path, HURRY_MS, &history->db, err);

	if (status == 0)
		status = statements_open(history);
	if (status != 0 && err->why[0] == '\0')
		(void)hz_err_set(err, status, 1, "history", "", "%.200s: %s", path,
		                 sqlite3_errmsg(history->db));
	return status;
}

static void file_close(struct hz_history *history)
{
	hz_history_wide_close(&history->wide);
	hz_history_marks_close(&history->marks);
	sqlite3_finalize(history->put);
	sqlite3_finalize(history->load);
	sqlite3_finalize(history->newest);
	sqlite3_finalize(history->prune);
	sqlite3_finalize(history->forget);
	sqlite3_close(history->db);
	*history = (struct hz_history){ .instance = history->instance };
}

void hz_history_close(struct hz_history *history)
{
	if (history == NULL)
		return;
	file_close(history);
	free(history);
}

/* The newest column is open again, all others are over. */
static int day_load(struct hz_history *history, int64_t now_s, struct hz_series *series)
{
	sqlite3_stmt *load =
		hz_history_file_bind(history->load, history->instance,
	                             now_s - (int64_t)HZ_SERIES_FAR_COLUMNS * HZ_SERIES_FAR_STEP_S);
	sqlite3_stmt *newest = hz_history_file_bind(history->newest, history->instance, now_s);
	int64_t newest_s = 0;
	int result, count = 0;

	if (sqlite3_step(newest) == SQLITE_ROW)
		newest_s = sqlite3_column_int64(newest, 0);
	sqlite3_reset(newest);
	sqlite3_bind_int64(load, 3, now_s + 1);
	while ((result = sqlite3_step(load)) == SQLITE_ROW) {
		int64_t unix_s = sqlite3_column_int64(load, 0);
		const uint8_t *packed = sqlite3_column_blob(load, 1);
		size_t bytes = (size_t)sqlite3_column_bytes(load, 1);

		if (bytes > HZ_HIST_PACK_MAX || (bytes > 0 && packed == NULL) ||
		    !hz_hist_pack_is_well(packed, bytes))
			continue;
		if (unix_s == newest_s)
			count += hz_series_resume(series, unix_s, packed, bytes) == 0;
		else
			count += hz_tier_put(&series->far, unix_s, packed, bytes) == 0;
	}
	sqlite3_reset(load);
	if (result != SQLITE_DONE)
		return hz_history_file_status(result);
	history->written_s = newest_s - 1; /* it is open again, and comes once more */
	return count;
}

static int open_and_load(const char *path, int64_t now_s, struct hz_series *series,
                         struct hz_history *history, struct hz_err *err)
{
	int status = file_open(path, history, err);

	if (status == 0)
		status =
			hz_history_file_status(hz_history_wide_begin(&history->wide, now_s, false));
	if (status == 0)
		status = day_load(history, now_s, series);
	if (status < 0 && err->why[0] == '\0')
		return hz_err_set(err, status, 1, "history", "", "%.200s: %s", path,
		                  sqlite3_errmsg(history->db));
	return status;
}

/* What could be read of a broken one is in the series, and written into the new one. */
static int mend(const char *path, int64_t now_s, struct hz_series *series,
                struct hz_history *history, struct hz_err *err)
{
	int status;

	hz_log(HZ_LOG_WARN, "history: %s", err->why);
	file_close(history);
	*err = (struct hz_err){ 0 };
	status = hz_history_mend_move(path, now_s);
	if (status == 0)
		return open_and_load(path, now_s, series, history, err);
	return hz_err_set(err, -EIO, 1, "history", "", "%.200s cannot be moved aside: %s", path,
	                  strerror(-status));
}

int hz_history_open(const char *path, const char *instance, int64_t now_s, struct hz_series *series,
                    struct hz_history **out, struct hz_err *err)
{
	struct hz_history *history = calloc(1, sizeof(*history));
	int status;

	if (history == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	history->instance = instance;
	status = open_and_load(path, now_s, series, history, err);
	if (status == -EBADMSG && hz_history_mend_is_ours(path))
		status = mend(path, now_s, series, history, err);
	if (status >= 0) {
		(void)sqlite3_busy_timeout(history->db, 0);
		history->set_back = series->set_back;
		hz_log(HZ_LOG_INFO, "history: %d columns of the last day", status);
		*out = history;
		return 0;
	}
	hz_history_close(history);
	if (status == -EPROTO || status == -EACCES || status == -EBADMSG)
		return status;
	hz_log(HZ_LOG_WARN, "history: %s; going on without", err->why);
	*err = (struct hz_err){ 0 };
	*out = NULL;
	return 0;
}

static int column_put(struct hz_history *history, const struct hz_tier *far,
                      const struct hz_tier_column *column)
{
	sqlite3_stmt *put = hz_history_file_bind(history->put, history->instance, column->unix_s);

	if (column->bytes == 0)
		sqlite3_bind_zeroblob(put, 3, 0);
	else
		sqlite3_bind_blob(put, 3, far->bytes + column->at, (int)column->bytes,
		                  SQLITE_STATIC);
	return hz_history_file_step(put);
}

static int prune(struct hz_history *history, int64_t before_s)
{
	int status;

	sqlite3_bind_int64(history->prune, 1, before_s);
	status = hz_history_file_step(history->prune);
	if (status == 0)
		status = hz_history_file_status(hz_history_wide_prune(&history->wide, before_s));
	if (status == 0)
		status = hz_history_marks_prune(&history->marks, before_s);
	return status;
}

/* In one transaction: all or nothing, one write to the disk. */
static int columns_put(struct hz_history *history, const struct hz_tier *far, int64_t *written_s)
{
	uint32_t most = history->is_hurried ? UINT32_MAX : HZ_HISTORY_WRITES_MAX;
	const struct hz_tier_column *column = hz_tier_next(far, *written_s);
	int status = hz_history_file_status(
		sqlite3_exec(history->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));

	for (uint32_t i = 0; i < most && column != NULL && status == 0; i++) {
		status = column_put(history, far, column);
		*written_s = column->unix_s;
		column = hz_tier_next(far, *written_s);
	}
	if (status == 0)
		status = hz_history_file_status(hz_history_wide_make(&history->wide, *written_s));
	if (status == 0 && history->writes % PRUNE_EVERY == 0)
		status = prune(history, *written_s - HZ_HISTORY_KEEP_S);
	if (status == 0)
		status = hz_history_file_status(
			sqlite3_exec(history->db, "COMMIT", NULL, NULL, NULL));
	return status;
}

/* Columns that wait are in the tier, or it forgot them. */
static void waiting_count(struct hz_history *history, const struct hz_tier *far)
{
	uint32_t there = hz_tier_count_behind(far, history->written_s);

	history->lost += history->waiting - HZ_MIN(history->waiting, there);
	history->waiting = HZ_MIN(history->waiting, there);
}

/* Some of what waits. */
static int waiting_put(struct hz_history *history, const struct hz_tier *far)
{
	int64_t wide_end_s = history->wide.end_s, written_s = history->written_s;

	if (columns_put(history, far, &written_s) != 0) {
		if (!history->is_failing)
			hz_log(HZ_LOG_WARN, "history: %s; columns of a day wait for it",
			       sqlite3_errmsg(history->db));
		history->is_failing = true;
		if (sqlite3_get_autocommit(history->db) == 0)
			(void)sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
		history->wide.end_s = wide_end_s; /* what was made of them is not there either */
		return -EIO;
	}
	if (history->is_failing)
		hz_log(HZ_LOG_INFO, "history: goes on, %u columns had waited, %llu were lost",
		       history->waiting, (unsigned long long)history->lost);
	history->is_failing = false;
	history->writes++;
	history->written_s = written_s;
	history->waiting = hz_tier_count_behind(far, written_s);
	return 0;
}

int hz_history_write(struct hz_history *history, const struct hz_tier *far)
{
	history->waiting++;
	waiting_count(history, far);
	return waiting_put(history, far);
}

/* In this order, for each step may fail and have to be done again: what came since the clock was set back is only in the
 * tier, where the day before it has no place any more. */
static int day_anew(struct hz_history *history, int64_t now_s, struct hz_series *series)
{
	history->written_s = HZ_MIN(history->written_s, now_s);
	waiting_count(history, &series->far);
	if (history->waiting > 0 && waiting_put(history, &series->far) != 0)
		return -EIO;
	if (history->waiting > 0)
		return -EAGAIN;
	if (hz_history_file_step(hz_history_file_bind(history->forget, history->instance, now_s)) !=
	            0 ||
	    hz_history_file_status(hz_history_wide_begin(&history->wide, now_s, true)) != 0 ||
	    hz_history_marks_forget(&history->marks, now_s) != 0)
		return -EIO;
	hz_tier_clear(&series->far);
	return day_load(history, now_s, series) < 0 ? -EIO : 0;
}

int hz_history_follow(struct hz_history *history, int64_t now_s, struct hz_series *series)
{
	int status;

	if (series->set_back == history->set_back)
		return 0;
	status = day_anew(history, now_s, series);
	if (status == 0)
		history->set_back = series->set_back;
	if (status == -EIO && !history->is_behind)
		hz_log(HZ_LOG_WARN, "history: the last day cannot be read yet: %s",
		       sqlite3_errmsg(history->db));
	history->is_behind = status == -EIO || (status != 0 && history->is_behind);
	return status;
}

void hz_history_hurry(struct hz_history *history)
{
	if (history == NULL)
		return;
	history->is_hurried = true;
	(void)sqlite3_busy_timeout(history->db, HURRY_MS);
}

uint64_t hz_history_lost(const struct hz_history *history)
{
	return history->lost + history->marks.lost;
}

uint32_t hz_history_length(struct hz_history *history, int64_t now_s)
{
	return hz_history_wide_length(&history->wide, now_s - HZ_HISTORY_KEEP_S, now_s);
}

struct hz_history_marks *hz_history_marks(struct hz_history *history)
{
	return &history->marks;
}

int64_t hz_history_read(struct hz_history *history, int64_t from_s, hz_history_fn *fn, void *ctx)
{
	int status = hz_history_file_status(hz_history_wide_read(&history->wide, from_s, fn, ctx));

	return status == 0 ? history->wide.end_s : status;
}
