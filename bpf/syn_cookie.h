/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A flood of SYNs to a site's port, answered without any state (abi/cookie_syn.h), while a worker says so in
 * `cookies`:
 *
 *   SYN                                 -> SYN-ACK with a cookie
 *   SYN that no worker takes            -> dropped: malformed options, an address that nobody has, FIN with it
 *   ACK of what may be a cookie         -> to the worker, with a note if it is one
 *   anything else                       -> to the worker
 *
 * XDP has no table of flows. So what is no SYN is never dropped here, and a number that is no cookie says
 * nothing: what looks like one may be of any connection. Which flow a segment is of, and what is to be done
 * about it, the worker knows; it takes the note only for what belongs to no flow. */
#ifndef HZ_SYN_COOKIE_H
#define HZ_SYN_COOKIE_H

#include "abi/cookie_syn.h"
#include "maps.h"
#include "tcp_reply.h"

#define HZ_SYN_OPTIONS_MAX 40
#define HZ_SYN_NS_PER_MS   1000000

/* What a SYN says. */
struct hz_syn {
	__u32 seq;
	__u32 mss;    /* 0: not given; of hz_syn_read: hz_cookie_mss_theirs */
	__u32 wscale; /* or HZ_COOKIE_TS_SCALE_NONE */
	__u32 has_sack;
	__u32 has_ts;
	__u32 ts_val;
};

/* Its options, loaded to the stack: a walk on the packet costs five times the verifier's work. */
struct hz_syn_scan {
	__u8 byte[64]; /* HZ_SYN_OPTIONS_MAX of them, so that an index needs a mask and no check */
	__u32 bytes;
	__u32 at;
	__u32 is_bad;
	struct hz_syn syn;
};

static __always_inline __u32 syn_byte(const struct hz_syn_scan *scan, __u32 at)
{
	asm volatile("%0 &= 63" : "+r"(at)); /* or its bounds are lost between here and the use */
	return scan->byte[at];
}

static __always_inline void syn_option(struct hz_syn_scan *scan, __u32 kind, __u32 bytes, __u32 at)
{
	__u32 high = syn_byte(scan, at + 2) << 8 | syn_byte(scan, at + 3);
	__u32 low = syn_byte(scan, at + 4) << 8 | syn_byte(scan, at + 5);
	__u32 wscale = high >> 8;

	if (kind == 2 && bytes == 4) {
		scan->syn.mss = high;
	} else if (kind == 3 && bytes == 3) {
		scan->syn.wscale = wscale > 14 ? 14 : wscale; /* RFC 7323 2.3 */
	} else if (kind == 4 && bytes == 2) {
		scan->syn.has_sack = 1;
	} else if (kind == 8 && bytes == 10) {
		scan->syn.ts_val = high << 16 | low;
		scan->syn.has_ts = 1;
	} else if (kind == 2 || kind == 3 || kind == 4 || kind == 8) {
		scan->is_bad = 1;
	}
}

/* One option; 1: it was the last. Global: the verifier looks at it once, and not at every way to it. */
__noinline int hz_syn_option(struct hz_syn_scan *scan)
{
	__u32 at, kind, bytes;

	if (scan == NULL || scan->at >= scan->bytes)
		return 1;
	at = scan->at;
	kind = syn_byte(scan, at);
	if (kind == 0) /* end of options, RFC 9293 3.2 */
		return 1;
	if (kind == 1) {
		scan->at = at + 1;
		return 0;
	}
	bytes = syn_byte(scan, at + 1);
	if (at + 2 > scan->bytes || bytes < 2 || at + bytes > scan->bytes) {
		scan->is_bad = 1;
		return 1;
	}
	syn_option(scan, kind, bytes, at);
	scan->at = at + bytes;
	return 0;
}

static long syn_option_next(__u32 turn, void *scan)
{
	int is_last = hz_syn_option(scan);

	(void)turn;
	asm volatile(
		""
		: "+r"(is_last)); /* or clang sees, where the verifier does not, that it is 0 or 1 */
	return is_last & 1;
}

/* As Linux lays them out: MSS, SACK-permitted, timestamps, NOP, window scale. */
static __always_inline bool syn_is_usual(const struct hz_syn_scan *scan)
{
	const __be32 *word = (const __be32 *)scan->byte;

	return scan->bytes == 20 && (word[0] & bpf_htonl(0xffff0000)) == bpf_htonl(0x02040000) &&
	       word[1] == bpf_htonl(0x0402080a) &&
	       (word[4] & bpf_htonl(0xffffff00)) == bpf_htonl(0x01030300);
}

static __always_inline void syn_take_usual(const struct hz_syn_scan *scan, struct hz_syn *syn)
{
	const __be32 *word = (const __be32 *)scan->byte;
	__u32 wscale = scan->byte[19];

	syn->mss = bpf_ntohl(word[0]) & 0xffff;
	syn->has_sack = 1;
	syn->has_ts = 1;
	syn->ts_val = bpf_ntohl(word[2]);
	syn->wscale = wscale > 14 ? 14 : wscale;
}

/* 0; else it is one that the worker refuses, for the same reason. */
__noinline int hz_syn_read(struct xdp_md *ctx, const struct hz_pkt *pkt, struct hz_syn *out)
{
	struct hz_syn_scan scan = { .syn = { .wscale = HZ_COOKIE_TS_SCALE_NONE } };
	struct hz_tcp tcp;
	__u32 bytes;

	if (pkt == NULL || out == NULL || hz_pkt_source_is_bogus(pkt) ||
	    (pkt->tcp_flags & HZ_TCP_FIN) != 0 ||
	    bpf_xdp_load_bytes(ctx, pkt->l4, &tcp, sizeof(tcp)) != 0)
		return -1;
	scan.syn.seq = bpf_ntohl(tcp.seq);
	bytes = (tcp.offset >> 4) * 4u;
	if (bytes < sizeof(tcp) || pkt->l4 + bytes > pkt->end)
		return -1;
	bytes -= sizeof(tcp);
	asm volatile("" : "+r"(bytes)); /* or the bounds are lost between check and use */
	if (bytes > 0 && bytes <= HZ_SYN_OPTIONS_MAX) {
		if (bpf_xdp_load_bytes(ctx, pkt->l4 + (__u32)sizeof(tcp), scan.byte, bytes) != 0)
			return -1;
		scan.bytes = bytes;
		if (syn_is_usual(&scan))
			syn_take_usual(&scan, &scan.syn);
		else
			bpf_loop(HZ_SYN_OPTIONS_MAX, syn_option_next, &scan, 0);
	}
	scan.syn.mss = hz_cookie_mss_theirs(scan.syn.mss, pkt->version == 6);
	*out = scan.syn;
	return scan.is_bad == 0 ? 0 : -1;
}

/* What the SYN-ACK offers, laid out as above with NOPs in place of what the peer did not: only a peer with
 * timestamps brings more than the MSS back. */
static __always_inline void syn_offer(struct hz_tcp_reply *reply, const struct hz_syn *syn,
                                      __u32 mss, __u32 clock)
{
	__u32 bits = hz_cookie_ts_bits(syn->wscale, syn->has_sack);

	hz_tcp_reply_mss(reply, mss);
	if (!syn->has_ts)
		return;
	reply->option[1] = bpf_htonl(syn->has_sack ? 0x0402080a : 0x0101080a);
	reply->option[2] = bpf_htonl(hz_cookie_ts_make(clock - HZ_COOKIE_TS_BEHIND, bits));
	reply->option[3] = bpf_htonl(syn->ts_val);
	reply->option[4] =
		bpf_htonl(syn->wscale != HZ_COOKIE_TS_SCALE_NONE ? 0x01030300 | HZ_COOKIE_WSCALE
	                                                         : 0x01010101);
	reply->option_bytes = 20;
}

static __always_inline __u64 syn_flow_hash(const struct hz_cookies *all, const struct hz_pkt *pkt)
{
	struct hz_cookie_flow flow = { .remote = pkt->source, .local = pkt->key.addr };

	__builtin_memcpy(&flow.ports, &pkt->source_port, sizeof(pkt->source_port));
	__builtin_memcpy((char *)&flow.ports + 2, &pkt->key.port, sizeof(pkt->key.port));
	return hz_cookie_flow_hash(&all->flow, &flow);
}

/* Answers a SYN. Those that cannot be answered stay here too: a flood of them would be the worker's as before. */
__noinline enum hz_reason hz_syn_answer(struct xdp_md *ctx, const struct hz_pkt *pkt, __u64 now_ns)
{
	struct hz_tcp_reply reply = { .answer = HZ_TCP_NO_ANSWER };
	__u32 zero = 0;
	const struct hz_cookies *all = bpf_map_lookup_elem(&cookies, &zero);
	struct hz_syn syn = { 0 };
	__u64 hash;

	if (all == NULL || pkt == NULL || hz_syn_read(ctx, pkt, &syn) != 0)
		return HZ_REASON_cookie_bad;
	hash = syn_flow_hash(all, pkt);
	reply.flags = HZ_TCP_SYN | HZ_TCP_ACK;
	reply.seq = hz_cookie_make(all, hash, syn.seq, syn.mss, now_ns);
	reply.ack = syn.seq + 1; /* data in a SYN is not taken: it comes again */
	syn_offer(&reply, &syn, pkt->version == 6 ? all->mss6 : all->mss4,
	          (__u32)(now_ns / HZ_SYN_NS_PER_MS) + hz_cookie_ts_offset(hash));
	return hz_tcp_reply(ctx, pkt, &reply) == 0 ? HZ_REASON_cookie_syn_ack
	                                           : HZ_REASON_cookie_bad;
}

/* Tells the worker of a segment that acknowledges a cookie. Where the driver has no room before frames the
 * worker finds out by itself. */
__noinline enum hz_reason hz_syn_note(struct xdp_md *ctx, const struct hz_pkt *pkt, __u64 now_ns)
{
	struct hz_cookie_note note = { 0 }, *to;
	__u32 zero = 0;
	const struct hz_cookies *all = bpf_map_lookup_elem(&cookies, &zero);
	struct hz_tcp tcp;
	__u64 hash, period;

	if (all == NULL || pkt == NULL || bpf_xdp_load_bytes(ctx, pkt->l4, &tcp, sizeof(tcp)) != 0)
		return HZ_REASON_steer;
	note.seq = bpf_ntohl(tcp.seq);
	note.ack = bpf_ntohl(tcp.ack);
	if (!hz_cookie_is_recent(note.ack - 1, now_ns, &period))
		return HZ_REASON_steer;
	hash = syn_flow_hash(all, pkt);
	note.mss = (__u16)hz_cookie_check(all, hash, note.seq - 1, note.ack - 1, now_ns);
	if (note.mss == 0)
		return HZ_REASON_steer;
	note.token = all->token;
	__builtin_memcpy(&note.ports, &tcp.ports, sizeof(note.ports));
	__builtin_memcpy(&note.source, &pkt->source.byte[12], sizeof(note.source));
	note.ts_offset = hz_cookie_ts_offset(hash);
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(note)) != 0)
		return HZ_REASON_steer;
	to = (void *)(long)ctx->data_meta;
	if ((void *)(to + 1) > (void *)(long)ctx->data)
		return HZ_REASON_steer;
	*to = note;
	return HZ_REASON_steer_cookie;
}

/* Is this SYN one that gets a cookie? */
static __always_inline bool hz_syn_is_answered(const struct hz_pkt *pkt, __u64 now_ns)
{
	__u32 zero = 0;
	const struct hz_cookies *all;

	if (!hz_tcp_is_syn(pkt))
		return false;
	all = bpf_map_lookup_elem(&cookies, &zero);
	return all != NULL && now_ns < all->verify_until_ns && now_ns < all->answer_until_ns;
}

/* A segment to a site's port, no SYN, that the worker will get. */
static __always_inline enum hz_reason hz_syn_echo(struct xdp_md *ctx, const struct hz_pkt *pkt,
                                                  __u64 now_ns)
{
	__u32 zero = 0;
	const struct hz_cookies *all = bpf_map_lookup_elem(&cookies, &zero);

	if (all == NULL || now_ns >= all->verify_until_ns || !hz_tcp_is_acking(pkt))
		return HZ_REASON_steer;
	return hz_syn_note(ctx, pkt, now_ns);
}

#endif
