/* Chunked bodies: the first byte chooses pieces and limit, the rest is the encoded body. The decoder
 * agrees with the oracle in verdict, length and content, whole and in pieces. */
#include "fuzz_target.h"
#include "h1_oracle.h"
#include "http/chunked.h"
#include <stdlib.h>
#include <string.h>

struct decoded {
	enum hz_parse result;
	unsigned status;
	size_t consumed;
	size_t len;
	uint8_t *body; /* owned */
};

static struct decoded decode(const uint8_t *bytes, size_t len, size_t step, uint64_t body_max)
{
	struct decoded d = { .result = HZ_PARSE_MORE, .body = malloc(len + 1) };
	struct hz_chunked chunked;

	if (d.body == NULL)
		abort();
	hz_chunked_init(&chunked, body_max);
	while (d.result == HZ_PARSE_MORE && d.consumed < len) {
		size_t piece = HZ_MIN(step, len - d.consumed);
		uint8_t *exact = malloc(piece);
		struct hz_span data;
		size_t consumed = 0;

		if (exact == NULL)
			abort();
		memcpy(exact, bytes + d.consumed, piece);
		d.result = hz_chunked_decode(&chunked, (struct hz_span){ exact, piece }, &consumed,
		                             &data);
		if (d.result != HZ_PARSE_BAD) {
			FUZZ_HOLDS(consumed > 0 && consumed <= piece);
			FUZZ_HOLDS(data.len <= consumed);
			if (data.len != 0)
				memcpy(d.body + d.len, data.data, data.len);
			d.len += data.len;
		}
		free(exact);
		d.consumed += consumed;
	}
	d.status = d.result == HZ_PARSE_BAD ? chunked.status : 0;
	return d;
}

static void agree(const struct decoded *d, const struct oracle_body *o, const uint8_t *body)
{
	FUZZ_HOLDS((int)d->result == (int)o->verdict);
	FUZZ_HOLDS(d->status == o->status);
	if (d->result == HZ_PARSE_BAD)
		return;
	FUZZ_HOLDS(d->len == o->decoded);
	FUZZ_HOLDS(memcmp(d->body, body, d->len) == 0);
	FUZZ_HOLDS(d->result == HZ_PARSE_MORE || d->consumed == o->bytes);
}

int fuzz_chunked_run(const uint8_t *data, size_t size)
{
	uint64_t body_max;
	struct oracle_body o;
	struct decoded whole;
	struct decoded pieces;
	uint8_t *body;
	size_t step;

	if (size < 1)
		return 0;
	step = (size_t)(data[0] & 0x1f) + 1;
	body_max = (data[0] & 0x20) != 0 ? UINT64_MAX : (data[0] & 0x40) != 0 ? 16 : 100000;
	data++;
	size--;
	body = malloc(size + 1);
	if (body == NULL)
		abort();
	o = oracle_chunked(data, size, body_max, body);
	whole = decode(data, size, SIZE_MAX, body_max);
	pieces = decode(data, size, step, body_max);
	agree(&whole, &o, body);
	agree(&pieces, &o, body);
	free(whole.body);
	free(pieces.body);
	free(body);
	return 0;
}

FUZZ_ENTRY(fuzz_chunked_run)
