/* The headers of a segment, written in front of its data from what the path and the connection know. */
#ifndef HZ_TCP_FRAME_H
#define HZ_TCP_FRAME_H

#include "tcp/tcp_hdr.h"
#include "tcp/tcp_path.h"

/* Ethernet with two tags, IPv6, TCP with timestamps, and the rest of the options. */
_Static_assert(HZ_L2_BYTES_MAX + 40 + 20 + HZ_TCP_OPTIONS_MAX <= HZ_PORT_HEADROOM,
               "headers must stay inside the buffer");

#define HZ_TCP_HOP_LIMIT 64u /* unless told otherwise, RFC 1700 */

/* What differs from segment to segment. */
struct hz_tcp_emit {
	uint32_t ports; /* remote then local, as in the header of the peer's segments */
	uint32_t seq, ack;
	uint16_t window; /* as on the wire, host order */
	uint16_t ip_id;
	uint8_t flags;
	uint8_t tos; /* of the IP header: DSCP, and ECN of RFC 3168 5 */
	uint8_t hop_limit;
	uint8_t option_bytes; /* options after the timestamps, at the start of the data; multiple of 4 */
	bool has_ts;
	uint16_t data_csum; /* folded sum of the mbuf's data: extra options and payload */
	uint32_t ts_val, ts_ecr;
};

/* Prepends the headers to mbuf, whose data is option_bytes of options and then payload. The mbuf must
 * not be shared. */
void hz_tcp_frame_put(const struct hz_tcp_path *path, const struct hz_addr *remote,
                      struct rte_mbuf *mbuf, const struct hz_tcp_emit *emit);

#endif
