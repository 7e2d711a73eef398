/* Lines of an access log: their form, and that no text of a client leaves its place. */
#include "core/limits.h"
#include "core/rng.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include "middleware/log_line.h"
#include "middleware/log_text.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 7, 0, 1 };

static struct hz_log_entry entry_full(void)
{
	struct hz_log_entry entry = {
		.port = 40312,
		.status = 200,
		.ms = 7,
		.minor = 1,
		.is_complete = true,
		.worker = 3,
		.one_in = 10,
		.body_bytes = 13,
		.answer_us = 12,
		.total_us = 345,
		.method = HZ_SPAN_LITERAL("GET"),
		.target = HZ_SPAN_LITERAL("/a?b=\"c\""),
		.host = HZ_SPAN_LITERAL("example.org"),
		.route = HZ_SPAN_LITERAL("root"),
		.referer = HZ_SPAN_LITERAL("https://example.net/"),
		.agent = HZ_SPAN_LITERAL("curl/8"),
		.subject = HZ_SPAN_LITERAL("alice b"),
		.trace_id = HZ_SPAN_LITERAL("4bf92f3577b34da6a3ce929d0e0e4736"),
		.request_id = HZ_SPAN_LITERAL("r-1"),
	};

	memcpy(entry.addr, v4, sizeof(v4));
	return entry;
}

/* The line, terminated, in memory of exactly the bound and a guard behind it. */
static char *line_of(enum hz_log_format format, const struct hz_log_entry *entry)
{
	size_t bound = hz_log_line_bound(entry);
	uint8_t *room = malloc(bound + 1);
	struct hz_log_stamp stamp;
	uint8_t *end;

	CU_ASSERT_PTR_NOT_NULL_FATAL(room);
	hz_log_stamp_make(&stamp, 1782909296);
	end = hz_log_line_write(format, &stamp, entry, room);
	CU_ASSERT_FATAL(end > room && (size_t)(end - room) <= bound);
	CU_ASSERT_EQUAL(end[-1], '\n');
	*end = '\0';
	return (char *)room;
}

static void line_expect(enum hz_log_format format, const struct hz_log_entry *entry,
                        const char *want)
{
	char *line = line_of(format, entry);

	if (strcmp(line, want) != 0)
		fprintf(stderr, "got  %swant %s", line, want);
	CU_ASSERT_STRING_EQUAL(line, want);
	free(line);
}

static void json_line_has_every_field(void)
{
	struct hz_log_entry entry = entry_full();

	line_expect(
		HZ_LOG_JSON, &entry,
		"{\"time\":\"2026-07-01T12:34:56.007Z\",\"client\":\"10.7.0.1\",\"port\":40312,"
		"\"worker\":3,\"method\":\"GET\",\"target\":\"/a?b=\\\"c\\\"\",\"version\":\"1.1\","
		"\"host\":\"example.org\",\"route\":\"root\",\"status\":200,\"bytes\":13,"
		"\"answer_us\":12,\"total_us\":345,\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
		"\"id\":\"r-1\",\"subject\":\"alice b\",\"referer\":\"https://example.net/\","
		"\"agent\":\"curl/8\",\"one_in\":10}\n");
}

static void json_line_leaves_out_what_is_not_there(void)
{
	struct hz_log_entry entry = { .status = 400, .one_in = 1, .minor = 1 };

	memcpy(entry.addr, v4, sizeof(v4));
	line_expect(HZ_LOG_JSON, &entry,
	            "{\"time\":\"2026-07-01T12:34:56.000Z\",\"client\":\"10.7.0.1\",\"port\":0,"
	            "\"worker\":0,\"status\":400,\"bytes\":0,\"answer_us\":0,\"total_us\":0,"
	            "\"complete\":false}\n");
}

static void combined_line_is_that_of_nginx(void)
{
	struct hz_log_entry entry = entry_full();

	line_expect(HZ_LOG_COMBINED, &entry,
	            "10.7.0.1 - alice\\x20b [01/Jul/2026:12:34:56 +0000] \"GET /a?b=\\x22c\\x22 "
	            "HTTP/1.1\" 200 13 \"https://example.net/\" \"curl/8\"\n");
}

static void combined_line_has_a_dash_for_what_is_not_there(void)
{
	struct hz_log_entry entry = { .one_in = 1 };

	entry.addr[15] = 1;
	line_expect(HZ_LOG_COMBINED, &entry,
	            "::1 - - [01/Jul/2026:12:34:56 +0000] \"-\" 000 0 \"-\" \"-\"\n");
}

static void version_is_the_requests(void)
{
	struct hz_log_entry entry = entry_full();
	char *line;

	entry.minor = 0;
	line = line_of(HZ_LOG_JSON, &entry);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"version\":\"1.0\""));
	free(line);
	line = line_of(HZ_LOG_COMBINED, &entry);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, " HTTP/1.0\""));
	free(line);
}

struct text_row {
	const char *text;
	const char *json;
	const char *quoted;
	const char *bare;
};

static void text_of_strangers_is_escaped(void)
{
	static const struct text_row rows[] = {
		{ "", "", "", "" },
		{ "plain ~!", "plain ~!", "plain ~!", "plain\\x20~!" },
		{ "\"\\", "\\\"\\\\", "\\x22\\x5C", "\\x22\\x5C" },
		{ "a\nb\r\tc", "a\\u000ab\\u000d\\u0009c", "a\\x0Ab\\x0D\\x09c",
		  "a\\x0Ab\\x0D\\x09c" },
		{ "\x1b[31m\x7f", "\\u001b[31m\\u007f", "\\x1B[31m\\x7F", "\\x1B\\x5B31m\\x7F" },
		{ "[a]", "[a]", "[a]", "\\x5Ba\\x5D" },
		{ "\xc3\xa9", "\xc3\xa9", "\\xC3\\xA9", "\\xC3\\xA9" },
		{ "\xe2\x82\xac", "\xe2\x82\xac", "\\xE2\\x82\\xAC", "\\xE2\\x82\\xAC" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\\xF0\\x9F\\x98\\x80",
		  "\\xF0\\x9F\\x98\\x80" },
		/* no UTF-8: alone, cut, too long, a surrogate, beyond the last */
		{ "\xff", "\\u00ff", "\\xFF", "\\xFF" },
		{ "\xc3", "\\u00c3", "\\xC3", "\\xC3" },
		{ "\xe2\x82", "\\u00e2\\u0082", "\\xE2\\x82", "\\xE2\\x82" },
		{ "\xf0\x9f\x98", "\\u00f0\\u009f\\u0098", "\\xF0\\x9F\\x98", "\\xF0\\x9F\\x98" },
		{ "\xc0\xaf", "\\u00c0\\u00af", "\\xC0\\xAF", "\\xC0\\xAF" },
		{ "\xe0\x9f\xbf", "\\u00e0\\u009f\\u00bf", "\\xE0\\x9F\\xBF", "\\xE0\\x9F\\xBF" },
		{ "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080", "\\xED\\xA0\\x80", "\\xED\\xA0\\x80" },
		{ "\xf0\x8f\xbf\xbf", "\\u00f0\\u008f\\u00bf\\u00bf", "\\xF0\\x8F\\xBF\\xBF",
		  "\\xF0\\x8F\\xBF\\xBF" },
		{ "\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080", "\\xF4\\x90\\x80\\x80",
		  "\\xF4\\x90\\x80\\x80" },
		{ "\xf5\x80\x80\x80", "\\u00f5\\u0080\\u0080\\u0080", "\\xF5\\x80\\x80\\x80",
		  "\\xF5\\x80\\x80\\x80" },
		/* characters that end lines or drive terminals */
		{ "\xc2\x85", "\\u0085", "\\xC2\\x85", "\\xC2\\x85" },
		{ "\xc2\x9b", "\\u009b", "\\xC2\\x9B", "\\xC2\\x9B" },
		{ "\xc2\xa0", "\xc2\xa0", "\\xC2\\xA0", "\\xC2\\xA0" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029", "\\xE2\\x80\\xA8\\xE2\\x80\\xA9",
		  "\\xE2\\x80\\xA8\\xE2\\x80\\xA9" },
		/* behind and across the blocks of 16 */
		{ "0123456789abcdef\"", "0123456789abcdef\\\"", "0123456789abcdef\\x22",
		  "0123456789abcdef\\x22" },
		{ "0123456789abcd\xe2\x82\xac rest of it", "0123456789abcd\xe2\x82\xac rest of it",
		  "0123456789abcd\\xE2\\x82\\xAC rest of it",
		  "0123456789abcd\\xE2\\x82\\xAC\\x20rest\\x20of\\x20it" },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		uint8_t room[256];
		struct hz_span text = hz_span_text(rows[i].text), got = { room, 0 };

		got.len = (size_t)(hz_log_text_json(room, text) - room);
		CU_ASSERT(hz_span_equals(got, hz_span_text(rows[i].json)));
		got.len = (size_t)(hz_log_text_quoted(room, text) - room);
		CU_ASSERT(hz_span_equals(got, hz_span_text(rows[i].quoted)));
		got.len = (size_t)(hz_log_text_bare(room, text) - room);
		CU_ASSERT(hz_span_equals(got, hz_span_text(rows[i].bare)));
	}
}

static void every_byte_at_every_place_of_a_block_is_escaped_alike(void)
{
	uint8_t text[48], room[6 * 48 + 16], alone[32];

	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t one = (uint8_t)byte;
		size_t want =
			(size_t)(hz_log_text_json(alone, (struct hz_span){ &one, 1 }) - alone);

		for (size_t at = 0; at < sizeof(text); at++) {
			size_t got;

			memset(text, 'x', sizeof(text));
			text[at] = one;
			got = (size_t)(hz_log_text_json(room,
			                                (struct hz_span){ text, sizeof(text) }) -
			               room);
			CU_ASSERT(got == sizeof(text) - 1 + want &&
			          memcmp(room + at, alone, want) == 0);
		}
	}
}

static void line_of_a_cut_text_says_so(void)
{
	struct hz_log_entry entry = entry_full();
	char *line;

	entry.is_cut = true;
	line = line_of(HZ_LOG_JSON, &entry);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"agent\":\"curl/8\",\"one_in\":10,\"cut\":true}\n"));
	free(line);
}

static void worst_line_stays_within_the_bound(void)
{
	size_t bytes = HZ_LIMIT_log_text_bytes_max;
	uint8_t *text = malloc(bytes);
	struct hz_span span = { text, bytes };
	struct hz_log_entry entry = {
		.port = UINT16_MAX,
		.status = UINT16_MAX,
		.ms = 999,
		.worker = UINT32_MAX,
		.one_in = UINT32_MAX,
		.body_bytes = UINT64_MAX,
		.answer_us = UINT64_MAX,
		.total_us = UINT64_MAX,
		.method = span,
		.target = span,
		.host = span,
		.route = span,
		.referer = span,
		.agent = span,
		.subject = span,
		.trace_id = span,
		.request_id = span,
	};

	memset(text, 1, bytes);
	memset(entry.addr, 0xab, sizeof(entry.addr));
	free(line_of(HZ_LOG_JSON, &entry)); /* it asserts */
	free(line_of(HZ_LOG_COMBINED, &entry));
	free(text);
}

static void address_is_written_as_the_library_does(void)
{
	char want[INET6_ADDRSTRLEN];
	struct hz_rng rng;

	hz_rng_seed(&rng, 7);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t addr[16], got[48];
		size_t bytes;

		for (unsigned k = 0; k < 8; k++) {
			uint64_t random = hz_rng_next(&rng);

			random = (random >> 40) % 3 != 0 ? 0 : random >> (random >> 60) % 16;
			addr[2 * k] = (uint8_t)(random >> 8);
			addr[2 * k + 1] = (uint8_t)random;
		}
		addr[0] |= 0x20; /* the library writes ::a.b.c.d in its own way */
		bytes = (size_t)(hz_log_text_addr(got, addr) - got);
		inet_ntop(AF_INET6, addr, want, sizeof(want));
		CU_ASSERT(bytes == strlen(want) && memcmp(got, want, bytes) == 0);
	}
}

static void stamp_of_any_day_is_that_of_the_library(void)
{
	struct hz_rng rng;

	hz_rng_seed(&rng, 9);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t unix_s = hz_rng_below(&rng, 253402300800ULL); /* to 9999 */
		time_t time = (time_t)unix_s;
		struct hz_log_stamp stamp;
		char want[64];
		struct tm tm;

		gmtime_r(&time, &tm);
		hz_log_stamp_make(&stamp, unix_s);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
		CU_ASSERT_EQUAL(memcmp(stamp.json, want, sizeof(stamp.json)), 0);
		strftime(want, sizeof(want), "%d/%b/%Y:%H:%M:%S +0000", &tm);
		CU_ASSERT_EQUAL(memcmp(stamp.combined, want, sizeof(stamp.combined)), 0);
	}
}

HZ_SUITE(log_line, CASE(json_line_has_every_field), CASE(json_line_leaves_out_what_is_not_there),
         CASE(combined_line_is_that_of_nginx), CASE(combined_line_has_a_dash_for_what_is_not_there),
         CASE(version_is_the_requests), CASE(text_of_strangers_is_escaped),
         CASE(every_byte_at_every_place_of_a_block_is_escaped_alike),
         CASE(line_of_a_cut_text_says_so), CASE(worst_line_stays_within_the_bound),
         CASE(address_is_written_as_the_library_does),
         CASE(stamp_of_any_day_is_that_of_the_library));
