/* Character classes of RFC 9110 5.5, 5.6.2 and RFC 3986, and scanners that find the first byte outside
 * one. A scanner reads 16 bytes at a time where SSE2 is there and never a byte outside floor..end.
 * Private to http. */
#ifndef HZ_H1_SCAN_H
#define HZ_H1_SCAN_H

#include "core/base.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	HZ_H1_TCHAR = 1,   /* token, RFC 9110 5.6.2 */
	HZ_H1_VALUE = 2,   /* field-content with inner SP and HTAB, obs-text included */
	HZ_H1_URI = 4,     /* pchar, '/' and '?' without the '%' of an escape */
	HZ_H1_REGNAME = 8, /* RFC 3986 reg-name without the '%' of an escape */
	HZ_H1_HEX = 16,
};
extern const uint8_t hz_h1_class[256];

/* First byte of p..end outside the class. */
static inline const uint8_t *hz_h1_scan_bytes(const uint8_t *p, const uint8_t *end, uint8_t class)
{
	while (p < end && (hz_h1_class[*p] & class) != 0)
		p++;
	return p;
}

#ifdef __SSE2__
#define HZ_H1_BLOCK 16

/* lo <= byte <= lo + width in every lane, unsigned. */
static inline __m128i hz_h1_in_range(__m128i block, uint8_t lo, uint8_t width)
{
	__m128i from_lo = _mm_sub_epi8(block, _mm_set1_epi8((char)lo));

	return _mm_cmpeq_epi8(_mm_min_epu8(from_lo, _mm_set1_epi8((char)width)), from_lo);
}

/* The maybe_* functions return a bit for each byte that may be outside the class; a byte without its
 * bit is inside. What is rare in its class gets a bit and is looked up. */

/* Letters, digits, '-' and '.': of tchar and of reg-name. */
static inline uint32_t hz_h1_maybe_name(__m128i block)
{
	__m128i letter = hz_h1_in_range(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 25);
	__m128i digit = hz_h1_in_range(block, '0', 9);
	__m128i mark = hz_h1_in_range(block, '-', 1);

	return 0xffff ^
	       (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), mark));
}

/* All but controls and DEL; HTAB gets its bit and is looked up. */
static inline uint32_t hz_h1_maybe_value(__m128i block)
{
	__m128i space = _mm_set1_epi8(0x20);
	__m128i visible = _mm_cmpeq_epi8(_mm_max_epu8(block, space), block);
	__m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));

	return 0xffff & (uint32_t)_mm_movemask_epi8(
				_mm_or_si128(_mm_xor_si128(visible, _mm_set1_epi8(-1)), del));
}

/* '&' to ';', '=' , '?' to 'Z', '_' and 'a' to 'z'. */
static inline uint32_t hz_h1_maybe_uri(__m128i block)
{
	__m128i low = hz_h1_in_range(block, '&', ';' - '&');
	__m128i high = hz_h1_in_range(block, '?', 'Z' - '?');
	__m128i small = hz_h1_in_range(block, 'a', 25);
	__m128i mark = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('=')),
	                            _mm_cmpeq_epi8(block, _mm_set1_epi8('_')));

	return 0xffff ^ (uint32_t)_mm_movemask_epi8(
				_mm_or_si128(_mm_or_si128(low, high), _mm_or_si128(small, mark)));
}

static inline __m128i hz_h1_load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* The last bytes before end are classified by a block that ends there, so that nothing behind end is
 * read: floor..end must hold 16 bytes for that. */
static inline __attribute__((always_inline)) const uint8_t *
hz_h1_scan(const uint8_t *p, const uint8_t *end, const uint8_t *floor, uint8_t class,
           uint32_t (*maybe)(__m128i))
{
	uint32_t bits;

	while (end - p >= HZ_H1_BLOCK) {
		bits = maybe(hz_h1_load(p));
		if (bits == 0) {
			p += HZ_H1_BLOCK;
			continue;
		}
		p += __builtin_ctz(bits);
		if ((hz_h1_class[*p] & class) == 0)
			return p;
		p++;
	}
	if (p == end || end - floor < HZ_H1_BLOCK)
		return hz_h1_scan_bytes(p, end, class);
	bits = maybe(hz_h1_load(end - HZ_H1_BLOCK)) >> (HZ_H1_BLOCK - (end - p));
	for (; bits != 0; bits &= bits - 1) {
		if ((hz_h1_class[p[__builtin_ctz(bits)]] & class) == 0)
			return p + __builtin_ctz(bits);
	}
	return end;
}

static inline const uint8_t *hz_h1_scan_name(const uint8_t *p, const uint8_t *end,
                                             const uint8_t *floor)
{
	return hz_h1_scan(p, end, floor, HZ_H1_TCHAR, hz_h1_maybe_name);
}

static inline const uint8_t *hz_h1_scan_regname(const uint8_t *p, const uint8_t *end,
                                                const uint8_t *floor)
{
	return hz_h1_scan(p, end, floor, HZ_H1_REGNAME, hz_h1_maybe_name);
}

static inline const uint8_t *hz_h1_scan_value(const uint8_t *p, const uint8_t *end,
                                              const uint8_t *floor)
{
	return hz_h1_scan(p, end, floor, HZ_H1_VALUE, hz_h1_maybe_value);
}

static inline const uint8_t *hz_h1_scan_uri(const uint8_t *p, const uint8_t *end,
                                            const uint8_t *floor)
{
	return hz_h1_scan(p, end, floor, HZ_H1_URI, hz_h1_maybe_uri);
}

#else /* portable */

static inline const uint8_t *hz_h1_scan_name(const uint8_t *p, const uint8_t *end,
                                             const uint8_t *floor)
{
	(void)floor;
	return hz_h1_scan_bytes(p, end, HZ_H1_TCHAR);
}

static inline const uint8_t *hz_h1_scan_regname(const uint8_t *p, const uint8_t *end,
                                                const uint8_t *floor)
{
	(void)floor;
	return hz_h1_scan_bytes(p, end, HZ_H1_REGNAME);
}

static inline const uint8_t *hz_h1_scan_value(const uint8_t *p, const uint8_t *end,
                                              const uint8_t *floor)
{
	(void)floor;
	return hz_h1_scan_bytes(p, end, HZ_H1_VALUE);
}

static inline const uint8_t *hz_h1_scan_uri(const uint8_t *p, const uint8_t *end,
                                            const uint8_t *floor)
{
	(void)floor;
	return hz_h1_scan_bytes(p, end, HZ_H1_URI);
}

#endif
#endif
