/* Byte ranges: a table of what a field asks for, and bodies of parts put together piece by piece. */
#include "core/base.h"
#include "http/range.h"
#include "hz_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX "18446744073709551615"

struct row {
	const char *value;
	uint64_t total;
	const char *want; /* "first+bytes" per part; "200"; "416" */
};

static const struct row rows[] = {
	{ "bytes=0-499", 10000, "0+500" },
	{ "bytes=500-999", 10000, "500+500" },
	{ "bytes=-500", 10000, "9500+500" },
	{ "bytes=9500-", 10000, "9500+500" },
	{ "bytes=0-0,-1", 10000, "0+1 9999+1" },
	{ "bytes= 0-999, 4500-5499, -1000", 10000, "0+1000 4500+1000 9000+1000" },
	{ "bytes=0-", 10, "0+10" },
	{ "bytes=9-9", 10, "9+1" },
	{ "bytes=5-100", 10, "5+5" },
	{ "bytes=-100", 10, "0+10" },
	{ "BYTES=0-0", 10, "0+1" },
	{ "bytes=000000000000000000000000000001-2", 10, "1+2" },
	/* order stays */
	{ "bytes=5-6,0-1", 10, "5+2 0+2" },
	{ "bytes=0-1,2-3", 10, "0+2 2+2" },
	/* empty elements and blanks */
	{ "bytes=,0-0", 10, "0+1" },
	{ "bytes=,, ,\t0-0 ,\t, 2-2,,", 10, "0+1 2+1" },
	{ "bytes=0-0\t", 10, "0+1" },
	/* overlaps */
	{ "bytes=0-5,3-8", 10, "0+9" },
	{ "bytes=0-5,5-8", 10, "0+9" },
	{ "bytes=3-8,0-5", 10, "0+9" },
	{ "bytes=0-9,0-9,0-9,0-9", 10, "0+10" },
	{ "bytes=0-,0-,0-,-10,-10", 10, "0+10" },
	{ "bytes=0-1,4-5,8-9,1-8", 10, "0+10" },
	{ "bytes=8-9,0-1,4-5,1-4", 10, "8+2 0+6" },
	{ "bytes=4-5,8-9,0-1,5-8", 10, "4+6 0+2" },
	{ "bytes=0-1,2-3,4-5,6-7,8-9,0-9", 10, "0+10" },
	/* some cannot be satisfied */
	{ "bytes=20-30,0-0", 10, "0+1" },
	{ "bytes=-0,0-0", 10, "0+1" },
	{ "bytes=10-", 10, "416" },
	{ "bytes=10-20,30-", 10, "416" },
	{ "bytes=-0", 10, "416" },
	{ "bytes=" MAX "-", 10, "416" },
	{ "bytes=" MAX "0-" MAX "1", 10, "416" },
	{ "bytes=0-" MAX "0", 10, "0+10" },
	{ "bytes=-" MAX "0", 10, "0+10" },
	{ "bytes=0-0", 0, "416" },
	{ "bytes=-5", 0, "200" },
	{ "bytes=0-,-5", 0, "200" },
	/* the largest representation */
	{ "bytes=0-", UINT64_MAX, "0+" MAX },
	{ "bytes=-1,0-0", UINT64_MAX, "18446744073709551614+1 0+1" },
	{ "bytes=1-,0-1", UINT64_MAX, "0+" MAX },
	/* not the grammar, or not ours */
	{ "", 10, "200" },
	{ "bytes", 10, "200" },
	{ "bytes=", 10, "200" },
	{ "bytes=,", 10, "200" },
	{ "bytes 0-1", 10, "200" },
	{ "bytes:0-1", 10, "200" },
	{ " bytes=0-1", 10, "200" },
	{ "bytes =0-1", 10, "200" },
	{ "lines=0-1", 10, "200" },
	{ "bytess=0-1", 10, "200" },
	{ "0-1", 10, "200" },
	{ "bytes=0", 10, "200" },
	{ "bytes=-", 10, "200" },
	{ "bytes=--1", 10, "200" },
	{ "bytes=0--1", 10, "200" },
	{ "bytes=1-0", 10, "200" },
	{ "bytes=0-0,1-0", 10, "200" },
	{ "bytes=" MAX "-0", 10, "200" },
	{ "bytes=a-b", 10, "200" },
	{ "bytes=0-1x", 10, "200" },
	{ "bytes=0x0-1", 10, "200" },
	{ "bytes=+0-1", 10, "200" },
	{ "bytes=0 -1", 10, "200" },
	{ "bytes=0- 1", 10, "200" },
	{ "bytes=- 1", 10, "200" },
	{ "bytes=0-1;2-3", 10, "200" },
	{ "bytes=0-1 2-3", 10, "200" },
	{ "bytes=0-1,bytes=2-3", 10, "200" },
	{ "bytes=0-1-2", 10, "200" },
	{ "bytes=\"0-1\"", 10, "200" },
};

static void spell(enum hz_range_verdict verdict, const struct hz_range *range, char *out,
                  size_t room)
{
	size_t at = 0;

	out[0] = '\0';
	if (verdict != HZ_RANGE_PARTS) {
		snprintf(out, room, "%s", verdict == HZ_RANGE_WHOLE ? "200" : "416");
		return;
	}
	for (uint32_t i = 0; i < range->count; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%llu+%llu", i != 0 ? " " : "",
		                       (unsigned long long)range->part[i].first,
		                       (unsigned long long)range->part[i].bytes);
}

static enum hz_range_verdict parse(const char *value, uint64_t total, struct hz_range *range)
{
	size_t len = strlen(value);
	uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees over-reads */
	enum hz_range_verdict verdict;

	memcpy(exact, value, len);
	exact = realloc(exact, len != 0 ? len : 1);
	verdict = hz_range_parse((struct hz_span){ exact, len }, total, range);
	free(exact);
	return verdict;
}

static void field_of_each_row_asks_for_its_parts(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_range range = { 0 };
		char got[512];

		spell(parse(rows[i].value, rows[i].total, &range), &range, got, sizeof(got));
		if (strcmp(got, rows[i].want) == 0)
			continue;
		printf("# \"%s\" of %llu: %s instead of %s\n", rows[i].value,
		       (unsigned long long)rows[i].total, got, rows[i].want);
		CU_FAIL("a range");
	}
}

static void sixteen_ranges_are_answered_seventeen_are_ignored(void)
{
	for (unsigned n = 15; n <= 18; n++) {
		struct hz_range range = { 0 };
		char value[256] = "bytes=";

		for (unsigned i = 0; i < n; i++)
			snprintf(value + strlen(value), sizeof(value) - strlen(value), "%u-%u,",
			         i * 2, i * 2);
		CU_ASSERT_EQUAL(parse(value, 100, &range),
		                n <= HZ_LIMIT_range_parts_max ? HZ_RANGE_PARTS : HZ_RANGE_WHOLE);
		CU_ASSERT_EQUAL(range.count, n <= HZ_LIMIT_range_parts_max ? n : 0);
	}
}

/* Ranges of a small representation, by the set of bytes that they name. */
static void random_ranges_name_every_byte_asked_for_once(void)
{
	uint64_t seed = 12345;

	for (unsigned round = 0; round < 20000; round++) {
		struct hz_range range = { 0 };
		char value[512] = "bytes=";
		uint32_t wanted = 0;
		uint32_t got = 0;
		unsigned n;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (unsigned)(seed >> 60);
		for (unsigned i = 0; i < n; i++) {
			unsigned first;
			unsigned last;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			first = (unsigned)(seed >> 59);
			last = first + (unsigned)(seed >> 54 & 7);
			snprintf(value + strlen(value), sizeof(value) - strlen(value), "%u-%u,",
			         first, last);
			for (unsigned at = first; at <= last && at < 32; at++)
				wanted |= 1u << at;
		}
		CU_ASSERT_EQUAL_FATAL(parse(value, 32, &range), HZ_RANGE_PARTS);
		for (uint32_t i = 0; i < range.count; i++) {
			for (uint64_t at = 0; at < range.part[i].bytes; at++) {
				uint32_t bit = 1u << (range.part[i].first + at);

				CU_ASSERT_FATAL((got & bit) == 0);
				got |= bit;
			}
		}
		CU_ASSERT_EQUAL_FATAL(got, wanted);
	}
}

static void content_range_is_written_with_its_numbers(void)
{
	const struct hz_range_part part = { 42, 1193 };
	const struct hz_range_part last = { UINT64_MAX - 1, 1 };
	uint8_t out[HZ_RANGE_FIELD_MAX];
	size_t len;

	len = hz_range_field_write(out, &part, 1235);
	CU_ASSERT(len == 35 && memcmp(out, "Content-Range: bytes 42-1234/1235\r\n", len) == 0);
	len = hz_range_field_write(out, NULL, 47022);
	CU_ASSERT(len == 30 && memcmp(out, "Content-Range: bytes */47022\r\n", len) == 0);
	len = hz_range_field_write(out, &last, UINT64_MAX);
	CU_ASSERT(len <= sizeof(out));
}

static uint8_t content_byte(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

/* The whole body, in pieces that begin wherever the last one of at most step bytes ended. */
static size_t assemble(const struct hz_range_multipart *body, size_t step, uint8_t *out)
{
	uint64_t total = hz_range_multipart_bytes(body);
	uint8_t *room = malloc(hz_range_text_bound(body));
	uint64_t at = 0;

	while (at < total) {
		struct hz_range_piece piece;
		size_t take;

		hz_range_piece_at(body, at, room, &piece);
		take = HZ_MIN(piece.text.len != 0 ? piece.text.len : piece.content_bytes, step);
		CU_ASSERT_FATAL(take != 0);
		for (size_t i = 0; i < take; i++)
			out[at + i] = piece.text.len != 0 ? piece.text.data[i]
			                                  : content_byte(piece.content_first + i);
		at += take;
	}
	free(room);
	return (size_t)at;
}

static void multipart_body_is_the_same_from_any_offset(void)
{
	static uint8_t whole[4096];
	static uint8_t pieces[4096];
	struct hz_range range = { 0 };
	struct hz_range_multipart body = { .range = &range,
		                           .boundary = HZ_SPAN_LITERAL("BOUNDARY"),
		                           .content_type = HZ_SPAN_LITERAL("text/plain"),
		                           .total_bytes = 8000 };
	static const char want_head[] = "--BOUNDARY\r\nContent-Type: text/plain\r\n"
					"Content-Range: bytes 500-999/8000\r\n\r\n";
	static const char want_next[] = "\r\n--BOUNDARY\r\nContent-Type: text/plain\r\n"
					"Content-Range: bytes 7000-7999/8000\r\n\r\n";
	static const char want_end[] = "\r\n--BOUNDARY--\r\n";
	size_t at = 0;
	size_t len;

	CU_ASSERT_EQUAL_FATAL(parse("bytes=500-999,7000-", 8000, &range), HZ_RANGE_PARTS);
	len = assemble(&body, SIZE_MAX, whole);
	CU_ASSERT_EQUAL(len, hz_range_multipart_bytes(&body));
	CU_ASSERT(memcmp(whole, want_head, sizeof(want_head) - 1) == 0);
	at = sizeof(want_head) - 1;
	for (size_t i = 0; i < 500; i++)
		CU_ASSERT_FATAL(whole[at + i] == content_byte(500 + i));
	at += 500;
	CU_ASSERT(memcmp(whole + at, want_next, sizeof(want_next) - 1) == 0);
	at += sizeof(want_next) - 1;
	for (size_t i = 0; i < 1000; i++)
		CU_ASSERT_FATAL(whole[at + i] == content_byte(7000 + i));
	at += 1000;
	CU_ASSERT(memcmp(whole + at, want_end, sizeof(want_end) - 1) == 0);
	CU_ASSERT_EQUAL(at + sizeof(want_end) - 1, len);
	for (size_t step = 1; step < 100; step += 7) {
		CU_ASSERT_EQUAL_FATAL(assemble(&body, step, pieces), len);
		CU_ASSERT(memcmp(whole, pieces, len) == 0);
	}
	body.content_type = HZ_SPAN_LITERAL("");
	CU_ASSERT_EQUAL(assemble(&body, 100, pieces), hz_range_multipart_bytes(&body));
	CU_ASSERT(memmem(pieces, len, "Content-Type", 12) == NULL);
}

HZ_SUITE(range, CASE(field_of_each_row_asks_for_its_parts),
         CASE(sixteen_ranges_are_answered_seventeen_are_ignored),
         CASE(random_ranges_name_every_byte_asked_for_once),
         CASE(content_range_is_written_with_its_numbers),
         CASE(multipart_body_is_the_same_from_any_offset));
