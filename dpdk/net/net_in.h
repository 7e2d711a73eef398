/* Between eth.c and the files beside it; not for users of net/. */
#ifndef HZ_NET_IN_H
#define HZ_NET_IN_H

#include "net/ip_hdr.h"
#include "net/packet.h"

/* The network layer of one frame: what eth.c hands on. */
struct hz_net_frame {
	const struct hz_net *net;
	struct hz_port *port;
	struct rte_mbuf *mbuf;
	const uint8_t *l2; /* Ethernet and its tags, l2_bytes of them */
	uint8_t *l3;       /* l3_bytes are in the buffer, padding included */
	uint32_t l2_bytes;
	uint32_t l3_bytes;
	bool is_group; /* sent to more than this station */
};

/* An ICMP message, checksum verified: where the network layers hand over. */
struct hz_net_icmp {
	const uint8_t *data; /* from the ICMP header on */
	uint32_t bytes;      /* at least 8 */
	struct hz_addr src, dst;
	bool is_v6;
	uint8_t hop_limit;
};

/* Fill l4, l4_bytes, is_v6, ecn, src, dst and flow_hash of out, or deal with the frame. */
enum hz_net_verdict hz_ip4_in(const struct hz_net_frame *frame, struct hz_packet *out);
enum hz_net_verdict hz_ip6_in(const struct hz_net_frame *frame, struct hz_packet *out);

/* On ports with a host only. */
enum hz_net_verdict hz_arp_in(const struct hz_net_frame *frame);
enum hz_net_verdict hz_nd_in(const struct hz_net_frame *frame, const struct hz_net_icmp *icmp);
/* True where group is the solicited-node group of an address of ours. */
bool hz_nd_is_group(const struct hz_host *host, const struct hz_addr *group);
/* Within a prefix of ours, or link-local. */
bool hz_nd_is_beside(const struct hz_host *host, const struct hz_addr *addr);
enum hz_net_verdict hz_icmp_in(const struct hz_net_frame *frame, const struct hz_net_icmp *icmp,
                               struct hz_packet *out);
enum hz_net_verdict hz_icmp_error_in(const struct hz_net_frame *frame,
                                     const struct hz_net_icmp *icmp, struct hz_packet *out);

/* Counts and frees; returns HZ_NET_DONE. */
enum hz_net_verdict hz_net_drop(const struct hz_net_frame *frame, enum hz_counter reason);

/* There was no buffer for its answer, which the port counted; frees it and returns HZ_NET_DONE. */
enum hz_net_verdict hz_net_unanswered(const struct hz_net_frame *frame);

/* Counts what was done with the frame, and frees it; returns HZ_NET_DONE. */
enum hz_net_verdict hz_net_done(const struct hz_net_frame *frame, enum hz_counter what);

/* The part both families share once addresses are known: TCP's checksum where the port asks for it. */
enum hz_net_verdict hz_net_l4(const struct hz_net_frame *frame, struct hz_packet *out);

/* Checksum of an ICMPv6 message, as it stands in the header; 0 over a whole message: it is right. */
uint16_t hz_net_icmp6_sum(const struct hz_addr *src, const struct hz_addr *dst, const uint8_t *data,
                          uint32_t bytes);

/* v4 within ::ffff:0:0/96. */
struct hz_addr hz_ip4_mapped(const uint8_t v4[4]);

/* What a frame of ours is built in: a new buffer with its link header, tags copied from frame (NULL:
 * none), and l3_bytes behind it that the caller writes all of. */
struct hz_net_out {
	struct rte_mbuf *mbuf;
	uint8_t *l3;
};

/* 0, or -ENOBUFS (counted by the port). Then hz_port_tx it. */
int hz_net_out_open(struct hz_port *port, const struct hz_net_frame *frame, const uint8_t to_mac[6],
                    uint16_t ethertype, uint32_t l3_bytes, struct hz_net_out *out);

#endif
