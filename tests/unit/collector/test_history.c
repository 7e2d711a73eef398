/* The history in a file, and what goes out by OTLP. */
#include "collector/history.h"
#include "collector/otlp_doc.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_S 1800000000

static void path_make(char out[64])
{
	snprintf(out, 64, "/tmp/hz-unit-history-%d.db", (int)getpid());
}

static void path_remove(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[80];

	for (size_t i = 0; i < HZ_ARRAY_LEN(ends); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static size_t column_make(uint64_t samples, uint8_t *packed)
{
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	size_t bytes;

	stage[HZ_STAGE_TOTAL].bucket[77] = samples;
	bytes = hz_hist_pack(stage, packed);
	free(stage);
	return bytes;
}

static void columns_of_the_last_day_and_this_instance_come_back(void)
{
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);
	struct hz_history *history = NULL;
	struct hz_tier tier;
	struct hz_hist sum = { 0 };
	struct hz_err err = { 0 };
	char path[64];

	path_make(path);
	path_remove(path);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(path, &history, &err), 0);
	for (int64_t i = 0; i < 20; i++) {
		size_t bytes = i % 3 == 0 ? 0 : column_make((uint64_t)i, packed);

		CU_ASSERT_EQUAL(hz_history_put(history, "", BEGIN_S + i * 10, packed, bytes), 0);
	}
	CU_ASSERT_EQUAL(hz_history_put(history, "other", BEGIN_S - 10, NULL, 0), 0);
	hz_history_close(history);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(path, &history, &err), 0);
	CU_ASSERT_EQUAL_FATAL(hz_tier_open(&tier, 10, HZ_SERIES_FAR_COLUMNS, 1 << 20), 0);
	/* the first five are older than a day, the last five are not over */
	CU_ASSERT_EQUAL(hz_history_load(history, "", BEGIN_S + 150, &tier), 15);
	CU_ASSERT_EQUAL(hz_tier_sum(&tier, 0, INT64_MAX, HZ_STAGE_TOTAL, &sum), 15);
	CU_ASSERT_EQUAL(hz_hist_count(&sum), 1 + 2 + 4 + 5 + 7 + 8 + 10 + 11 + 13 + 14);
	hz_tier_close(&tier);
	CU_ASSERT_EQUAL_FATAL(hz_tier_open(&tier, 10, HZ_SERIES_FAR_COLUMNS, 1 << 20), 0);
	CU_ASSERT_EQUAL(hz_history_load(history, "", BEGIN_S + 86400 + 50, &tier), 15);
	CU_ASSERT_PTR_NULL(hz_tier_find(&tier, BEGIN_S + 40));
	hz_tier_close(&tier);
	hz_history_close(history);
	path_remove(path);
	free(packed);
}

static void old_columns_are_removed(void)
{
	struct hz_history *history = NULL;
	struct hz_tier tier;
	struct hz_err err = { 0 };
	char path[64];

	path_make(path);
	path_remove(path);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(path, &history, &err), 0);
	CU_ASSERT_EQUAL(hz_history_put(history, "", BEGIN_S, NULL, 0), 0);
	hz_history_close(history); /* the first column of a run removes */
	CU_ASSERT_EQUAL_FATAL(hz_history_open(path, &history, &err), 0);
	CU_ASSERT_EQUAL(hz_history_put(history, "", BEGIN_S + HZ_HISTORY_KEEP_S + 10, NULL, 0), 0);
	CU_ASSERT_EQUAL_FATAL(hz_tier_open(&tier, 10, HZ_SERIES_FAR_COLUMNS, 1 << 20), 0);
	CU_ASSERT_EQUAL(hz_history_load(history, "", BEGIN_S + 10, &tier), 0);
	hz_tier_close(&tier);
	hz_history_close(history);
	path_remove(path);
}

static void file_of_another_program_is_left_alone(void)
{
	struct hz_history *history = NULL;
	struct hz_err err = { 0 };
	char path[64];
	sqlite3 *db;
	FILE *file;

	path_make(path);
	path_remove(path);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	CU_ASSERT_EQUAL(hz_history_open(path, &history, &err), -EPROTO);
	CU_ASSERT_EQUAL(err.exit_code, 1);
	path_remove(path);
	file = fopen(path, "w");
	fputs("this is not a database, though it is long enough to look like one\n", file);
	fclose(file);
	CU_ASSERT_EQUAL(hz_history_open(path, &history, &err), -EIO);
	CU_ASSERT_PTR_NULL(history);
	path_remove(path);
	CU_ASSERT_EQUAL(hz_history_open("/nonexistent/file", &history, &err), -EIO);
}

static void column_that_lies_is_left_out(void)
{
	static const uint8_t lies[] = { 0, 1, 1, 9, 0, 1 };
	struct hz_history *history = NULL;
	struct hz_tier tier;
	struct hz_err err = { 0 };
	char path[64];

	path_make(path);
	path_remove(path);
	CU_ASSERT_EQUAL_FATAL(hz_history_open(path, &history, &err), 0);
	CU_ASSERT_EQUAL(hz_history_put(history, "", BEGIN_S, lies, sizeof(lies)), 0);
	CU_ASSERT_EQUAL(hz_history_put(history, "", BEGIN_S + 5, NULL, 0), 0); /* at no step */
	CU_ASSERT_EQUAL(hz_history_put(history, "", BEGIN_S + 10, NULL, 0), 0);
	CU_ASSERT_EQUAL_FATAL(hz_tier_open(&tier, 10, HZ_SERIES_FAR_COLUMNS, 1 << 20), 0);
	CU_ASSERT_EQUAL(hz_history_load(history, "", BEGIN_S + 100, &tier), 1);
	hz_tier_close(&tier);
	hz_history_close(history);
	path_remove(path);
}

/* --- OTLP ------------------------------------------------------------------------------------------- */

static struct hz_event_slow slow_make(void)
{
	struct hz_event_slow slow = { .status = 503, .route = 3 };

	slow.header.kind = HZ_EVENT_SLOW;
	slow.header.bytes = sizeof(slow);
	slow.header.time_ns = 7000000;
	slow.stage_ns[HZ_STAGE_TOTAL] = 5000000;
	slow.stage_ns[HZ_STAGE_HANDLER] = 4000000;
	memcpy(slow.method, "PROPFIND", 8); /* fills its field */
	memset(slow.path, '/', sizeof(slow.path));
	memcpy(slow.route_name, "a\"\xff", 3);
	return slow;
}

static const char *text_at(const json_t *attributes, const char *wanted)
{
	const json_t *attribute;
	size_t i;

	json_array_foreach (attributes, i, attribute)
		if (strcmp(json_string_value(json_object_get(attribute, "key")), wanted) == 0)
			return json_string_value(json_object_get(
				json_object_get(attribute, "value"), "stringValue"));
	return "none";
}

static void slow_record_becomes_a_span(void)
{
	uint8_t random[24];
	struct hz_event_slow slow = slow_make();
	struct hz_doc spans = { 0 }, doc = { 0 };
	json_t *root, *list, *span;

	memset(random, 0xab, sizeof(random));
	hz_otlp_doc_span(&slow, 1000, random, &spans);
	memset(slow.trace_id, 0x12, sizeof(slow.trace_id));
	memset(slow.span_id, 0x34, sizeof(slow.span_id));
	slow.status = 200;
	hz_otlp_doc_span(&slow, 1000, random, &spans);
	hz_otlp_doc_traces("unit", &spans, &doc);
	root = json_loadb(doc.data, doc.bytes, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	list = json_object_get(
		json_array_get(
			json_object_get(json_array_get(json_object_get(root, "resourceSpans"), 0),
	                                "scopeSpans"),
			0),
		"spans");
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 2);
	span = json_array_get(list, 0);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(span, "traceId")),
	                       "abababababababababababababababab");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(span, "startTimeUnixNano")),
	                       "2001000");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(span, "endTimeUnixNano")),
	                       "7001000");
	CU_ASSERT_STRING_EQUAL(text_at(json_object_get(span, "attributes"), "http.request.method"),
	                       "PROPFIND");
	CU_ASSERT_STRING_EQUAL(text_at(json_object_get(span, "attributes"), "http.route"), "a\"?");
	CU_ASSERT_EQUAL(strlen(text_at(json_object_get(span, "attributes"), "url.path")), 64);
	CU_ASSERT_EQUAL(
		json_integer_value(json_object_get(json_object_get(span, "status"), "code")), 2);
	span = json_array_get(list, 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(span, "spanId")),
	                       "3434343434343434");
	CU_ASSERT_EQUAL(
		json_integer_value(json_object_get(json_object_get(span, "status"), "code")), 0);
	json_decref(root);
	hz_doc_text_close(&spans);
	hz_doc_text_close(&doc);
}

HZ_SUITE(history, CASE(columns_of_the_last_day_and_this_instance_come_back),
         CASE(old_columns_are_removed), CASE(file_of_another_program_is_left_alone),
         CASE(column_that_lies_is_left_out), CASE(slow_record_becomes_a_span));
