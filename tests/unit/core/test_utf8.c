/* UTF-8: as many sequences are characters as there are code points, and each stands for its own. */
#include "core/utf8.h"
#include "hz_test.h"

/* How many sequences of bytes bytes are a character; those of four with the last two bytes fixed. */
static uint32_t good_count(unsigned bytes)
{
	uint32_t count = 0;

	for (uint32_t i = 0x800000; i < 0x1000000; i += bytes == 3 ? 1 : 0x100) {
		const uint8_t text[] = { (uint8_t)(i >> 16), (uint8_t)(i >> 8),
			                 bytes == 4 ? 0x80 : (uint8_t)i, 0x80 };
		struct hz_utf8 at = hz_utf8_look(text, bytes);

		count += at.is_good && at.bytes == bytes;
	}
	return count;
}

static void sequences_are_as_many_as_code_points(void)
{
	CU_ASSERT_EQUAL(good_count(2), 0x800 - 0x80);
	CU_ASSERT_EQUAL(good_count(3), 0x10000 - 0x800 - 0x800); /* without surrogates */
	CU_ASSERT_EQUAL(good_count(4), 0x100000 / (0x40 * 0x40));
}

static void code_point_comes_back(void)
{
	unsigned wrong = 0;

	for (uint32_t code = 0x80; code < 0x110000; code++) {
		uint8_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4, text[4];
		struct hz_utf8 at;

		for (uint32_t i = bytes, rest = code; i-- > 0; rest >>= 6)
			text[i] = (uint8_t)(0x80 | (rest & 0x3f));
		text[0] = (uint8_t)(0xf00 >> bytes | code >> 6 * (bytes - 1u));
		at = hz_utf8_look(text, bytes);
		if (code >= 0xd800 && code < 0xe000)
			wrong += at.is_good;
		else
			wrong += !at.is_good || at.bytes != bytes ||
			         hz_utf8_code(text, bytes) != code;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void what_is_cut_or_broken_is_as_long_as_it_was_good(void)
{
	static const struct {
		uint8_t text[4];
		size_t left;
		uint8_t bytes;
	} rows[] = {
		{ { 0x80 }, 4, 1 },                   /* a tail */
		{ { 0xc1, 0x80 }, 4, 1 },             /* too long a form */
		{ { 0xe0, 0x9f, 0x80 }, 4, 1 },       /* likewise */
		{ { 0xed, 0xa0, 0x80 }, 4, 1 },       /* a surrogate */
		{ { 0xf4, 0x90, 0x80, 0x80 }, 4, 1 }, /* beyond the last one */
		{ { 0xf5, 0x80, 0x80, 0x80 }, 4, 1 },
		{ { 0xe2, 0x82, 'a' }, 4, 2 },
		{ { 0xf0, 0x9f, 0x98, 'a' }, 4, 3 },
		{ { 0xf0, 0x9f, 0x98, 0x80 }, 3, 3 }, /* cut */
		{ { 0xc3, 0xa4 }, 1, 1 },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_utf8 at = hz_utf8_look(rows[i].text, rows[i].left);

		CU_ASSERT_FALSE(at.is_good);
		CU_ASSERT_EQUAL(at.bytes, rows[i].bytes);
	}
}

HZ_SUITE(utf8, CASE(sequences_are_as_many_as_code_points), CASE(code_point_comes_back),
         CASE(what_is_cut_or_broken_is_as_long_as_it_was_good));
