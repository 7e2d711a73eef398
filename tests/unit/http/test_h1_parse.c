/* Request heads: a table of what is and is not one, each row whole, split at every byte and byte by
 * byte; every byte value at every place; limits to the byte. */
#include "../../fuzz/h1_oracle.h"
#include "h1_rows.h"
#include "http/h1_parse.h"
#include "http_rig.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hz_http_limits defaults = {
	.header_bytes = HZ_LIMIT_header_bytes_max,
	.header_count = HZ_LIMIT_header_count_max,
	.uri_bytes = HZ_LIMIT_uri_bytes_max,
};

static struct hz_http_req req;

/* Verdict as in struct row, on a block of exactly this size. */
static int verdict(struct hz_h1_parser *parser, const struct hz_http_limits *limits,
                   const void *bytes, size_t len, size_t *head_bytes)
{
	uint8_t *exact = malloc(len != 0 ? len : 1);
	struct hz_h1_parse_error error = { 0, 0 };
	enum hz_parse r;

	memcpy(exact, bytes, len);
	r = hz_h1_parse(parser, limits, (struct hz_span){ exact, len }, &req, head_bytes, &error);
	free(exact);
	if (r == HZ_PARSE_BAD && error.offset > len)
		return -2;
	return r == HZ_PARSE_DONE ? 0 : r == HZ_PARSE_MORE ? -1 : error.status;
}

static int verdict_whole(const struct hz_http_limits *limits, const void *bytes, size_t len)
{
	struct hz_h1_parser parser = { 0 };
	size_t head_bytes = 0;

	return verdict(&parser, limits, bytes, len, &head_bytes);
}

static void row_fail(const struct row *row, const char *how, int got)
{
	printf("# expected %d, got %d %s: \"%.*s\"\n", row->status, got, how, (int)row->len,
	       row->bytes);
	CU_FAIL("a row of the table");
}

static void rows_whole_have_their_verdict(void)
{
	CU_ASSERT(HZ_ARRAY_LEN(rows) >= 150);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		int got = verdict_whole(&defaults, rows[i].bytes, rows[i].len);

		if (got != rows[i].status)
			row_fail(&rows[i], "whole", got);
	}
	printf("# %zu rows\n", HZ_ARRAY_LEN(rows));
}

/* A prefix may be bad already, but only as the whole is. */
static void rows_split_anywhere_have_their_verdict(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		for (size_t at = 0; at <= rows[i].len; at++) {
			struct hz_h1_parser parser = { 0 };
			size_t head_bytes = 0;
			int got = verdict(&parser, &defaults, rows[i].bytes, at, &head_bytes);

			if (got == -1)
				got = verdict(&parser, &defaults, rows[i].bytes, rows[i].len,
				              &head_bytes);
			if (got != rows[i].status) {
				row_fail(&rows[i], "split", got);
				break;
			}
		}
	}
}

static void rows_byte_by_byte_have_their_verdict(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_h1_parser parser = { 0 };
		size_t head_bytes = 0;
		int got = -1;

		for (size_t len = 0; got == -1 && len <= rows[i].len; len++)
			got = verdict(&parser, &defaults, rows[i].bytes, len, &head_bytes);
		if (got != rows[i].status)
			row_fail(&rows[i], "byte by byte", got);
	}
}

/* Bytes behind the head are not looked at: two requests in a row are the first one. */
static void rows_followed_by_garbage_keep_their_verdict(void)
{
	uint8_t bytes[512];

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_h1_parser parser = { 0 };
		size_t head_bytes = 0;
		int got;

		if (rows[i].status != 0)
			continue;
		memcpy(bytes, rows[i].bytes, rows[i].len);
		memset(bytes + rows[i].len, 0, 64);
		got = verdict(&parser, &defaults, bytes, rows[i].len + 64, &head_bytes);
		if (got != 0 || head_bytes != rows[i].len)
			row_fail(&rows[i], "with garbage behind it", got);
	}
}

static void rows_agree_with_oracle(void)
{
	const struct oracle_limits limits = { HZ_LIMIT_header_bytes_max,
		                              HZ_LIMIT_header_line_bytes_max,
		                              HZ_LIMIT_header_count_max, HZ_LIMIT_uri_bytes_max };

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct oracle_head o =
			oracle_head((const uint8_t *)rows[i].bytes, rows[i].len, &limits);
		int got = o.verdict == ORACLE_DONE   ? 0
		          : o.verdict == ORACLE_MORE ? -1
		                                     : (int)o.status;

		if (got != rows[i].status)
			row_fail(&rows[i], "from the oracle", got);
	}
}

/* --- every byte at every place ------------------------------------------------------------------------ */

static const char *const bases[] = {
	"GET /a%41?b=c HTTP/1.1\r\nHost: a.example:80\r\nX-Name: value \t more\r\n\r\n",
	"POST http://[::1]:80/x HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 10\r\n\r\n",
	"PUT /long/enough/for/a/block/of/sixteen/bytes?and=a&query=too HTTP/1.1\r\n"
	"Host: long.enough.for.a.block.example\r\nTransfer-Encoding: chunked\r\n"
	"Connection: keep-alive, close\r\nExpect: 100-continue\r\n\r\n",
	"\r\nOPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
};

/* The verdict on text whose byte at `at` is replaced, from us and from the oracle. */
static void sweep_one(const char *text, size_t len, size_t at, unsigned value, unsigned *differ)
{
	const struct oracle_limits limits = { HZ_LIMIT_header_bytes_max,
		                              HZ_LIMIT_header_line_bytes_max,
		                              HZ_LIMIT_header_count_max, HZ_LIMIT_uri_bytes_max };
	struct hz_h1_parser parser = { 0 };
	uint8_t bytes[512];
	struct oracle_head o;
	size_t head_bytes = 0;
	int want;
	int got;

	memcpy(bytes, text, len);
	bytes[at] = (uint8_t)value;
	o = oracle_head(bytes, len, &limits);
	want = o.verdict == ORACLE_DONE ? 0 : o.verdict == ORACLE_MORE ? -1 : (int)o.status;
	got = verdict(&parser, &defaults, bytes, len, &head_bytes);
	if (got == want &&
	    (got != 0 || (head_bytes == o.bytes && req.header_count == o.fields &&
	                  req.is_keep_alive == o.is_keep_alive && req.is_chunked == o.is_chunked &&
	                  req.content_length == o.length)))
		return;
	if ((*differ)++ < 5)
		printf("# byte 0x%02x at %zu: %d, oracle %d: \"%s\"\n", value, at, got, want, text);
}

static void every_byte_at_every_place_agrees_with_oracle(void)
{
	unsigned differ = 0;
	unsigned tried = 0;

	for (size_t b = 0; b < HZ_ARRAY_LEN(bases); b++) {
		size_t len = strlen(bases[b]);

		CU_ASSERT_EQUAL(verdict_whole(&defaults, bases[b], len), 0);
		for (size_t at = 0; at < len; at++) {
			for (unsigned value = 0; value < 256; value++, tried++)
				sweep_one(bases[b], len, at, value, &differ);
		}
	}
	printf("# %u heads\n", tried);
	CU_ASSERT_EQUAL(differ, 0);
}

/* Sets of bytes as the RFCs write them, at one place each; the oracle is not asked. */
static void byte_classes_at_their_places_are_the_grammars(void)
{
	static const struct {
		const char *before, *after, *allowed;
		bool allows_high;
	} places[] = {
		{ GET H "X", "x: y\r\n\r\n",
		  "!#$%&'*+-.^_`|~0123456789:"
		  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
		  false },
		{ GET H "X: a", "b\r\n\r\n",
		  "\t !\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`{|}~"
		  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
		  true },
		{ "GET /a", "b HTTP/1.1\r\n" H "\r\n",
		  "!$&'()*+,-./0123456789:;=?@_~"
		  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
		  false },
		{ "GET / HTTP/1.1\r\nHost: a", "1\r\n\r\n",
		  "!$&'()*+,-.0123456789:;=_~"
		  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
		  false },
		{ "GET / HTTP/1.1", "\n" H "\r\n", "\r", false },
		{ "GET / HTTP/1.1\r", H "\r\n", "\n", false },
		{ GET H, "\n", "\r", false },
	};
	char bytes[256];

	for (size_t i = 0; i < HZ_ARRAY_LEN(places); i++) {
		size_t at = strlen(places[i].before);

		for (unsigned value = 0; value < 256; value++) {
			bool allowed = value >= 0x80 ? places[i].allows_high
			                             : value != 0 && strchr(places[i].allowed,
			                                                    (int)value) != NULL;
			int len = snprintf(bytes, sizeof(bytes), "%s?%s", places[i].before,
			                   places[i].after);
			int got;

			bytes[at] = (char)value;
			got = verdict_whole(&defaults, bytes, (size_t)len);
			if ((got == 0) != allowed) {
				printf("# place %zu byte 0x%02x: %d\n", i, value, got);
				CU_FAIL("a byte class");
			}
		}
	}
}

/* --- refused at the first wrong byte -------------------------------------------------------------------- */

static void wrong_byte_cut_right_behind_is_bad_already(void)
{
	static const char *const cut[] = {
		"G\x01",        "\r\n\r",        "GET /a#",          "GET /%4x",
		"GET / X",      "GET / HTTP/1x", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\r",
		GET ":",        GET " ",         GET "X\x7f",        GET "X ",
		GET "X: a\x01", GET "X: a\n",    GET "X: a\rb",      GET H "\rx",
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(cut); i++) {
		size_t len = strlen(cut[i]);

		CU_ASSERT_EQUAL(verdict_whole(&defaults, cut[i], len), 400);
		CU_ASSERT_EQUAL(verdict_whole(&defaults, cut[i], len - 1), -1);
	}
}

static void error_names_the_wrong_bytes_offset(void)
{
	struct hz_h1_parser parser = { 0 };
	struct hz_h1_parse_error error;
	size_t head_bytes;
	struct hz_span bytes = HZ_SPAN_LITERAL(GET H "Bad[Name: x\r\n\r\n");

	CU_ASSERT_EQUAL(hz_h1_parse(&parser, &defaults, bytes, &req, &head_bytes, &error),
	                HZ_PARSE_BAD);
	CU_ASSERT_EQUAL(error.offset, sizeof(GET H) - 1 + 3);
}

/* --- limits ---------------------------------------------------------------------------------------------- */

/* prefix, then fill bytes 'a', then suffix. */
static int verdict_filled(const struct hz_http_limits *limits, const char *prefix, size_t fill,
                          const char *suffix)
{
	size_t before = strlen(prefix);
	size_t after = strlen(suffix);
	char *bytes = malloc(before + fill + after);
	int got;

	memcpy(bytes, prefix, before);
	memset(bytes + before, 'a', fill);
	memcpy(bytes + before + fill, suffix, after);
	got = verdict_whole(limits, bytes, before + fill + after);
	free(bytes);
	return got;
}

static void target_at_its_limit_is_taken_one_more_is_414(void)
{
	const size_t max = HZ_LIMIT_uri_bytes_max;

	CU_ASSERT_EQUAL(verdict_filled(&defaults, "GET /", max - 2, " HTTP/1.1\r\n" H END), 0);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, "GET /", max - 1, " HTTP/1.1\r\n" H END), 0);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, "GET /", max, " HTTP/1.1\r\n" H END), 414);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, "GET /", max - 1, ""), -1);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, "GET /", max, ""), 414);
}

static void line_at_its_limit_is_taken_one_more_is_431(void)
{
	const size_t max = HZ_LIMIT_header_line_bytes_max;

	CU_ASSERT_EQUAL(verdict_filled(&defaults, GET H "X: ", max - 3, "\r\n" END), 0);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, GET H "X: ", max - 2, "\r\n" END), 431);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, GET H, max - 1, ":\r\n" END), 0);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, GET H, max, ":\r\n" END), 431);
	CU_ASSERT_EQUAL(verdict_filled(&defaults, GET H, max + 2, ""), 431);
}

static void fields_at_their_limit_are_taken_one_more_is_431(void)
{
	char bytes[2048];

	for (unsigned count = 99; count <= 101; count++) {
		size_t len = (size_t)snprintf(bytes, sizeof(bytes), "%s%s", GET, H);

		for (unsigned i = 1; i < count; i++)
			len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, "X: %u\r\n", i);
		len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, END);
		CU_ASSERT_EQUAL(verdict_whole(&defaults, bytes, len), count <= 100 ? 0 : 431);
	}
}

static void head_at_its_limit_is_taken_one_more_is_431(void)
{
	struct hz_http_limits limits = defaults;
	const size_t around = sizeof(GET H "X: "
	                                   "\r\n" END) -
	                      1;

	limits.header_bytes = 1000;
	CU_ASSERT_EQUAL(verdict_filled(&limits, GET H "X: ", 999 - around, "\r\n" END), 0);
	CU_ASSERT_EQUAL(verdict_filled(&limits, GET H "X: ", 1000 - around, "\r\n" END), 0);
	CU_ASSERT_EQUAL(verdict_filled(&limits, GET H "X: ", 1001 - around, "\r\n" END), 431);
	CU_ASSERT_EQUAL(verdict_filled(&limits, GET H "X: ", 5000, ""), 431);
}

/* A head of 60 KiB that comes byte by byte: no byte is scanned more often than its line is long. */
static void slow_head_of_many_lines_is_done(void)
{
	struct hz_h1_parser parser = { 0 };
	size_t size = 60000;
	char *bytes = malloc(size + 1024);
	size_t len = (size_t)snprintf(bytes, size, "%s%s", GET, H);
	size_t head_bytes = 0;
	int got = -1;

	for (unsigned i = 0; i < 90; i++) {
		len += (size_t)snprintf(bytes + len, size - len, "X-%u: ", i);
		memset(bytes + len, 'v', 600);
		memcpy(bytes + len + 600, "\r\n", 2);
		len += 602;
	}
	memcpy(bytes + len, "\r\n", 2);
	len += 2;
	for (size_t have = 1; got == -1 && have <= len; have++) {
		struct hz_h1_parse_error error;
		enum hz_parse r = hz_h1_parse(&parser, &defaults,
		                              (struct hz_span){ (const uint8_t *)bytes, have },
		                              &req, &head_bytes, &error);

		got = r == HZ_PARSE_DONE ? 0 : r == HZ_PARSE_MORE ? -1 : error.status;
		if (r == HZ_PARSE_MORE && have > 40)
			CU_ASSERT_FATAL(have - parser.scanned <= 620);
	}
	CU_ASSERT_EQUAL(got, 0);
	CU_ASSERT_EQUAL(head_bytes, len);
	CU_ASSERT_EQUAL(req.header_count, 91);
	free(bytes);
}

/* --- what a parsed request says --------------------------------------------------------------------------- */

static bool span_is(struct hz_span span, const char *text)
{
	return span.len == strlen(text) &&
	       (span.len == 0 || memcmp(span.data, text, span.len) == 0);
}

static enum hz_parse parse_text(const char *text)
{
	struct hz_h1_parser parser = { 0 };
	struct hz_h1_parse_error error;
	size_t head_bytes;

	return hz_h1_parse(&parser, &defaults, span_of_text(text), &req, &head_bytes, &error);
}

static void target_forms_give_path_query_and_host(void)
{
	static const struct {
		const char *head, *path, *query, *host;
	} forms[] = {
		{ "GET /a/b?c?d HTTP/1.1\r\nHost: h:1\r\n\r\n", "/a/b", "c?d", "h:1" },
		{ "GET /a? HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "", "h" },
		{ "GET http://h HTTP/1.1\r\nHost: H\r\n\r\n", "/", "", "h" },
		{ "GET http://h?q HTTP/1.1\r\nHost: h:80\r\n\r\n", "/", "q", "h" },
		{ "GET http://h:443/x HTTP/1.1\r\nHost: other:80\r\n\r\n", "/x", "", "h:443" },
		{ "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*", "", "h" },
		{ "OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", "*", "", "h" },
		{ "OPTIONS http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "/", "", "h" },
		{ "CONNECT h:443 HTTP/1.1\r\nHost: other\r\n\r\n", "/", "", "h:443" },
		{ "GET / HTTP/1.0\r\n\r\n", "/", "", "" },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(forms); i++) {
		CU_ASSERT_EQUAL_FATAL(parse_text(forms[i].head), HZ_PARSE_DONE);
		CU_ASSERT(span_is(req.path, forms[i].path));
		CU_ASSERT(span_is(req.query, forms[i].query));
		CU_ASSERT(span_is(req.host, forms[i].host));
		CU_ASSERT_EQUAL(req.route_index, -1);
		CU_ASSERT_PTR_NULL(req.body);
	}
}

static void fields_are_trimmed_and_found_without_case(void)
{
	const struct hz_http_header *field;

	CU_ASSERT_EQUAL_FATAL(parse_text(GET H "X-Some-Thing: \t a b \t \r\nEmpty:\r\n\r\n"),
	                      HZ_PARSE_DONE);
	field = hz_http_req_header(&req, HZ_SPAN_LITERAL("x-some-thing"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(field);
	CU_ASSERT(span_is(field->name, "X-Some-Thing"));
	CU_ASSERT(span_is(field->value, "a b"));
	field = hz_http_req_header(&req, HZ_SPAN_LITERAL("empty"));
	CU_ASSERT(field != NULL && field->value.len == 0);
	CU_ASSERT_PTR_NULL(hz_http_req_header(&req, HZ_SPAN_LITERAL("x-some-thin")));
}

struct known {
	const char *name;
	enum hz_http_field field;
};

static const struct known known[] = {
#define HZ_FIELD(id, name) { name, HZ_HTTP_FIELD_##id },
#include "http/fields.def"
#undef HZ_FIELD
};

/* A head with these fields; the split is where the first of two calls ends. */
static void head_parse(const char *fields, bool is_split)
{
	struct hz_h1_parse_error error;
	struct hz_h1_parser parser = { 0 };
	static char head[512];
	struct hz_span bytes = { (const uint8_t *)head, 0 };
	size_t head_bytes;

	bytes.len = (size_t)snprintf(head, sizeof(head), GET H "%s\r\n", fields);
	if (is_split) {
		struct hz_span first = { bytes.data, bytes.len - 3 };

		CU_ASSERT_EQUAL(hz_h1_parse(&parser, &defaults, first, &req, &head_bytes, &error),
		                HZ_PARSE_MORE);
		req.fields = req.fields_again = UINT32_MAX; /* the scratch of other requests */
	}
	CU_ASSERT_EQUAL_FATAL(hz_h1_parse(&parser, &defaults, bytes, &req, &head_bytes, &error),
	                      HZ_PARSE_DONE);
}

static void known_fields_are_found_as_they_are_parsed(void)
{
	for (size_t i = 0; i < 2 * HZ_ARRAY_LEN(known); i++) {
		const struct known *row = &known[i / 2];
		char name[32] = "", fields[256];
		bool is_split = i % 2 != 0;

		for (size_t k = 0; row->name[k] != 0; k++)
			name[k] = (char)(k % 2 == 0 ? toupper(row->name[k]) : row->name[k]);
		snprintf(fields, sizeof(fields), "A: b\r\n%s: first\r\n", name);
		head_parse(fields, is_split);
		CU_ASSERT_EQUAL(req.fields, 1u << row->field);
		CU_ASSERT_EQUAL(req.fields_again, 0);
		CU_ASSERT(span_is(hz_http_req_field(&req, row->field), "first"));
		CU_ASSERT(span_is(hz_http_req_only(&req, row->field), "first"));
		snprintf(fields, sizeof(fields), "%s: first\r\nA: b\r\n%s: second\r\n", name,
		         row->name);
		head_parse(fields, is_split);
		CU_ASSERT_EQUAL(req.fields_again, 1u << row->field);
		CU_ASSERT(span_is(hz_http_req_field(&req, row->field), "first"));
		CU_ASSERT_PTR_NULL(hz_http_req_only(&req, row->field).data);
		/* one letter another, one more, one less */
		for (size_t k = 0; row->name[k] != 0; k++) {
			char other = name[k];

			name[k] = '0';
			snprintf(fields, sizeof(fields), "%s: x\r\n%sx: x\r\n%s: x\r\n", name,
			         row->name, row->name + 1);
			name[k] = other;
			head_parse(fields, is_split);
			CU_ASSERT_EQUAL(req.fields & 1u << row->field, 0);
		}
	}
	head_parse("", false);
	CU_ASSERT(req.fields == 0 && req.fields_again == 0);
	CU_ASSERT_PTR_NULL(hz_http_req_field(&req, HZ_HTTP_FIELD_ORIGIN).data);
}

static void connection_options_decide_persistence(void)
{
	static const struct {
		const char *head;
		bool keep;
	} cases[] = {
		{ GET H END, true },
		{ GET H "Connection: close\r\n" END, false },
		{ GET H "Connection: CLOSE\t\r\n" END, false },
		{ GET H "Connection: keep-alive, close\r\n" END, false },
		{ GET H "Connection: keep-alive\r\nConnection: close\r\n" END, false },
		{ GET H "Connection: closed\r\n" END, true },
		{ GET H "Connection: x-close, upgrade\r\n" END, true },
		{ "GET / HTTP/1.0\r\n" END, false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END, true },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n" END, false },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL_FATAL(parse_text(cases[i].head), HZ_PARSE_DONE);
		CU_ASSERT_EQUAL(req.is_keep_alive, cases[i].keep);
	}
}

static void framing_fields_are_read(void)
{
	CU_ASSERT_EQUAL(parse_text(GET H "Content-Length: 0042\r\n" END), HZ_PARSE_DONE);
	CU_ASSERT(req.has_length && !req.is_chunked && req.content_length == 42);
	CU_ASSERT_EQUAL(parse_text(GET H "Transfer-Encoding: chunked\r\n" END), HZ_PARSE_DONE);
	CU_ASSERT(!req.has_length && req.is_chunked && req.content_length == 0);
	CU_ASSERT_EQUAL(parse_text(GET H "Expect: 100-continue\r\n" END), HZ_PARSE_DONE);
	CU_ASSERT(req.expects_continue);
	CU_ASSERT_EQUAL(parse_text("GET / HTTP/1.0\r\nExpect: 100-continue\r\n" END),
	                HZ_PARSE_DONE);
	CU_ASSERT(!req.expects_continue);
}

HZ_SUITE(h1_parse, CASE(rows_whole_have_their_verdict),
         CASE(rows_split_anywhere_have_their_verdict), CASE(rows_byte_by_byte_have_their_verdict),
         CASE(rows_followed_by_garbage_keep_their_verdict), CASE(rows_agree_with_oracle),
         CASE(every_byte_at_every_place_agrees_with_oracle),
         CASE(byte_classes_at_their_places_are_the_grammars),
         CASE(wrong_byte_cut_right_behind_is_bad_already), CASE(error_names_the_wrong_bytes_offset),
         CASE(target_at_its_limit_is_taken_one_more_is_414),
         CASE(line_at_its_limit_is_taken_one_more_is_431),
         CASE(fields_at_their_limit_are_taken_one_more_is_431),
         CASE(head_at_its_limit_is_taken_one_more_is_431), CASE(slow_head_of_many_lines_is_done),
         CASE(target_forms_give_path_query_and_host),
         CASE(fields_are_trimmed_and_found_without_case),
         CASE(known_fields_are_found_as_they_are_parsed),
         CASE(connection_options_decide_persistence), CASE(framing_fields_are_read));
