/* Headers of a connection, built once: every segment copies them and patches what changes. */
#ifndef HZ_TCP_TMPL_H
#define HZ_TCP_TMPL_H

#include "net/packet.h"
#include "tcp/tcp_hdr.h"

/* Ethernet with two tags, IPv6, TCP with timestamps: 94. The headers are right-aligned, so that the
 * copy in front of a payload has a fixed size and its last byte a fixed place. */
#define HZ_TCP_TMPL_BYTES 96u
_Static_assert(HZ_TCP_TMPL_BYTES <= HZ_PORT_HEADROOM, "the copy must stay inside the buffer");

struct hz_tcp_tmpl {
	uint8_t bytes[HZ_TCP_TMPL_BYTES];
	uint64_t tcp_sum; /* pseudo header without length, ports and option kinds */
	uint32_t ip_sum;  /* IPv4 header without length, id and checksum */
	uint8_t l2_bytes;
	uint8_t frame_bytes; /* all headers */
	uint8_t is_v6;
	uint8_t tcp_bytes; /* 20, or 32 with timestamps */
};

/* What one segment puts into the template. */
struct hz_tcp_emit {
	uint32_t seq, ack;
	uint16_t window; /* as on the wire, host order */
	uint16_t ip_id;
	uint8_t flags;
	uint8_t option_bytes; /* options after the template's, at the start of the data; multiple of 4 */
	uint16_t data_csum; /* folded sum of the mbuf's data: extra options and payload */
	uint32_t ts_val, ts_ecr;
};

/* Headers of a segment that answers packet. */
void hz_tcp_tmpl_build(struct hz_tcp_tmpl *tmpl, const struct hz_packet *packet, bool has_ts);

/* Replaces the link header when the peer's next hop changed; its length must be the same. */
void hz_tcp_tmpl_set_l2(struct hz_tcp_tmpl *tmpl, const struct hz_packet *packet);

/* Where the link header's destination MAC stands, to compare with an incoming frame's. */
static inline const uint8_t *hz_tcp_tmpl_l2(const struct hz_tcp_tmpl *tmpl)
{
	return tmpl->bytes + HZ_TCP_TMPL_BYTES - tmpl->frame_bytes;
}

/* Prepends the headers to mbuf, whose data is option_bytes of options and then payload. The mbuf must
 * not be shared. */
void hz_tcp_tmpl_emit(const struct hz_tcp_tmpl *tmpl, struct rte_mbuf *mbuf,
                      const struct hz_tcp_emit *emit);

#endif
