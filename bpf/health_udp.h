/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A UDP probe: ready is the claim's body, anything else the kernel's "port unreachable", as of a server
 * that is not there. A probe that looks at what comes back and one that only looks for errors both see
 * the same. The answer is shorter than its probe: with a forged source it is no amplifier, and two
 * health ports that are made to talk to each other soon have nothing left to say. */
#ifndef HZ_HEALTH_UDP_H
#define HZ_HEALTH_UDP_H

#include "beats.h"
#include "csum.h"
#include "maps.h"
#include "pkt.h"
#include "turn.h"

struct hz_udp {
	struct hz_ports ports;
	__be16 bytes;
	__u16 csum;
};

struct udp_answer {
	struct hz_udp udp;
	__u8 text[HZ_HEALTH_BODY_MAX];
};

/* The datagram, text_bytes of text; zeros behind them do not count in the sum. */
static __always_inline void udp_answer_fill(struct udp_answer *out, const struct hz_pkt *pkt,
                                            const struct hz_response *body, __u32 text_bytes)
{
	__u64 sum;

	out->udp.ports.source = pkt->key.port;
	out->udp.ports.dest = pkt->source_port;
	out->udp.bytes = bpf_htons((__u16)(sizeof(out->udp) + text_bytes));
	out->udp.csum = 0;
	for (__u32 i = 0; i < HZ_HEALTH_BODY_MAX; i++) {
		__u32 below = i - text_bytes; /* negative: this byte counts */

		asm volatile("" : "+r"(below)); /* no branch: each would double what is verified */
		out->text[i] = body->data[i] & (__u8)((__s32)below >> 31);
	}
	/* Of a v4-mapped address the ffff in front adds nothing to a ones' complement sum. */
	sum = hz_csum_add(0, &pkt->source, sizeof(pkt->source));
	sum = hz_csum_add(sum, &pkt->key.addr, sizeof(pkt->key.addr));
	sum += bpf_htons(IPPROTO_UDP);
	sum += out->udp.bytes;
	sum = hz_csum_add(sum, out, sizeof(*out));
	out->udp.csum = hz_csum_fold(sum);
	if (out->udp.csum == 0) /* 0 says that there is none (RFC 768) */
		out->udp.csum = 0xffff;
}

static __always_inline enum hz_reason udp_answer(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                 const struct hz_claim *claim)
{
	__u32 index = claim->response_base, text_bytes, probe_bytes, frame_bytes;
	const struct hz_response *body = bpf_map_lookup_elem(&resp, &index);
	struct udp_answer out;

	if (body == NULL || bpf_xdp_load_bytes(ctx, pkt->l4, &out.udp, sizeof(out.udp)) != 0)
		return HZ_REASON_health_bad;
	probe_bytes = bpf_ntohs(out.udp.bytes);
	if (probe_bytes < sizeof(out.udp) || probe_bytes > pkt->end - pkt->l4 ||
	    pkt->source_port == 0 || hz_pkt_source_is_bogus(pkt))
		return HZ_REASON_health_bad;
	probe_bytes -= (__u32)sizeof(out.udp);
	if (probe_bytes == 0)
		return HZ_REASON_health_idle; /* nothing is shorter */
	text_bytes = body->bytes < probe_bytes ? body->bytes : probe_bytes - 1;
	asm volatile("" : "+r"(text_bytes)); /* or the check below and the use part ways */
	if (text_bytes > HZ_HEALTH_BODY_MAX)
		return HZ_REASON_health_bad;
	udp_answer_fill(&out, pkt, body, text_bytes);
	frame_bytes = pkt->l4 + (__u32)sizeof(out.udp) + text_bytes;
	if (hz_turn(ctx, pkt, (__u32)sizeof(out.udp) + text_bytes) != 0 ||
	    bpf_xdp_store_bytes(ctx, pkt->l4, &out, (__u32)sizeof(out.udp) + text_bytes) != 0 ||
	    bpf_xdp_adjust_tail(ctx, (int)frame_bytes - (int)bpf_xdp_get_buff_len(ctx)) != 0)
		return HZ_REASON_health_bad;
	return HZ_REASON_health_udp;
}

__noinline enum hz_reason hz_health_udp(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                        const struct hz_claim *claim)
{
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	enum hz_health health;

	if (conf == NULL || pkt == NULL || claim == NULL)
		return HZ_REASON_pass_not_ours;
	if (conf->health_off)
		return HZ_REASON_pass_health_off;
	health = hz_beats_health(bpf_ktime_get_ns());
	if (health == HZ_HEALTH_DEAD && conf->on_dead == HZ_ON_DEAD_PASS)
		return HZ_REASON_pass_on_dead;
	if (health == HZ_HEALTH_DEAD && conf->on_dead == HZ_ON_DEAD_DROP)
		return HZ_REASON_drop_on_dead;
	if (health != HZ_HEALTH_READY)
		return HZ_REASON_pass_not_ready;
	return udp_answer(ctx, pkt, claim);
}

#endif
