/* TCP options: RFC 9293 3.2, window scale and timestamps RFC 7323, SACK RFC 2018. */
#ifndef HZ_TCP_OPTS_H
#define HZ_TCP_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hz_tcp_opts {
	uint32_t ts_val, ts_ecr;
	uint16_t mss;        /* 0: not given */
	uint8_t wscale;      /* 0..14 */
	uint8_t sack_count;  /* blocks at sack */
	const uint8_t *sack; /* in the segment, as on the wire */
	bool has_ts, has_wscale, has_sack_permitted;
};

struct hz_tcp_sack_block {
	uint32_t start, end;
};

/* 0, or -EINVAL when a length is 0 or 1, leaves the header or contradicts its kind. Unknown kinds are
 * skipped; of a kind that is given twice the last one counts. is_syn: MSS, window scale and
 * SACK-permitted mean something only there. bytes <= 40, so the loop is bounded. */
int hz_tcp_opts_parse(const uint8_t *data, size_t bytes, bool is_syn, struct hz_tcp_opts *out);

/* SACK block i < sack_count. */
struct hz_tcp_sack_block hz_tcp_opts_block(const struct hz_tcp_opts *opts, uint32_t i);

/* Options of a SYN or SYN-ACK behind the timestamps, which the header template has. Returns the bytes written,
 * a multiple of 4, at most 12. wscale < 0: none. */
size_t hz_tcp_opts_syn(uint8_t *to, uint16_t mss, int wscale, bool sack_permitted);

/* count 1..4 blocks with two NOPs in front. Returns the bytes written, a multiple of 4. */
size_t hz_tcp_opts_sack(uint8_t *to, const struct hz_tcp_sack_block *block, size_t count);

#endif
