/* Path decoding by the table. */
#include "router/path.h"

#include "core/base.h"
#include "hz_test.h"
#include <errno.h>
#include <string.h>

static const struct {
	const char *path;
	int err;
	const char *decoded; /* '|' stands for HZ_PATH_SLASH */
} rows[] = {
	{ "/", 0, "/" },
	{ "/a/b", 0, "/a/b" },
	{ "*", 0, "*" },
	{ "", -EINVAL, NULL },
	{ "a", -EINVAL, NULL },
	{ "**", -EINVAL, NULL },
	{ "/%41%62", 0, "/Ab" },
	{ "/%e2%82%AC", 0, "/\xe2\x82\xac" },
	{ "/%2F", 0, "/|" },
	{ "/a%2fb/c", 0, "/a|b/c" },
	{ "/%252F", 0, "/%2F" },
	{ "/%25%32%46", 0, "/%2F" },
	{ "/%00", -EINVAL, NULL },
	{ "/%0a", -EINVAL, NULL },
	{ "/%1F", -EINVAL, NULL },
	{ "/%7f", -EINVAL, NULL },
	{ "/a\tb", -EINVAL, NULL },
	{ "/%41\x01", -EINVAL, NULL },
	{ "/\x7f", -EINVAL, NULL },
	{ "/%", -EINVAL, NULL },
	{ "/%4", -EINVAL, NULL },
	{ "/%4g", -EINVAL, NULL },
	{ "/%g4", -EINVAL, NULL },
	{ "/%%41", -EINVAL, NULL },
	{ "/%+1", -EINVAL, NULL },
	{ "/+", 0, "/+" },
	{ "/.", 0, "/" },
	{ "/./", 0, "/" },
	{ "/..", -EINVAL, NULL },
	{ "/../a", -EINVAL, NULL },
	{ "/a/..", 0, "/" },
	{ "/a/../", 0, "/" },
	{ "/a/../..", -EINVAL, NULL },
	{ "/a/../b", 0, "/b" },
	{ "/a/./b", 0, "/a/b" },
	{ "/a/b/.", 0, "/a/b/" },
	{ "/a/b/..", 0, "/a/" },
	{ "/a/b/../../c", 0, "/c" },
	{ "/a/b/c/./../../g", 0, "/a/g" }, /* the example of RFC 3986 5.2.4 */
	{ "/...", 0, "/..." },
	{ "/.a", 0, "/.a" },
	{ "/..a/b", 0, "/..a/b" },
	{ "/a./b", 0, "/a./b" },
	{ "/a/%2e%2E/b", 0, "/b" },
	{ "/%2e", 0, "/" },
	{ "/.%2e", -EINVAL, NULL },
	{ "/a/..%2Fb", 0, "/a/..|b" },
	{ "/a%2F..", 0, "/a|.." },
	{ "/a%2F../b/..", 0, "/a|../" },
	{ "//", 0, "//" },
	{ "/a//../b", 0, "/a/b" },
	{ "//..", 0, "/" },
	{ "/\xff", 0, "/\xff" },
	{ "/a/path/longer/than/a/word/../x", 0, "/a/path/longer/than/a/x" },
};

static void path_of_table_decodes_as_listed(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		/* The input in memory of its own, so that a sanitizer sees a byte too many. */
		struct hz_span path = { (const uint8_t *)rows[i].path, strlen(rows[i].path) };
		struct hz_span out = { NULL, 77 };
		uint32_t marks;
		uint8_t memory[64];
		struct hz_arena arena;

		hz_arena_init(&arena, memory, sizeof(memory));
		CU_ASSERT_EQUAL(hz_path_decode(path, &arena, &out, &marks), rows[i].err);
		if (rows[i].err != 0) {
			CU_ASSERT_EQUAL(out.len, 77);
			continue;
		}
		CU_ASSERT_EQUAL(out.len, strlen(rows[i].decoded));
		for (size_t k = 0; k < out.len && k < strlen(rows[i].decoded); k++) {
			uint8_t want = (uint8_t)rows[i].decoded[k];

			CU_ASSERT_EQUAL(out.data[k], want == '|' ? HZ_PATH_SLASH : want);
		}
	}
}

/* Whole words are looked at together: every byte at every place in a path, against the rule. */
static void each_byte_is_judged_alike_at_every_place(void)
{
	unsigned wrong = 0;

	for (unsigned byte = 0; byte < 256; byte++) {
		for (size_t at = 1; at < 20; at++) {
			char text[] = "/ghijklmn\xc3\xa9opqrstuvw";
			struct hz_span path = { (const uint8_t *)text, sizeof(text) - 1 }, out;
			uint32_t marks;
			bool is_bad = byte < 0x20 || byte == 0x7f || byte == '%';
			uint8_t memory[64];
			struct hz_arena arena;

			text[at] = (char)byte;
			hz_arena_init(&arena, memory, sizeof(memory));
			wrong += hz_path_decode(path, &arena, &out, &marks) !=
			         (is_bad ? -EINVAL : 0);
			wrong += !is_bad && out.len != path.len;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void plain_path_is_not_copied(void)
{
	struct hz_span path = HZ_SPAN_LITERAL("/user/7.5/a..b"), out;
	uint32_t marks;
	struct hz_arena arena;

	hz_arena_init(&arena, NULL, 0);
	CU_ASSERT_EQUAL(hz_path_decode(path, &arena, &out, &marks), 0);
	CU_ASSERT_PTR_EQUAL(out.data, path.data);
	CU_ASSERT_EQUAL(out.len, path.len);
}

static void full_arena_is_enomem(void)
{
	uint8_t memory[8];
	struct hz_arena arena;
	struct hz_span out;
	uint32_t marks;

	hz_arena_init(&arena, memory, sizeof(memory));
	CU_ASSERT_EQUAL(hz_path_decode(HZ_SPAN_LITERAL("/1234567%41"), &arena, &out, &marks),
	                -ENOMEM);
	CU_ASSERT_EQUAL(hz_path_decode(HZ_SPAN_LITERAL("/123/%41"), &arena, &out, &marks), 0);
	CU_ASSERT_EQUAL(hz_path_param((struct hz_span){ (const uint8_t *)"a\0b", 3 }, &arena, &out),
	                -ENOMEM);
}

static void param_without_slash_is_not_copied(void)
{
	struct hz_span value = HZ_SPAN_LITERAL("abc"), out;
	struct hz_arena arena;

	hz_arena_init(&arena, NULL, 0);
	CU_ASSERT_EQUAL(hz_path_param(value, &arena, &out), 0);
	CU_ASSERT_PTR_EQUAL(out.data, value.data);
	CU_ASSERT_EQUAL(hz_path_param((struct hz_span){ NULL, 0 }, &arena, &out), 0);
	CU_ASSERT_EQUAL(out.len, 0);
}

HZ_SUITE(path, CASE(path_of_table_decodes_as_listed),
         CASE(each_byte_is_judged_alike_at_every_place), CASE(plain_path_is_not_copied),
         CASE(full_arena_is_enomem), CASE(param_without_slash_is_not_copied));
