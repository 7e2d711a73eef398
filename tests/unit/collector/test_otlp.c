/* What goes out by OTLP. */
#include "collector/otlp_doc.h"
#include "hz_test.h"
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

HZ_SUITE(otlp, CASE(slow_record_becomes_a_span));
