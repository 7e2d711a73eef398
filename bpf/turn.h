/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A frame turned round in place: who sent it gets it back, with what the caller changes in it. */
#ifndef HZ_TURN_H
#define HZ_TURN_H

#include "csum.h"
#include "pkt.h"

#define HZ_REPLY_TTL 64

static __always_inline long turn_macs(struct xdp_md *ctx)
{
	__u8 from[2 * ETH_ALEN], to[2 * ETH_ALEN];

	if (bpf_xdp_load_bytes(ctx, 0, from, sizeof(from)) != 0)
		return -1;
	__builtin_memcpy(to, from + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(to + ETH_ALEN, from, ETH_ALEN);
	return bpf_xdp_store_bytes(ctx, 0, to, sizeof(to));
}

static __always_inline long turn_ip4(struct xdp_md *ctx, const struct hz_pkt *pkt, __u32 l4_bytes)
{
	struct iphdr ip;
	__be32 source;

	if (bpf_xdp_load_bytes(ctx, pkt->l3, &ip, sizeof(ip)) != 0)
		return -1;
	source = ip.saddr;
	ip.saddr = ip.daddr;
	ip.daddr = source;
	ip.tot_len = bpf_htons((__u16)(sizeof(ip) + l4_bytes));
	ip.ttl = HZ_REPLY_TTL;
	ip.check = 0;
	ip.check = hz_csum_fold(hz_csum_add(0, &ip, sizeof(ip)));
	return bpf_xdp_store_bytes(ctx, pkt->l3, &ip, sizeof(ip));
}

static __always_inline long turn_ip6(struct xdp_md *ctx, const struct hz_pkt *pkt, __u32 l4_bytes)
{
	struct ipv6hdr ip;
	struct in6_addr source;

	if (bpf_xdp_load_bytes(ctx, pkt->l3, &ip, sizeof(ip)) != 0)
		return -1;
	source = ip.saddr;
	ip.saddr = ip.daddr;
	ip.daddr = source;
	ip.payload_len = bpf_htons((__u16)l4_bytes);
	ip.hop_limit = HZ_REPLY_TTL;
	return bpf_xdp_store_bytes(ctx, pkt->l3, &ip, sizeof(ip));
}

/* Link layer and IP header; l4_bytes of payload follow them now. Not 0: half-turned, nobody may see it. */
static __always_inline long hz_turn(struct xdp_md *ctx, const struct hz_pkt *pkt, __u32 l4_bytes)
{
	long err = pkt->version == 4 ? turn_ip4(ctx, pkt, l4_bytes) : turn_ip6(ctx, pkt, l4_bytes);

	return err != 0 ? err : turn_macs(ctx);
}

#endif
