/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* TCP with probers, without any state. Our initial sequence number is a keyed hash of the flow, so an
 * acknowledgement number says on its own how far a connection is; every answer has one length R. With
 * d = ack - 1 - cookie:
 *
 *   d = 0        handshake done, no answer seen     request -> answer            bare FIN -> FIN
 *   d = k R      k answers seen, all of which        the same, while k is below the limit of answers
 *                left the connection open
 *   d = k R + 1  our FIN seen, of the last answer    data or FIN -> ACK
 *                or the bare one
 *   between      an answer partly seen               data or FIN -> ACK
 *   beyond       not one of ours                     RST
 *
 * An answer carries our FIN, unless health/keep_alive is on, the request wants to go on and the limit is
 * not reached; without keep-alive the limit is one. A lost answer is repaired by the client's
 * retransmission of its request.
 *
 * On a site's port, for sources in probers_IF, the worker may have flows of the same sources, made
 * before the source was named. What the worker sends over 4 GiB sweeps through every value of d, so here
 * the cookie takes in the client's initial sequence number, one answer is the limit, a request must
 * begin with a method, and whatever is not clearly ours goes to the worker. */
#ifndef HZ_HEALTH_TCP_H
#define HZ_HEALTH_TCP_H

#include "beats.h"
#include "flow_key.h"
#include "health_http.h"
#include "health_keep.h"
#include "stats.h"
#include "tcp_reply.h"

/* One TCP segment of a prober. */
struct hz_probe {
	struct hz_tcp tcp;
	__u32 data_offset;
	__u32 progress; /* d above */
	__u32 answers_max;
	__u32 is_shared; /* on a site's port */
	enum hz_health health;
};

static __always_inline __u32 health_bind(const struct hz_probe *probe, __u32 isn)
{
	return probe->is_shared ? HZ_BIND_SHARED | isn >> HZ_ISN_SHIFT : HZ_BIND_HEALTH;
}

/* Fills progress. false: d is beyond what we ever sent. */
static __always_inline bool health_progress(const struct hz_pkt *pkt, struct hz_probe *probe)
{
	__u32 last = probe->answers_max * HZ_RESPONSE_BYTES + 1;
	__u32 acked = bpf_ntohl(probe->tcp.ack) - 1;
	__u32 isn = bpf_ntohl(probe->tcp.seq) - 1;

	probe->progress = acked - hz_flow_key(pkt, health_bind(probe, isn));
	if (probe->progress > last && probe->is_shared)
		probe->progress = acked - hz_flow_key(pkt, health_bind(probe, isn - HZ_ISN_REACH));
	return probe->progress <= last;
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

static __always_inline enum hz_reason health_send(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                  struct hz_tcp_reply *reply, __u32 flags,
                                                  enum hz_reason reason)
{
	reply->flags = flags;
	return hz_tcp_reply(ctx, pkt, reply) == 0 ? reason : HZ_REASON_health_bad;
}

/* The request is answered and, as a rule, the connection closed in one segment. */
static __always_inline enum hz_reason health_answer(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                    const struct hz_claim *claim,
                                                    const struct hz_probe *probe,
                                                    struct hz_tcp_reply *reply)
{
	__u32 matched = probe->health == HZ_HEALTH_READY ? HZ_RESPONSE_200 : HZ_RESPONSE_503;
	__u32 bytes = pkt->end - probe->data_offset;
	__u32 kind = hz_health_http(ctx, probe->data_offset, bytes, claim, matched);
	__u32 flags = HZ_TCP_ACK | HZ_TCP_PSH;

	if (kind == HZ_HTTP_NO_METHOD) {
		if (probe->is_shared)
			return HZ_GO_ON;
		kind = HZ_RESPONSE_404;
	}
	if ((probe->tcp.flags & HZ_TCP_FIN) == 0 &&
	    probe->progress / HZ_RESPONSE_BYTES + 1 < probe->answers_max &&
	    hz_health_keep(ctx, probe->data_offset, bytes))
		kind += HZ_RESPONSE_KEEP;
	else
		flags |= HZ_TCP_FIN;
	reply->answer = claim->response_base + kind;
	if (reply->answer >= HZ_RESPONSES_MAX)
		return HZ_REASON_health_bad; /* and never HZ_TCP_NO_ANSWER by accident */
	return health_send(ctx, pkt, reply, flags, health_answer_reason(kind));
}

/* A segment with ACK: everything after the handshake's first step. */
static __always_inline enum hz_reason health_acked(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                   const struct hz_claim *claim,
                                                   struct hz_probe *probe)
{
	__u32 data_bytes = pkt->end - probe->data_offset;
	__u32 fin = probe->tcp.flags & HZ_TCP_FIN ? 1 : 0;
	bool is_open;
	struct hz_tcp_reply reply = {
		.seq = bpf_ntohl(probe->tcp.ack),
		.ack = bpf_ntohl(probe->tcp.seq) + data_bytes + fin,
		.answer = HZ_TCP_NO_ANSWER,
	};

	if (probe->tcp.flags & HZ_TCP_SYN || !health_progress(pkt, probe)) {
		if (probe->is_shared)
			return HZ_GO_ON;
		reply.ack = 0; /* RFC 9293 3.5.2: <SEQ=SEG.ACK><CTL=RST> */
		return health_send(ctx, pkt, &reply, HZ_TCP_RST, HZ_REASON_health_reset);
	}
	is_open = probe->progress % HZ_RESPONSE_BYTES == 0 &&
	          probe->progress / HZ_RESPONSE_BYTES < probe->answers_max;
	if (data_bytes > 0 && is_open)
		return health_answer(ctx, pkt, claim, probe, &reply);
	if (data_bytes > 0 || fin)
		return health_send(ctx, pkt, &reply, is_open ? HZ_TCP_ACK | HZ_TCP_FIN : HZ_TCP_ACK,
		                   HZ_REASON_health_ack);
	return HZ_REASON_health_idle;
}

static __always_inline enum hz_reason health_segment(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                     const struct hz_claim *claim,
                                                     struct hz_probe *probe)
{
	enum hz_reason bad = probe->is_shared ? HZ_GO_ON : HZ_REASON_health_bad;
	struct hz_tcp_reply reply = { .answer = HZ_TCP_NO_ANSWER };

	if (bpf_xdp_load_bytes(ctx, pkt->l4, &probe->tcp, sizeof(probe->tcp)) != 0)
		return HZ_REASON_health_bad;
	probe->data_offset = pkt->l4 + (probe->tcp.offset >> 4) * 4u;
	if (probe->data_offset < pkt->l4 + sizeof(probe->tcp) || probe->data_offset > pkt->end ||
	    hz_pkt_source_is_bogus(pkt))
		return bad;
	if (probe->tcp.flags & HZ_TCP_RST)
		return probe->is_shared ? HZ_GO_ON : HZ_REASON_health_idle;
	if (probe->tcp.flags & HZ_TCP_ACK)
		return health_acked(ctx, pkt, claim, probe);
	if ((probe->tcp.flags & (HZ_TCP_SYN | HZ_TCP_FIN)) != HZ_TCP_SYN)
		return bad;
	reply.answer = HZ_TCP_NO_ANSWER;
	hz_tcp_reply_mss(&reply, HZ_TCP_HEALTH_MSS);
	reply.seq = hz_flow_key(pkt, health_bind(probe, bpf_ntohl(probe->tcp.seq)));
	reply.ack = bpf_ntohl(probe->tcp.seq) + 1; /* data in a SYN is not taken: it comes again */
	return health_send(ctx, pkt, &reply, HZ_TCP_SYN | HZ_TCP_ACK, HZ_REASON_health_syn_ack);
}

/* With health/on_dead = pass a dead server's probes go to whoever listens in the kernel. is_shared: on
 * a site's port; then HZ_GO_ON may come back: the worker's. */
__noinline enum hz_reason hz_health_tcp(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                        const struct hz_claim *claim, __u32 is_shared)
{
	__u64 entered_ns = bpf_ktime_get_ns();
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	struct hz_probe probe = { .is_shared = is_shared };
	enum hz_reason reason;

	if (conf == NULL || pkt == NULL || claim == NULL)
		return HZ_REASON_pass_not_ours;
	if (conf->health_off)
		return is_shared ? HZ_GO_ON : HZ_REASON_pass_health_off;
	probe.health = hz_beats_health(entered_ns);
	if (probe.health == HZ_HEALTH_DEAD && conf->on_dead == HZ_ON_DEAD_PASS)
		return HZ_REASON_pass_on_dead;
	probe.answers_max = conf->keep_alive && !is_shared ? HZ_HEALTH_ANSWERS_MAX : 1;
	reason = health_segment(ctx, pkt, claim, &probe);
	if (reason == HZ_REASON_health_200 || reason == HZ_REASON_health_503 ||
	    reason == HZ_REASON_health_404)
		hz_stats_health(bpf_ktime_get_ns() - entered_ns);
	return reason;
}

/* The claim of a prober on a site's port; NULL: anybody else. */
static __always_inline const struct hz_claim *hz_health_prober(const struct hz_pkt *pkt)
{
	struct hz_prober_key who = { .prefixlen = 8 * (sizeof(who) - sizeof(who.prefixlen)),
		                     .port = pkt->key.port,
		                     .addr = pkt->source };

	return bpf_map_lookup_elem(&probers, &who);
}

#endif
