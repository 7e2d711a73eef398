#include "middleware/base64url.h"
#include <errno.h>

/* 64: none of the alphabet. */
static unsigned digit_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : 64;
}

int hz_base64url_decode(struct hz_span text, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned count = 0;

	if (text.len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = digit_of(text.data[i]);

		if (digit == 64)
			return -EINVAL;
		bits = (bits << 6 | digit) & 0xffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*out++ = (uint8_t)(bits >> count);
		}
	}
	return (bits & ((1u << count) - 1)) == 0 ? 0 : -EINVAL;
}
