/* Marks of the heatmap in a history: as they came, each once, so that a picture of weeks has them, and one of today after
 * another start. */
#ifndef HZ_HISTORY_MARKS_H
#define HZ_HISTORY_MARKS_H

#include "collector/event_log.h"
#include <sqlite3.h>

#define HZ_HISTORY_MARKS_KEPT 100000 /* of all instances; some 8 MB */
#define HZ_HISTORY_MARKS_READ 2048   /* in one answer, the newest */

struct hz_history_marks { /* zeroed: closed; part of a history, whose database has to outlive it */
	sqlite3 *db;
	sqlite3_stmt *put, *load, *read, *prune, *forget; /* owned */
	const char *instance;                             /* the history's */
	uint64_t written; /* those of the log below this number are in the file */
	uint64_t lost;    /* made room in the log before they were */
};

#define HZ_HISTORY_MARKS_SETUP                                                                     \
	"CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY, instance TEXT NOT NULL,"         \
	" unix_s INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);"                       \
	"CREATE INDEX IF NOT EXISTS mark_time ON mark (instance, unix_s);"

/* All return 0, or as hz_history_file_status. */
int hz_history_marks_open(struct hz_history_marks *marks, sqlite3 *db, const char *instance);
void hz_history_marks_close(struct hz_history_marks *marks);

/* Gives an empty log those of from_s <= t <= now_s, the newest it has room for. */
int hz_history_marks_load(struct hz_history_marks *marks, int64_t from_s, int64_t now_s,
                          struct hz_event_log *log);
/* Writes those that came to the log since, in one transaction: all or none, which are tried again with the next call. */
int hz_history_marks_write(struct hz_history_marks *marks, const struct hz_event_log *log);

/* Removes what is older than before_s, or too much; and what is newer than now_s. */
int hz_history_marks_prune(struct hz_history_marks *marks, int64_t before_s);
int hz_history_marks_forget(struct hz_history_marks *marks, int64_t now_s);

/* Calls fn with the marks in the file of from_s and later, in order of time: of each kind the first one in each step, which
 * stands for so many more behind it. */
typedef void hz_history_mark_fn(void *ctx, const struct hz_mark *mark, uint64_t more);
int hz_history_marks_read(struct hz_history_marks *marks, int64_t from_s, int64_t step_s,
                          hz_history_mark_fn *fn, void *ctx);

#endif
