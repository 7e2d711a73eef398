/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* How many new flows one source may open: the generic cell rate algorithm (ITU-T I.371), one word per
 * source, of IPv6 per /64, as a client has all of one. Only SYNs count, so an open flow is never touched.
 * Sources are remembered as long as there is room; of one that was forgotten, and of a new one, the first
 * flow is let in. Inserting is the dearest thing this program does: it comes after every other refusal. */
#ifndef HZ_SRC_RATE_H
#define HZ_SRC_RATE_H

#include "maps.h"
#include "pkt.h"
#include "tcp_reply.h"

static __always_inline bool src_is_syn(const struct hz_pkt *pkt)
{
	return (pkt->tcp_flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST)) == HZ_TCP_SYN;
}

/* IPv4 as a whole. */
static __always_inline struct hz_addr src_of(const struct hz_pkt *pkt)
{
	struct hz_addr who = pkt->source;

	if (pkt->version == 6)
		__builtin_memset(who.byte + 8, 0, 8);
	return who;
}

/* The slot is another CPU's as well. One attempt: who loses it, came at the same moment as a flow that was
 * counted and comes in uncounted; nobody waits. */
static __always_inline bool src_take(struct hz_src *known, const struct hz_source_rate *rate,
                                     __u64 now_ns)
{
	__u64 due_ns = *(volatile __u64 *)&known->due_ns;

	if (due_ns > now_ns && due_ns - now_ns > rate->ahead_ns) {
		known->refused_ns = now_ns;
		__sync_fetch_and_add(&known->refused, 1);
		return false;
	}
	__sync_val_compare_and_swap(&known->due_ns, due_ns,
	                            (due_ns > now_ns ? due_ns : now_ns) + rate->each_ns);
	return true;
}

/* A SYN of somebody whom no list exempts. Global: the verifier looks at it once. */
__noinline enum hz_reason hz_src_rate_syn(const struct hz_pkt *pkt)
{
	__u32 zero = 0;
	const struct hz_source_rate *rate = bpf_map_lookup_elem(&src_rate, &zero);
	__u64 now_ns = bpf_ktime_get_ns();
	struct hz_src *known, first;
	struct hz_addr who;

	if (rate == NULL || rate->each_ns == 0 || pkt == NULL)
		return HZ_GO_ON;
	who = src_of(pkt);
	known = bpf_map_lookup_elem(&src, &who);
	if (known != NULL)
		return src_take(known, rate, now_ns) ? HZ_GO_ON : HZ_REASON_drop_source_rate;
	first = (struct hz_src){ .due_ns = now_ns + rate->each_ns };
	(void)bpf_map_update_elem(&src, &who, &first, BPF_NOEXIST);
	return HZ_GO_ON;
}

/* HZ_GO_ON, or the reason to drop it. list: of hz_acl_list. */
static __always_inline enum hz_reason hz_src_rate(const struct hz_pkt *pkt, __u32 list)
{
	if (!src_is_syn(pkt) || list == HZ_SOURCE_ALLOW || list == HZ_SOURCE_PROBE)
		return HZ_GO_ON;
	return hz_src_rate_syn(pkt);
}

#endif
