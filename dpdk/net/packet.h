/* A received frame after net/ has validated it: what TCP needs to know, and how to answer it. Lives on
 * the worker's stack for one frame; owns nothing. */
#ifndef HZ_PACKET_H
#define HZ_PACKET_H

#include "core/common.h"
#include "port/port.h"

#define HZ_L2_BYTES_MAX 22 /* Ethernet and two VLAN tags */

/* What an ICMP error says about a segment we sent, RFC 9293 3.9.2.2 and RFC 5927. */
enum hz_path_kind {
	HZ_PATH_TOO_BIG,     /* mtu holds */
	HZ_PATH_UNREACHABLE, /* for now: networks change, the connection goes on */
	HZ_PATH_REFUSED,     /* port, protocol or administrator: it will stay so */
};

/* From the header it quotes; that it is a packet of a connection with seq in flight is TCP's to judge. */
struct hz_path_error {
	struct hz_addr remote, local;     /* v4-mapped */
	uint16_t remote_port, local_port; /* host order */
	uint32_t seq;                     /* of the segment that met it */
	uint16_t mtu;                     /* IP bytes of the next hop; 0: the router did not tell */
	uint8_t kind;                     /* enum hz_path_kind */
	uint8_t is_v6;
};

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
	uint32_t flow_hash;         /* keyed; the same for every frame of a flow, on every worker */
	struct hz_path_error error; /* with HZ_NET_PATH */
};

/* What input needs besides the frame. The same key on every worker, or flow_hash would differ and a
 * frame that arrived on the wrong queue could not be handed to its worker. */
struct hz_net {
	uint64_t key[2]; /* of the flow hash, from hz_rng_secret */
};

enum hz_net_verdict {
	HZ_NET_TCP, /* packet is filled; the mbuf is still the caller's */
	HZ_NET_PATH, /* only error, port, mbuf and flow_hash are filled; the mbuf is still the caller's */
	HZ_NET_DONE, /* consumed: answered or dropped and counted, mbuf freed */
};

/* Validates Ethernet (0-2 tags), IPv4 and IPv6 lengths, addresses and checksums; fragments and options are
 * dropped, every drop counted under its reason in port->slot. The frame must be one segment. On a port
 * with a host, ARP, ND and ping to its addresses are answered and other destinations dropped. out means
 * something only with HZ_NET_TCP and HZ_NET_PATH. */
enum hz_net_verdict hz_net_in(const struct hz_net *net, struct hz_port *port, struct rte_mbuf *mbuf,
                              struct hz_packet *out);

#endif
