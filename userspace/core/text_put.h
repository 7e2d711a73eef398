/* Writing text into memory whose size was counted before. Each returns the place behind. */
#ifndef HZ_TEXT_PUT_H
#define HZ_TEXT_PUT_H

#include <hz/span.h>
#include <string.h>

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

/* The digits of eight nibbles at once, the highest in the first byte of memory: in a loop they were 730 of the 1,300
 * instructions that `trace` adds to a request. */
static inline uint64_t hz_hex8(uint32_t value)
{
	uint64_t digits = __builtin_bswap32(value), letters;

	digits = (digits | digits << 16) & 0x0000ffff0000ffffull;
	digits = (digits | digits << 8) & 0x00ff00ff00ff00ffull;
	digits = (digits >> 4 | digits << 8) & 0x0f0f0f0f0f0f0f0full;
	letters = (digits + 0x0606060606060606ull) >> 4 & 0x0101010101010101ull;
	return digits + 0x3030303030303030ull + letters * ('a' - '0' - 10);
}

/* 16 digits in lower case, the highest first. */
static inline uint8_t *hz_put_hex(uint8_t *out, uint64_t value)
{
	const uint64_t digits[2] = { hz_hex8((uint32_t)(value >> 32)), hz_hex8((uint32_t)value) };

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digits are stored as words");
	memcpy(out, digits, sizeof(digits));
	return out + sizeof(digits);
}

#endif
