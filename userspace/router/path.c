/* Decoding a path and resolving its dot segments, in one pass over each. */
#include "router/path.h"
#include "core/span_ops.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

/* Whether none of eight bytes is a control byte, '%' or '.': what a byte for byte test would find plain
 * in any case. (x - n) & ~x has a high bit set if and only if some byte of x is below n, n <= 128.) */
static bool is_plain_word(const uint8_t *at)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t word, del, percent, dot;

	memcpy(&word, at, sizeof(word));
	del = word ^ (ones * 0x7f);
	percent = word ^ (ones * '%');
	dot = word ^ (ones * '.');
	return ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del) |
	         ((percent - ones) & ~percent) | ((dot - ones) & ~dot)) &
	        highs) == 0;
}

/* Whether path needs no work: 1, 0, or -EINVAL for what is wrong already. A dot counts only at the
 * start of a segment, where it may make a dot segment. */
static int path_is_plain(struct hz_span path)
{
	int is_plain = 1;

	for (size_t i = 0; i < path.len;) {
		uint8_t c = path.data[i];

		if (path.len - i >= 8 && is_plain_word(path.data + i)) {
			i += 8;
			continue;
		}
		if (is_control(c))
			return -EINVAL;
		if (c == '%' || (c == '.' && i > 0 && path.data[i - 1] == '/'))
			is_plain = 0;
		i++;
	}
	return is_plain;
}

/* One escape, "%41". The byte, HZ_PATH_SLASH for a slash, or -EINVAL. */
static int escape_decode(struct hz_span path, size_t at)
{
	int high, low, byte;

	if (path.len - at < 3)
		return -EINVAL;
	high = hz_hex_digit(path.data[at + 1]);
	low = hz_hex_digit(path.data[at + 2]);
	if (high < 0 || low < 0)
		return -EINVAL;
	byte = high << 4 | low;
	if (is_control((uint8_t)byte))
		return -EINVAL;
	return byte == '/' ? HZ_PATH_SLASH : byte;
}

/* Takes back the segment that ends at used when it is "." or "..", and for ".." the one before (RFC
 * 3986 5.2.4). out[0] is '/', and out[used] would be the next separator. -EINVAL above the root. */
static int dots_resolve(const uint8_t *out, size_t *used)
{
	size_t end = *used, start = end;

	while (out[start - 1] != '/')
		start--;
	if (end - start == 1 && out[start] == '.') {
		*used = start;
	} else if (end - start == 2 && out[start] == '.' && out[start + 1] == '.') {
		if (start == 1)
			return -EINVAL;
		start--;
		while (out[start - 1] != '/')
			start--;
		*used = start;
	} else {
		return 0;
	}
	return 1;
}

/* path holds escapes or dots and begins with '/'. out has room for path.len bytes. */
static int path_rewrite(struct hz_span path, uint8_t *out, size_t *out_bytes, uint32_t *marks)
{
	size_t used = 0;
	int dots;

	for (size_t i = 0; i < path.len; i++) {
		int byte = path.data[i];

		if (byte == '%') {
			byte = escape_decode(path, i);
			if (byte < 0)
				return byte;
			if (byte == HZ_PATH_SLASH)
				*marks |= HZ_PATH_HAS_SLASH;
			i += 2;
		} else if (byte == '/' && used > 0) {
			dots = dots_resolve(out, &used);
			if (dots < 0)
				return dots;
			if (dots > 0) {
				*marks |= HZ_PATH_HAD_DOTS;
				continue; /* what is left ends with a separator */
			}
		}
		out[used++] = (uint8_t)byte;
	}
	dots = dots_resolve(out, &used);
	if (dots < 0)
		return dots;
	if (dots > 0)
		*marks |= HZ_PATH_HAD_DOTS;
	*out_bytes = used;
	return 0;
}

int hz_path_decode(struct hz_span path, struct hz_arena *arena, struct hz_span *out,
                   uint32_t *marks)
{
	uint8_t *text;
	size_t bytes;
	int plain, err;

	*marks = 0;
	/* "*" is the target of OPTIONS for the server as a whole (RFC 9112 3.2.4). */
	if (path.len == 0 || (path.data[0] != '/' && !(path.len == 1 && path.data[0] == '*')))
		return -EINVAL;
	plain = path_is_plain(path);
	if (plain < 0)
		return plain;
	if (plain > 0) {
		*out = path;
		return 0;
	}
	text = hz_arena_get(arena, path.len);
	if (text == NULL)
		return -ENOMEM;
	err = path_rewrite(path, text, &bytes, marks);
	if (err == 0)
		*out = (struct hz_span){ text, bytes };
	return err;
}

int hz_path_merge(struct hz_span path, struct hz_arena *arena, struct hz_span *out)
{
	uint8_t *text = hz_arena_get(arena, path.len);
	size_t used = 0;

	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < path.len; i++) {
		if (path.data[i] != '/' || used == 0 || text[used - 1] != '/')
			text[used++] = path.data[i];
	}
	*out = (struct hz_span){ text, used };
	return 0;
}

/* pchar or '/', RFC 3986 3.3. */
static bool is_path_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != 0 && strchr("0123456789-._~!$&'()*+,;=:@/", c) != NULL);
}

int hz_path_encode(struct hz_span path, struct hz_arena *arena, struct hz_span *out)
{
	static const char hex[16] = "0123456789ABCDEF";
	size_t bytes = path.len, used = 0;
	uint8_t *text;

	for (size_t i = 0; i < path.len; i++)
		bytes += is_path_byte(path.data[i]) ? 0 : 2;
	text = hz_arena_get(arena, bytes);
	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < path.len; i++) {
		uint8_t c = path.data[i];

		if (is_path_byte(c)) {
			text[used++] = c;
			continue;
		}
		if (c == HZ_PATH_SLASH)
			c = '/';
		text[used++] = '%';
		text[used++] = (uint8_t)hex[c >> 4];
		text[used++] = (uint8_t)hex[c & 15];
	}
	*out = (struct hz_span){ text, used };
	return 0;
}

int hz_path_param(struct hz_span value, struct hz_arena *arena, struct hz_span *out)
{
	uint8_t *text;

	if (value.len == 0 || memchr(value.data, HZ_PATH_SLASH, value.len) == NULL) {
		*out = value;
		return 0;
	}
	text = hz_arena_get(arena, value.len);
	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < value.len; i++)
		text[i] = value.data[i] == HZ_PATH_SLASH ? '/' : value.data[i];
	*out = (struct hz_span){ text, value.len };
	return 0;
}
