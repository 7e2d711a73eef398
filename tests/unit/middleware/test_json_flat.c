/* The strict reader of one JSON object, and base64url. */
#include "core/base.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include "middleware/base64url.h"
#include "middleware/json_flat.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
	const char *text;
	int status;
};

static int member_ignore(void *ctx, struct hz_span name, const struct hz_json_value *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return 0;
}

static int read_exact(const char *text)
{
	size_t bytes = strlen(text);
	uint8_t *copy = malloc(bytes + 1); /* a sanitizer sees over-reads */
	int status;

	memcpy(copy, text, bytes);
	copy = realloc(copy, bytes > 0 ? bytes : 1);
	status = hz_json_flat_object((struct hz_span){ copy, bytes }, member_ignore, NULL);
	free(copy);
	return status;
}

static void object_is_read_or_refused(void)
{
	static const struct row rows[] = {
		{ "{}", 0 },
		{ " \t\r\n{ } \n", 0 },
		{ "{\"a\":1,\"b\":\"x\",\"c\":[1,{\"d\":null}],\"e\":true,\"f\":false}", 0 },
		{ "{\"a\":-0.5e+10,\"b\":0,\"c\":1E5,\"d\":[]}", 0 },
		{ "{\"\":{}}", 0 },
		{ "{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\/\\\\\\\"\"}", 0 },
		{ "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}", 0 },
		{ "", -EINVAL },
		{ "[]", -EINVAL },
		{ "\"a\"", -EINVAL },
		{ "{", -EINVAL },
		{ "{}}", -EINVAL },
		{ "{} x", -EINVAL },
		{ "{\"a\"}", -EINVAL },
		{ "{\"a\":}", -EINVAL },
		{ "{\"a\":1,}", -EINVAL },
		{ "{,}", -EINVAL },
		{ "{\"a\":1 \"b\":2}", -EINVAL },
		{ "{a:1}", -EINVAL },
		{ "{'a':1}", -EINVAL },
		{ "{\"a\":01}", -EINVAL },
		{ "{\"a\":+1}", -EINVAL },
		{ "{\"a\":.5}", -EINVAL },
		{ "{\"a\":1.}", -EINVAL },
		{ "{\"a\":1e}", -EINVAL },
		{ "{\"a\":-}", -EINVAL },
		{ "{\"a\":NaN}", -EINVAL },
		{ "{\"a\":True}", -EINVAL },
		{ "{\"a\":truex}", -EINVAL },
		{ "{\"a\":nul", -EINVAL },
		{ "{\"a\":[1,]}", -EINVAL },
		{ "{\"a\":[1}", -EINVAL },
		{ "{\"a\":{\"b\":1]}", -EINVAL },
		{ "{\"a\":{\"b\"}}", -EINVAL },
		{ "{\"a\":\"x}", -EINVAL },
		{ "{\"a\":\"\n\"}", -EINVAL },
		{ "{\"a\":\"\\x\"}", -EINVAL },
		{ "{\"a\":\"\\u12\"}", -EINVAL },
		{ "{\"a\":\"\\u12g4\"}", -EINVAL },
		{ "{\"a\":\"\\ud800\"}", -EINVAL },
		{ "{\"a\":\"\\ud800\\u0041\"}", -EINVAL },
		{ "{\"a\":\"\\udc00\"}", -EINVAL },
		{ "{\"a\":\"\xff\"}", -EINVAL },
		{ "{\"a\":\"\xc0\xaf\"}", -EINVAL },
		{ "{\"a\":\"\xe0\x80\x80\"}", -EINVAL },
		{ "{\"a\":\"\xed\xa0\x80\"}", -EINVAL },
		{ "{\"a\":\"\xf4\x90\x80\x80\"}", -EINVAL },
		{ "{\"a\":\"\xc3\"}", -EINVAL },
		{ "{\"a\":1,\"a\":2}", -EINVAL },
		{ "{\"a\":1,\"\\u0061\":2}", -EINVAL },
		{ "{\"a\":[[[[[[[1]]]]]]]}", 0 },
		{ "{\"a\":[[[[[[[[1]]]]]]]]}", -E2BIG },
		{ "\xef\xbb\xbf{}", -EINVAL },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		int status = read_exact(rows[i].text);

		if (status != rows[i].status)
			fprintf(stderr, "%s: %d, not %d\n", rows[i].text, status, rows[i].status);
		CU_ASSERT_EQUAL(status, rows[i].status);
	}
}

static void object_cut_anywhere_is_refused(void)
{
	static const char text[] = "{\"a\":\"\\ud83d\\ude00\xc3\xa9\",\"b\":[-1.5e3,{\"c\":null}]}";
	char cut[sizeof(text)];

	CU_ASSERT_EQUAL(read_exact(text), 0);
	for (size_t bytes = 0; bytes < sizeof(text) - 1; bytes++) {
		memcpy(cut, text, bytes);
		cut[bytes] = '\0';
		CU_ASSERT_EQUAL(read_exact(cut), -EINVAL);
	}
}

static void object_has_bounds(void)
{
	char text[4096] = "{";
	char *at = text + 1;

	for (unsigned i = 0; i < HZ_JSON_MEMBERS_MAX; i++)
		at += snprintf(at, 16, "%s\"m%u\":0", i > 0 ? "," : "", i);
	memcpy(at, "}", 2);
	CU_ASSERT_EQUAL(read_exact(text), 0);
	memcpy(at, ",\"x\":0}", 8);
	CU_ASSERT_EQUAL(read_exact(text), -E2BIG);
	memset(text, 'n', sizeof(text));
	memcpy(text, "{\"", 2);
	memcpy(text + 2 + HZ_JSON_NAME_BYTES, "\":1}", 5);
	CU_ASSERT_EQUAL(read_exact(text), 0);
	memcpy(text + 2 + HZ_JSON_NAME_BYTES, "n\":1}", 6);
	CU_ASSERT_EQUAL(read_exact(text), -E2BIG);
}

struct told {
	char text[256];
	size_t used;
};

static int member_tell(void *ctx, struct hz_span name, const struct hz_json_value *value)
{
	struct told *told = ctx;

	told->used += (size_t)snprintf(
		told->text + told->used, sizeof(told->text) - told->used, "%.*s=%d:%.*s|",
		(int)name.len, name.len > 0 ? (const char *)name.data : "", (int)value->kind,
		(int)value->raw.len, (const char *)value->raw.data);
	return name.len == 4 ? -EPERM : 0;
}

static void members_are_told_as_they_stand(void)
{
	struct told told = { .used = 0 };

	CU_ASSERT_EQUAL(hz_json_flat_object(
				hz_span_text("{ \"\\u0061\" : \"x\\n\" , \"b\": -1.0 , \"c\" :[1 , "
	                                     "2] ,\"d\":{ } ,\"e\":null}"),
				member_tell, &told),
	                0);
	CU_ASSERT_STRING_EQUAL(told.text, "a=0:\"x\\n\"|b=1:-1.0|c=3:[1 , 2]|d=2:{ }|e=4:null|");
	told.used = 0;
	CU_ASSERT_EQUAL(hz_json_flat_array(hz_span_text("[1 , 2]"), member_tell, &told), 0);
	CU_ASSERT_STRING_EQUAL(told.text, "=1:1|=1:2|");
	CU_ASSERT_EQUAL(
		hz_json_flat_object(hz_span_text("{\"stop\":1,\"x\":2}"), member_tell, &told),
		-EPERM);
}

static void text_is_decoded_or_too_long(void)
{
	uint8_t out[8];

	CU_ASSERT_EQUAL(hz_json_flat_text(hz_span_text("\"a\\u00e9\\ud83d\\ude00\""), out, 8), 7);
	CU_ASSERT_EQUAL(memcmp(out, "a\xc3\xa9\xf0\x9f\x98\x80", 7), 0);
	CU_ASSERT_EQUAL(hz_json_flat_text(hz_span_text("\"12345678\""), out, 8), 8);
	CU_ASSERT_EQUAL(hz_json_flat_text(hz_span_text("\"123456789\""), out, 8), -E2BIG);
	CU_ASSERT_EQUAL(hz_json_flat_text(hz_span_text("\"\""), out, 8), 0);
}

static void base64url_has_one_form_per_text(void)
{
	static const struct {
		const char *text, *bytes; /* NULL: refused */
	} rows[] = {
		{ "", "" },        { "QQ", "A" },        { "QUI", "AB" },
		{ "QUJD", "ABC" }, { "QUJDRA", "ABCD" }, { "-_-_", "\xfb\xff\xbf" },
		{ "Q", NULL },     { "QUJDR", NULL },    { "QR", NULL },
		{ "QUJ", NULL },   { "QQ==", NULL },     { "QU I", NULL },
		{ "+/+/", NULL },  { "QQ\n", NULL },     { "QUI.", NULL },
		{ "Q\xc3", NULL },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_span text = hz_span_text(rows[i].text);
		uint8_t out[8] = { 0 };
		int status = hz_base64url_decode(text, out);

		CU_ASSERT_EQUAL(status, rows[i].bytes != NULL ? 0 : -EINVAL);
		if (rows[i].bytes != NULL)
			CU_ASSERT(HZ_BASE64URL_BYTES(text.len) == strlen(rows[i].bytes) &&
			          memcmp(out, rows[i].bytes, strlen(rows[i].bytes)) == 0);
	}
}

HZ_SUITE(json_flat, CASE(object_is_read_or_refused), CASE(object_cut_anywhere_is_refused),
         CASE(object_has_bounds), CASE(members_are_told_as_they_stand),
         CASE(text_is_decoded_or_too_long), CASE(base64url_has_one_form_per_text));
