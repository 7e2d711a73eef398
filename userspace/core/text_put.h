/* Writing text into memory whose size was counted before. Each returns the place behind. */
#ifndef HZ_TEXT_PUT_H
#define HZ_TEXT_PUT_H

#include <hz/span.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HZ_DECIMAL_MAX 20u /* digits of 2^64 - 1 */

static inline uint8_t *hz_put_span(uint8_t *out, struct hz_span text)
{
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	return out + text.len;
}

static inline uint8_t *hz_put_decimal(uint8_t *out, uint64_t value)
{
	uint8_t digits[HZ_DECIMAL_MAX];
	unsigned at = HZ_DECIMAL_MAX;

	do {
		digits[--at] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return hz_put_span(out, (struct hz_span){ digits + at, HZ_DECIMAL_MAX - at });
}

/* 16 digits in lower case, the highest first. */
static inline uint8_t *hz_put_hex(uint8_t *out, uint64_t value)
{
#ifdef __SSE2__
	const __m128i bytes = _mm_cvtsi64_si128((long long)__builtin_bswap64(value));
	const __m128i low = _mm_set1_epi8(15);
	__m128i digits = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), low),
	                                   _mm_and_si128(bytes, low));
	__m128i letters = _mm_cmpgt_epi8(digits, _mm_set1_epi8(9));

	digits = _mm_add_epi8(digits, _mm_set1_epi8('0'));
	digits = _mm_add_epi8(digits, _mm_and_si128(letters, _mm_set1_epi8('a' - '0' - 10)));
	_mm_storeu_si128((__m128i *)(void *)out, digits);
	return out + 16;
#else
	for (unsigned shift = 64; shift > 0; shift -= 4)
		*out++ = (uint8_t) "0123456789abcdef"[value >> (shift - 4) & 15];
	return out;
#endif
}

#endif
