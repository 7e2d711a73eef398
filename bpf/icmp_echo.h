/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* ICMP and ICMPv6 echo (RFC 792, RFC 4443 4.2) for claimed addresses: the frame turns round in place,
 * its length does not change. Each CPU answers HZ_ECHO_PER_S in the long run; what is beyond is dropped,
 * as the kernel, which has no limit of its own, would answer it at many times the cost. A ping larger
 * than HZ_ECHO_BYTES_MAX is about the path's MTU and not about health: it is the kernel's. */
#ifndef HZ_ICMP_ECHO_H
#define HZ_ICMP_ECHO_H

#include "csum.h"
#include "maps.h"
#include "pkt.h"
#include "turn.h"

#define HZ_ECHO_PER_S     1000
#define HZ_ECHO_BURST     100
#define HZ_ECHO_BYTES_MAX 1500 /* of the IP packet */
#define HZ_ECHO_EACH_NS   (1000000000ULL / HZ_ECHO_PER_S)

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

/* The generic cell rate algorithm (ITU-T I.371); one writer, as this CPU is not preempted in XDP. */
static __always_inline bool echo_is_within_rate(__u64 now_ns)
{
	__u32 zero = 0;
	__u64 *due_ns = bpf_map_lookup_elem(&echo_due, &zero);

	if (due_ns == NULL)
		return false;
	if (*due_ns > now_ns + (HZ_ECHO_BURST - 1) * HZ_ECHO_EACH_NS)
		return false;
	*due_ns = (*due_ns > now_ns ? *due_ns : now_ns) + HZ_ECHO_EACH_NS;
	return true;
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
	if (conf == NULL || conf->icmp_echo == 0 || hz_pkt_source_is_bogus(pkt) ||
	    pkt->end - pkt->l3 > HZ_ECHO_BYTES_MAX)
		return HZ_REASON_pass_not_ours;
	request = pkt->version == 4 ? HZ_ICMP_ECHO_REQUEST : HZ_ICMP6_ECHO_REQUEST;
	reply = pkt->version == 4 ? HZ_ICMP_ECHO_REPLY : HZ_ICMP6_ECHO_REPLY;
	if (pkt->l4 + sizeof(icmp) > pkt->end ||
	    bpf_xdp_load_bytes(ctx, pkt->l4, &icmp, sizeof(icmp)) != 0)
		return HZ_REASON_pass_short;
	if (icmp.type != request || icmp.code != 0)
		return HZ_REASON_pass_not_ours;
	if (!echo_is_within_rate(bpf_ktime_get_ns()))
		return HZ_REASON_drop_echo_rate;
	/* type is the first byte in memory, so the low half of the word on a little-endian machine */
	icmp.csum = hz_csum_replace(icmp.csum, bpf_htons((__u16)(request << 8)),
	                            bpf_htons((__u16)(reply << 8)));
	icmp.type = reply;
	if (bpf_xdp_store_bytes(ctx, pkt->l4, &icmp, sizeof(icmp)) != 0 ||
	    hz_turn(ctx, pkt, pkt->end - pkt->l4) != 0)
		return HZ_REASON_health_bad;
	return HZ_REASON_icmp_echo;
}

#endif
