/* What goes out by OTLP. */
#include "collector/otlp_doc.h"
#include "collector/otlp_target.h"
#include "collector/span_queue.h"
#include "hz_test.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

static const char *value_at(const json_t *attributes, const char *wanted, const char *type)
{
	const json_t *attribute;
	size_t i;

	json_array_foreach (attributes, i, attribute)
		if (strcmp(json_string_value(json_object_get(attribute, "key")), wanted) == 0)
			return json_string_value(
				json_object_get(json_object_get(attribute, "value"), type));
	return "none";
}

static const char *text_at(const json_t *attributes, const char *wanted)
{
	return value_at(attributes, wanted, "stringValue");
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
	CU_ASSERT_STRING_EQUAL(
		value_at(json_object_get(span, "attributes"), "hz.stage.handler_ns", "intValue"),
		"4000000");
	CU_ASSERT_STRING_EQUAL(
		value_at(json_object_get(span, "attributes"), "hz.stage.queue_ns", "intValue"),
		"none"); /* not measured */
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

/* --- spans that wait ------------------------------------------------------------------------------- */

static void spans_add(struct hz_span_queue *queue, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		hz_doc_text_print(hz_span_queue_add(queue), "%u", i);
}

/* First and last of what is sent, and how many. */
static uint32_t spans_sent(struct hz_span_queue *queue, uint32_t *first, uint32_t *last)
{
	struct hz_doc out = { 0 };
	uint32_t count = 0;

	hz_span_queue_send(queue, &out);
	hz_doc_text_add(&out, "", 1);
	for (char *at = out.data; *at != '\0'; at += *at == ',') {
		*last = (uint32_t)strtoul(at, &at, 10);
		if (count++ == 0)
			*first = *last;
	}
	hz_doc_text_close(&out);
	return count;
}

static void refused_spans_are_sent_again_and_the_newest_are_kept(void)
{
	struct hz_span_queue *queue = calloc(1, sizeof(*queue));
	uint32_t first, last;

	spans_add(queue, 0, 10);
	CU_ASSERT_EQUAL(spans_sent(queue, &first, &last), 10);
	CU_ASSERT_EQUAL(hz_span_queue_done(queue, false), 0);
	spans_add(queue, 10, HZ_SPAN_QUEUE_MAX);
	CU_ASSERT_EQUAL(queue->dropped, 10);
	CU_ASSERT_EQUAL(spans_sent(queue, &first, &last), HZ_SPAN_QUEUE_MAX);
	CU_ASSERT_EQUAL(first, 10);
	CU_ASSERT_EQUAL(last, 9 + HZ_SPAN_QUEUE_MAX);
	spans_add(queue, 10 + HZ_SPAN_QUEUE_MAX, 3); /* while those are under way */
	CU_ASSERT_EQUAL(hz_span_queue_done(queue, true), HZ_SPAN_QUEUE_MAX);
	CU_ASSERT_EQUAL(queue->dropped, 10);
	CU_ASSERT_EQUAL(spans_sent(queue, &first, &last), 3);
	CU_ASSERT_EQUAL(first, 10 + HZ_SPAN_QUEUE_MAX);
	CU_ASSERT_EQUAL(hz_span_queue_done(queue, true), 3);
	CU_ASSERT_EQUAL(queue->first, queue->end);
	hz_span_queue_close(queue);
	free(queue);
}

static void spans_that_made_room_under_way_are_dropped_when_the_push_fails(void)
{
	struct hz_span_queue *queue = calloc(1, sizeof(*queue));
	uint32_t first, last;

	spans_add(queue, 0, HZ_SPAN_QUEUE_MAX);
	(void)spans_sent(queue, &first, &last);
	spans_add(queue, HZ_SPAN_QUEUE_MAX, HZ_SPAN_QUEUE_MAX + 5); /* five of the new ones too */
	CU_ASSERT_EQUAL(queue->dropped, 5);
	CU_ASSERT_EQUAL(hz_span_queue_done(queue, false), 0);
	CU_ASSERT_EQUAL(queue->dropped, 5 + HZ_SPAN_QUEUE_MAX);
	CU_ASSERT_EQUAL(spans_sent(queue, &first, &last), HZ_SPAN_QUEUE_MAX);
	CU_ASSERT_EQUAL(first, HZ_SPAN_QUEUE_MAX + 5);
	hz_span_queue_close(queue);
	free(queue);
}

/* --- where it goes ------------------------------------------------------------------------------------ */

static void log_gets_no_password(void)
{
	static const struct {
		const char *url, *origin;
	} rows[] = {
		{ "http://127.0.0.1:4318", "http://127.0.0.1:4318" },
		{ "https://me:secret@host:4318/path@x", "https://host:4318" },
		{ "https://me:sec@ret@host/", "https://host" },
		{ "https://host?key=secret", "https://host" },
		{ "https://me@", "https://" },
	};
	char origin[64];

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		hz_otlp_target_origin(rows[i].url, origin, sizeof(origin));
		CU_ASSERT_STRING_EQUAL(origin, rows[i].origin);
	}
}

static void fields_are_read_decoded_or_refused(void)
{
	static const struct {
		const char *text, *first, *second;
		int status; /* of the last one asked for */
	} rows[] = {
		{ "", NULL, NULL, 0 },
		{ " , ,", NULL, NULL, 0 },
		{ "api-key=abc", "api-key: abc", NULL, 0 },
		{ "a=1,b = x=y ", "a: 1", "b: x=y", 0 },
		{ "authorization=Bearer%20x%2Cy", "authorization: Bearer x,y", NULL, 0 },
		{ "a=100%", "a: 100%", NULL, 0 },
		{ "a", NULL, NULL, -EINVAL },
		{ "=b", NULL, NULL, -EINVAL },
		{ "a b=c", NULL, NULL, -EINVAL },
		{ "a=b%0d%0aHost: evil", NULL, NULL, -EINVAL },
		{ "a=1,b", "a: 1", NULL, -EINVAL },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		const char *at = rows[i].text, *const want[] = { rows[i].first, rows[i].second };
		char line[HZ_OTLP_TARGET_LINE_BYTES];

		for (size_t j = 0; j < 2 && want[j] != NULL; j++) {
			CU_ASSERT_EQUAL(hz_otlp_target_header(&at, line), 1);
			CU_ASSERT_STRING_EQUAL(line, want[j]);
		}
		CU_ASSERT_EQUAL(hz_otlp_target_header(&at, line), rows[i].status);
	}
}

static void field_as_long_as_a_line_or_longer_is_refused(void)
{
	char text[2 * HZ_OTLP_TARGET_LINE_BYTES], line[HZ_OTLP_TARGET_LINE_BYTES];

	for (size_t len = HZ_OTLP_TARGET_LINE_BYTES - 8; len < sizeof(text) - 1; len++) {
		const char *at = text;
		bool fits = len + 1 < HZ_OTLP_TARGET_LINE_BYTES; /* "a: " for "a=", and the end */

		memset(text, 'x', len);
		text[len] = '\0';
		text[1] = '=';
		CU_ASSERT_EQUAL_FATAL(hz_otlp_target_header(&at, line), fits ? 1 : -EINVAL);
		at = text;
		text[1] = 'x';
		text[len - 1] = '=';
		fits = len + 1 < HZ_OTLP_TARGET_LINE_BYTES;
		CU_ASSERT_EQUAL_FATAL(hz_otlp_target_header(&at, line), fits ? 1 : -EINVAL);
	}
}

HZ_SUITE(otlp, CASE(slow_record_becomes_a_span),
         CASE(refused_spans_are_sent_again_and_the_newest_are_kept),
         CASE(spans_that_made_room_under_way_are_dropped_when_the_push_fails),
         CASE(log_gets_no_password), CASE(fields_are_read_decoded_or_refused),
         CASE(field_as_long_as_a_line_or_longer_is_refused));
