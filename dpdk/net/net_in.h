/* Between eth.c and the network layers; not for users of net/. */
#ifndef HZ_NET_IN_H
#define HZ_NET_IN_H

#include "net/packet.h"

/* The network layer of one frame: what eth.c hands to ip4.c and ip6.c. */
struct hz_net_frame {
	const struct hz_net *net;
	struct hz_port *port;
	struct rte_mbuf *mbuf;
	uint8_t *l3; /* l3_bytes are in the buffer, padding included */
	uint32_t l3_bytes;
};

/* Fill l4, l4_bytes, is_v6, ecn, src, dst and flow_hash of out, or drop the frame. */
enum hz_net_verdict hz_ip4_in(const struct hz_net_frame *frame, struct hz_packet *out);
enum hz_net_verdict hz_ip6_in(const struct hz_net_frame *frame, struct hz_packet *out);

/* Counts and frees; returns HZ_NET_DONE. */
enum hz_net_verdict hz_net_drop(const struct hz_net_frame *frame, enum hz_counter reason);

/* The part both families share once addresses are known: TCP's checksum where the port asks for it. */
enum hz_net_verdict hz_net_l4(const struct hz_net_frame *frame, struct hz_packet *out);

#endif
