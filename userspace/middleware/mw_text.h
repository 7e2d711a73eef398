/* Writing fields of answers into memory whose size was counted before. Each returns the place behind. */
#ifndef HZ_MW_TEXT_H
#define HZ_MW_TEXT_H

#include <hz/span.h>
#include <string.h>

#define HZ_MW_DECIMAL_MAX 20u /* digits of 2^64 - 1 */

static inline uint8_t *hz_mw_put(uint8_t *out, struct hz_span text)
{
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	return out + text.len;
}

static inline uint8_t *hz_mw_put_decimal(uint8_t *out, uint64_t value)
{
	uint8_t digits[HZ_MW_DECIMAL_MAX];
	unsigned at = HZ_MW_DECIMAL_MAX;

	do {
		digits[--at] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return hz_mw_put(out, (struct hz_span){ digits + at, HZ_MW_DECIMAL_MAX - at });
}

/* 16 digits in lower case, the highest first. */
static inline uint8_t *hz_mw_put_hex(uint8_t *out, uint64_t value)
{
	for (unsigned i = 0; i < 16; i++)
		out[i] = (uint8_t) "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	return out + 16;
}

#endif
