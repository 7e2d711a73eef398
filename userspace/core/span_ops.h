/* Making, comparing, cutting and reading spans. ASCII only, no locale. */
#ifndef HZ_SPAN_OPS_H
#define HZ_SPAN_OPS_H

#include <errno.h>
#include <hz/span.h>
#include <stdbool.h>
#include <string.h>

static inline struct hz_span hz_span_make(const void *data, size_t len)
{
	return (struct hz_span){ data, len };
}

static inline struct hz_span hz_span_text(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static inline bool hz_span_equals(struct hz_span a, struct hz_span b)
{
	/* memcmp(NULL, ..., 0) is undefined, and an empty span may point nowhere. */
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline uint8_t hz_ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool hz_span_equals_nocase(struct hz_span a, struct hz_span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (hz_ascii_lower(a.data[i]) != hz_ascii_lower(b.data[i]))
			return false;
	return true;
}

/* Everything from offset at on; empty when at is beyond the end. */
static inline struct hz_span hz_span_skip(struct hz_span span, size_t at)
{
	if (at >= span.len)
		return (struct hz_span){ NULL, 0 };
	return (struct hz_span){ span.data + at, span.len - at };
}

/* The first len bytes, or all when there are fewer. */
static inline struct hz_span hz_span_first(struct hz_span span, size_t len)
{
	return (struct hz_span){ span.data, len < span.len ? len : span.len };
}

static inline bool hz_span_starts_with(struct hz_span span, struct hz_span prefix)
{
	return span.len >= prefix.len && hz_span_equals(hz_span_first(span, prefix.len), prefix);
}

/* Offset of the first byte c; span.len when there is none. */
static inline size_t hz_span_find(struct hz_span span, uint8_t c)
{
	const uint8_t *at = span.len == 0 ? NULL : memchr(span.data, c, span.len);

	return at == NULL ? span.len : (size_t)(at - span.data);
}

/* Without optional whitespace (RFC 9110 5.6.3: SP and HTAB) at both ends. */
static inline struct hz_span hz_span_trim(struct hz_span span)
{
	while (span.len > 0 && (span.data[0] == ' ' || span.data[0] == '\t')) {
		span.data++;
		span.len--;
	}
	while (span.len > 0 && (span.data[span.len - 1] == ' ' || span.data[span.len - 1] == '\t'))
		span.len--;
	return span;
}

/* Decimal digits and nothing else. 0, -EINVAL for no digit or any other byte, -ERANGE beyond 64 bits
 * (reported only when all bytes are digits). */
static inline int hz_span_u64(struct hz_span span, uint64_t *out)
{
	uint64_t value = 0;
	bool is_beyond = false;

	if (span.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < span.len; i++) {
		unsigned digit = (unsigned)span.data[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			is_beyond = true;
	}
	if (is_beyond)
		return -ERANGE;
	*out = value;
	return 0;
}

/* Value 0..15 of a hexadecimal digit of either case, -1 for any other byte. */
static inline int hz_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = hz_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* token = 1*tchar (RFC 9110 5.6.2). For configuration and rare fields; heads have http/h1_scan.h. */
static inline bool hz_span_is_token(struct hz_span span)
{
	for (size_t i = 0; i < span.len; i++) {
		uint8_t c = hz_ascii_lower(span.data[i]);
		bool is_alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!is_alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return span.len > 0;
}

/* Hexadecimal digits and nothing else; errors as hz_span_u64. */
static inline int hz_span_hex(struct hz_span span, uint64_t *out)
{
	uint64_t value = 0;
	bool is_beyond = false;

	if (span.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < span.len; i++) {
		int digit = hz_hex_digit(span.data[i]);

		if (digit < 0)
			return -EINVAL;
		if (value >> 60 != 0)
			is_beyond = true;
		value = value << 4 | (uint64_t)digit;
	}
	if (is_beyond)
		return -ERANGE;
	*out = value;
	return 0;
}

/* Control characters become '?': text of a file or a peer must neither break a line nor drive the
 * terminal it is shown on. */
static inline void hz_span_make_printable(struct hz_wspan text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			text.data[i] = '?';
}

#endif
