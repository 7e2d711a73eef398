/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* ICMP and ICMPv6 echo (RFC 792, RFC 4443 4.2) for claimed addresses: the frame turns round in place,
 * its length does not change. */
#ifndef HZ_ICMP_ECHO_H
#define HZ_ICMP_ECHO_H

#include "csum.h"
#include "maps.h"
#include "pkt.h"

#define HZ_REPLY_TTL 64

/* <linux/icmp.h> would pull in headers of the C library. */
struct hz_icmp {
	__u8 type;
	__u8 code;
	__u16 csum;
	__be32 rest;
};
enum {
	HZ_ICMP_ECHO_REPLY = 0,
	HZ_ICMP_ECHO_REQUEST = 8,
	HZ_ICMP6_ECHO_REQUEST = 128,
	HZ_ICMP6_ECHO_REPLY = 129,
};

static __always_inline long echo_swap_macs(struct xdp_md *ctx)
{
	__u8 from[2 * ETH_ALEN], to[2 * ETH_ALEN];

	if (bpf_xdp_load_bytes(ctx, 0, from, sizeof(from)) != 0)
		return -1;
	__builtin_memcpy(to, from + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(to + ETH_ALEN, from, ETH_ALEN);
	return bpf_xdp_store_bytes(ctx, 0, to, sizeof(to));
}

static __always_inline long echo_turn_ip4(struct xdp_md *ctx, const struct hz_pkt *pkt)
{
	struct iphdr ip;
	__be32 source;

	if (bpf_xdp_load_bytes(ctx, pkt->l3, &ip, sizeof(ip)) != 0)
		return -1;
	source = ip.saddr;
	ip.saddr = ip.daddr;
	ip.daddr = source;
	ip.ttl = HZ_REPLY_TTL;
	ip.check = 0;
	ip.check = hz_csum_fold(hz_csum_add(0, &ip, sizeof(ip)));
	return bpf_xdp_store_bytes(ctx, pkt->l3, &ip, sizeof(ip));
}

static __always_inline long echo_turn_ip6(struct xdp_md *ctx, const struct hz_pkt *pkt)
{
	struct ipv6hdr ip;
	struct in6_addr source;

	if (bpf_xdp_load_bytes(ctx, pkt->l3, &ip, sizeof(ip)) != 0)
		return -1;
	source = ip.saddr;
	ip.saddr = ip.daddr;
	ip.daddr = source;
	ip.hop_limit = HZ_REPLY_TTL;
	return bpf_xdp_store_bytes(ctx, pkt->l3, &ip, sizeof(ip));
}

/* Anything but an echo request is the kernel's: errors, neighbour discovery, replies. A global function,
 * like the others that follow a claim: the verifier looks at it once and not once per way to it. */
__noinline enum hz_reason hz_icmp_echo(struct xdp_md *ctx, const struct hz_pkt *pkt)
{
	__u8 request, reply;
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	struct hz_icmp icmp;

	if (pkt == NULL)
		return HZ_REASON_pass_not_ours;
	if (conf == NULL || conf->icmp_echo == 0 || hz_pkt_source_is_bogus(pkt))
		return HZ_REASON_pass_not_ours;
	request = pkt->version == 4 ? HZ_ICMP_ECHO_REQUEST : HZ_ICMP6_ECHO_REQUEST;
	reply = pkt->version == 4 ? HZ_ICMP_ECHO_REPLY : HZ_ICMP6_ECHO_REPLY;
	if (pkt->l4 + sizeof(icmp) > pkt->end ||
	    bpf_xdp_load_bytes(ctx, pkt->l4, &icmp, sizeof(icmp)) != 0)
		return HZ_REASON_pass_short;
	if (icmp.type != request || icmp.code != 0)
		return HZ_REASON_pass_not_ours;
	/* type is the first byte in memory, so the low half of the word on a little-endian machine */
	icmp.csum = hz_csum_replace(icmp.csum, bpf_htons((__u16)(request << 8)),
	                            bpf_htons((__u16)(reply << 8)));
	icmp.type = reply;
	if ((pkt->version == 4 ? echo_turn_ip4(ctx, pkt) : echo_turn_ip6(ctx, pkt)) != 0 ||
	    bpf_xdp_store_bytes(ctx, pkt->l4, &icmp, sizeof(icmp)) != 0 || echo_swap_macs(ctx) != 0)
		return HZ_REASON_health_bad; /* half-turned: nobody may see it */
	return HZ_REASON_icmp_echo;
}

#endif
