/* Columns of 10 min, made of those of 10 s once these are over: a month of them is read in one turn of the loop, which
 * a month of columns of 10 s, hundreds of megabytes, is not. */
#ifndef HZ_HISTORY_WIDE_H
#define HZ_HISTORY_WIDE_H

#include "collector/hist_pack.h"
#include <sqlite3.h>

#define HZ_HISTORY_WIDE_STEP_S 600

/* A column, packed, of a file that may lie; bytes 0: nobody came. */
typedef void hz_history_fn(void *ctx, int64_t unix_s, const uint8_t *packed, size_t bytes);

struct hz_history_wide { /* zeroed: closed; part of a history, whose database has to outlive it */
	sqlite3_stmt *oldest, *fine, *put, *newest, *read, *prune, *forget; /* owned */
	const char *instance;                                               /* the history's */
	int64_t end_s; /* what lies before it is made; 0: nothing is */
	struct hz_hist sum[HZ_STAGE_COUNT];
	uint8_t packed[HZ_HIST_PACK_MAX];
};

#define HZ_HISTORY_WIDE_SETUP                                                                      \
	"CREATE TABLE IF NOT EXISTS wide (instance TEXT NOT NULL, unix_s INTEGER NOT NULL,"        \
	" packed BLOB NOT NULL, PRIMARY KEY (instance, unix_s)) WITHOUT ROWID;"

/* All return results of SQLite. */
int hz_history_wide_open(struct hz_history_wide *wide, sqlite3 *db, const char *instance);
void hz_history_wide_close(struct hz_history_wide *wide);

/* Finds out what there is up to now_s; forget: removes what lies beyond. */
int hz_history_wide_begin(struct hz_history_wide *wide, int64_t now_s, bool forget);
/* Seconds back from now_s to the first column of 10 s of from_s or later; 0: there is none. */
uint32_t hz_history_wide_length(struct hz_history_wide *wide, int64_t from_s, int64_t now_s);
/* Makes what is over, a few at a time: a column of written_s or later is in the file. */
int hz_history_wide_make(struct hz_history_wide *wide, int64_t written_s);
int hz_history_wide_prune(struct hz_history_wide *wide, int64_t before_s);

/* Calls fn with those of from_s <= t < end_s, in order of time. */
int hz_history_wide_read(struct hz_history_wide *wide, int64_t from_s, hz_history_fn *fn,
                         void *ctx);

#endif
