/* Range fields: the first byte chooses the length of the representation, the rest is the field's value. A
 * second reader finds the same verdict; every byte asked for is in exactly one part, and no other is. A body
 * of parts is as long as it says, and the same from any offset. */
#include "core/base.h"
#include "fuzz_target.h"
#include "http/range.h"
#include <stdlib.h>
#include <string.h>

#define SPECS_MAX 16
#define wide      unsigned __int128 /* sums of 64-bit numbers */

struct spec {
	wide first;
	wide last;
	bool is_satisfiable;
};

struct opinion {
	enum hz_range_verdict verdict;
	unsigned count;
	struct spec spec[SPECS_MAX];
};

/* Digits at *at; false: none. What 64 bits do not hold is the largest they do. */
static bool number(const char *text, size_t *at, wide *out)
{
	size_t from = *at;

	*out = 0;
	for (; text[*at] >= '0' && text[*at] <= '9'; ++*at) {
		*out = *out * 10 + (wide)(text[*at] - '0');
		if (*out > UINT64_MAX)
			*out = UINT64_MAX;
	}
	return *at != from;
}

/* One element without blanks around it. */
static bool element(const char *text, size_t len, wide total, struct spec *spec)
{
	size_t at = 0;
	wide n;

	*spec = (struct spec){ 0 };
	if (text[0] == '-') {
		at = 1;
		if (!number(text, &at, &n) || at != len)
			return false;
		spec->is_satisfiable = n != 0 && total != 0;
		spec->first = n > total ? 0 : total - n;
		spec->last = total - 1;
		return true;
	}
	if (!number(text, &at, &spec->first) || text[at++] != '-')
		return false;
	spec->last = UINT64_MAX;
	if (at != len && (!number(text, &at, &spec->last) || at != len || spec->last < spec->first))
		return false;
	spec->is_satisfiable = spec->first < total;
	if (spec->last >= total)
		spec->last = total - 1;
	return true;
}

static struct opinion opinion_of(char *text, wide total)
{
	struct opinion o = { .verdict = HZ_RANGE_WHOLE };
	bool has_part = false;
	bool has_suffix_of_nothing = false;
	char *p = text + 6;
	bool is_last = false;

	if (strncasecmp(text, "bytes=", 6) != 0)
		return o;
	while (!is_last) {
		size_t len = strcspn(p, ",");
		char *next = p + len + 1;

		is_last = p[len] == '\0';
		while (len != 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		while (len != 0 && (*p == ' ' || *p == '\t')) {
			p++;
			len--;
		}
		p[len] = '\0';
		if (len != 0) {
			if (o.count == SPECS_MAX || !element(p, len, total, &o.spec[o.count]))
				return o;
			has_part = has_part || o.spec[o.count].is_satisfiable;
			has_suffix_of_nothing = has_suffix_of_nothing || (*p == '-' && total == 0);
			o.count++;
		}
		p = next;
	}
	if (has_part)
		o.verdict = HZ_RANGE_PARTS;
	else if (o.count != 0 && !has_suffix_of_nothing)
		o.verdict = HZ_RANGE_UNSATISFIABLE;
	return o;
}

/* Each spec lies in one part; a part begins and ends where specs do; parts do not meet. */
static void parts_check(const struct hz_range *range, const struct opinion *o, uint64_t total)
{
	FUZZ_HOLDS(range->count >= 1 && range->count <= SPECS_MAX);
	for (unsigned s = 0; s < o->count; s++) {
		unsigned inside = 0;

		for (uint32_t i = 0; i < range->count && o->spec[s].is_satisfiable; i++) {
			const struct hz_range_part *part = &range->part[i];

			inside += o->spec[s].first >= part->first &&
			          o->spec[s].last < (wide)part->first + part->bytes;
		}
		FUZZ_HOLDS(inside == o->spec[s].is_satisfiable);
	}
	for (uint32_t i = 0; i < range->count; i++) {
		const struct hz_range_part *part = &range->part[i];
		unsigned ends = 0;

		FUZZ_HOLDS(part->bytes != 0 && (wide)part->first + part->bytes <= total);
		for (unsigned s = 0; s < o->count; s++) {
			if (!o->spec[s].is_satisfiable)
				continue;
			ends |= o->spec[s].first == part->first ? 1 : 0;
			ends |= o->spec[s].last == (wide)part->first + part->bytes - 1 ? 2 : 0;
		}
		FUZZ_HOLDS(ends == 3);
		for (uint32_t k = 0; k < i; k++)
			FUZZ_HOLDS(range->part[k].first >= part->first + part->bytes ||
			           part->first >= range->part[k].first + range->part[k].bytes);
	}
}

static void multipart_check(const struct hz_range *range, uint64_t total)
{
	const struct hz_range_multipart body = { range, HZ_SPAN_LITERAL("b0undary"),
		                                 HZ_SPAN_LITERAL("text/html"), total };
	uint64_t bytes = hz_range_multipart_bytes(&body);
	uint8_t room[512];
	uint64_t content = 0;
	uint64_t wanted = 0;
	uint64_t at = 0;

	FUZZ_HOLDS(hz_range_text_bound(&body) <= sizeof(room));
	for (uint32_t i = 0; i < range->count; i++)
		wanted += range->part[i].bytes;
	if (bytes < wanted)
		return; /* 2^64 bytes do not fit; a representation that long does not exist */
	while (at < bytes) {
		struct hz_range_piece piece;
		struct hz_range_piece rest;
		uint8_t rest_room[512];
		uint64_t len;

		hz_range_piece_at(&body, at, room, &piece);
		len = piece.text.len != 0 ? piece.text.len : piece.content_bytes;
		FUZZ_HOLDS(len != 0 && len <= bytes - at);
		hz_range_piece_at(&body, at + len / 2, rest_room, &rest);
		if (piece.text.len != 0)
			FUZZ_HOLDS(rest.text.len == len - len / 2 &&
			           memcmp(rest.text.data, piece.text.data + len / 2,
			                  rest.text.len) == 0);
		else
			FUZZ_HOLDS(rest.text.len == 0 && rest.content_bytes == len - len / 2 &&
			           rest.content_first == piece.content_first + len / 2);
		content += piece.text.len != 0 ? 0 : len;
		at += len;
	}
	FUZZ_HOLDS(content == wanted);
}

int fuzz_range_run(const uint8_t *data, size_t size)
{
	static const uint64_t totals[] = {
		0, 1, 10, 64, 1000, 1u << 20, UINT64_MAX - 1, UINT64_MAX
	};
	struct hz_range range;
	struct opinion o;
	uint64_t total;
	uint8_t *exact;
	char *text;

	if (size < 1 || memchr(data, '\0', size) != NULL)
		return 0;
	total = totals[data[0] & 7];
	size--;
	exact = malloc(size + 1);
	text = malloc(size + 1);
	if (exact == NULL || text == NULL)
		abort();
	memcpy(text, data + 1, size);
	text[size] = '\0';
	memcpy(exact, text, size);
	exact = realloc(exact, size != 0 ? size : 1); /* so that a sanitizer sees over-reads */
	o = opinion_of(text, total);
	FUZZ_HOLDS(hz_range_parse((struct hz_span){ exact, size }, total, &range) == o.verdict);
	if (o.verdict == HZ_RANGE_PARTS) {
		parts_check(&range, &o, total);
		multipart_check(&range, total);
	}
	free(text);
	free(exact);
	return 0;
}

FUZZ_ENTRY(fuzz_range_run)
