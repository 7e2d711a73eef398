/* A received frame after net/ has validated it: what TCP needs to know, and how to answer it. Lives on
 * the worker's stack for one frame; owns nothing. */
#ifndef HZ_PACKET_H
#define HZ_PACKET_H

#include "port/port.h"
#include <hz/hz.h>

#define HZ_L2_BYTES_MAX 22 /* Ethernet and two VLAN tags */

struct hz_packet {
	struct rte_mbuf *mbuf;
	uint8_t *l4;       /* TCP header; l4_bytes are in the buffer */
	uint16_t l4_bytes; /* TCP header and payload, padding trimmed */
	uint8_t is_v6;
	uint8_t ecn; /* of the IP header */
	uint8_t l2_bytes;
	uint8_t l2_reply[HZ_L2_BYTES_MAX]; /* link header of an answer: MACs swapped, same tags */
	struct hz_addr src, dst;           /* v4-mapped */
	struct hz_port *port;
	uint32_t flow_hash; /* keyed; the same for every frame of a flow, on every worker */
};

/* What input needs besides the frame. The same key on every worker, or flow_hash would differ and a
 * frame that arrived on the wrong queue could not be handed to its worker. */
struct hz_net {
	uint64_t key[2]; /* of the flow hash, from hz_rng_secret */
};

enum hz_net_verdict {
	HZ_NET_TCP,  /* packet is filled; the mbuf is still the caller's */
	HZ_NET_DONE, /* consumed: answered or dropped and counted, mbuf freed */
};

/* Validates Ethernet (0-2 tags), IPv4 and IPv6 lengths and checksums; fragments and options are
 * dropped, every drop counted under its reason in port->slot. The frame must be one segment. out means
 * something only with HZ_NET_TCP. */
enum hz_net_verdict hz_net_in(const struct hz_net *net, struct hz_port *port, struct rte_mbuf *mbuf,
                              struct hz_packet *out);

#endif
