#include "middleware/json_flat.h"
#include "core/base.h"
#include "core/span_ops.h"
#include "core/utf8.h"
#include <errno.h>
#include <sys/types.h>

struct scan {
	const uint8_t *p, *end;
	int err; /* sticks */
};

static bool fail(struct scan *s, int err)
{
	if (s->err == 0)
		s->err = err;
	return false;
}

static void blanks_skip(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool is_next(const struct scan *s, uint8_t byte)
{
	return s->p < s->end && *s->p == byte;
}

static bool take(struct scan *s, uint8_t byte)
{
	if (!is_next(s, byte))
		return fail(s, -EINVAL);
	s->p++;
	return true;
}

/* --- strings ----------------------------------------------------------------------------------------- */

static bool hex4(struct scan *s, uint32_t *code)
{
	*code = 0;
	if (s->end - s->p < 4)
		return fail(s, -EINVAL);
	for (unsigned i = 0; i < 4; i++) {
		int digit = hz_hex_digit(*s->p++);

		if (digit < 0)
			return fail(s, -EINVAL);
		*code = *code << 4 | (uint32_t)digit;
	}
	return true;
}

/* Behind "\u". A pair of surrogates is one character. */
static bool unicode_escape(struct scan *s, uint32_t *code)
{
	uint32_t low;

	if (!hex4(s, code))
		return false;
	if (*code >= 0xdc00 && *code < 0xe000)
		return fail(s, -EINVAL);
	if (*code < 0xd800 || *code >= 0xdc00)
		return true;
	if (!take(s, '\\') || !take(s, 'u') || !hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
		return fail(s, -EINVAL);
	*code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static bool escape(struct scan *s, uint32_t *code)
{
	static const char names[] = "\"\"\\\\//b\bf\fn\nr\rt\t";

	if (s->p == s->end)
		return fail(s, -EINVAL);
	if (*s->p == 'u') {
		s->p++;
		return unicode_escape(s, code);
	}
	for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
		if (names[i] == (char)*s->p) {
			*code = (uint8_t)names[i + 1];
			s->p++;
			return true;
		}
	}
	return fail(s, -EINVAL);
}

static bool utf8(struct scan *s, uint32_t *code)
{
	struct hz_utf8 at = hz_utf8_look(s->p, (size_t)(s->end - s->p));

	if (!at.is_good)
		return fail(s, -EINVAL);
	*code = hz_utf8_code(s->p, at.bytes);
	s->p += at.bytes;
	return true;
}

/* The next character of a string; false: its last quote, which is taken, or an error. */
static bool char_next(struct scan *s, uint32_t *code)
{
	if (s->p == s->end || *s->p < 0x20)
		return fail(s, -EINVAL);
	if (*s->p == '"') {
		s->p++;
		return false;
	}
	if (*s->p == '\\') {
		s->p++;
		return escape(s, code);
	}
	if (*s->p >= 0x80)
		return utf8(s, code);
	*code = *s->p++;
	return true;
}

static size_t utf8_put(uint32_t code, uint8_t out[4])
{
	unsigned bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (unsigned i = bytes; i-- > 1; code >>= 6)
		out[i] = (uint8_t)(0x80 | (code & 0x3f));
	out[0] = (uint8_t)(lead[bytes] | code);
	return bytes;
}

/* From its first quote on; decoded into out where that is not NULL. */
static bool string_read(struct scan *s, uint8_t *out, size_t room, size_t *used)
{
	uint32_t code;

	if (!take(s, '"'))
		return false;
	while (char_next(s, &code)) {
		uint8_t bytes[4];
		size_t count;

		if (out == NULL)
			continue;
		count = utf8_put(code, bytes);
		if (count > room - *used)
			return fail(s, -E2BIG);
		memcpy(out + *used, bytes, count);
		*used += count;
	}
	return s->err == 0;
}

/* --- values ------------------------------------------------------------------------------------------ */

static bool digits_skip(struct scan *s)
{
	const uint8_t *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from || fail(s, -EINVAL);
}

static bool number_skip(struct scan *s)
{
	if (is_next(s, '-'))
		s->p++;
	if (is_next(s, '0'))
		s->p++;
	else if (!digits_skip(s))
		return false;
	if (is_next(s, '.')) {
		s->p++;
		if (!digits_skip(s))
			return false;
	}
	if (is_next(s, 'e') || is_next(s, 'E')) {
		s->p++;
		if (is_next(s, '+') || is_next(s, '-'))
			s->p++;
		return digits_skip(s);
	}
	return true;
}

static bool word_skip(struct scan *s)
{
	static const struct hz_span words[] = { HZ_SPAN_LITERAL("true"), HZ_SPAN_LITERAL("false"),
		                                HZ_SPAN_LITERAL("null") };
	const struct hz_span rest = { s->p, (size_t)(s->end - s->p) };

	for (size_t i = 0; i < HZ_ARRAY_LEN(words); i++) {
		if (hz_span_starts_with(rest, words[i])) {
			s->p += words[i].len;
			return true;
		}
	}
	return fail(s, -EINVAL);
}

static bool value_skip(struct scan *s, unsigned depth, enum hz_json_kind *kind);

/* Both kinds of brackets; what is inside is of no interest. */
static bool nested_skip(struct scan *s, unsigned depth, bool is_object)
{
	const uint8_t last = is_object ? '}' : ']';
	enum hz_json_kind kind;

	if (depth == HZ_JSON_DEPTH_MAX)
		return fail(s, -E2BIG);
	s->p++;
	blanks_skip(s);
	if (is_next(s, last)) {
		s->p++;
		return true;
	}
	for (;;) {
		if (is_object) {
			blanks_skip(s);
			if (!string_read(s, NULL, 0, NULL))
				return false;
			blanks_skip(s);
			if (!take(s, ':'))
				return false;
		}
		if (!value_skip(s, depth + 1, &kind))
			return false;
		if (is_next(s, last)) {
			s->p++;
			return true;
		}
		if (!take(s, ','))
			return false;
	}
}

/* With the blanks around it. The recursion ends at HZ_JSON_DEPTH_MAX. */
static bool value_skip(struct scan *s, unsigned depth, enum hz_json_kind *kind)
{
	bool is_good;

	blanks_skip(s);
	if (s->p == s->end)
		return fail(s, -EINVAL);
	switch (*s->p) {
	case '"':
		*kind = HZ_JSON_STRING;
		is_good = string_read(s, NULL, 0, NULL);
		break;
	case '{':
		*kind = HZ_JSON_OBJECT;
		is_good = nested_skip(s, depth, true);
		break;
	case '[':
		*kind = HZ_JSON_ARRAY;
		is_good = nested_skip(s, depth, false);
		break;
	case 't':
	case 'f':
	case 'n':
		*kind = HZ_JSON_WORD;
		is_good = word_skip(s);
		break;
	default:
		*kind = HZ_JSON_NUMBER;
		is_good = number_skip(s);
		break;
	}
	blanks_skip(s);
	return is_good;
}

/* --- members ----------------------------------------------------------------------------------------- */

/* FNV-1a. Two names that meet are taken for one: an object less, never a name twice. */
static uint64_t name_hash(struct hz_span name)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ name.data[i]) * 0x100000001b3ULL;
	return hash;
}

static bool value_tell(struct scan *s, struct hz_span name, hz_json_member_fn member, void *ctx)
{
	struct hz_json_value value;
	const uint8_t *from;
	int err;

	blanks_skip(s);
	from = s->p;
	if (!value_skip(s, 1, &value.kind))
		return false;
	value.raw = (struct hz_span){ from, (size_t)(s->p - from) };
	while (value.raw.len > 0 && value.raw.data[value.raw.len - 1] <= ' ')
		value.raw.len--; /* blanks behind it: no value ends with one */
	err = member(ctx, name, &value);
	return err == 0 || fail(s, err);
}

static bool member_read(struct scan *s, uint64_t *seen, unsigned count, hz_json_member_fn member,
                        void *ctx)
{
	uint8_t text[HZ_JSON_NAME_BYTES];
	struct hz_span name = { text, 0 };

	blanks_skip(s);
	if (!string_read(s, text, sizeof(text), &name.len))
		return false;
	seen[count] = name_hash(name);
	for (unsigned i = 0; i < count; i++) {
		if (seen[i] == seen[count])
			return fail(s, -EINVAL);
	}
	blanks_skip(s);
	return take(s, ':') && value_tell(s, name, member, ctx);
}

static int read_all(struct hz_span text, bool is_object, hz_json_member_fn member, void *ctx)
{
	struct scan s = { text.data, text.data + text.len, 0 };
	uint64_t seen[HZ_JSON_MEMBERS_MAX];
	const uint8_t last = is_object ? '}' : ']';
	const struct hz_span none = { NULL, 0 };
	unsigned count = 0;

	blanks_skip(&s);
	if (!take(&s, is_object ? '{' : '['))
		return s.err;
	blanks_skip(&s);
	while (!(count == 0 && is_next(&s, last))) {
		if (count == HZ_JSON_MEMBERS_MAX)
			return -E2BIG;
		if (is_object ? !member_read(&s, seen, count, member, ctx)
		              : !value_tell(&s, none, member, ctx))
			return s.err;
		count++;
		if (is_next(&s, last))
			break;
		if (!take(&s, ','))
			return s.err;
	}
	s.p++;
	blanks_skip(&s);
	return s.p == s.end ? 0 : -EINVAL;
}

int hz_json_flat_object(struct hz_span text, hz_json_member_fn member, void *ctx)
{
	return read_all(text, true, member, ctx);
}

int hz_json_flat_array(struct hz_span raw, hz_json_member_fn member, void *ctx)
{
	return read_all(raw, false, member, ctx);
}

ssize_t hz_json_flat_text(struct hz_span raw, uint8_t *out, size_t room)
{
	struct scan s = { raw.data, raw.data + raw.len, 0 };
	size_t used = 0;

	return string_read(&s, out, room, &used) ? (ssize_t)used : s.err;
}
