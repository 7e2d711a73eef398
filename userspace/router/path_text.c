/* Sixteen bytes at a time where SSE2 is there. The last block ends where the path does. */
#include "router/path_text.h"

#include <errno.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What was seen so far. */
struct seen {
#ifdef __SSE2__
	__m128i control, percent; /* of all blocks, one upon the other */
#else
	bool control, percent;
#endif
	uint64_t slash, dot; /* a bit for each byte, of the last 64 */
};

#ifdef __SSE2__
static inline uint64_t equal_bits(__m128i block, char byte)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(byte)));
}

/* A block whose first byte is of bit `shift` of the last 64. */
static inline void block_take(struct seen *seen, const uint8_t *at, uint32_t shift)
{
	__m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
	__m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));

	seen->control = _mm_or_si128(seen->control, _mm_or_si128(low, del));
	seen->percent = _mm_or_si128(seen->percent, _mm_cmpeq_epi8(block, _mm_set1_epi8('%')));
	seen->slash |= equal_bits(block, '/') << shift;
	seen->dot |= equal_bits(block, '.') << shift;
}

static inline uint32_t bytes_seen(const struct seen *seen)
{
	return (_mm_movemask_epi8(seen->control) != 0 ? HZ_PATH_HAS_CONTROL : 0) |
	       (_mm_movemask_epi8(seen->percent) != 0 ? HZ_PATH_HAS_PERCENT : 0);
}
#else
static inline void block_take(struct seen *seen, const uint8_t *at, uint32_t shift)
{
	for (uint32_t i = 0; i < HZ_PATH_TEXT_BLOCK; i++) {
		seen->control |= at[i] < 0x20 || at[i] == 0x7f;
		seen->percent |= at[i] == '%';
		seen->slash |= (uint64_t)(at[i] == '/') << (shift + i);
		seen->dot |= (uint64_t)(at[i] == '.') << (shift + i);
	}
}

static inline uint32_t bytes_seen(const struct seen *seen)
{
	return (seen->control ? HZ_PATH_HAS_CONTROL : 0) |
	       (seen->percent ? HZ_PATH_HAS_PERCENT : 0);
}
#endif

static inline uint32_t special_of(const struct seen *seen, uint64_t dot, uint64_t empty)
{
	return bytes_seen(seen) | (dot != 0 ? HZ_PATH_HAS_DOT : 0) |
	       (empty != 0 ? HZ_PATH_HAS_EMPTY : 0);
}

/* Of less than 64 bytes, which lie in a block at least. The last block sets again bits of the one before. */
static inline uint32_t near_take(const uint8_t *data, uint32_t len, uint64_t *slashes)
{
	uint32_t last = len < HZ_PATH_TEXT_BLOCK ? 0 : len - HZ_PATH_TEXT_BLOCK;
	struct seen seen = { 0 };

	for (uint32_t at = 0; at < last; at += HZ_PATH_TEXT_BLOCK)
		block_take(&seen, data + at, at);
	block_take(&seen, data + last, last);
	slashes[0] = seen.slash | 1ull << len;
	return special_of(&seen, seen.dot & seen.slash << 1, seen.slash & seen.slash << 1);
}

/* Of any other length. */
static uint32_t far_take(const uint8_t *data, uint32_t len, uint64_t *slashes)
{
	struct seen seen = { 0 };
	uint64_t dot = 0, empty = 0, behind = 0; /* bit 0 of behind: a slash stands before */

	for (uint32_t from = 0; from <= len; from += 64) {
		uint32_t last = len - HZ_PATH_TEXT_BLOCK, shift = 0, at = from;

		seen.slash = seen.dot = 0;
		for (; at < from + 64 && at <= last; at += HZ_PATH_TEXT_BLOCK)
			block_take(&seen, data + at, at - from);
		if (at < from + 64 && at < len) {
			/* What it says of bytes before `from` is shifted away. */
			shift = from > last ? from - last : 0;
			block_take(&seen, data + last, last > from ? last - from : 0);
		}
		seen.slash >>= shift;
		seen.dot >>= shift;
		slashes[from / 64] = seen.slash;
		dot |= seen.dot & (seen.slash << 1 | behind);
		empty |= seen.slash & (seen.slash << 1 | behind);
		behind = seen.slash >> 63;
	}
	slashes[len / 64] |= 1ull << len % 64;
	return special_of(&seen, dot, empty);
}

static void view_set(struct hz_path_text *text, const uint8_t *data, uint32_t len,
                     const uint64_t *slashes)
{
	text->view = (struct hz_path_view){
		.data = data,
		.slashes = slashes,
		.len = len,
		.last = HZ_MAX(len, HZ_PATH_TEXT_BLOCK) - HZ_PATH_TEXT_WORD,
	};
}

static __attribute__((noinline)) int far_set(struct hz_path_text *text, struct hz_span path,
                                             struct hz_arena *arena, uint32_t *special)
{
	uint64_t *slashes = text->near;

	if (path.len > INT32_MAX)
		return -EINVAL;
	if (path.len >= HZ_PATH_TEXT_NEAR)
		slashes = hz_arena_get(arena, (path.len / 64 + 1) * sizeof(*slashes));
	if (slashes == NULL)
		return -ENOMEM;
	view_set(text, path.data, (uint32_t)path.len, slashes);
	*special = far_take(path.data, (uint32_t)path.len, slashes);
	return 0;
}

int hz_path_text_set(struct hz_path_text *text, struct hz_span path, struct hz_arena *arena,
                     uint32_t *special)
{
	const uint8_t *data = path.data;

	text->path = path.data;
	if (HZ_UNLIKELY(path.len >= 64))
		return far_set(text, path, arena, special);
	if (path.len < HZ_PATH_TEXT_BLOCK) {
		memset(text->shorter, 'x', sizeof(text->shorter));
		for (size_t i = 0; i < path.len; i++)
			text->shorter[i] = path.data[i];
		data = text->shorter;
	}
	view_set(text, data, (uint32_t)path.len, text->near);
	*special = near_take(data, (uint32_t)path.len, text->near);
	return 0;
}
