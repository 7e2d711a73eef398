/* UTF-8 beyond ASCII (Unicode 15, table 3-7): which bytes are one character. */
#ifndef HZ_UTF8_H
#define HZ_UTF8_H

#include "core/base.h"
#include <stdbool.h>

struct hz_utf8 {
	uint8_t bytes; /* of the character; of one that is not well-formed those that could have begun one, at least 1 */
	bool is_good;
};

/* What the lead byte says: 2 to 4, and the range of the second byte; 0: it leads nothing. */
static inline uint8_t hz_utf8_lead(uint8_t lead, uint8_t *low, uint8_t *high)
{
	*low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80; /* no longer form than needed */
	*high = lead == 0xed   ? 0x9f
	        : lead == 0xf4 ? 0x8f
	                       : 0xbf; /* no surrogates, no more than U+10FFFF */
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* text, of which left bytes (not 0) remain, begins with a byte above 0x7f. */
static inline struct hz_utf8 hz_utf8_look(const uint8_t *text, size_t left)
{
	uint8_t low, high, need = hz_utf8_lead(text[0], &low, &high), have = 1;

	if (need != 0 && left > 1 && text[1] >= low && text[1] <= high) {
		have = 2;
		while (have < need && have < left && (text[have] & 0xc0) == 0x80)
			have++;
	}
	return (struct hz_utf8){ have, have == need };
}

/* The code point of a good one. */
static inline uint32_t hz_utf8_code(const uint8_t *text, uint8_t bytes)
{
	uint32_t code = text[0] & (0x7fu >> bytes);

	for (uint8_t i = 1; i < bytes; i++)
		code = code << 6 | (text[i] & 0x3fu);
	return code;
}

#endif
