/* The database of a history: whose it is, and its tables. */
#ifndef HZ_HISTORY_FILE_H
#define HZ_HISTORY_FILE_H

#include "core/err.h"
#include <sqlite3.h>
#include <stdint.h>

/* 0, or what a result of SQLite means: -EBADMSG the file is broken, or none; -EACCES it may not be written; -ENOMEM;
 * -EIO the rest. */
int hz_history_file_status(int result);

/* Opens it, or makes one; waits so long for other programs. *out is the caller's, sqlite3_close. 0, -EPROTO when it is
 * somebody else's, or as above; err is filled. */
int hz_history_file_open(const char *path, int wait_ms, sqlite3 **out, struct hz_err *err);

/* Of statements whose first two parameters are whose history it is and a time: bound to them, and
 * returned. The bytes of instance are not copied: they outlive the use. */
sqlite3_stmt *hz_history_file_bind(sqlite3_stmt *statement, const char *instance, int64_t unix_s);
/* Runs one that gives no rows, and makes it ready for the next time. 0 or as above. */
int hz_history_file_step(sqlite3_stmt *statement);

#endif
