/* Chunked bodies: a table, each row whole, split at every byte and byte by byte, against the oracle. */
#include "../../fuzz/h1_oracle.h"
#include "http/chunked.h"
#include "http_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 1000u

struct row {
	int status; /* 0: DONE, -1: MORE, else BAD with it */
	size_t len;
	const char *bytes;
	const char *body; /* when DONE */
};
#define ROW(status, bytes, body)                                                                   \
	{                                                                                          \
		status, sizeof(bytes) - 1, bytes, body                                             \
	}
#define BAD(bytes)       ROW(400, bytes, "")
#define TOO_LARGE(bytes) ROW(413, bytes, "")
#define END              "0\r\n\r\n"

static const struct row rows[] = {
	ROW(0, END, ""),
	ROW(0, "5\r\nhello\r\n" END, "hello"),
	ROW(0, "5\r\nhello\r\n6\r\n world\r\n" END, "hello world"),
	ROW(0, "a\r\n0123456789\r\n" END, "0123456789"),
	ROW(0, "A\r\n0123456789\r\n" END, "0123456789"),
	ROW(0, "0000000000000005\r\nhello\r\n0000\r\n\r\n", "hello"),
	ROW(0, "2\r\n\r\n\r\n" END, "\r\n"),
	ROW(0, "5;ext=value\r\nhello\r\n" END, "hello"),
	ROW(0, "5;a;b=c;d=\"e f\\\"\\\\;\"\r\nhello\r\n0;x\r\n\r\n", "hello"),
	ROW(0, "5 ; a = b ; c\r\nhello\r\n" END, "hello"),
	ROW(0, "5\t;\ta\t=\t\"\xff\t\"\r\nhello\r\n" END, "hello"),
	ROW(0, "5;a=\"\"\r\nhello\r\n" END, "hello"),
	ROW(0, "5\r\nhello\r\n0\r\nX-Checksum: abc\r\nY:\r\n\r\n", "hello"),
	ROW(0, "0\r\nContent-Length: 50\r\nHost: evil\r\n\r\n", ""),
	/* sizes around the body's limit and the word's */
	TOO_LARGE("3E9\r\n"),
	TOO_LARGE("80000000\r\n"),
	TOO_LARGE("7FFFFFFF\r\n"),
	TOO_LARGE("100000000\r\n"),
	TOO_LARGE("FFFFFFFF\r\n"),
	TOO_LARGE("7FFFFFFFFFFFFFFF\r\n"),
	TOO_LARGE("8000000000000000\r\n"),
	TOO_LARGE("FFFFFFFFFFFFFFFF\r\n"),
	TOO_LARGE("1\r\nx\r\nFFFFFFFFFFFFFFFF\r\n"),
	TOO_LARGE("5\r\nhello\r\n3E4\r\n"),
	BAD("10000000000000000\r\n"),
	BAD("FFFFFFFFFFFFFFFF0\r\nhello\r\n" END),
	BAD("00000000000000000\r\n\r\n"),
	/* sizes that are none */
	BAD("\r\nhello\r\n"),
	BAD(";a\r\nhello\r\n"),
	BAD("-1\r\n"),
	BAD("+5\r\nhello\r\n"),
	BAD("0x5\r\nhello\r\n"),
	BAD("5h\r\nhello\r\n"),
	BAD("g\r\n"),
	BAD("1_0\r\n"),
	BAD(" 5\r\nhello\r\n"),
	BAD("5 \r\nhello\r\n"),
	BAD("5\t\r\nhello\r\n"),
	BAD("5 5\r\nhello\r\n"),
	BAD("5,5\r\nhello\r\n"),
	BAD("5\0\r\nhello\r\n"),
	/* line ends */
	BAD("5\nhello\r\n"),
	BAD("5\rhello\r\n"),
	BAD("5\r\r\nhello\r\n"),
	BAD("5\r\nhello\n" END),
	BAD("5\r\nhello\r" END),
	BAD("5\r\nhello" END),
	BAD("5\r\nhello!!\r\n" END),
	BAD("5\r\nhell\r\n" END),
	BAD("5\r\nhello\r\n\r\n" END),
	BAD("0\n\n"),
	BAD("0\r\n\n"),
	BAD("0\r\n\rx"),
	/* extensions */
	BAD("5;\r\nhello\r\n"),
	BAD("5; \r\nhello\r\n"),
	BAD("5;;a\r\nhello\r\n"),
	BAD("5;a=\r\nhello\r\n"),
	BAD("5;=a\r\nhello\r\n"),
	BAD("5;bad[=x\r\nhello\r\n"),
	BAD("5;a=b c\r\nhello\r\n"),
	BAD("5;a b\r\nhello\r\n"),
	BAD("5;a \r\nhello\r\n"),
	BAD("5;a=b \r\nhello\r\n"),
	BAD("5;a=\"b\r\nhello\r\n"),
	BAD("5;a=\"b\\\r\nhello\r\n"),
	BAD("5;a=\"b\"c\r\nhello\r\n"),
	BAD("5;a=\"\x01\"\r\nhello\r\n"),
	BAD("5;a\nb\r\nhello\r\n"),
	BAD("5;a\0\r\nhello\r\n"),
	/* trailers */
	BAD("0\r\n: x\r\n\r\n"),
	BAD("0\r\nX\r\n\r\n"),
	BAD("0\r\nX : y\r\n\r\n"),
	BAD("0\r\n X: y\r\n\r\n"),
	BAD("0\r\nX: y\n\r\n"),
	BAD("0\r\nX: y\r\n z\r\n\r\n"),
	BAD("0\r\nX: \x7f\r\n\r\n"),
	BAD("0\r\nGET / HTTP/1.1\r\n\r\n"),
	/* not yet */
	ROW(-1, "", ""),
	ROW(-1, "5", ""),
	ROW(-1, "5\r", ""),
	ROW(-1, "5\r\nhel", ""),
	ROW(-1, "5\r\nhello", ""),
	ROW(-1, "5\r\nhello\r\n", ""),
	ROW(-1, "5\r\nhello\r\n0", ""),
	ROW(-1, "5\r\nhello\r\n0\r\n", ""),
	ROW(-1, "5\r\nhello\r\n0\r\n\r", ""),
};

struct decoded {
	int status;
	size_t consumed;
	size_t len;
	uint8_t body[70000];
};

/* Feeds bytes in two parts, then pieces of at most step. */
static void decode(const char *bytes, size_t len, size_t first, size_t step, uint64_t body_max,
                   struct decoded *out)
{
	struct hz_chunked chunked;
	enum hz_parse r = HZ_PARSE_MORE;
	size_t at = 0;

	hz_chunked_init(&chunked, body_max);
	out->len = 0;
	while (r == HZ_PARSE_MORE && at < len) {
		size_t piece = at < first ? first - at : HZ_MIN(step, len - at);
		uint8_t *exact = malloc(piece);
		struct hz_span data;
		size_t consumed = 0;

		memcpy(exact, bytes + at, piece);
		r = hz_chunked_decode(&chunked, (struct hz_span){ exact, piece }, &consumed, &data);
		if (r != HZ_PARSE_BAD && data.len != 0) {
			memcpy(out->body + out->len, data.data, data.len);
			out->len += data.len;
		}
		free(exact);
		at += consumed;
	}
	out->consumed = at;
	out->status = r == HZ_PARSE_DONE ? 0 : r == HZ_PARSE_MORE ? -1 : chunked.status;
}

static bool is_right(const struct row *row, const struct decoded *got)
{
	if (got->status != row->status)
		return false;
	return row->status != 0 || (got->consumed == row->len && got->len == strlen(row->body) &&
	                            memcmp(got->body, row->body, got->len) == 0);
}

static void row_check(const struct row *row, size_t first, size_t step)
{
	static struct decoded got;

	decode(row->bytes, row->len, first, step, BODY_MAX, &got);
	if (is_right(row, &got))
		return;
	printf("# expected %d, got %d, first %zu step %zu: \"%.*s\"\n", row->status, got.status,
	       first, step, (int)row->len, row->bytes);
	CU_FAIL("a row of the table");
}

static void rows_whole_have_their_verdict(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		row_check(&rows[i], 0, SIZE_MAX);
	printf("# %zu rows\n", HZ_ARRAY_LEN(rows));
}

static void rows_split_anywhere_have_their_verdict(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		for (size_t at = 0; at <= rows[i].len; at++)
			row_check(&rows[i], at, SIZE_MAX);
	}
}

static void rows_byte_by_byte_have_their_verdict(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		row_check(&rows[i], 0, 1);
}

static void rows_agree_with_oracle(void)
{
	uint8_t body[256];

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct oracle_body o =
			oracle_chunked((const uint8_t *)rows[i].bytes, rows[i].len, BODY_MAX, body);
		int want = o.verdict == ORACLE_DONE   ? 0
		           : o.verdict == ORACLE_MORE ? -1
		                                      : (int)o.status;

		CU_ASSERT_EQUAL(want, rows[i].status);
	}
}

static void every_byte_at_every_place_agrees_with_oracle(void)
{
	static const char base[] =
		"5 ;a = \"q\\x\" ;b=c;d\r\nhello\r\n02\r\nhi\r\n0\r\nT: v\r\n\r\n";
	static struct decoded got;
	uint8_t body[128];
	char bytes[sizeof(base)];
	unsigned differ = 0;

	for (size_t at = 0; at < sizeof(base) - 1; at++) {
		for (unsigned value = 0; value < 256; value++) {
			struct oracle_body o;
			int want;

			memcpy(bytes, base, sizeof(base));
			bytes[at] = (char)value;
			o = oracle_chunked((const uint8_t *)bytes, sizeof(base) - 1, BODY_MAX,
			                   body);
			want = o.verdict == ORACLE_DONE   ? 0
			       : o.verdict == ORACLE_MORE ? -1
			                                  : (int)o.status;
			decode(bytes, sizeof(base) - 1, 0, SIZE_MAX, BODY_MAX, &got);
			if (got.status != want ||
			    (want == 0 && (got.consumed != o.bytes || got.len != o.decoded)))
				differ++;
		}
	}
	CU_ASSERT_EQUAL(differ, 0);
}

static int verdict_text(const char *text, uint64_t body_max)
{
	static struct decoded got;

	decode(text, strlen(text), 0, SIZE_MAX, body_max, &got);
	return got.status;
}

static void body_at_its_limit_is_taken_one_more_is_413(void)
{
	CU_ASSERT_EQUAL(verdict_text("3\r\nabc\r\n2\r\nde\r\n" END, 5), 0);
	CU_ASSERT_EQUAL(verdict_text("3\r\nabc\r\n3\r\ndef\r\n" END, 5), 413);
	CU_ASSERT_EQUAL(verdict_text("3\r\nabc\r\n3\r\n", UINT64_MAX), -1);
	CU_ASSERT_EQUAL(verdict_text("3\r\nabc\r\nFFFFFFFFFFFFFFFD\r\n", UINT64_MAX), 413);
	CU_ASSERT_EQUAL(verdict_text("3\r\nabc\r\nFFFFFFFFFFFFFFFC\r\n", UINT64_MAX), -1);
}

/* "1;" and fill extension bytes in each of chunks chunks, with the end behind them. */
static int verdict_extensions(unsigned chunks, size_t fill)
{
	static struct decoded got;
	char *bytes = malloc(chunks * (fill + 16) + 16);
	size_t len = 0;

	for (unsigned i = 0; i < chunks; i++) {
		memcpy(bytes + len, "1;", 2);
		memset(bytes + len + 2, 'e', fill);
		len += 2 + fill;
		memcpy(bytes + len, "\r\nx\r\n", 5);
		len += 5;
	}
	memcpy(bytes + len, END, 5);
	decode(bytes, len + 5, 0, SIZE_MAX, BODY_MAX, &got);
	free(bytes);
	return got.status;
}

static void extensions_at_their_limits_are_taken_one_more_is_400(void)
{
	CU_ASSERT_EQUAL(verdict_extensions(1, 256), 0);
	CU_ASSERT_EQUAL(verdict_extensions(1, 257), 400);
	CU_ASSERT_EQUAL(verdict_extensions(64, 256), 0);
	CU_ASSERT_EQUAL(verdict_extensions(65, 256), 400);
}

static void trailers_at_their_limit_are_taken_one_more_is_431(void)
{
	static struct decoded got;
	static char bytes[9000];

	/* "0 CRLF" is not of the section; "X:" fill CRLF CRLF is. */
	for (size_t section = 8191; section <= 8193; section++) {
		size_t len = 3 + section;

		memcpy(bytes, "0\r\nX:", 5);
		memset(bytes + 5, 'v', section - 6);
		memcpy(bytes + len - 4, "\r\n\r\n", 4);
		decode(bytes, len, 0, SIZE_MAX, BODY_MAX, &got);
		CU_ASSERT_EQUAL(got.status, section <= 8192 ? 0 : 431);
	}
}

HZ_SUITE(chunked, CASE(rows_whole_have_their_verdict), CASE(rows_split_anywhere_have_their_verdict),
         CASE(rows_byte_by_byte_have_their_verdict), CASE(rows_agree_with_oracle),
         CASE(every_byte_at_every_place_agrees_with_oracle),
         CASE(body_at_its_limit_is_taken_one_more_is_413),
         CASE(extensions_at_their_limits_are_taken_one_more_is_400),
         CASE(trailers_at_their_limit_are_taken_one_more_is_431));
