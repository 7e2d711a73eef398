/* TCP options: the first byte says whether the segment is a SYN, the rest, at most 40 bytes, are its
 * options. The parser agrees with a second one written from the RFCs as plainly as possible; and what
 * our own writers write it reads back. */
#include "fuzz_target.h"
#include "tcp/tcp_opts.h"
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 40u

static uint32_t number(const uint8_t *at, size_t bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *at++;
	return value;
}

/* One option as kind, length and value; the table of lengths is RFC 9293 3.1, 7323 2.2 and 3.2, 2018 2
 * and 3. False: its length contradicts its kind. */
static bool option_take(const uint8_t *opt, bool is_syn, struct hz_tcp_opts *out)
{
	uint8_t kind = opt[0], length = opt[1];

	if (kind == 2) {
		out->mss = is_syn ? (uint16_t)number(opt + 2, 2) : out->mss;
		return length == 4;
	}
	if (kind == 3) {
		out->has_wscale = is_syn;
		out->wscale = opt[2] < 14 ? opt[2] : 14;
		return length == 3;
	}
	if (kind == 4) {
		out->has_sack_permitted = is_syn;
		return length == 2;
	}
	if (kind == 5)
		return length == 10 || length == 18 || length == 26 || length == 34;
	if (kind == 8) {
		out->has_ts = true;
		out->ts_val = number(opt + 2, 4);
		out->ts_ecr = number(opt + 6, 4);
		return length == 10;
	}
	return true;
}

static bool oracle(const uint8_t *data, size_t bytes, bool is_syn, struct hz_tcp_opts *out)
{
	uint8_t opt[256 + 2] = {
		0
	}; /* a copy with room: values are read before lengths are judged */

	memset(out, 0, sizeof(*out));
	for (size_t at = 0; at < bytes && data[at] != 0;) {
		if (data[at] == 1) {
			at++;
			continue;
		}
		if (at + 1 == bytes || data[at + 1] < 2 || at + data[at + 1] > bytes)
			return false;
		memcpy(opt, data + at, data[at + 1]);
		if (!option_take(opt, is_syn, out))
			return false;
		at += data[at + 1];
	}
	return true;
}

static bool is_same(const struct hz_tcp_opts *a, const struct hz_tcp_opts *b)
{
	return a->mss == b->mss && a->has_ts == b->has_ts && a->has_wscale == b->has_wscale &&
	       a->has_sack_permitted == b->has_sack_permitted &&
	       (!a->has_ts || (a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr)) &&
	       (!a->has_wscale || a->wscale == b->wscale);
}

/* The options of our SYN, chosen by the input, come back through the parser. */
static void writers_are_read(const uint8_t *data, size_t size)
{
	uint16_t mss = (uint16_t)number(data, 2);
	bool has_sack = (data[2] & 1) != 0;
	int wscale = (data[2] & 2) != 0 ? data[3] % 15 : -1;
	struct hz_tcp_sack_block block[4];
	struct hz_tcp_opts opts;
	uint8_t written[OPTIONS_MAX];
	size_t bytes = hz_tcp_opts_syn(written, mss, wscale, has_sack);

	FUZZ_HOLDS(bytes <= 12 && bytes % 4 == 0);
	FUZZ_HOLDS(hz_tcp_opts_parse(written, bytes, true, &opts) == 0);
	FUZZ_HOLDS(opts.mss == mss && opts.has_sack_permitted == has_sack);
	FUZZ_HOLDS(opts.has_wscale == (wscale >= 0));
	FUZZ_HOLDS(wscale < 0 || opts.wscale == wscale);
	for (size_t i = 0; i < 4; i++)
		block[i] = (struct hz_tcp_sack_block){ data[i % size], data[(i + 1) % size] };
	bytes = hz_tcp_opts_sack(written, block, 1 + data[0] % 4);
	FUZZ_HOLDS(bytes == 4 + 8 * (1 + data[0] % 4u));
	FUZZ_HOLDS(hz_tcp_opts_parse(written, bytes, false, &opts) == 0);
}

int fuzz_tcp_opts_run(const uint8_t *data, size_t size)
{
	struct hz_tcp_opts ours = { .mss = 0xdead }, want;
	uint8_t *exact;
	bool is_syn, is_good;
	int err;

	if (size == 0)
		return 0;
	is_syn = (data[0] & 1) != 0;
	data++;
	size = size - 1 < OPTIONS_MAX ? size - 1 : OPTIONS_MAX;
	exact = malloc(size != 0 ? size : 1);
	if (exact == NULL)
		abort();
	memcpy(exact, data, size);
	is_good = oracle(data, size, is_syn, &want);
	err = hz_tcp_opts_parse(exact, size, is_syn, &ours);
	FUZZ_HOLDS((err == 0) == is_good);
	FUZZ_HOLDS(err != 0 || is_same(&ours, &want));
	FUZZ_HOLDS(err == 0 || ours.mss == 0xdead); /* written only on success */
	free(exact);
	if (size >= 4)
		writers_are_read(data, size);
	return 0;
}

FUZZ_ENTRY(fuzz_tcp_opts_run)
