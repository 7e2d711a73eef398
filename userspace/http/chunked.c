#include "http/chunked.h"
#include "core/span_ops.h"
#include "http/h1_scan.h"

#define SIZE_DIGITS_MAX 16 /* 64 bits */

/* One state per place in the grammar of RFC 9112 7.1; a byte that has no way on is an error. BWS may
 * stand around ';' and '=' of an extension, but not before CR. */
enum state {
	SIZE,
	EXT_BWS,        /* before ';' */
	EXT_NAME_FIRST, /* after ';' and BWS */
	EXT_NAME,
	EXT_NAME_BWS,
	EXT_VALUE_FIRST, /* after '=' and BWS */
	EXT_VALUE,
	EXT_QUOTED,
	EXT_QUOTED_PAIR,
	EXT_QUOTED_END,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_FIRST,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	END,
};

static bool is_class(uint8_t byte, uint8_t class)
{
	return (hz_h1_class[byte] & class) != 0;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

_Static_assert(HZ_LIMIT_chunk_extensions_bytes_max <= UINT16_MAX, "each has two bytes");

void hz_chunked_init(struct hz_chunked *chunked, uint64_t body_max)
{
	*chunked = (struct hz_chunked){ .body_max = body_max, .state = SIZE };
}

/* After the size, or a complete extension name or value: the next extension or the end of the line.
 * Returns 0 or the status of a refusal, as the other steps. */
static uint16_t ext_end(struct hz_chunked *c, uint8_t byte)
{
	if (byte == '\r')
		c->state = SIZE_LF;
	else if (byte == ';')
		c->state = EXT_NAME_FIRST;
	else if (is_blank(byte))
		c->state = EXT_BWS;
	else
		return 400;
	return 0;
}

static uint16_t size_end(struct hz_chunked *c, uint8_t byte)
{
	if (c->digits == 0 || ext_end(c, byte) != 0)
		return 400;
	if (c->left > c->body_max - c->body_bytes)
		return 413;
	c->body_bytes += c->left;
	return 0;
}

static uint16_t size_step(struct hz_chunked *c, uint8_t byte)
{
	int digit = hz_hex_digit(byte);

	if (c->state == SIZE_LF) {
		if (byte != '\n')
			return 400;
		c->state = c->left == 0 ? TRAILER_FIRST : DATA;
		return 0;
	}
	if (digit < 0)
		return size_end(c, byte);
	if (c->digits == SIZE_DIGITS_MAX)
		return 400;
	c->digits++;
	c->left = c->left << 4 | (uint64_t)digit;
	return 0;
}

static uint16_t ext_name_step(struct hz_chunked *c, uint8_t byte)
{
	switch (c->state) {
	case EXT_BWS:
		if (byte == ';')
			c->state = EXT_NAME_FIRST;
		return byte == ';' || is_blank(byte) ? 0 : 400;
	case EXT_NAME_FIRST:
		if (is_class(byte, HZ_H1_TCHAR)) {
			c->state = EXT_NAME;
			c->extensions++; /* fewer than bytes of them may be */
		}
		return c->state == EXT_NAME || is_blank(byte) ? 0 : 400;
	case EXT_NAME:
		if (is_class(byte, HZ_H1_TCHAR))
			return 0;
		if (is_blank(byte)) {
			c->state = EXT_NAME_BWS;
			return 0;
		}
		if (byte == '=') {
			c->state = EXT_VALUE_FIRST;
			return 0;
		}
		return ext_end(c, byte);
	default: /* EXT_NAME_BWS */
		if (byte == '=')
			c->state = EXT_VALUE_FIRST;
		else if (byte == ';')
			c->state = EXT_NAME_FIRST;
		return c->state != EXT_NAME_BWS || is_blank(byte) ? 0 : 400;
	}
}

static uint16_t ext_value_step(struct hz_chunked *c, uint8_t byte)
{
	switch (c->state) {
	case EXT_VALUE_FIRST:
		if (byte == '"')
			c->state = EXT_QUOTED;
		else if (is_class(byte, HZ_H1_TCHAR))
			c->state = EXT_VALUE;
		return c->state != EXT_VALUE_FIRST || is_blank(byte) ? 0 : 400;
	case EXT_VALUE:
		return is_class(byte, HZ_H1_TCHAR) ? 0 : ext_end(c, byte);
	case EXT_QUOTED:
		if (byte == '"')
			c->state = EXT_QUOTED_END;
		else if (byte == '\\')
			c->state = EXT_QUOTED_PAIR;
		return is_class(byte, HZ_H1_VALUE) ? 0 : 400;
	case EXT_QUOTED_PAIR:
		c->state = EXT_QUOTED;
		return is_class(byte, HZ_H1_VALUE) ? 0 : 400;
	default: /* EXT_QUOTED_END */
		return ext_end(c, byte);
	}
}

static uint16_t ext_step(struct hz_chunked *c, uint8_t byte)
{
	uint16_t status =
		c->state <= EXT_NAME_BWS ? ext_name_step(c, byte) : ext_value_step(c, byte);

	if (status == 0 && c->state != SIZE_LF &&
	    (++c->ext_bytes > HZ_LIMIT_chunk_extension_bytes_max ||
	     ++c->ext_total > HZ_LIMIT_chunk_extensions_bytes_max))
		return 400;
	return status;
}

static uint16_t data_end_step(struct hz_chunked *c, uint8_t byte)
{
	if (byte != (c->state == DATA_CR ? '\r' : '\n'))
		return 400;
	if (c->state == DATA_CR) {
		c->state = DATA_LF;
		return 0;
	}
	c->state = SIZE;
	c->digits = 0;
	c->ext_bytes = 0;
	return 0;
}

/* trailer-section = *( field-line CRLF ), as strict as the head's fields. */
static uint16_t trailer_step(struct hz_chunked *c, uint8_t byte)
{
	if (++c->trailer_bytes > HZ_LIMIT_trailer_bytes_max)
		return 431;
	switch (c->state) {
	case TRAILER_FIRST:
		c->state = byte == '\r' ? END_LF : TRAILER_NAME;
		return byte == '\r' || is_class(byte, HZ_H1_TCHAR) ? 0 : 400;
	case TRAILER_NAME:
		if (byte == ':')
			c->state = TRAILER_VALUE;
		return byte == ':' || is_class(byte, HZ_H1_TCHAR) ? 0 : 400;
	case TRAILER_VALUE:
		if (byte == '\r')
			c->state = TRAILER_LF;
		return byte == '\r' || is_class(byte, HZ_H1_VALUE) ? 0 : 400;
	case TRAILER_LF:
		c->state = TRAILER_FIRST;
		return byte == '\n' ? 0 : 400;
	default: /* END_LF */
		c->state = END;
		return byte == '\n' ? 0 : 400;
	}
}

static uint16_t step(struct hz_chunked *c, uint8_t byte)
{
	if (c->state == SIZE || c->state == SIZE_LF)
		return size_step(c, byte);
	if (c->state < SIZE_LF)
		return ext_step(c, byte);
	if (c->state < TRAILER_FIRST)
		return data_end_step(c, byte);
	return trailer_step(c, byte);
}

enum hz_parse hz_chunked_decode(struct hz_chunked *c, struct hz_span bytes, size_t *consumed,
                                struct hz_span *data)
{
	size_t at = 0;

	*data = (struct hz_span){ NULL, 0 };
	while (at < bytes.len && c->state != DATA && c->state != END) {
		c->status = step(c, bytes.data[at++]);
		if (c->status != 0)
			return HZ_PARSE_BAD;
	}
	if (c->state == DATA && at < bytes.len) {
		size_t take = bytes.len - at < c->left ? bytes.len - at : (size_t)c->left;

		*data = (struct hz_span){ bytes.data + at, take };
		at += take;
		c->left -= take;
		if (c->left == 0)
			c->state = DATA_CR;
	}
	*consumed = at;
	return c->state == END ? HZ_PARSE_DONE : HZ_PARSE_MORE;
}
