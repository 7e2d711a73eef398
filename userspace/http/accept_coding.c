#include "http/accept_coding.h"

#include "core/span_ops.h"

#define WEIGHT_FULL    1000u
#define WEIGHT_UNNAMED UINT16_MAX
#define WEIGHT_LEAST   1u

const struct hz_span hz_coding_names[HZ_CODING_COUNT] = {
	[HZ_CODING_IDENTITY] = { (const uint8_t *)"identity", 8 },
	[HZ_CODING_GZIP] = { (const uint8_t *)"gzip", 4 },
	[HZ_CODING_BR] = { (const uint8_t *)"br", 2 },
	[HZ_CODING_ZSTD] = { (const uint8_t *)"zstd", 4 },
};

/* What the list has said so far; any is "*". */
struct said {
	uint16_t weight[HZ_CODING_COUNT];
	uint16_t any;
};

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), RFC 9110 12.4.2 */
static bool qvalue_parse(struct hz_span text, uint16_t *out)
{
	unsigned weight, unit = 100;

	if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1'))
		return false;
	if (text.len > 1 && text.data[1] != '.')
		return false;
	weight = text.data[0] == '1' ? WEIGHT_FULL : 0;
	for (size_t i = 2; i < text.len; i++, unit /= 10) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		weight += (unsigned)(text.data[i] - '0') * unit;
	}
	if (weight > WEIGHT_FULL)
		return false;
	*out = (uint16_t)weight;
	return true;
}

/* weight = OWS ";" OWS "q=" qvalue; "q" has no case */
static bool weight_parse(struct hz_span text, uint16_t *out)
{
	text = hz_span_trim(text);
	if (text.len < 2 || hz_ascii_lower(text.data[0]) != 'q' || text.data[1] != '=')
		return false;
	return qvalue_parse(hz_span_skip(text, 2), out);
}

static void weight_note(uint16_t *place, uint16_t weight)
{
	if (weight < *place) /* the first time anything is lower */
		*place = weight;
}

static void coding_note(struct said *said, struct hz_span name, uint16_t weight)
{
	if (name.len == 1 && name.data[0] == '*')
		weight_note(&said->any, weight);
	if (hz_http_equals_nocase(name, HZ_SPAN_LITERAL("x-gzip")))
		name = hz_coding_names[HZ_CODING_GZIP];
	for (unsigned i = 0; i < HZ_CODING_COUNT; i++) {
		if (hz_http_equals_nocase(name, hz_coding_names[i]))
			weight_note(&said->weight[i], weight);
	}
}

/* codings [ weight ]; an empty element is nothing (RFC 9110 5.6.1.2) */
static bool element_parse(struct hz_span text, struct said *said)
{
	size_t end = hz_span_find(text, ';');
	struct hz_span name = hz_span_trim(hz_span_first(text, end));
	uint16_t weight = WEIGHT_FULL;

	if (name.len == 0 && end == text.len)
		return true;
	if (!hz_span_is_token(name))
		return false;
	if (end < text.len && !weight_parse(hz_span_skip(text, end + 1), &weight))
		return false;
	coding_note(said, name, weight);
	return true;
}

static bool list_parse(struct hz_span list, struct said *said)
{
	for (size_t from = 0; from <= list.len;) {
		struct hz_span rest = { list.data + from, list.len - from };
		size_t end = hz_span_find(rest, ',');

		if (!element_parse(hz_span_first(rest, end), said))
			return false;
		from += end + 1;
	}
	return true;
}

void hz_accept_coding_read(const struct hz_http_req *req, struct hz_accept_coding *out)
{
	struct said said = { .any = WEIGHT_UNNAMED };
	bool is_present = false, is_good = true;

	*out = (struct hz_accept_coding){ .weight = { [HZ_CODING_IDENTITY] = WEIGHT_FULL } };
	for (unsigned i = 0; i < HZ_CODING_COUNT; i++)
		said.weight[i] = WEIGHT_UNNAMED;
	for (unsigned i = 0; i < req->header_count && is_good; i++) {
		if (!hz_http_equals_nocase(req->header[i].name, HZ_SPAN_LITERAL("accept-encoding")))
			continue;
		is_present = true;
		is_good = list_parse(req->header[i].value, &said);
	}
	if (!is_present || !is_good)
		return;
	for (unsigned i = 0; i < HZ_CODING_COUNT; i++) {
		uint16_t unnamed = i == HZ_CODING_IDENTITY ? WEIGHT_LEAST : 0;

		if (said.any != WEIGHT_UNNAMED)
			unnamed = said.any;
		out->weight[i] = said.weight[i] != WEIGHT_UNNAMED ? said.weight[i] : unnamed;
	}
}

enum hz_coding hz_accept_coding_choose(const struct hz_http_req *req,
                                       const uint64_t bytes[HZ_CODING_COUNT])
{
	enum hz_coding best = HZ_CODING_IDENTITY;
	struct hz_accept_coding accept;
	unsigned weight = 0;

	hz_accept_coding_read(req, &accept);
	for (enum hz_coding c = HZ_CODING_IDENTITY; c < HZ_CODING_COUNT; c++) {
		if (bytes[c] == HZ_CODING_NONE || accept.weight[c] == 0)
			continue;
		if (accept.weight[c] < weight ||
		    (accept.weight[c] == weight && bytes[c] >= bytes[best]))
			continue;
		best = c;
		weight = accept.weight[c];
	}
	return best;
}
