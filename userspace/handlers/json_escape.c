/* Escaping for JSON strings. Measuring and writing share one step function, so they cannot disagree. */
#include "handlers/json_escape.h"

#include "core/utf8.h"
#include <string.h>

/* What becomes of the next part of a text. */
struct step {
	size_t taken;     /* bytes of input */
	size_t given;     /* bytes of output */
	uint8_t bytes[6]; /* the output, unless it is the input */
	uint8_t is_copy;
};

static struct step step_utf8(const uint8_t *text, size_t left)
{
	struct hz_utf8 at = hz_utf8_look(text, left);

	if (at.is_good)
		return (struct step){ .taken = at.bytes, .given = at.bytes, .is_copy = 1 };
	return (struct step){ .taken = at.bytes, .given = 3, .bytes = { 0xef, 0xbf, 0xbd } };
}

static struct step step_control(uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char names[32] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};

	if (names[byte] != 0)
		return (struct step){ 1, 2, { '\\', (uint8_t)names[byte] }, 0 };
	return (struct step){
		1,
		6,
		{ '\\', 'u', '0', '0', (uint8_t)hex[byte >> 4], (uint8_t)hex[byte & 15] },
		0,
	};
}

static struct step step_next(const uint8_t *text, size_t left)
{
	if (text[0] >= 0x80)
		return step_utf8(text, left);
	if (text[0] < 0x20)
		return step_control(text[0]);
	return (struct step){ 1, 2, { '\\', text[0] }, 0 }; /* quote or backslash */
}

/* How many bytes from the start need no thought. */
static size_t plain_bytes(struct hz_span text)
{
	size_t n = 0;

	while (n < text.len && text.data[n] >= 0x20 && text.data[n] < 0x80 && text.data[n] != '"' &&
	       text.data[n] != '\\')
		n++;
	return n;
}

size_t hz_json_escape_bytes(struct hz_span text)
{
	size_t total = 0;

	while (text.len > 0) {
		size_t plain = plain_bytes(text);

		total += plain;
		text.data += plain;
		text.len -= plain;
		if (text.len > 0) {
			struct step step = step_next(text.data, text.len);

			total += step.given;
			text.data += step.taken;
			text.len -= step.taken;
		}
	}
	return total;
}

uint8_t *hz_json_escape_write(struct hz_span text, uint8_t *out)
{
	while (text.len > 0) {
		size_t plain = plain_bytes(text);

		if (plain > 0)
			memcpy(out, text.data, plain);
		out += plain;
		text.data += plain;
		text.len -= plain;
		if (text.len > 0) {
			struct step step = step_next(text.data, text.len);

			memcpy(out, step.is_copy ? text.data : step.bytes, step.given);
			out += step.given;
			text.data += step.taken;
			text.len -= step.taken;
		}
	}
	return out;
}
