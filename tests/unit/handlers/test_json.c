/* JSON escaping and templates. */
#include "handlers/json_escape.h"
#include "handlers/json_template.h"

#include "core/base.h"
#include "hz_test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPLACED "\xef\xbf\xbd"

static const struct {
	const char *text;
	size_t len; /* 0: strlen */
	const char *escaped;
} rows[] = {
	{ "", 0, "" },
	{ "abc", 0, "abc" },
	{ "\"", 0, "\\\"" },
	{ "\\", 0, "\\\\" },
	{ "/", 0, "/" },
	{ "a\"b\\c", 0, "a\\\"b\\\\c" },
	{ "\b\f\n\r\t", 0, "\\b\\f\\n\\r\\t" },
	{ "\0", 1, "\\u0000" },
	{ "\x01\x0b\x1f", 0, "\\u0001\\u000b\\u001f" },
	{ "\x7f", 0, "\x7f" },
	{ "<script>&'", 0, "<script>&'" },
	/* UTF-8 at the edges of its ranges */
	{ "\xc2\x80\xdf\xbf", 0, "\xc2\x80\xdf\xbf" },
	{ "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 0,
	  "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf" },
	{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 0, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
	{ "\xe2\x80\xa8", 0, "\xe2\x80\xa8" },
	/* what is none: one replacement for each maximal part */
	{ "\x80", 0, REPLACED },
	{ "\xbf\xbf", 0, REPLACED REPLACED },
	{ "\xc0\xaf", 0, REPLACED REPLACED },
	{ "\xc1\xbf", 0, REPLACED REPLACED },
	{ "\xe0\x9f\xbf", 0, REPLACED REPLACED REPLACED },
	{ "\xed\xa0\x80", 0, REPLACED REPLACED REPLACED },
	{ "\xf0\x8f\xbf\xbf", 0, REPLACED REPLACED REPLACED REPLACED },
	{ "\xf4\x90\x80\x80", 0, REPLACED REPLACED REPLACED REPLACED },
	{ "\xf5\x80", 0, REPLACED REPLACED },
	{ "\xff\xfe", 0, REPLACED REPLACED },
	{ "a\xc3", 0, "a" REPLACED },
	{ "\xc3"
	  "a",
	  0, REPLACED "a" },
	{ "\xc3\"", 0, REPLACED "\\\"" },
	{ "\xe2\x82", 0, REPLACED },
	{ "\xe2\x82x", 0, REPLACED "x" },
	{ "\xf0\x9f\x98", 0, REPLACED },
	{ "\xf0\x9f\x98\xf0\x9f\x98\x80", 0, REPLACED "\xf0\x9f\x98\x80" },
	/* the example of Unicode 15, table 3-8 */
	{ "\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 0,
	  "a" REPLACED REPLACED REPLACED "b" REPLACED "c" REPLACED REPLACED "d" },
};

static void text_of_table_is_escaped_as_listed(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		size_t len = rows[i].len != 0 ? rows[i].len : strlen(rows[i].text);
		size_t want = strlen(rows[i].escaped);
		uint8_t *copy = malloc(len + (len == 0)), *out = malloc(want + (want == 0));
		struct hz_span text = { copy, len };

		memcpy(copy, rows[i].text, len);
		CU_ASSERT_EQUAL(hz_json_escape_bytes(text), want);
		if (hz_json_escape_bytes(text) == want) {
			CU_ASSERT_PTR_EQUAL(hz_json_escape_write(text, out), out + want);
			CU_ASSERT_EQUAL(memcmp(out, rows[i].escaped, want), 0);
		}
		free(copy);
		free(out);
	}
}

static void every_pair_of_bytes_keeps_its_measure(void)
{
	unsigned wrong = 0;

	for (unsigned pair = 0; pair < 65536; pair++) {
		uint8_t text[2] = { (uint8_t)(pair >> 8), (uint8_t)pair }, out[16];
		struct hz_span span = { text, 2 };
		size_t bytes = hz_json_escape_bytes(span);

		wrong += bytes > 12 || hz_json_escape_write(span, out) != out + bytes;
		for (size_t i = 0; i < bytes; i++)
			wrong += out[i] < 0x20;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static const struct {
	const char *value;
	int err;
	const char *filled; /* id is `7`, slug is `a"b` */
} templates[] = {
	{ "", 0, "{\"k\":\"\"}" },
	{ "text", 0, "{\"k\":\"text\"}" },
	{ "{id}", 0, "{\"k\":\"7\"}" },
	{ "{slug}", 0, "{\"k\":\"a\\\"b\"}" },
	{ "<{id}{slug}>", 0, "{\"k\":\"<7a\\\"b>\"}" },
	{ "{id}{id}", 0, "{\"k\":\"77\"}" },
	{ "{{id}}", 0, "{\"k\":\"{id}\"}" },
	{ "{{{id}}}", 0, "{\"k\":\"{7}\"}" },
	{ "{{", 0, "{\"k\":\"{\"}" },
	{ "}}", 0, "{\"k\":\"}\"}" },
	{ "}}{{", 0, "{\"k\":\"}{\"}" },
	{ "\"{id}\\", 0, "{\"k\":\"\\\"7\\\\\"}" },
	{ "\xc3\xa9{id}\n", 0,
	  "{\"k\":\"\xc3\xa9"
	  "7\\n\"}" },
	{ "{", -EINVAL, NULL },
	{ "}", -EINVAL, NULL },
	{ "{}", -EINVAL, NULL },
	{ "{id", -EINVAL, NULL },
	{ "id}", -EINVAL, NULL },
	{ "{no}", -EINVAL, NULL },
	{ "{ id}", -EINVAL, NULL },
	{ "{i{d}}", -EINVAL, NULL },
	{ "{{id}", -EINVAL, NULL },
};

static void template_of_table_is_filled_as_listed(void)
{
	static const struct hz_span names[] = { { (const uint8_t *)"id", 2 },
		                                { (const uint8_t *)"slug", 4 } };
	struct hz_http_req *req = calloc(1, sizeof(*req));

	req->param_count = 2;
	req->param[0].value = span("7");
	req->param[1].value = span("a\"b");
	for (size_t i = 0; i < HZ_ARRAY_LEN(templates); i++) {
		struct hz_respond_member member = { span("k"), span(templates[i].value) };
		struct hz_respond_conf conf = { .json = &member,
			                        .json_count = 1,
			                        .params = { names, 2 } };
		struct hz_json_template *tmpl = NULL;
		uint8_t memory[128];
		struct hz_arena arena;
		struct hz_span out;

		CU_ASSERT_EQUAL(hz_json_template_build(&conf, &tmpl), templates[i].err);
		if (tmpl == NULL)
			continue;
		hz_arena_init(&arena, memory, sizeof(memory));
		req->arena = &arena;
		CU_ASSERT_EQUAL(hz_json_template_fill(tmpl, req, &out), 0);
		CU_ASSERT_EQUAL(out.len, strlen(templates[i].filled));
		CU_ASSERT_EQUAL(memcmp(out.data, templates[i].filled, out.len), 0);
		hz_arena_init(&arena, memory, out.len - 1);
		CU_ASSERT_EQUAL(hz_json_template_fill(tmpl, req, &out), -ENOMEM);
		hz_json_template_free(tmpl);
	}
	free(req);
}

static void template_with_too_many_holes_is_refused(void)
{
	static const struct hz_span name = { (const uint8_t *)"i", 1 };
	char value[3 * (HZ_JSON_HOLES_MAX + 1) + 1] = "";
	struct hz_respond_member member = { span("k"), { NULL, 0 } };
	struct hz_respond_conf conf = { .json = &member, .json_count = 1, .params = { &name, 1 } };
	struct hz_json_template *tmpl = NULL;

	for (size_t i = 0; i <= HZ_JSON_HOLES_MAX; i++)
		memcpy(value + 3 * i, "{i}", 4);
	member.value = (struct hz_span){ (const uint8_t *)value, 3 * HZ_JSON_HOLES_MAX };
	CU_ASSERT_EQUAL(hz_json_template_build(&conf, &tmpl), 0);
	hz_json_template_free(tmpl);
	tmpl = NULL;
	member.value = span(value);
	CU_ASSERT_EQUAL(hz_json_template_build(&conf, &tmpl), -EINVAL);
	CU_ASSERT_PTR_NULL(tmpl);
}

HZ_SUITE(json, CASE(text_of_table_is_escaped_as_listed),
         CASE(every_pair_of_bytes_keeps_its_measure), CASE(template_of_table_is_filled_as_listed),
         CASE(template_with_too_many_holes_is_refused));
