#include "collector/history_file.h"
#include "collector/history_marks.h"
#include "collector/history_wide.h"
#include <errno.h>
#include <string.h>

#define SCHEMA 1

/* application_id says whose file it is: "hzco". Only a new file is written to: another program may be writing. */
static const char setup_new[] = "PRAGMA application_id=1752851311; PRAGMA user_version=1;";
/* Columns are removed by their age alone, whosever they are. */
static const char setup_each[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
	"CREATE TABLE IF NOT EXISTS col (instance TEXT NOT NULL, unix_s INTEGER NOT NULL,"
	" packed BLOB NOT NULL, PRIMARY KEY (instance, unix_s)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS col_age ON col (unix_s);" HZ_HISTORY_WIDE_SETUP
		HZ_HISTORY_MARKS_SETUP;

/* What an SQLite result means to who starts us. */
int hz_history_file_status(int result)
{
	switch (result & 0xff) { /* without the extension */
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return -EACCES;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int number_of(sqlite3 *db, const char *question, int *out)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, question, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*out = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return hz_history_file_status(result);
}

/* A new file has neither, and becomes ours; one of another program has tables of its own. */
static int whose_check(sqlite3 *db)
{
	int application = 0, version = 0, tables = 0, status;

	status = number_of(db, "PRAGMA application_id", &application);
	if (status == 0)
		status = number_of(db, "PRAGMA user_version", &version);
	if (status == 0)
		status = number_of(db, "SELECT count(*) FROM sqlite_master", &tables);
	if (status == 0 && tables == 0 && application == 0)
		return hz_history_file_status(sqlite3_exec(db, setup_new, NULL, NULL, NULL));
	if (status != 0)
		return status;
	return application == 1752851311 && version == SCHEMA ? 0 : -EPROTO;
}

int hz_history_file_open(const char *path, int wait_ms, sqlite3 **out, struct hz_err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	            SQLITE_OPEN_NOFOLLOW;
	sqlite3 *db = NULL;
	int status = hz_history_file_status(sqlite3_open_v2(path, &db, flags, NULL));

	if (status == 0)
		(void)sqlite3_busy_timeout(db, wait_ms);
	if (status == 0)
		status = whose_check(db);
	if (status == 0)
		status = hz_history_file_status(sqlite3_exec(db, setup_each, NULL, NULL, NULL));
	if (status == 0) {
		*out = db;
		return 0;
	}
	(void)hz_err_set(err, status, 1, "history", "--history FILE in a folder of its own",
	                 "%.200s: %s", path,
	                 status == -EPROTO ? "it is another program's, or another version's"
	                 : db != NULL      ? sqlite3_errmsg(db)
	                                   : strerror(ENOMEM));
	sqlite3_close(db);
	return status;
}

sqlite3_stmt *hz_history_file_bind(sqlite3_stmt *statement, const char *instance, int64_t unix_s)
{
	sqlite3_bind_text(statement, 1, instance, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, unix_s);
	return statement;
}

int hz_history_file_step(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	sqlite3_reset(statement);
	return hz_history_file_status(result);
}
