/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a frame is: Ethernet, 0-2 VLAN tags, IPv4 or IPv6, ports. Everything is checked against the end
 * of the frame and against the lengths the headers claim.
 *
 *   0        14..22 (l3)     l4                       end
 *   | ethernet | tags | IP header | TCP, UDP or ICMP ... | padding |
 */
#ifndef HZ_PKT_H
#define HZ_PKT_H

#include "abi/hz_abi.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define HZ_VLAN_TAGS_MAX 2
#define HZ_TCP_FLAGS_AT  13 /* in the TCP header */
#define HZ_L2_BYTES_MAX  (sizeof(struct ethhdr) + HZ_VLAN_TAGS_MAX * sizeof(struct hz_vlan_tag))

/* Parsing found no reason to decide yet. */
#define HZ_GO_ON HZ_REASON_COUNT

struct hz_vlan_tag {
	__be16 tci;
	__be16 proto; /* of what follows */
};

struct hz_ports {
	__be16 source;
	__be16 dest;
};

/* RFC 8200 4.5 */
struct hz_fragment6 {
	__u8 next;
	__u8 reserved;
	__be16 offset; /* 13 bits in units of 8 bytes, 2 reserved, more */
	__be32 id;
};

enum hz_shape {
	HZ_SHAPE_PLAIN,
	HZ_SHAPE_OPTIONS,        /* key is the address's: the ports lie behind options */
	HZ_SHAPE_FIRST_FRAGMENT, /* ports are there, the rest is not */
};

struct hz_pkt {
	struct hz_addr source;   /* v4-mapped, like key.addr */
	struct hz_claim_key key; /* destination address, port and protocol */
	__be16 source_port;
	__u8 version;   /* 4 or 6 */
	__u8 shape;     /* enum hz_shape */
	__u8 tcp_flags; /* of a plain TCP segment, else 0 */
	__u32 l3;
	__u32 l4;
	__u32 end;
	bool to_group; /* link-layer multicast or broadcast: never for us (RFC 1122 3.3.6) */
};

static __always_inline void pkt_addr4(struct hz_addr *to, __be32 addr)
{
	__be32 *word = (__be32 *)to->byte;

	word[0] = 0;
	word[1] = 0;
	word[2] = bpf_htonl(0xffff);
	word[3] = addr;
}

static __always_inline void pkt_addr6(struct hz_addr *to, const struct in6_addr *addr)
{
	__be32 *word = (__be32 *)to->byte;

	word[0] = addr->in6_u.u6_addr32[0];
	word[1] = addr->in6_u.u6_addr32[1];
	word[2] = addr->in6_u.u6_addr32[2];
	word[3] = addr->in6_u.u6_addr32[3];
}

/* The key every claimed address has: of kind HZ_CLAIM_ADDRESS. */
static __always_inline void pkt_key_address(struct hz_pkt *pkt)
{
	pkt->key.port = 0;
	pkt->key.protocol = pkt->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

/* Ports of the transport header at p. Other protocols are asked for by address only if they are the
 * address's own ICMP; of the rest nothing is ours. */
static __always_inline enum hz_reason pkt_parse_ports(struct hz_pkt *pkt, const void *p,
                                                      const void *frame_end, __u8 protocol)
{
	const struct hz_ports *ports = p;
	const __u8 *flags = (const __u8 *)p + HZ_TCP_FLAGS_AT;
	__u32 need = sizeof(*ports);

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) {
		if (pkt->shape == HZ_SHAPE_FIRST_FRAGMENT)
			return HZ_REASON_pass_fragment;
		pkt_key_address(pkt);
		return protocol == pkt->key.protocol ? HZ_GO_ON : HZ_REASON_pass_not_ours;
	}
	if (pkt->shape == HZ_SHAPE_PLAIN)
		need = protocol == IPPROTO_TCP ? 20 : 8;
	if ((const void *)(ports + 1) > frame_end || pkt->l4 + need > pkt->end)
		return HZ_REASON_pass_short;
	if (need == 20 && flags + 1 <= (const __u8 *)frame_end)
		pkt->tcp_flags = *flags;
	pkt->source_port = ports->source;
	pkt->key.port = ports->dest;
	pkt->key.protocol = protocol;
	return HZ_GO_ON;
}

static __always_inline enum hz_reason pkt_parse_ip4(struct hz_pkt *pkt, const void *p,
                                                    const void *frame_end)
{
	const struct iphdr *ip = p;
	__u32 header, total;
	__u16 fragment;

	if ((const void *)(ip + 1) > frame_end)
		return HZ_REASON_pass_short;
	header = ip->ihl * 4u;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header ||
	    (const char *)p + total > (const char *)frame_end)
		return HZ_REASON_pass_short;
	pkt->version = 4;
	pkt->l4 = pkt->l3 + header;
	pkt->end = pkt->l3 + total;
	pkt_addr4(&pkt->source, ip->saddr);
	pkt_addr4(&pkt->key.addr, ip->daddr);
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & 0x1fff) /* RFC 791 3.1: offset */
		return HZ_REASON_pass_fragment;
	if (header > sizeof(*ip)) {
		pkt->shape = HZ_SHAPE_OPTIONS;
		pkt_key_address(pkt);
		return HZ_GO_ON;
	}
	if (fragment & 0x2000) /* more fragments */
		pkt->shape = HZ_SHAPE_FIRST_FRAGMENT;
	return pkt_parse_ports(pkt, ip + 1, frame_end, ip->protocol);
}

/* Headers that may stand between the IPv6 header and the transport's (RFC 8200 4, RFC 7045 4), the
 * fragment header apart. */
static __always_inline bool pkt_is_extension6(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_AH || next == IPPROTO_MH || next == 139 /* HIP */ ||
	       next == 140 /* SHIM6 */;
}

static __always_inline enum hz_reason pkt_parse_fragment6(struct hz_pkt *pkt, const void *p,
                                                          const void *frame_end)
{
	const struct hz_fragment6 *fragment = p;

	if ((const void *)(fragment + 1) > frame_end || pkt->l4 + sizeof(*fragment) > pkt->end)
		return HZ_REASON_pass_short;
	if (fragment->offset & bpf_htons(0xfff8))
		return HZ_REASON_pass_fragment;
	pkt->l4 += sizeof(*fragment);
	pkt->shape = HZ_SHAPE_FIRST_FRAGMENT;
	return pkt_parse_ports(pkt, fragment + 1, frame_end, fragment->next);
}

/* ::ffff:0:0/96 names an IPv4 node inside of a host and must not appear on a wire (RFC 4291 2.5.5.2,
 * RFC 6890 2.2.3): here it would be taken for the IPv4 address it holds. */
static __always_inline bool pkt_is_mapped(const struct hz_addr *addr)
{
	const __be32 *word = (const __be32 *)addr->byte;

	return (word[0] | word[1]) == 0 && word[2] == bpf_htonl(0xffff);
}

static __always_inline enum hz_reason pkt_parse_ip6(struct hz_pkt *pkt, const void *p,
                                                    const void *frame_end)
{
	const struct ipv6hdr *ip = p;
	__u32 total;

	if ((const void *)(ip + 1) > frame_end)
		return HZ_REASON_pass_short;
	total = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (ip->version != 6 || (const char *)p + total > (const char *)frame_end)
		return HZ_REASON_pass_short;
	pkt->version = 6;
	pkt->l4 = pkt->l3 + sizeof(*ip);
	pkt->end = pkt->l3 + total;
	pkt_addr6(&pkt->source, &ip->saddr);
	pkt_addr6(&pkt->key.addr, &ip->daddr);
	if (pkt_is_mapped(&pkt->key.addr))
		return HZ_REASON_pass_not_ours;
	if (pkt_is_extension6(ip->nexthdr)) {
		pkt->shape = HZ_SHAPE_OPTIONS;
		pkt_key_address(pkt);
		return HZ_GO_ON;
	}
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return pkt_parse_fragment6(pkt, ip + 1, frame_end);
	return pkt_parse_ports(pkt, ip + 1, frame_end, ip->nexthdr);
}

/* Fills *pkt, which the caller has zeroed. HZ_GO_ON: ask for the claim of pkt->key; else the verdict. */
static __always_inline enum hz_reason hz_pkt_parse(const struct xdp_md *ctx, struct hz_pkt *pkt)
{
	const void *frame_end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = (const void *)(long)ctx->data;
	const void *p = eth + 1;
	__be16 proto;

	if (p > frame_end)
		return HZ_REASON_pass_short;
	pkt->to_group = eth->h_dest[0] & 1;
	pkt->l3 = sizeof(*eth);
	proto = eth->h_proto;
#pragma unroll
	for (int i = 0; i < HZ_VLAN_TAGS_MAX; i++) {
		const struct hz_vlan_tag *tag = p;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((const void *)(tag + 1) > frame_end)
			return HZ_REASON_pass_short;
		proto = tag->proto;
		pkt->l3 += sizeof(*tag);
		p = tag + 1;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return pkt_parse_ip4(pkt, p, frame_end);
	if (proto == bpf_htons(ETH_P_IPV6))
		return pkt_parse_ip6(pkt, p, frame_end);
	return HZ_REASON_pass_not_ip;
}

/* An answer to such a source would go astray or to many: group addresses, loopback, nobody. */
static __always_inline bool hz_pkt_source_is_bogus(const struct hz_pkt *pkt)
{
	const __be32 *word = (const __be32 *)pkt->source.byte;
	__u8 first = pkt->version == 4 ? pkt->source.byte[12] : pkt->source.byte[0];

	if (pkt->version == 4)
		return first == 0 || first == 127 || first >= 224;
	return first == 0xff || (word[0] | word[1] | word[2]) == 0 /* ::, ::1 */ ||
	       pkt_is_mapped(&pkt->source);
}

#endif
