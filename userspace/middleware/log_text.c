#include "middleware/log_text.h"
#include "core/base.h"
#include "core/utf8.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define NUMBER_DIGITS_MAX 20u /* of 2^64 - 1 */

enum {
	PLAIN_QUOTED = 1, /* in a JSON string and in a quoted field */
	PLAIN_BARE = 2,
};

static const uint8_t plain[256] = {
	[' '] = PLAIN_QUOTED,
	['!'] = PLAIN_QUOTED | PLAIN_BARE,
	['#' ... 'Z'] = PLAIN_QUOTED | PLAIN_BARE,
	['['] = PLAIN_QUOTED,
	[']'] = PLAIN_QUOTED,
	['^' ... '~'] = PLAIN_QUOTED | PLAIN_BARE,
};

/* Copies the longest beginning that needs no thought, and moves *text behind it. */
static uint8_t *plain_copy(uint8_t *out, struct hz_span *text, uint8_t class)
{
	const uint8_t *p = text->data, *end = text->len == 0 ? p : p + text->len;

#ifdef __SSE2__
	while (class == PLAIN_QUOTED && end - p >= 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* Signed: what is not ASCII is below the blank, too. */
		__m128i low = _mm_cmplt_epi8(block, _mm_set1_epi8(' '));
		__m128i mark = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
		                            _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
		__m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
		int bad = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, mark), del));
		int count = bad == 0 ? 16 : __builtin_ctz((unsigned)bad);

		_mm_storeu_si128((__m128i *)(void *)out, block);
		out += count;
		p += count;
		if (bad != 0)
			break;
	}
#endif
	while (p < end && (plain[*p] & class) != 0)
		*out++ = *p++;
	*text = (struct hz_span){ p, (size_t)(end - p) };
	return out;
}

/* Of the UTF-8 sequence of two or more at the start of text; 0: none. */
static size_t utf8_bytes(struct hz_span text)
{
	struct hz_utf8 at = hz_utf8_look(text.data, text.len);

	return at.is_good ? at.bytes : 0;
}

static uint8_t *unicode_put(uint8_t *out, unsigned code)
{
	static const char hex[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = 'u';
	for (unsigned shift = 16; shift > 0; shift -= 4)
		*out++ = (uint8_t)hex[code >> (shift - 4) & 15];
	return out;
}

/* One character that is not plain. */
static uint8_t *json_step(uint8_t *out, struct hz_span *text)
{
	const uint8_t *p = text->data;
	size_t bytes = p[0] < 0x80 ? 0 : utf8_bytes(*text);
	unsigned code = p[0];
	bool is_copied = bytes != 0;

	if (p[0] == '"' || p[0] == '\\') {
		*out++ = '\\';
		is_copied = true;
	}
	if (bytes == 2 && p[0] == 0xc2 && p[1] < 0xa0) { /* C1 */
		code = p[1];
		is_copied = false;
	}
	if (bytes == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
		code = 0x2000u | (p[2] & 0x3fu);
		is_copied = false;
	}
	bytes = HZ_MAX(bytes, (size_t)1);
	if (is_copied)
		memcpy(out, p, bytes);
	out = is_copied ? out + bytes : unicode_put(out, code);
	text->data += bytes;
	text->len -= bytes;
	return out;
}

uint8_t *hz_log_text_json(uint8_t *out, struct hz_span text)
{
	out = plain_copy(out, &text, PLAIN_QUOTED);
	while (text.len > 0) {
		out = json_step(out, &text);
		out = plain_copy(out, &text, PLAIN_QUOTED);
	}
	return out;
}

static uint8_t *escaped_put(uint8_t *out, struct hz_span text, uint8_t class)
{
	static const char hex[] = "0123456789ABCDEF";

	out = plain_copy(out, &text, class);
	while (text.len > 0) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = (uint8_t)hex[text.data[0] >> 4];
		*out++ = (uint8_t)hex[text.data[0] & 15];
		text.data++;
		text.len--;
		out = plain_copy(out, &text, class);
	}
	return out;
}

uint8_t *hz_log_text_quoted(uint8_t *out, struct hz_span text)
{
	return escaped_put(out, text, PLAIN_QUOTED);
}

uint8_t *hz_log_text_bare(uint8_t *out, struct hz_span text)
{
	return escaped_put(out, text, PLAIN_BARE);
}

uint8_t *hz_log_text_number(uint8_t *out, uint64_t value)
{
	unsigned digits = 1;
	uint8_t *end;

	for (uint64_t bound = 10; digits < NUMBER_DIGITS_MAX && value >= bound; bound *= 10)
		digits++;
	end = out + digits;
	for (uint8_t *at = end; at > out; value /= 10)
		*--at = (uint8_t)('0' + value % 10);
	return end;
}

static unsigned group_of(const uint8_t addr[16], unsigned i)
{
	return (unsigned)addr[2 * i] << 8 | addr[2 * i + 1];
}

/* The first of the longest runs of zero groups, of two or more; 8: none. */
static unsigned zeros_find(const uint8_t addr[16], unsigned *count)
{
	unsigned best = 8, run = 0;

	*count = 1;
	for (unsigned i = 0; i < 8; i++) {
		run = group_of(addr, i) == 0 ? run + 1 : 0;
		if (run > *count) {
			*count = run;
			best = i + 1 - run;
		}
	}
	return best;
}

static uint8_t *group_put(uint8_t *out, unsigned group)
{
	unsigned shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;

	for (;; shift -= 4) {
		*out++ = (uint8_t) "0123456789abcdef"[group >> shift & 15];
		if (shift == 0)
			return out;
	}
}

uint8_t *hz_log_text_addr(uint8_t *out, const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned zeros, count;

	if (memcmp(addr, mapped, sizeof(mapped)) == 0) {
		for (unsigned i = 12; i < 16; i++) {
			out = hz_log_text_number(out, addr[i]);
			*out++ = '.';
		}
		return out - 1;
	}
	zeros = zeros_find(addr, &count);
	for (unsigned i = 0; i < 8; i++) {
		if (i == zeros) {
			*out++ = ':';
			*out++ = ':';
			i += count - 1;
			continue;
		}
		if (i > 0 && i != zeros + count)
			*out++ = ':';
		out = group_put(out, group_of(addr, i));
	}
	return out;
}
