#include "tcp/tcp_opts.h"

#include <errno.h>
#include <string.h>

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_PERMITTED = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};
#define WSCALE_MAX 14 /* RFC 7323 2.3: larger shifts are taken as 14 */

static uint32_t be32(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return __builtin_bswap32(word);
}

static void put_be32(uint8_t *to, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(to, &value, sizeof(value));
}

static void ts_read(const uint8_t *value, struct hz_tcp_opts *out)
{
	out->has_ts = true;
	out->ts_val = be32(value);
	out->ts_ecr = be32(value + 4);
}

/* One option of known kind; bytes is its whole length. */
static int option_read(const uint8_t *opt, size_t bytes, bool is_syn, struct hz_tcp_opts *out)
{
	switch (opt[0]) {
	case OPT_MSS:
		if (bytes != 4)
			return -EINVAL;
		if (is_syn)
			out->mss = (uint16_t)(opt[2] << 8 | opt[3]);
		return 0;
	case OPT_WSCALE:
		if (bytes != 3)
			return -EINVAL;
		out->has_wscale = is_syn;
		out->wscale = opt[2] > WSCALE_MAX ? WSCALE_MAX : opt[2];
		return 0;
	case OPT_SACK_PERMITTED:
		if (bytes != 2)
			return -EINVAL;
		out->has_sack_permitted = is_syn;
		return 0;
	case OPT_SACK:
		if (bytes < 10 || bytes % 8 != 2)
			return -EINVAL;
		out->sack = opt + 2;
		out->sack_count = (uint8_t)(bytes / 8); /* at most 4: options have 40 bytes */
		return 0;
	case OPT_TS:
		if (bytes != 10)
			return -EINVAL;
		ts_read(opt + 2, out);
		return 0;
	default:
		return 0;
	}
}

struct hz_tcp_sack_block hz_tcp_opts_block(const struct hz_tcp_opts *opts, uint32_t i)
{
	return (struct hz_tcp_sack_block){ be32(opts->sack + 8 * i), be32(opts->sack + 8 * i + 4) };
}

int hz_tcp_opts_parse(const uint8_t *data, size_t bytes, bool is_syn, struct hz_tcp_opts *out)
{
	struct hz_tcp_opts opts = { 0 };
	size_t at = 0;

	/* What every stack sends on every segment after the handshake, RFC 7323 appendix A. */
	if (bytes == 12 && be32(data) == 0x0101080au) {
		ts_read(data + 4, &opts);
		*out = opts;
		return 0;
	}
	while (at < bytes && data[at] != OPT_END) {
		size_t length;

		if (data[at] == OPT_NOP) {
			at++;
			continue;
		}
		if (bytes - at < 2)
			return -EINVAL;
		length = data[at + 1];
		if (length < 2 || length > bytes - at)
			return -EINVAL;
		if (option_read(data + at, length, is_syn, &opts) != 0)
			return -EINVAL;
		at += length;
	}
	*out = opts;
	return 0;
}

size_t hz_tcp_opts_syn(uint8_t *to, uint16_t mss, int wscale, bool sack_permitted)
{
	uint8_t *at = to;

	put_be32(at, (uint32_t)OPT_MSS << 24 | 4u << 16 | mss);
	at += 4;
	if (wscale >= 0) {
		put_be32(at,
		         (uint32_t)OPT_NOP << 24 | OPT_WSCALE << 16 | 3u << 8 | (uint32_t)wscale);
		at += 4;
	}
	if (sack_permitted) {
		put_be32(at,
		         (uint32_t)OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK_PERMITTED << 8 | 2u);
		at += 4;
	}
	return (size_t)(at - to);
}

size_t hz_tcp_opts_sack(uint8_t *to, const struct hz_tcp_sack_block *block, size_t count)
{
	uint8_t *at = to;

	put_be32(at, (uint32_t)OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK << 8 |
	                     (uint32_t)(2 + 8 * count));
	at += 4;
	for (size_t i = 0; i < count; i++, at += 8) {
		put_be32(at, block[i].start);
		put_be32(at + 4, block[i].end);
	}
	return (size_t)(at - to);
}
