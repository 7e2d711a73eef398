/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* TCP on a health port without any state. Our initial sequence number is a keyed hash of the flow, so
 * an acknowledgement number says on its own how far a connection is; every answer has one length R and
 * carries our FIN. With d = ack - 1 - cookie:
 *
 *   d = 0        handshake done, no answer seen     request -> answer + FIN      bare FIN -> FIN
 *   d = 1..R     answer partly seen, or our bare FIN
 *   d = R + 1    answer and FIN seen                data or FIN -> ACK
 *   else         not one of ours                    RST
 *
 * A lost answer is repaired by the client's retransmission of its request. */
#ifndef HZ_HEALTH_TCP_H
#define HZ_HEALTH_TCP_H

#include "abi/cookie_siphash.h"
#include "beats.h"
#include "health_http.h"
#include "stats.h"
#include "tcp_reply.h"

static __always_inline __u32 health_cookie(const struct hz_pkt *pkt)
{
	__u32 zero = 0;
	const struct hz_cookie_key *secret = bpf_map_lookup_elem(&key, &zero);
	__u64 word[5];

	if (secret == NULL)
		return 0;
	__builtin_memcpy(&word[0], &pkt->source, sizeof(pkt->source));
	__builtin_memcpy(&word[2], &pkt->key.addr, sizeof(pkt->key.addr));
	word[4] = (__u64)pkt->source_port << 16 | pkt->key.port;
	return (__u32)hz_siphash(secret->k0, secret->k1, word, 5);
}

static __always_inline enum hz_reason health_answer_reason(__u32 kind)
{
	switch (kind % HZ_RESPONSE_HEAD) {
	case HZ_RESPONSE_200:
		return HZ_REASON_health_200;
	case HZ_RESPONSE_503:
		return HZ_REASON_health_503;
	default:
		return HZ_REASON_health_404;
	}
}

/* The request at offset is answered and the connection closed in one segment. */
static __always_inline enum hz_reason health_answer(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                    const struct hz_claim *claim,
                                                    struct hz_tcp_reply *reply, __u32 offset,
                                                    enum hz_health health)
{
	__u32 matched = health == HZ_HEALTH_READY ? HZ_RESPONSE_200 : HZ_RESPONSE_503;
	__u32 kind = hz_health_http(ctx, offset, pkt->end - offset, claim, matched);

	reply->answer = claim->response_base + kind;
	if (reply->answer >= HZ_RESPONSES_MAX)
		return HZ_REASON_health_bad; /* and never HZ_TCP_NO_ANSWER by accident */
	reply->flags = HZ_TCP_ACK | HZ_TCP_PSH | HZ_TCP_FIN;
	return hz_tcp_reply(ctx, pkt, reply) == 0 ? health_answer_reason(kind)
	                                          : HZ_REASON_health_bad;
}

static __always_inline enum hz_reason health_send(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                  struct hz_tcp_reply *reply, __u32 flags,
                                                  enum hz_reason reason)
{
	reply->flags = flags;
	return hz_tcp_reply(ctx, pkt, reply) == 0 ? reason : HZ_REASON_health_bad;
}

/* A segment with ACK: everything after the handshake's first step. */
static __always_inline enum hz_reason health_acked(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                   const struct hz_claim *claim,
                                                   const struct hz_tcp *tcp, __u32 data_offset,
                                                   enum hz_health health)
{
	__u32 data_bytes = pkt->end - data_offset;
	__u32 fin = tcp->flags & HZ_TCP_FIN ? 1 : 0;
	__u32 progress = bpf_ntohl(tcp->ack) - 1 - health_cookie(pkt);
	struct hz_tcp_reply reply = {
		.seq = bpf_ntohl(tcp->ack),
		.ack = bpf_ntohl(tcp->seq) + data_bytes + fin,
		.answer = HZ_TCP_NO_ANSWER,
	};

	if (tcp->flags & HZ_TCP_SYN || progress > HZ_RESPONSE_BYTES + 1) {
		reply.ack = 0; /* RFC 9293 3.5.2: <SEQ=SEG.ACK><CTL=RST> */
		return health_send(ctx, pkt, &reply, HZ_TCP_RST, HZ_REASON_health_reset);
	}
	if (data_bytes > 0 && progress == 0)
		return health_answer(ctx, pkt, claim, &reply, data_offset, health);
	if (data_bytes > 0 || fin)
		return health_send(ctx, pkt, &reply,
		                   progress == 0 ? HZ_TCP_ACK | HZ_TCP_FIN : HZ_TCP_ACK,
		                   HZ_REASON_health_ack);
	return HZ_REASON_health_idle;
}

static __always_inline enum hz_reason health_segment(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                     const struct hz_claim *claim,
                                                     enum hz_health health)
{
	struct hz_tcp_reply reply;
	struct hz_tcp tcp;
	__u32 data_offset;

	if (bpf_xdp_load_bytes(ctx, pkt->l4, &tcp, sizeof(tcp)) != 0)
		return HZ_REASON_health_bad;
	data_offset = pkt->l4 + (tcp.offset >> 4) * 4u;
	if (data_offset < pkt->l4 + sizeof(tcp) || data_offset > pkt->end ||
	    hz_pkt_source_is_bogus(pkt))
		return HZ_REASON_health_bad;
	if (tcp.flags & HZ_TCP_RST)
		return HZ_REASON_health_idle;
	if (tcp.flags & HZ_TCP_ACK)
		return health_acked(ctx, pkt, claim, &tcp, data_offset, health);
	if ((tcp.flags & (HZ_TCP_SYN | HZ_TCP_FIN)) != HZ_TCP_SYN)
		return HZ_REASON_health_bad;
	reply.answer = HZ_TCP_NO_ANSWER;
	reply.seq = health_cookie(pkt);
	reply.ack = bpf_ntohl(tcp.seq) + 1; /* data in a SYN is not taken: it comes again */
	return health_send(ctx, pkt, &reply, HZ_TCP_SYN | HZ_TCP_ACK, HZ_REASON_health_syn_ack);
}

/* With health/on_dead = pass a dead server's probes go to whoever listens in the kernel. */
__noinline enum hz_reason hz_health_tcp(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                        const struct hz_claim *claim)
{
	__u64 entered_ns = bpf_ktime_get_ns();
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	enum hz_health health;
	enum hz_reason reason;

	if (conf == NULL || pkt == NULL || claim == NULL)
		return HZ_REASON_pass_not_ours;
	health = hz_beats_health(entered_ns);
	if (health == HZ_HEALTH_DEAD && conf->on_dead == HZ_ON_DEAD_PASS)
		return HZ_REASON_pass_on_dead;
	reason = health_segment(ctx, pkt, claim, health);
	if (reason == HZ_REASON_health_200 || reason == HZ_REASON_health_503 ||
	    reason == HZ_REASON_health_404)
		hz_stats_health(bpf_ktime_get_ns() - entered_ns);
	return reason;
}

#endif
