// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Every frame of an interface, before the kernel sees it:
 *
 *   parse -> is this address, port and protocol claimed? -> no: PASS
 *                                                           denied: DROP
 *                                                           health: answered here (TX)
 *                                                           echo:   answered here (TX)
 *                                                           site:   a named prober's answered here,
 *                                                                   a new flow refused when overloaded,
 *                                                                   no worker: PASS or DROP,
 *                                                                   a flow too many of its source: DROP,
 *                                                                   in a flood SYNs are answered here (TX),
 *                                                                   else AF_XDP socket of the queue
 *
 * Whatever is not ours passes, always: to the program that was here before us when one is chained, else
 * to the kernel. Each frame bumps one counter of `verdicts`. */
#define HZ_MAPS_XDP
#include "acl.h"
#include "health_tcp.h"
#include "health_udp.h"
#include "icmp_echo.h"
#include "maps.h"
#include "pkt.h"
#include "shed.h"
#include "src_rate.h"
#include "stats.h"
#include "steer.h"
#include "syn_cookie.h"

/* libxdp takes an attached program of this name, with this version in its BTF and a map xsks_map, for
 * one its sockets may use. The line must stand bare: wrapped in a struct it is not recognised. */
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* To the worker, unless it is a SYN too many or there is a flood of them. is_limited: hz_src_rate_has. */
static __always_inline enum hz_reason to_worker(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                __u64 now_ns, bool is_limited)
{
	bool is_syn = hz_tcp_is_syn(pkt), is_answered;
	enum hz_reason reason = hz_steer(ctx, now_ns);

	if (reason != HZ_REASON_steer)
		return reason;
	is_answered = hz_syn_is_answered(pkt, now_ns);
	if (is_syn && is_limited) {
		reason = hz_src_rate_count(pkt, now_ns, is_answered ? HZ_SRC_LOOK : HZ_SRC_SYN);
		if (reason != HZ_GO_ON)
			return reason;
	}
	if (is_answered)
		return hz_syn_answer(ctx, pkt, now_ns);
	reason = hz_syn_echo(ctx, pkt, now_ns);
	if (reason == HZ_REASON_steer) /* a note takes all the room there is */
		hz_steer_stamp(ctx, now_ns);
	else if (is_limited)
		(void)hz_src_rate_count(pkt, now_ns, HZ_SRC_ECHO);
	return reason;
}

/* A site's flow; some of its sources may be probers. list: enum hz_source_list. */
static __always_inline enum hz_reason site(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                           const struct hz_claim *claim, __u32 list)
{
	const struct hz_claim *prober = claim->has_probers ? hz_health_prober(pkt) : NULL;
	enum hz_reason reason = HZ_GO_ON;
	__u64 now_ns;

	if (prober != NULL)
		reason = hz_health_tcp(ctx, pkt, prober, true);
	if (reason != HZ_GO_ON)
		return reason;
	now_ns = bpf_ktime_get_ns(); /* once: reading it costs as much as a lookup in `vips` */
	if (list != HZ_SOURCE_PROBE)
		reason = hz_shed(ctx, pkt, claim, now_ns);
	return reason == HZ_GO_ON ? to_worker(ctx, pkt, now_ns, hz_src_rate_has(claim, list))
	                          : reason;
}

static __always_inline enum hz_reason claimed(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                              const struct hz_claim *claim)
{
	__u32 list;

	if (pkt->shape == HZ_SHAPE_OPTIONS)
		return HZ_REASON_pass_options;
	if (pkt->shape == HZ_SHAPE_FIRST_FRAGMENT)
		return HZ_REASON_drop_fragment;
	list = hz_acl_list(pkt);
	if (list == HZ_SOURCE_DENY)
		return hz_acl_denied(claim);
	if (claim->kind == HZ_CLAIM_SITE)
		return site(ctx, pkt, claim, list);
	if (claim->kind == HZ_CLAIM_HEALTH && pkt->key.protocol == IPPROTO_TCP)
		return hz_health_tcp(ctx, pkt, claim, false);
	if (claim->kind == HZ_CLAIM_HEALTH && pkt->key.protocol == IPPROTO_UDP)
		return hz_health_udp(ctx, pkt, claim);
	if (claim->kind == HZ_CLAIM_ADDRESS && pkt->key.port == 0)
		return hz_icmp_echo(ctx, pkt);
	return HZ_REASON_pass_not_ours;
}

static __always_inline enum hz_reason decide(struct xdp_md *ctx)
{
	struct hz_pkt pkt = { 0 };
	enum hz_reason reason = hz_pkt_parse(ctx, &pkt);
	const struct hz_claim *claim;

	if (reason != HZ_GO_ON)
		return reason;
	claim = bpf_map_lookup_elem(&vips, &pkt.key);
	if (claim != NULL && !pkt.to_group)
		return claimed(ctx, &pkt, claim);
	return pkt.shape == HZ_SHAPE_FIRST_FRAGMENT ? HZ_REASON_pass_fragment
	                                            : HZ_REASON_pass_not_ours;
}

/* What passes is as it came. The key is a constant, so that an empty slot costs one jump that the
 * kernel patches; the call comes back only when there is nobody to call. */
SEC("xdp")
int xsk_def_prog(struct xdp_md *ctx)
{
	int action = hz_stats_verdict(ctx, decide(ctx));

	if (action == XDP_PASS)
		bpf_tail_call(ctx, &hz_next, 0);
	return action;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
