/* Escaping for JSON strings. Measuring and writing share one step function, so they cannot disagree. */
#include "handlers/json_escape.h"

#include <string.h>

/* What becomes of the next part of a text. */
struct step {
	size_t taken;     /* bytes of input */
	size_t given;     /* bytes of output */
	uint8_t bytes[6]; /* the output, unless it is the input */
	uint8_t is_copy;
};

static size_t sequence_bytes(uint8_t lead, uint8_t *low, uint8_t *high)
{
	/* Table 3-7 of Unicode 15: the second byte's range depends on the lead; C0, C1 and F5.. are
	 * never part of UTF-8. */
	*low = 0x80;
	*high = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*low = 0xa0;
		if (lead == 0xed)
			*high = 0x9f; /* no surrogates */
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*low = 0x90;
		if (lead == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

static struct step step_utf8(const uint8_t *text, size_t left)
{
	static const struct step replacement = { .given = 3, .bytes = { 0xef, 0xbf, 0xbd } };
	struct step step = replacement;
	uint8_t low, high;
	size_t need = sequence_bytes(text[0], &low, &high);
	size_t have = 1;

	if (need != 0 && left > 1 && text[1] >= low && text[1] <= high) {
		have = 2;
		while (have < need && have < left && (text[have] & 0xc0) == 0x80)
			have++;
	}
	if (need != 0 && have == need)
		step = (struct step){ .given = need, .is_copy = 1 };
	step.taken = have;
	return step;
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
