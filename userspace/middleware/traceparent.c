#include "middleware/traceparent.h"
#include "core/limits.h"
#include "core/span_ops.h"

#define VERSION_00_BYTES  55u /* 00-TRACE-PARENT-FLAGS */
#define STATE_MEMBERS_MAX 32u
#define STATE_KEY_MAX     256u
#define STATE_VALUE_MAX   256u

/* Value of a digit in lower case, or -1. */
static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 2.2.2.2: a field of nothing but hexadecimal digits in lower case. */
static bool is_hex(struct hz_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (digit_of(text.data[i]) < 0)
			return false;
	}
	return true;
}

static bool is_zeros(struct hz_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '0')
			return false;
	}
	return true;
}

static bool is_id(struct hz_span text)
{
	return is_hex(text) && !is_zeros(text);
}

bool hz_traceparent_parse(struct hz_span field, struct hz_traceparent *out)
{
	const uint8_t *at = field.data;
	struct hz_traceparent parsed;
	struct hz_span version, flags;

	if (field.len < VERSION_00_BYTES || at[2] != '-' || at[35] != '-' || at[52] != '-')
		return false;
	version = (struct hz_span){ at, 2 };
	flags = (struct hz_span){ at + 53, 2 };
	if (!is_hex(version) || !is_hex(flags) || hz_span_equals(version, HZ_SPAN_LITERAL("ff")))
		return false;
	/* 4.3: a later version may go on, with a dash. */
	if (field.len > VERSION_00_BYTES && (is_zeros(version) || at[VERSION_00_BYTES] != '-'))
		return false;
	parsed.trace_id = (struct hz_span){ at + 3, HZ_TRACE_ID_BYTES };
	parsed.parent_id = (struct hz_span){ at + 36, HZ_SPAN_ID_BYTES };
	parsed.is_sampled = (digit_of(flags.data[1]) & 1) != 0;
	if (!is_id(parsed.trace_id) || !is_id(parsed.parent_id))
		return false;
	*out = parsed;
	return true;
}

/* 3.3.1.3.1 */
static bool is_key(struct hz_span key)
{
	for (size_t i = 0; i < key.len; i++) {
		uint8_t c = key.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      (i > 0 && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@'))))
			return false;
	}
	return key.len > 0 && key.len <= STATE_KEY_MAX;
}

/* 3.3.1.3.2: printable, without comma and equals sign, and no blank at its end. */
static bool is_value(struct hz_span value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.data[i];

		if (c < 0x20 || c > 0x7e || c == ',' || c == '=')
			return false;
	}
	return value.len > 0 && value.len <= STATE_VALUE_MAX;
}

/* An empty one is allowed (3.3.1.1). */
static bool is_member(struct hz_span member)
{
	size_t equals = hz_span_find(member, '=');

	return member.len == 0 || (equals < member.len && is_key(hz_span_first(member, equals)) &&
	                           is_value(hz_span_skip(member, equals + 1)));
}

bool hz_tracestate_is_valid(struct hz_span list)
{
	struct hz_span rest = list;

	if (list.len > HZ_LIMIT_trace_state_bytes_max)
		return false;
	for (unsigned i = 0; i < STATE_MEMBERS_MAX; i++) {
		size_t comma = hz_span_find(rest, ',');

		if (!is_member(hz_span_trim(hz_span_first(rest, comma))))
			return false;
		if (comma == rest.len)
			return true;
		rest = hz_span_skip(rest, comma + 1);
	}
	return false;
}
