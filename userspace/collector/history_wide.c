#include "collector/history_wide.h"
#include "collector/history_file.h"
#include <string.h>

#define TURN_MAX 4 /* columns that are made in one turn */

int hz_history_wide_open(struct hz_history_wide *wide, sqlite3 *db, const char *instance)
{
	const struct {
		sqlite3_stmt **statement;
		const char *text;
	} rows[] = {
		{ &wide->oldest,
		  "SELECT min(unix_s) FROM col WHERE instance = ?1 AND unix_s >= ?2" },
		{ &wide->fine,
		  "SELECT packed FROM col WHERE instance = ?1 AND unix_s >= ?2 AND unix_s < ?3" },
		{ &wide->put, "INSERT OR REPLACE INTO wide VALUES (?1, ?2, ?3)" },
		{ &wide->newest,
		  "SELECT max(unix_s) FROM wide WHERE instance = ?1 AND unix_s <= ?2" },
		{ &wide->read, "SELECT unix_s, packed FROM wide WHERE instance = ?1 AND "
		               "unix_s >= ?2 AND unix_s < ?3 ORDER BY unix_s" },
		{ &wide->prune, "DELETE FROM wide WHERE unix_s < ?1" },
		{ &wide->forget, "DELETE FROM wide WHERE instance = ?1 AND unix_s > ?2" },
	};
	int result = SQLITE_OK;

	wide->instance = instance;
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows) && result == SQLITE_OK; i++)
		result = sqlite3_prepare_v2(db, rows[i].text, -1, rows[i].statement, NULL);
	return result;
}

void hz_history_wide_close(struct hz_history_wide *wide)
{
	sqlite3_finalize(wide->oldest);
	sqlite3_finalize(wide->fine);
	sqlite3_finalize(wide->put);
	sqlite3_finalize(wide->newest);
	sqlite3_finalize(wide->read);
	sqlite3_finalize(wide->prune);
	sqlite3_finalize(wide->forget);
}

/* The number a question has, 0: none. */
static int number_get(sqlite3_stmt *statement, int64_t *out)
{
	int result = sqlite3_step(statement);

	if (result == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return result == SQLITE_ROW ? SQLITE_DONE : result;
}

int hz_history_wide_begin(struct hz_history_wide *wide, int64_t now_s, bool forget)
{
	int64_t last_s = now_s - HZ_HISTORY_WIDE_STEP_S,
		newest_s = 0; /* the last one that is over */
	int result = SQLITE_DONE;

	if (forget) {
		result = sqlite3_step(hz_history_file_bind(wide->forget, wide->instance, last_s));
		sqlite3_reset(wide->forget);
	}
	if (result == SQLITE_DONE)
		result = number_get(hz_history_file_bind(wide->newest, wide->instance, last_s),
		                    &newest_s);
	if (result == SQLITE_DONE)
		wide->end_s = newest_s > 0 ? newest_s + HZ_HISTORY_WIDE_STEP_S : 0;
	return result;
}

/* A blob of the file; whether it is what it should be shows when it is unpacked. */
static bool blob_get(sqlite3_stmt *row, int column, const uint8_t **packed, size_t *bytes)
{
	*packed = sqlite3_column_blob(row, column);
	*bytes = (size_t)sqlite3_column_bytes(row, column);
	return *bytes <= HZ_HIST_PACK_MAX && (*bytes == 0 || *packed != NULL);
}

static int column_make(struct hz_history_wide *wide, int64_t unix_s)
{
	sqlite3_stmt *fine = hz_history_file_bind(wide->fine, wide->instance, unix_s);
	size_t bytes;
	int result;

	memset(wide->sum, 0, sizeof(wide->sum));
	sqlite3_bind_int64(fine, 3, unix_s + HZ_HISTORY_WIDE_STEP_S);
	while ((result = sqlite3_step(fine)) == SQLITE_ROW) {
		const uint8_t *packed;

		if (!blob_get(fine, 0, &packed, &bytes))
			continue;
		for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++)
			(void)hz_hist_unpack(packed, bytes, i, &wide->sum[i]);
	}
	sqlite3_reset(fine);
	if (result != SQLITE_DONE)
		return result;
	bytes = hz_hist_pack(wide->sum, wide->packed);
	(void)hz_history_file_bind(wide->put, wide->instance, unix_s);
	if (bytes == 0)
		sqlite3_bind_zeroblob(wide->put, 3, 0);
	else
		sqlite3_bind_blob(wide->put, 3, wide->packed, (int)bytes, SQLITE_STATIC);
	result = sqlite3_step(wide->put);
	sqlite3_reset(wide->put);
	return result;
}

uint32_t hz_history_wide_length(struct hz_history_wide *wide, int64_t from_s, int64_t now_s)
{
	int64_t oldest_s = 0;

	(void)number_get(hz_history_file_bind(wide->oldest, wide->instance, from_s), &oldest_s);
	return oldest_s > 0 && oldest_s < now_s ? (uint32_t)(now_s - oldest_s) : 0;
}

int hz_history_wide_make(struct hz_history_wide *wide, int64_t written_s)
{
	int result = SQLITE_DONE;

	for (uint32_t i = 0; i < TURN_MAX && result == SQLITE_DONE; i++) {
		int64_t unix_s = 0;

		result = number_get(hz_history_file_bind(wide->oldest, wide->instance, wide->end_s),
		                    &unix_s);
		unix_s -= unix_s % HZ_HISTORY_WIDE_STEP_S;
		if (result != SQLITE_DONE || unix_s <= 0 ||
		    unix_s + HZ_HISTORY_WIDE_STEP_S > written_s)
			break;
		result = column_make(wide, unix_s);
		if (result == SQLITE_DONE)
			wide->end_s = unix_s + HZ_HISTORY_WIDE_STEP_S;
	}
	return result;
}

int hz_history_wide_prune(struct hz_history_wide *wide, int64_t before_s)
{
	int result;

	sqlite3_bind_int64(wide->prune, 1, before_s);
	result = sqlite3_step(wide->prune);
	sqlite3_reset(wide->prune);
	return result;
}

int hz_history_wide_read(struct hz_history_wide *wide, int64_t from_s, hz_history_fn *fn, void *ctx)
{
	sqlite3_stmt *read = hz_history_file_bind(wide->read, wide->instance, from_s);
	int result;

	sqlite3_bind_int64(read, 3, wide->end_s);
	while ((result = sqlite3_step(read)) == SQLITE_ROW) {
		const uint8_t *packed;
		size_t bytes;

		if (blob_get(read, 1, &packed, &bytes))
			fn(ctx, sqlite3_column_int64(read, 0), packed, bytes);
	}
	sqlite3_reset(read);
	return result;
}
