#include "middleware/traceparent.h"
#include "core/limits.h"
#include "core/span_ops.h"
#include <string.h>

#define VERSION_00_BYTES  55u /* 00-TRACE-PARENT-FLAGS */
#define STATE_MEMBERS_MAX 32u
#define STATE_KEY_MAX     256u
#define STATE_VALUE_MAX   256u

#define ALL(byte)         (0x0101010101010101ull * (byte))

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* 2.2.2.2: nothing but hexadecimal digits in lower case. Eight at once: what is added sets the high bit of a byte
 * from some value on. A byte may carry into the next only above 0x7f, and then fails itself. */
static bool is_hex8(uint64_t word)
{
	uint64_t digit = (word + ALL(0x80 - '0')) & ~(word + ALL(0x80 - '9' - 1));
	uint64_t letter = (word + ALL(0x80 - 'a')) & ~(word + ALL(0x80 - 'f' - 1));

	return ((digit | letter) & ~word & ALL(0x80)) == ALL(0x80);
}

/* Of words times 8 digits, and not of zeros alone. */
static inline bool is_id(const uint8_t *text, unsigned words)
{
	uint64_t not_zero = 0;

	for (unsigned i = 0; i < words; i++) {
		uint64_t word = load64(text + (size_t)i * 8);

		if (!is_hex8(word))
			return false;
		not_zero |= word ^ ALL('0');
	}
	return not_zero != 0;
}

bool hz_traceparent_parse(struct hz_span field, struct hz_traceparent *out)
{
	const uint8_t *at = field.data;
	bool is_version_00;
	uint8_t pairs[8];

	if (field.len < VERSION_00_BYTES || at[2] != '-' || at[35] != '-' || at[52] != '-')
		return false;
	memcpy(pairs, at, 2); /* version */
	memcpy(pairs + 2, "0000", 4);
	memcpy(pairs + 6, at + 53, 2); /* flags */
	if (!is_hex8(load64(pairs)) || memcmp(at, "ff", 2) == 0)
		return false;
	/* 4.3: a later version may go on, with a dash. */
	is_version_00 = memcmp(at, "00", 2) == 0;
	if (field.len > VERSION_00_BYTES && (is_version_00 || at[VERSION_00_BYTES] != '-'))
		return false;
	if (!is_id(at + 3, HZ_TRACE_ID_BYTES / 8) || !is_id(at + 36, HZ_SPAN_ID_BYTES / 8))
		return false;
	*out = (struct hz_traceparent){
		.trace_id = { at + 3, HZ_TRACE_ID_BYTES },
		.parent_id = { at + 36, HZ_SPAN_ID_BYTES },
		.is_sampled = (at[54] <= '9' ? at[54] : at[54] - 'a' + 10) & 1,
	};
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
