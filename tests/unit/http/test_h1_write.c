/* Response heads and the Date field. */
#include "http/h1_scan.h"
#include "http_rig.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static void date_of_any_day_is_strftimes(void)
{
	struct hz_h1_date date = { 0 };
	uint64_t step = 86400 * 11 + 3677; /* walks through hours, months and leap years */
	unsigned differ = 0;

	for (uint64_t t = 0; t < 4102444800u * 2; t += step) {
		char want[64];
		time_t seconds = (time_t)t;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(want, sizeof(want), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
		hz_h1_date_update(&date, t);
		differ += memcmp(want, date.line, HZ_H1_DATE_BYTES) != 0;
	}
	CU_ASSERT_EQUAL(differ, 0);
}

static void date_of_rfc_example_is_as_printed(void)
{
	struct hz_h1_date date = { 0 };

	hz_h1_date_update(&date, RIG_UNIX_S);
	CU_ASSERT_EQUAL(
		memcmp(date.line, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", HZ_H1_DATE_BYTES), 0);
	hz_h1_date_update(&date, 951782400);
	CU_ASSERT_EQUAL(
		memcmp(date.line, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n", HZ_H1_DATE_BYTES), 0);
}

static bool head_is(const struct hz_http_resp *resp, uint64_t body_bytes,
                    enum hz_h1_connection connection, const char *want)
{
	struct hz_h1_date date = { 0 };
	uint8_t out[1024];
	size_t len;

	hz_h1_date_update(&date, RIG_UNIX_S);
	memset(out, 0xee, sizeof(out));
	len = hz_h1_head_write(out, resp, body_bytes, HZ_H1_LENGTH, &date, connection);
	if (len <= hz_h1_head_bound(resp) && out[len] == 0xee && len == strlen(want) &&
	    memcmp(out, want, len) == 0)
		return true;
	printf("# got \"%.*s\"\n", (int)len, out);
	return false;
}

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"

static void head_of_each_kind_is_exact(void)
{
	struct hz_http_prepared prepared = {
		.head = HZ_SPAN_LITERAL("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
	};
	struct hz_http_resp resp = {
		.status = 200,
		.body_kind = HZ_BODY_SPAN,
		.content_type = HZ_SPAN_LITERAL("text/plain"),
		.extra = HZ_SPAN_LITERAL("Allow: GET\r\nX: y\r\n"),
	};

	CU_ASSERT(head_is(&resp, UINT64_MAX, HZ_H1_KEEP,
	                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAllow: GET\r\nX: y\r\n"
	                  "Content-Length: 18446744073709551615\r\n" DATE));
	resp = (struct hz_http_resp){ .status = 431 };
	CU_ASSERT(head_is(&resp, 0, HZ_H1_CLOSE,
	                  "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
	                  "Connection: close\r\n" DATE));
	resp.status = 299;
	CU_ASSERT(head_is(&resp, 10, HZ_H1_KEEP_1_0,
	                  "HTTP/1.1 299 Unknown\r\nContent-Length: 10\r\n"
	                  "Connection: keep-alive\r\n" DATE));
	resp.status = 204;
	CU_ASSERT(head_is(&resp, 0, HZ_H1_KEEP, "HTTP/1.1 204 No Content\r\n" DATE));
	resp.status = 304;
	CU_ASSERT(head_is(&resp, 0, HZ_H1_KEEP, "HTTP/1.1 304 Not Modified\r\n" DATE));
	resp.prepared = &prepared;
	CU_ASSERT(head_is(&resp, 2, HZ_H1_CLOSE,
	                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n" DATE));
}

static void statuses_that_have_no_content_get_none(void)
{
	struct hz_http_resp resp = { .body_kind = HZ_BODY_SPAN, .body = HZ_SPAN_LITERAL("text") };

	for (unsigned status = 100; status < 600; status++) {
		bool is_empty = status < 200 || status == 204 || status == 205 || status == 304;

		resp.status = (uint16_t)status;
		CU_ASSERT_EQUAL(hz_h1_body_bytes(&resp, NULL), is_empty ? 0 : 4);
	}
	resp.status = 205; /* says so, RFC 9110 15.3.6 */
	CU_ASSERT(head_is(&resp, 0, HZ_H1_KEEP,
	                  "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n" DATE));
}

static void content_type_with_control_byte_is_left_out(void)
{
	struct hz_http_resp resp = { .status = 200 };
	uint8_t type[40];

	for (unsigned byte = 0; byte < 256; byte++) {
		struct hz_h1_date date = { 0 };
		bool is_bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
		uint8_t out[512];
		size_t len;

		memset(type, 'a', sizeof(type));
		type[byte % sizeof(type)] = (uint8_t)byte;
		resp.content_type = (struct hz_span){ type, sizeof(type) };
		len = hz_h1_head_write(out, &resp, 0, HZ_H1_LENGTH, &date, HZ_H1_KEEP);
		CU_ASSERT_EQUAL(memmem(out, len, "Content-Type", 12) == NULL, is_bad);
	}
}

static void reasons_are_rfc_9110s(void)
{
	struct hz_span reason = hz_http_reason(404);

	CU_ASSERT(reason.len == 9 && memcmp(reason.data, "Not Found", 9) == 0);
	reason = hz_http_reason(505);
	CU_ASSERT(reason.len == 26 && memcmp(reason.data, "HTTP Version Not Supported", 26) == 0);
	reason = hz_http_reason(299);
	CU_ASSERT(reason.len == 7 && memcmp(reason.data, "Unknown", 7) == 0);
}

static void tchar_class_is_rfc_9110s(void)
{
	static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
				     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (unsigned byte = 0; byte < 256; byte++) {
		bool want = byte != 0 && byte < 0x80 && strchr(tchars, (int)byte) != NULL;

		CU_ASSERT_EQUAL((hz_h1_class[byte] & HZ_H1_TCHAR) != 0, want);
	}
}

static void equals_nocase_folds_ascii_letters_only(void)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t a[1] = { (uint8_t)byte };
		struct hz_span span = { a, 1 };
		bool is_k = byte == 'k' || byte == 'K';

		CU_ASSERT_EQUAL(hz_http_equals_nocase(span, HZ_SPAN_LITERAL("k")), is_k);
		CU_ASSERT_EQUAL(hz_http_equals_nocase(span, HZ_SPAN_LITERAL("-")), byte == '-');
	}
	CU_ASSERT(!hz_http_equals_nocase(HZ_SPAN_LITERAL("ab"), HZ_SPAN_LITERAL("a")));
}

HZ_SUITE(h1_write, CASE(date_of_any_day_is_strftimes), CASE(date_of_rfc_example_is_as_printed),
         CASE(head_of_each_kind_is_exact), CASE(statuses_that_have_no_content_get_none),
         CASE(content_type_with_control_byte_is_left_out), CASE(reasons_are_rfc_9110s),
         CASE(tchar_class_is_rfc_9110s), CASE(equals_nocase_folds_ascii_letters_only));
