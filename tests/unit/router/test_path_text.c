/* One pass over a path against one byte after another. */
#include "router/path_text.h"

#include "core/rng.h"
#include "hz_test.h"
#include <errno.h>
#include <stdlib.h>

/* What hz_path_text_set must say, by the rules. */
static uint32_t special_by_bytes(const uint8_t *path, size_t len)
{
	uint32_t special = 0;

	for (size_t i = 0; i < len; i++) {
		bool is_behind = i > 0 && path[i - 1] == '/';

		special |= path[i] < 0x20 || path[i] == 0x7f ? HZ_PATH_HAS_CONTROL : 0;
		special |= path[i] == '%' ? HZ_PATH_HAS_PERCENT : 0;
		special |= path[i] == '.' && is_behind ? HZ_PATH_HAS_DOT : 0;
		special |= path[i] == '/' && is_behind ? HZ_PATH_HAS_EMPTY : 0;
	}
	return special;
}

static bool text_is_right(const uint8_t *path, size_t len, struct hz_arena *arena)
{
	struct hz_path_text text;
	struct hz_path_slashes slashes;
	uint32_t special, at = 0;

	if (hz_path_text_set(&text, (struct hz_span){ path, len }, arena, &special) != 0 ||
	    special != special_by_bytes(path, len) || text.path != path || text.view.len != len)
		return false;
	slashes = hz_path_slashes_from(text.view, 0);
	for (size_t i = 0; i <= len; i++) {
		bool is_slash = i == len || path[i] == '/';

		if (hz_path_view_is_end(text.view, (uint32_t)i) != is_slash)
			return false;
		if (is_slash && hz_path_slashes_next(&slashes) != i)
			return false;
		if (is_slash && hz_path_view_slash(text.view, at) != i)
			return false;
		at = is_slash ? (uint32_t)i + 1 : at;
		for (size_t k = 0; i < len && k < 8 && i + k < len; k++) {
			if ((hz_path_view_word(text.view, (uint32_t)i) >> 8 * k & 0xff) !=
			    path[i + k])
				return false;
		}
	}
	return true;
}

/* In memory of its own each time, so that a sanitizer sees a byte too many. */
static void path_of_every_length_is_read_as_byte_by_byte(void)
{
	static const uint8_t bytes[] = "/.%\x1f\x7f\x01 azAZ09-_~\x80\xff//..";
	uint8_t memory[256];
	struct hz_rng rng;
	unsigned wrong = 0;

	hz_rng_seed(&rng, 11);
	for (size_t len = 0; len < 600; len++) {
		uint8_t *path = malloc(len + 1), *exact = realloc(path, len == 0 ? 1 : len);

		for (unsigned round = 0; round < 40; round++) {
			uint64_t kinds = round < 20 ? sizeof(bytes) - 1 : 0;
			struct hz_arena arena;

			for (size_t i = 0; i < len; i++)
				exact[i] = kinds > 0 && hz_rng_below(&rng, 4) == 0
				                   ? bytes[hz_rng_below(&rng, kinds)]
				                   : (uint8_t)('a' + hz_rng_below(&rng, 26));
			if (round >= 20 && len > 0) /* one byte that matters, anywhere */
				exact[hz_rng_below(&rng, len)] =
					bytes[hz_rng_below(&rng, sizeof(bytes) - 1)];
			hz_arena_init(&arena, memory, sizeof(memory));
			wrong += !text_is_right(exact, len, &arena);
		}
		free(exact);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void long_path_needs_room(void)
{
	uint8_t path[300], memory[32];
	struct hz_path_text text;
	struct hz_arena arena;
	uint32_t special;

	memset(path, '/', sizeof(path));
	hz_arena_init(&arena, memory, sizeof(memory));
	CU_ASSERT_EQUAL(hz_path_text_set(&text, (struct hz_span){ path, 300 }, &arena, &special),
	                -ENOMEM);
	CU_ASSERT_EQUAL(hz_path_text_set(&text, (struct hz_span){ path, 255 }, &arena, &special),
	                0);
	CU_ASSERT_EQUAL(
		hz_path_text_set(&text, (struct hz_span){ path, 1ull << 31 }, &arena, &special),
		-EINVAL);
}

HZ_SUITE(path_text, CASE(path_of_every_length_is_read_as_byte_by_byte), CASE(long_path_needs_room));
