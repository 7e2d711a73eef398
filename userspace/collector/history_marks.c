#include "collector/history_marks.h"
#include "collector/history_file.h"

int hz_history_marks_open(struct hz_history_marks *marks, sqlite3 *db, const char *instance)
{
	const struct {
		sqlite3_stmt **statement;
		const char *text;
	} rows[] = {
		{ &marks->put,
		  "INSERT INTO mark (instance, unix_s, kind, text) VALUES (?1, ?2, ?3, ?4)" },
		{ &marks->load,
		  "SELECT unix_s, kind, text FROM (SELECT * FROM mark WHERE instance = ?1 AND "
		  "unix_s >= ?2 AND unix_s <= ?3 ORDER BY id DESC LIMIT ?4) ORDER BY id" },
		/* beside min() other columns are those of its row: lang_select.html, 2.5 */
		{ &marks->read,
		  "SELECT * FROM (SELECT min(unix_s) AS at_s, kind, text, count(*), id FROM mark "
		  "WHERE instance = ?1 AND unix_s >= ?2 GROUP BY unix_s / ?3, kind "
		  "ORDER BY at_s DESC, id DESC LIMIT ?4) ORDER BY at_s, id" },
		{ &marks->prune, "DELETE FROM mark WHERE unix_s < ?1 OR id <= "
		                 "(SELECT max(id) FROM mark) - ?2" },
		{ &marks->forget, "DELETE FROM mark WHERE instance = ?1 AND unix_s > ?2" },
	};
	int result = SQLITE_OK;

	marks->db = db;
	marks->instance = instance;
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows) && result == SQLITE_OK; i++)
		result = sqlite3_prepare_v2(db, rows[i].text, -1, rows[i].statement, NULL);
	return hz_history_file_status(result);
}

void hz_history_marks_close(struct hz_history_marks *marks)
{
	sqlite3_finalize(marks->put);
	sqlite3_finalize(marks->load);
	sqlite3_finalize(marks->read);
	sqlite3_finalize(marks->prune);
	sqlite3_finalize(marks->forget);
}

static int run(const struct hz_history_marks *marks, const char *text)
{
	return hz_history_file_status(sqlite3_exec(marks->db, text, NULL, NULL, NULL));
}

static const char *text_at(sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	return text != NULL ? (const char *)text : "";
}

int hz_history_marks_load(struct hz_history_marks *marks, int64_t from_s, int64_t now_s,
                          struct hz_event_log *log)
{
	sqlite3_stmt *load = hz_history_file_bind(marks->load, marks->instance, from_s);
	struct hz_mark mark;
	int result;

	sqlite3_bind_int64(load, 3, now_s);
	sqlite3_bind_int64(load, 4, HZ_EVENT_LOG_MARKS);
	while ((result = sqlite3_step(load)) == SQLITE_ROW) {
		hz_event_log_mark_set(&mark, sqlite3_column_int64(load, 0), text_at(load, 1),
		                      text_at(load, 2));
		hz_event_log_mark(log, mark.unix_s, mark.kind, "%s", mark.text);
	}
	sqlite3_reset(load);
	marks->written = log->mark_count;
	return hz_history_file_status(result);
}

static int mark_put(struct hz_history_marks *marks, const struct hz_mark *mark)
{
	sqlite3_stmt *put = hz_history_file_bind(marks->put, marks->instance, mark->unix_s);

	sqlite3_bind_text(put, 3, mark->kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(put, 4, mark->text, -1, SQLITE_STATIC);
	return hz_history_file_step(put);
}

int hz_history_marks_write(struct hz_history_marks *marks, const struct hz_event_log *log)
{
	uint64_t first = hz_event_log_marks_first(log);
	int status;

	if (marks->written < first) {
		marks->lost += first - marks->written;
		marks->written = first;
	}
	if (marks->written == log->mark_count)
		return 0;
	status = run(marks, "BEGIN IMMEDIATE");
	for (uint64_t i = marks->written; i < log->mark_count && status == 0; i++)
		status = mark_put(marks, &log->mark[i % HZ_EVENT_LOG_MARKS]);
	if (status == 0)
		status = run(marks, "COMMIT");
	if (status == 0)
		marks->written = log->mark_count;
	else if (sqlite3_get_autocommit(marks->db) == 0)
		(void)run(marks, "ROLLBACK");
	return status;
}

int hz_history_marks_prune(struct hz_history_marks *marks, int64_t before_s)
{
	sqlite3_bind_int64(marks->prune, 1, before_s);
	sqlite3_bind_int64(marks->prune, 2, HZ_HISTORY_MARKS_KEPT);
	return hz_history_file_step(marks->prune);
}

int hz_history_marks_forget(struct hz_history_marks *marks, int64_t now_s)
{
	return hz_history_file_step(hz_history_file_bind(marks->forget, marks->instance, now_s));
}

int hz_history_marks_read(struct hz_history_marks *marks, int64_t from_s, int64_t step_s,
                          hz_history_mark_fn *fn, void *ctx)
{
	sqlite3_stmt *read = hz_history_file_bind(marks->read, marks->instance, from_s);
	struct hz_mark mark;
	int result;

	sqlite3_bind_int64(read, 3, step_s);
	sqlite3_bind_int64(read, 4, HZ_HISTORY_MARKS_READ);
	while ((result = sqlite3_step(read)) == SQLITE_ROW) {
		hz_event_log_mark_set(&mark, sqlite3_column_int64(read, 0), text_at(read, 1),
		                      text_at(read, 2));
		fn(ctx, &mark, (uint64_t)sqlite3_column_int64(read, 3) - 1);
	}
	sqlite3_reset(read);
	return hz_history_file_status(result);
}
