#include "http/range.h"
#include "core/base.h"
#include "core/text_put.h"
#include <string.h>

/* --- ranges-specifier = range-unit "=" range-set, RFC 9110 14.1.1 and 14.1.2 --------------------------- */

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
};

static void blanks_skip(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static bool is_digit_next(const struct cursor *c)
{
	return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

/* 1*DIGIT; what 64 bits do not hold is beyond every representation: the largest number. */
static bool number_take(struct cursor *c, uint64_t *out)
{
	uint64_t value = 0;

	if (!is_digit_next(c))
		return false;
	for (; is_digit_next(c); c->p++) {
		uint64_t digit = (uint64_t)(*c->p - '0');

		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, digit, &value)) {
			while (is_digit_next(c))
				c->p++;
			value = UINT64_MAX;
			break;
		}
	}
	*out = value;
	return true;
}

static bool dash_take(struct cursor *c)
{
	if (c->p == c->end || *c->p != '-')
		return false;
	c->p++;
	return true;
}

/* One range-spec. part->bytes is 0 when it cannot be satisfied. False: not the grammar. */
static bool spec_take(struct cursor *c, uint64_t total, struct hz_range_part *part)
{
	uint64_t first;
	uint64_t last = UINT64_MAX;

	*part = (struct hz_range_part){ 0, 0 };
	if (!is_digit_next(c)) { /* suffix-range */
		if (!dash_take(c) || !number_take(c, &last))
			return false;
		part->bytes = HZ_MIN(last, total);
		part->first = total - part->bytes;
		return true;
	}
	if (!number_take(c, &first) || !dash_take(c))
		return false;
	if (is_digit_next(c) && (!number_take(c, &last) || last < first))
		return false;
	if (first < total) {
		part->first = first;
		part->bytes = HZ_MIN(last, total - 1) - first + 1;
	}
	return true;
}

static bool overlaps(const struct hz_range_part *a, const struct hz_range_part *b)
{
	return a->first < b->first + b->bytes && b->first < a->first + a->bytes;
}

static void part_remove(struct hz_range *range, uint32_t at)
{
	range->count--;
	memmove(&range->part[at], &range->part[at + 1],
	        (range->count - at) * sizeof(range->part[0]));
}

/* RFC 9110 15.3.7.2. A part that grew may reach others: each round leaves one part less. */
static void part_add(struct hz_range *range, struct hz_range_part part)
{
	uint32_t place = range->count;

	for (uint32_t i = 0; i < range->count;) {
		uint64_t end = part.first + part.bytes;
		const struct hz_range_part *other = &range->part[i];

		if (!overlaps(other, &part)) {
			i++;
			continue;
		}
		end = HZ_MAX(end, other->first + other->bytes);
		part.first = HZ_MIN(part.first, other->first);
		part.bytes = end - part.first;
		place = HZ_MIN(place, i);
		part_remove(range, i);
		i = 0;
	}
	place = HZ_MIN(place, range->count);
	memmove(&range->part[place + 1], &range->part[place],
	        (range->count - place) * sizeof(range->part[0]));
	range->part[place] = part;
	range->count++;
}

static bool unit_is_bytes(struct cursor *c)
{
	static const char unit[] = "bytes=";

	if ((size_t)(c->end - c->p) < sizeof(unit) - 1)
		return false;
	for (const char *u = unit; *u != '='; u++, c->p++) {
		if ((*c->p | 0x20) != *u)
			return false;
	}
	return *c->p++ == '=';
}

enum hz_range_verdict hz_range_parse(struct hz_span value, uint64_t total_bytes,
                                     struct hz_range *out)
{
	struct cursor c = { value.data, value.data + value.len };
	struct hz_range range = { 0 };
	bool is_nothing = false;
	uint32_t specs = 0;

	if (value.len == 0 || !unit_is_bytes(&c))
		return HZ_RANGE_WHOLE;
	for (;;) {
		struct hz_range_part part;
		bool is_suffix;

		blanks_skip(&c);
		if (c.p == c.end)
			break;
		if (*c.p == ',') { /* an empty element, RFC 9110 5.6.1.2 */
			c.p++;
			continue;
		}
		is_suffix = *c.p == '-';
		if (specs++ == HZ_LIMIT_range_parts_max || !spec_take(&c, total_bytes, &part))
			return HZ_RANGE_WHOLE;
		blanks_skip(&c);
		if (c.p != c.end && *c.p++ != ',')
			return HZ_RANGE_WHOLE;
		if (part.bytes != 0)
			part_add(&range, part);
		else
			is_nothing = is_nothing || (is_suffix && total_bytes == 0);
	}
	if (specs == 0 || (range.count == 0 && is_nothing))
		return HZ_RANGE_WHOLE;
	if (range.count == 0)
		return HZ_RANGE_UNSATISFIABLE;
	*out = range;
	return HZ_RANGE_PARTS;
}

/* --- writing ----------------------------------------------------------------------------------------- */

static size_t decimal_len(uint64_t value)
{
	size_t len = 1;

	for (; value >= 10; value /= 10)
		len++;
	return len;
}

/* "Content-Range: bytes " first "-" last "/" total CRLF */
_Static_assert(21 + 3 * HZ_DECIMAL_MAX + 2 + 2 <= HZ_RANGE_FIELD_MAX, "the longest field fits");

size_t hz_range_field_write(uint8_t out[HZ_RANGE_FIELD_MAX], const struct hz_range_part *part,
                            uint64_t total_bytes)
{
	uint8_t *p = hz_put_span(out, HZ_SPAN_LITERAL("Content-Range: bytes "));

	if (part != NULL) {
		p = hz_put_decimal(p, part->first);
		*p++ = '-';
		p = hz_put_decimal(p, part->first + part->bytes - 1);
	} else {
		*p++ = '*';
	}
	*p++ = '/';
	p = hz_put_decimal(p, total_bytes);
	p = hz_put_span(p, HZ_SPAN_LITERAL("\r\n"));
	return (size_t)(p - out);
}

static size_t field_len(const struct hz_range_part *part, uint64_t total_bytes)
{
	return sizeof("Content-Range: bytes -/\r\n") - 1 + decimal_len(part->first) +
	       decimal_len(part->first + part->bytes - 1) + decimal_len(total_bytes);
}

/* --- multipart/byteranges ------------------------------------------------------------------------------
 * CRLF "--" boundary CRLF [ Content-Type CRLF ] Content-Range CRLF CRLF bytes   per part, the first without
 * its CRLF; CRLF "--" boundary "--" CRLF at the end. */

static size_t head_len(const struct hz_range_multipart *body, uint32_t index)
{
	size_t len = sizeof("--\r\n\r\n") - 1 + body->boundary.len +
	             field_len(&body->range->part[index], body->total_bytes);

	if (index != 0)
		len += 2;
	if (body->content_type.len != 0)
		len += sizeof("Content-Type: \r\n") - 1 + body->content_type.len;
	return len;
}

static size_t head_write(uint8_t *out, const struct hz_range_multipart *body, uint32_t index)
{
	uint8_t *p = out;

	if (index != 0)
		p = hz_put_span(p, HZ_SPAN_LITERAL("\r\n"));
	p = hz_put_span(p, HZ_SPAN_LITERAL("--"));
	p = hz_put_span(p, body->boundary);
	p = hz_put_span(p, HZ_SPAN_LITERAL("\r\n"));
	if (body->content_type.len != 0) {
		p = hz_put_span(p, HZ_SPAN_LITERAL("Content-Type: "));
		p = hz_put_span(p, body->content_type);
		p = hz_put_span(p, HZ_SPAN_LITERAL("\r\n"));
	}
	p += hz_range_field_write(p, &body->range->part[index], body->total_bytes);
	p = hz_put_span(p, HZ_SPAN_LITERAL("\r\n"));
	return (size_t)(p - out);
}

static size_t end_len(const struct hz_range_multipart *body)
{
	return sizeof("\r\n----\r\n") - 1 + body->boundary.len;
}

static size_t end_write(uint8_t *out, const struct hz_range_multipart *body)
{
	uint8_t *p = hz_put_span(out, HZ_SPAN_LITERAL("\r\n--"));

	p = hz_put_span(p, body->boundary);
	p = hz_put_span(p, HZ_SPAN_LITERAL("--\r\n"));
	return (size_t)(p - out);
}

uint64_t hz_range_multipart_bytes(const struct hz_range_multipart *body)
{
	uint64_t bytes = end_len(body);

	for (uint32_t i = 0; i < body->range->count; i++)
		bytes += head_len(body, i) + body->range->part[i].bytes;
	return bytes;
}

size_t hz_range_text_bound(const struct hz_range_multipart *body)
{
	return sizeof("\r\n----\r\nContent-Type: \r\n\r\n") + body->boundary.len +
	       body->content_type.len + HZ_RANGE_FIELD_MAX;
}

void hz_range_piece_at(const struct hz_range_multipart *body, uint64_t offset, uint8_t *room,
                       struct hz_range_piece *out)
{
	size_t len;

	*out = (struct hz_range_piece){ .text = { NULL, 0 } };
	for (uint32_t i = 0; i < body->range->count; i++) {
		const struct hz_range_part *part = &body->range->part[i];

		len = head_len(body, i);
		if (offset < len) {
			head_write(room, body, i);
			out->text = (struct hz_span){ room + offset, len - (size_t)offset };
			return;
		}
		offset -= len;
		if (offset < part->bytes) {
			out->content_first = part->first + offset;
			out->content_bytes = part->bytes - offset;
			return;
		}
		offset -= part->bytes;
	}
	len = end_write(room, body);
	if (offset < len)
		out->text = (struct hz_span){ room + offset, len - (size_t)offset };
}
