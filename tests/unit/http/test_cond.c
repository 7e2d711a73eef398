/* Conditional requests: a table of fields and what they decide, RFC 9110 13. */
#include "http/cond.h"
#include "hz_test.h"
#include <stdio.h>
#include <string.h>

#define NOW    1700000000u
#define LM     784111777u
#define AT     "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

static struct hz_span span_of(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

/* "name: value" lines with LF between them. */
static void req_build(struct hz_http_req *req, enum hz_http_method method, const char *fields)
{
	req->method = method;
	req->header_count = 0;
	while (*fields != '\0') {
		struct hz_http_header *field = &req->header[req->header_count++];
		const char *colon = strchr(fields, ':');
		size_t len = strcspn(colon + 2, "\n");

		field->name = (struct hz_span){ (const uint8_t *)fields, (size_t)(colon - fields) };
		field->value = (struct hz_span){ (const uint8_t *)colon + 2, len };
		fields = colon + 2 + len;
		fields += *fields == '\n';
	}
}

#define STRONG                                                                                     \
	{                                                                                          \
		true, true, { (const uint8_t *)"\"a\"", 3 }, LM                                    \
	}
#define WEAK                                                                                       \
	{                                                                                          \
		true, true, { (const uint8_t *)"W/\"a\"", 5 }, LM                                  \
	}
#define DATED                                                                                      \
	{                                                                                          \
		true, true, { NULL, 0 }, LM                                                        \
	}
#define TAGGED                                                                                     \
	{                                                                                          \
		true, false, { (const uint8_t *)"\"a\"", 3 }, 0                                    \
	}
#define NONE                                                                                       \
	{                                                                                          \
		false, false, { NULL, 0 }, 0                                                       \
	}

struct row {
	unsigned status;
	enum hz_http_method method;
	struct hz_cond_entity entity;
	const char *fields;
};

static const struct row rows[] = {
	{ 0, HZ_HTTP_GET, STRONG, "" },
	/* If-Match: strong */
	{ 0, HZ_HTTP_GET, STRONG, "If-Match: \"a\"" },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Match: \"b\", \"a\"" },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Match: \"b\"\nif-match: \"a\"" },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Match: ,\t, \"b\" ,,\"a\" , " },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Match: *" },
	{ 412, HZ_HTTP_PUT, NONE, "If-Match: *" },
	{ 412, HZ_HTTP_PUT, NONE, "If-Match: \"a\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"b\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: W/\"a\"" },
	{ 412, HZ_HTTP_GET, WEAK, "If-Match: W/\"a\"" },
	{ 412, HZ_HTTP_GET, WEAK, "If-Match: \"a\"" },
	{ 412, HZ_HTTP_GET, DATED, "If-Match: \"a\"" },
	{ 0, HZ_HTTP_GET, DATED, "If-Match: *" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: " },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: a" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"a" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"a\" \"b\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"a\"\"b\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"a\", b" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: w/\"a\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"a\", *" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: *\nIf-Match: \"a\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"A\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Match: \"a b\"" },
	/* If-Unmodified-Since */
	{ 0, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: " AT },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: " AFTER },
	{ 412, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: " BEFORE },
	{ 412, HZ_HTTP_GET, DATED, "If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT" },
	{ 0, HZ_HTTP_PUT, TAGGED, "If-Unmodified-Since: " BEFORE },
	{ 0, HZ_HTTP_PUT, NONE, "If-Unmodified-Since: " BEFORE },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: yesterday" },
	{ 0, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: " BEFORE "\nIf-Unmodified-Since: " BEFORE },
	/* If-Match wins over it, either way */
	{ 0, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: " BEFORE "\nIf-Match: \"a\"" },
	{ 412, HZ_HTTP_PUT, STRONG, "If-Unmodified-Since: " AFTER "\nIf-Match: \"b\"" },
	/* If-None-Match: weak */
	{ 304, HZ_HTTP_GET, STRONG, "If-None-Match: \"a\"" },
	{ 304, HZ_HTTP_HEAD, STRONG, "If-None-Match: W/\"a\"" },
	{ 304, HZ_HTTP_GET, WEAK, "If-None-Match: \"a\"" },
	{ 304, HZ_HTTP_GET, WEAK, "If-None-Match: W/\"a\"" },
	{ 304, HZ_HTTP_GET, STRONG, "If-None-Match: \"b\", W/\"a\"" },
	{ 304, HZ_HTTP_GET, STRONG, "If-None-Match: \"b\"\nX: y\nIf-None-Match: \"a\"" },
	{ 304, HZ_HTTP_GET, STRONG, "If-None-Match: ,,\"a\"" },
	{ 304, HZ_HTTP_GET, STRONG, "If-None-Match: *" },
	{ 304, HZ_HTTP_GET, DATED, "If-None-Match: *" },
	{ 412, HZ_HTTP_PUT, STRONG, "If-None-Match: *" },
	{ 412, HZ_HTTP_DELETE, STRONG, "If-None-Match: \"a\"" },
	{ 412, HZ_HTTP_POST, STRONG, "If-None-Match: W/\"a\"" },
	{ 0, HZ_HTTP_PUT, NONE, "If-None-Match: *" },
	{ 0, HZ_HTTP_PUT, STRONG, "If-None-Match: \"b\"" },
	{ 0, HZ_HTTP_GET, STRONG, "If-None-Match: \"b\"" },
	{ 0, HZ_HTTP_GET, STRONG, "If-None-Match: " },
	{ 0, HZ_HTTP_GET, STRONG, "If-None-Match: a" },
	{ 0, HZ_HTTP_GET, STRONG, "If-None-Match: \"a\", b" },
	{ 412, HZ_HTTP_PUT, STRONG, "If-None-Match: b" },
	{ 412, HZ_HTTP_PUT, NONE, "If-None-Match: *, \"a\"" },
	{ 0, HZ_HTTP_GET, TAGGED, "If-None-Match: \"\"" },
	/* If-Modified-Since */
	{ 304, HZ_HTTP_GET, STRONG, "If-Modified-Since: " AT },
	{ 304, HZ_HTTP_HEAD, STRONG, "If-Modified-Since: " AFTER },
	{ 304, HZ_HTTP_GET, DATED, "If-Modified-Since: Sun Nov  6 08:49:37 1994" },
	{ 0, HZ_HTTP_GET, STRONG, "If-Modified-Since: " BEFORE },
	{ 0, HZ_HTTP_GET, TAGGED, "If-Modified-Since: " AT },
	{ 0, HZ_HTTP_GET, NONE, "If-Modified-Since: " AT },
	{ 0, HZ_HTTP_POST, STRONG, "If-Modified-Since: " AT },
	{ 0, HZ_HTTP_GET, STRONG, "If-Modified-Since: " AT ", " AT },
	{ 0, HZ_HTTP_GET, STRONG, "If-Modified-Since: " AT "\nIf-Modified-Since: " AT },
	{ 0, HZ_HTTP_GET, STRONG, "If-Modified-Since: 784111777" },
	/* If-None-Match wins over it, either way */
	{ 0, HZ_HTTP_GET, STRONG, "If-Modified-Since: " AT "\nIf-None-Match: \"b\"" },
	{ 304, HZ_HTTP_GET, STRONG, "If-Modified-Since: " BEFORE "\nIf-None-Match: \"a\"" },
	/* 412 comes before 304 */
	{ 412, HZ_HTTP_GET, STRONG, "If-None-Match: \"a\"\nIf-Match: \"b\"" },
	{ 304, HZ_HTTP_GET, STRONG, "If-None-Match: \"a\"\nIf-Match: \"a\"" },
	{ 412, HZ_HTTP_GET, STRONG, "If-Modified-Since: " AT "\nIf-Unmodified-Since: " BEFORE },
	{ 304, HZ_HTTP_GET, STRONG, "If-Modified-Since: " AT "\nIf-Unmodified-Since: " AT },
	/* methods that select nothing */
	{ 0, HZ_HTTP_OPTIONS, STRONG, "If-Match: \"b\"" },
	{ 0, HZ_HTTP_TRACE, STRONG, "If-None-Match: *" },
	{ 0, HZ_HTTP_CONNECT, STRONG, "If-Match: \"b\"" },
};

static void condition_of_each_row_is_decided(void)
{
	static struct hz_http_req req;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned got;

		req_build(&req, rows[i].method, rows[i].fields);
		got = hz_cond_evaluate(&req, &rows[i].entity, NOW);
		if (got == rows[i].status)
			continue;
		printf("# row %zu, %s: %u instead of %u\n", i, rows[i].fields, got, rows[i].status);
		CU_FAIL("a condition");
	}
}

static void if_range_of_each_row_is_decided(void)
{
	static const struct {
		bool applies;
		struct hz_cond_entity entity;
		const char *fields;
		uint64_t now_s;
	} ranges[] = {
		{ true, STRONG, "", NOW },
		{ true, STRONG, "If-Range: \"a\"", NOW },
		{ false, STRONG, "If-Range: \"b\"", NOW },
		{ false, STRONG, "If-Range: W/\"a\"", NOW },
		{ false, WEAK, "If-Range: W/\"a\"", NOW },
		{ false, WEAK, "If-Range: \"a\"", NOW },
		{ false, DATED, "If-Range: \"a\"", NOW },
		{ false, STRONG, "If-Range: \"a\", \"a\"", NOW },
		{ false, STRONG, "If-Range: *", NOW },
		{ false, STRONG, "If-Range: ", NOW },
		{ false, STRONG, "If-Range: \"a\"\nIf-Range: \"a\"", NOW },
		{ true, STRONG, "If-Range: " AT, NOW },
		{ true, DATED, "If-Range: Sunday, 06-Nov-94 08:49:37 GMT", NOW },
		{ false, STRONG, "If-Range: " BEFORE, NOW },
		{ false, STRONG, "If-Range: " AFTER, NOW },
		{ false, TAGGED, "If-Range: " AT, NOW },
		{ false, NONE, "If-Range: " AT, NOW },
		/* the second is not over: more may have been written in it */
		{ false, STRONG, "If-Range: " AT, LM },
		{ true, STRONG, "If-Range: " AT, LM + 1 },
	};
	static struct hz_http_req req;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		req_build(&req, HZ_HTTP_GET, ranges[i].fields);
		if (hz_cond_range_applies(&req, &ranges[i].entity, ranges[i].now_s) ==
		    ranges[i].applies)
			continue;
		printf("# row %zu, %s\n", i, ranges[i].fields);
		CU_FAIL("an If-Range");
	}
}

static void etag_grammar_is_exact(void)
{
	static const char *const good[] = { "\"\"", "\"a\"", "W/\"a\"", "\"!#~\"", "\"\xff\"" };
	static const char *const bad[] = { "",         "a",      "\"",      "\"a",     "a\"",
		                           "W/",       "W/a",    "w/\"a\"", "\"a b\"", "\"a\"b",
		                           "\"\x7f\"", "\"\t\"", "'a'",     "W\"a\"",  "\"\"\"" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CU_ASSERT(hz_cond_etag_is_valid(span_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT(!hz_cond_etag_is_valid(span_of(bad[i])));
	for (unsigned byte = 0; byte < 256; byte++) {
		const uint8_t text[] = { '"', (uint8_t)byte, '"' };
		bool want = byte == 0x21 || (byte >= 0x23 && byte <= 0x7e) || byte >= 0x80;

		CU_ASSERT_EQUAL(hz_cond_etag_is_valid((struct hz_span){ text, 3 }), want);
	}
}

HZ_SUITE(cond, CASE(condition_of_each_row_is_decided), CASE(if_range_of_each_row_is_decided),
         CASE(etag_grammar_is_exact));
