/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Refusing new flows, before they cost the worker anything. How many, the workers say (abi/shed_word.h); which ones, a
 * keyed hash of the flow: a retransmitted SYN meets the same verdict, and who is in stays in, as only SYNs are looked
 * at. control and sources that probe are never refused; what a worker sheds, core/overload.h.
 *
 * shed/verdict: nothing, RST (RFC 9293 3.10.7.1), or a 503 with Retry-After without any state, as health_tcp.h has it
 * on a site's port: the cookie takes in the client's initial number, with R the length of the answer and
 * d = ack - 1 - cookie a segment is one of a refused flow only if
 *
 *   d = 0       request -> 503 and FIN     bare FIN -> FIN     bare ACK: the handshake's last
 *   d = R       data or FIN -> ACK         the 503 was seen
 *   d = R + 1   data or FIN -> ACK         our FIN too
 *
 * and data that meets d = 0 begins with a method. Everything else is the worker's, so one segment in a billion of its
 * flows may be taken for ours, and none that carries data. Segments are looked at for as long after the last such SYN
 * as a client may take to send its request, whatever the level is by then; a request longer than its first segment
 * is reset behind its 503, by the worker. */
#ifndef HZ_SHED_H
#define HZ_SHED_H

#include "abi/shed_word.h"
#include "beats.h"
#include "flow_key.h"
#include "shed_note.h"
#include "stats.h"
#include "tcp_reply.h"

#define HZ_SHED_TOLD_NS  30000000000ULL /* of silence before its request a client may want */
#define HZ_SHED_STORE_NS 100000000ULL   /* no CPU stores the time more often */

/* Of the live workers that are pressed hardest, for each field; 0: nothing is refused. */
static __always_inline __u64 hz_shed_level(__u64 now_ns)
{
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	__u64 word = 0;

	if (conf == NULL)
		return 0;
	for (__u32 i = 0; i < HZ_WORKERS_MAX && i < conf->workers; i++) {
		const struct hz_beat *one = beat_of(i);

		if (one != NULL && one->shed != 0 && !beat_is_stale(one, conf, now_ns))
			word = hz_shed_word_worse(word, one->shed);
	}
	return word;
}

/* Other CPUs store it too, so it is loaded once, and may be of a moment after now. */
static __always_inline void shed_tell(__u64 now_ns)
{
	__u32 zero = 0;
	volatile __u64 *told_ns = bpf_map_lookup_elem(&shed_told, &zero);
	__u64 last_ns;

	if (told_ns == NULL)
		return;
	last_ns = *told_ns;
	if (now_ns > last_ns && now_ns - last_ns > HZ_SHED_STORE_NS)
		*told_ns = now_ns;
}

static __always_inline bool shed_has_told(__u64 now_ns)
{
	__u32 zero = 0;
	const volatile __u64 *told_ns = bpf_map_lookup_elem(&shed_told, &zero);
	__u64 last_ns;

	if (told_ns == NULL)
		return false;
	last_ns = *told_ns;
	return last_ns != 0 && (last_ns > now_ns || now_ns - last_ns < HZ_SHED_TOLD_NS);
}

/* What leaves by TX is sampled as it came: afterwards it is our answer. */
static __always_inline enum hz_reason shed_send(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                const struct hz_tcp_reply *reply,
                                                enum hz_reason reason)
{
	if (reason != HZ_REASON_shed_ack)
		(void)hz_sample_frame(ctx, reason);
	return hz_tcp_reply(ctx, pkt, reply) == 0 ? reason : HZ_REASON_shed_drop;
}

static __always_inline enum hz_reason shed_verdict(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                   __u32 verdict, __u64 now_ns)
{
	struct hz_tcp_reply reply = { .answer = HZ_TCP_NO_ANSWER };
	struct hz_tcp tcp;
	__u32 data_offset, isn;

	if (verdict != HZ_SHED_RESET && verdict != HZ_SHED_ANSWER503)
		return HZ_REASON_shed_drop;
	if (pkt->tcp_flags & HZ_TCP_FIN)
		return HZ_REASON_shed_drop;
	if (hz_pkt_source_is_bogus(pkt) || bpf_xdp_load_bytes(ctx, pkt->l4, &tcp, sizeof(tcp)) != 0)
		return HZ_REASON_shed_drop;
	isn = bpf_ntohl(tcp.seq);
	data_offset = pkt->l4 + (tcp.offset >> 4) * 4u;
	if (data_offset < pkt->l4 + sizeof(tcp) || data_offset > pkt->end)
		return HZ_REASON_shed_drop;
	if (verdict == HZ_SHED_RESET) {
		reply.ack = isn + 1 + (pkt->end - data_offset);
		reply.flags = HZ_TCP_RST | HZ_TCP_ACK;
		return shed_send(ctx, pkt, &reply, HZ_REASON_shed_reset);
	}
	shed_tell(now_ns);
	reply.seq = hz_flow_key(pkt, HZ_BIND_SHED | isn >> HZ_ISN_SHIFT);
	reply.ack = isn + 1;
	reply.flags = HZ_TCP_SYN | HZ_TCP_ACK;
	hz_tcp_reply_mss(&reply, HZ_TCP_HEALTH_MSS);
	return shed_send(ctx, pkt, &reply, HZ_REASON_shed_syn_ack);
}

static __always_inline enum hz_reason shed_draw(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                __u32 class, __u64 now_ns)
{
	__u64 word = hz_shed_level(now_ns);
	__u32 zero = 0, draw;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);

	if (conf == NULL || word == 0)
		return HZ_GO_ON;
	draw = (__u32)((__u64)hz_flow_key(pkt, HZ_BIND_DRAW) * HZ_SHED_ALL >> 32);
	if (draw < hz_shed_field(word, HZ_SHED_SHUT))
		return HZ_REASON_shed_drop;
	if (draw < hz_shed_field(word, class == HZ_CLASS_GOLD ? HZ_SHED_GOLD : HZ_SHED_BULK))
		return shed_verdict(ctx, pkt, conf->shed_verdict, now_ns);
	if (draw < hz_shed_field(word, HZ_SHED_CANNED))
		return shed_verdict(ctx, pkt, HZ_SHED_ANSWER503, now_ns);
	return HZ_GO_ON;
}

/* A SYN to a site. HZ_GO_ON: it may come in. Global: the verifier walks the loop over the workers once. */
__noinline enum hz_reason hz_shed_syn(struct xdp_md *ctx, const struct hz_pkt *pkt, __u32 class,
                                      __u64 now_ns)
{
	enum hz_reason reason = pkt == NULL ? HZ_GO_ON : shed_draw(ctx, pkt, class, now_ns);

	if (pkt != NULL && reason != HZ_GO_ON)
		hz_shed_note(pkt, reason, now_ns);
	return reason;
}

/* Does a request begin with these bytes? Methods of RFC 9110 9.3 and PATCH (RFC 5789), by their first four. */
static __always_inline bool shed_is_method(struct xdp_md *ctx, __u32 offset)
{
	char m[4];

	if (bpf_xdp_load_bytes(ctx, offset, m, sizeof(m)) != 0)
		return false;
#define IS(a, b, c, d) (m[0] == (a) && m[1] == (b) && m[2] == (c) && m[3] == (d))
	return IS('G', 'E', 'T', ' ') || IS('H', 'E', 'A', 'D') || IS('P', 'O', 'S', 'T') ||
	       IS('P', 'U', 'T', ' ') || IS('D', 'E', 'L', 'E') || IS('O', 'P', 'T', 'I') ||
	       IS('P', 'A', 'T', 'C') || IS('C', 'O', 'N', 'N') || IS('T', 'R', 'A', 'C');
#undef IS
}

/* d of the table above; anything else: not one of a refused flow. */
static __always_inline __u32 shed_progress(const struct hz_pkt *pkt, const struct hz_tcp *tcp)
{
	__u32 acked = bpf_ntohl(tcp->ack) - 1, isn = bpf_ntohl(tcp->seq) - 1;
	__u32 d = acked - hz_flow_key(pkt, HZ_BIND_SHED | isn >> HZ_ISN_SHIFT);

	if (d == 0 || d == HZ_RESPONSE_BYTES || d == HZ_RESPONSE_BYTES + 1)
		return d;
	return acked - hz_flow_key(pkt, HZ_BIND_SHED | (isn - HZ_ISN_REACH) >> HZ_ISN_SHIFT);
}

/* A segment to a site that is no SYN. HZ_GO_ON: the worker's. */
__noinline enum hz_reason hz_shed_segment(struct xdp_md *ctx, const struct hz_pkt *pkt)
{
	struct hz_tcp_reply reply = { .answer = HZ_TCP_NO_ANSWER };
	__u32 data_offset, data_bytes, progress, fin;
	struct hz_tcp tcp;

	if (pkt == NULL || bpf_xdp_load_bytes(ctx, pkt->l4, &tcp, sizeof(tcp)) != 0)
		return HZ_GO_ON;
	data_offset = pkt->l4 + (tcp.offset >> 4) * 4u;
	if (data_offset < pkt->l4 + sizeof(tcp) || data_offset > pkt->end ||
	    hz_pkt_source_is_bogus(pkt))
		return HZ_GO_ON;
	progress = shed_progress(pkt, &tcp);
	if (progress != 0 && progress != HZ_RESPONSE_BYTES && progress != HZ_RESPONSE_BYTES + 1)
		return HZ_GO_ON;
	data_bytes = pkt->end - data_offset;
	fin = tcp.flags & HZ_TCP_FIN ? 1 : 0;
	if (data_bytes + fin == 0)
		return HZ_REASON_shed_idle;
	reply.seq = bpf_ntohl(tcp.ack);
	reply.ack = bpf_ntohl(tcp.seq) + data_bytes + fin;
	reply.flags = HZ_TCP_ACK;
	if (progress != 0)
		return shed_send(ctx, pkt, &reply, HZ_REASON_shed_ack);
	reply.flags |= HZ_TCP_FIN;
	if (data_bytes == 0)
		return shed_send(ctx, pkt, &reply, HZ_REASON_shed_ack);
	if (data_bytes < 4 || !shed_is_method(ctx, data_offset))
		return HZ_GO_ON;
	reply.flags |= HZ_TCP_PSH;
	reply.answer = HZ_RESPONSE_SHED;
	return shed_send(ctx, pkt, &reply, HZ_REASON_shed_503);
}

static __always_inline enum hz_reason hz_shed(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                              const struct hz_claim *claim, __u64 now_ns)
{
	if (hz_tcp_is_syn(pkt) && claim->shed_class != HZ_CLASS_CONTROL)
		return hz_shed_syn(ctx, pkt, claim->shed_class, now_ns);
	if (hz_tcp_is_acking(pkt) && shed_has_told(now_ns))
		return hz_shed_segment(ctx, pkt);
	return HZ_GO_ON;
}

#endif
