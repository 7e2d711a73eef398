/* The database of a history: whose it is, and its tables. */
#ifndef HZ_HISTORY_FILE_H
#define HZ_HISTORY_FILE_H

#include "core/err.h"
#include <sqlite3.h>

/* 0, or what a result of SQLite means: -EBADMSG the file is broken, or none; -EACCES it may not be written; -ENOMEM;
 * -EIO the rest. */
int hz_history_file_status(int result);

/* Opens it, or makes one; waits so long for other programs. *out is the caller's, sqlite3_close. 0, -EPROTO when it is
 * somebody else's, or as above; err is filled. */
int hz_history_file_open(const char *path, int wait_ms, sqlite3 **out, struct hz_err *err);

#endif
