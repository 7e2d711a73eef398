#include "collector/history.h"
#include "core/log.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS     100 /* another program may look into the file */
#define PRUNE_EVERY 360 /* columns: an hour */
#define SCHEMA      1

struct hz_history {
	sqlite3 *db; /* owned, as the statements */
	sqlite3_stmt *put, *load, *prune;
	uint32_t puts;
	bool is_failing; /* told */
};

/* application_id says whose file it is: "hzco". */
static const char setup[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA application_id=1752851311;"
	"PRAGMA user_version=1;"
	"CREATE TABLE IF NOT EXISTS col (instance TEXT NOT NULL, unix_s INTEGER NOT NULL,"
	" packed BLOB NOT NULL, PRIMARY KEY (instance, unix_s)) WITHOUT ROWID;";

static int number_of(sqlite3 *db, const char *pragma, int *out)
{
	sqlite3_stmt *statement = NULL;
	int status = sqlite3_prepare_v2(db, pragma, -1, &statement, NULL);

	if (status == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		*out = sqlite3_column_int(statement, 0);
	else
		status = SQLITE_NOTADB;
	sqlite3_finalize(statement);
	return status == SQLITE_OK ? 0 : -EIO;
}

/* A new file has neither; one of another program has tables of its own. */
static int whose_check(sqlite3 *db)
{
	int application = 0, version = 0, tables = 0;

	if (number_of(db, "PRAGMA application_id", &application) != 0 ||
	    number_of(db, "PRAGMA user_version", &version) != 0 ||
	    number_of(db, "SELECT count(*) FROM sqlite_master", &tables) != 0)
		return -EIO;
	if (tables == 0 && application == 0)
		return 0;
	return application == 1752851311 && version == SCHEMA ? 0 : -EPROTO;
}

static int statements_open(struct hz_history *history)
{
	static const char put[] = "INSERT OR REPLACE INTO col VALUES (?1, ?2, ?3)";
	static const char load[] = "SELECT unix_s, packed FROM col WHERE instance = ?1 AND "
				   "unix_s >= ?2 AND unix_s < ?3 ORDER BY unix_s";
	static const char prune[] = "DELETE FROM col WHERE instance = ?1 AND unix_s < ?2";

	if (sqlite3_exec(history->db, setup, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(history->db, put, -1, &history->put, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(history->db, load, -1, &history->load, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(history->db, prune, -1, &history->prune, NULL) != SQLITE_OK)
		return -EIO;
	return 0;
}

int hz_history_open(const char *path, struct hz_history **out, struct hz_err *err)
{
	struct hz_history *history = calloc(1, sizeof(*history));
	int status;

	if (history == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	status = sqlite3_open_v2(path, &history->db,
	                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	                                 SQLITE_OPEN_NOFOLLOW,
	                         NULL) == SQLITE_OK
	                 ? 0
	                 : -EIO;
	if (status == 0) {
		(void)sqlite3_busy_timeout(history->db, BUSY_MS);
		status = whose_check(history->db);
	}
	if (status == 0)
		status = statements_open(history);
	if (status == 0) {
		*out = history;
		return 0;
	}
	(void)hz_err_set(err, status, 1, "history", "--history FILE in a folder of its own",
	                 "%.200s: %s", path,
	                 status == -EPROTO     ? "it is another program's, or another version's"
	                 : history->db != NULL ? sqlite3_errmsg(history->db)
	                                       : strerror(ENOMEM));
	hz_history_close(history);
	return status;
}

void hz_history_close(struct hz_history *history)
{
	if (history == NULL)
		return;
	sqlite3_finalize(history->put);
	sqlite3_finalize(history->load);
	sqlite3_finalize(history->prune);
	sqlite3_close(history->db);
	free(history);
}

int hz_history_load(struct hz_history *history, const char *instance, int64_t to_s,
                    struct hz_tier *far)
{
	sqlite3_stmt *load = history->load;
	struct hz_hist scratch;
	int step, count = 0;

	sqlite3_bind_text(load, 1, instance, -1, SQLITE_STATIC);
	sqlite3_bind_int64(load, 2, to_s - (int64_t)HZ_SERIES_FAR_COLUMNS * HZ_SERIES_FAR_STEP_S);
	sqlite3_bind_int64(load, 3, to_s);
	while ((step = sqlite3_step(load)) == SQLITE_ROW) {
		const uint8_t *packed = sqlite3_column_blob(load, 1);
		size_t bytes = (size_t)sqlite3_column_bytes(load, 1);

		memset(&scratch, 0, sizeof(scratch));
		if (bytes > HZ_HIST_PACK_MAX || (bytes > 0 && packed == NULL) ||
		    hz_hist_unpack(packed, bytes, HZ_STAGE_TOTAL, &scratch) != 0)
			continue;
		count += hz_tier_put(far, sqlite3_column_int64(load, 0), packed, bytes) == 0;
	}
	sqlite3_reset(load);
	return step == SQLITE_DONE ? count : -EIO;
}

static int step_once(struct hz_history *history, sqlite3_stmt *statement)
{
	int status = sqlite3_step(statement);

	sqlite3_reset(statement);
	if (status == SQLITE_DONE) {
		history->is_failing = false;
		return 0;
	}
	if (!history->is_failing)
		hz_log(HZ_LOG_WARN, "history: %s; going on without", sqlite3_errmsg(history->db));
	history->is_failing = true;
	return -EIO;
}

int hz_history_put(struct hz_history *history, const char *instance, int64_t unix_s,
                   const uint8_t *packed, size_t bytes)
{
	if (history->puts++ % PRUNE_EVERY == 0) {
		sqlite3_bind_text(history->prune, 1, instance, -1, SQLITE_STATIC);
		sqlite3_bind_int64(history->prune, 2, unix_s - HZ_HISTORY_KEEP_S);
		(void)step_once(history, history->prune);
	}
	sqlite3_bind_text(history->put, 1, instance, -1, SQLITE_STATIC);
	sqlite3_bind_int64(history->put, 2, unix_s);
	if (bytes == 0)
		sqlite3_bind_zeroblob(history->put, 3, 0);
	else
		sqlite3_bind_blob(history->put, 3, packed, (int)bytes, SQLITE_STATIC);
	return step_once(history, history->put);
}
