/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Turns a received frame into a TCP segment back to its sender. The segment is built on the stack and
 * stored over the frame, which changes size at its head: veth has no tailroom to grow into. */
#ifndef HZ_TCP_REPLY_H
#define HZ_TCP_REPLY_H

#include "csum.h"
#include "maps.h"
#include "pkt.h"
#include "turn.h"

#define HZ_TCP_FIN    0x01
#define HZ_TCP_SYN    0x02
#define HZ_TCP_RST    0x04
#define HZ_TCP_PSH    0x08
#define HZ_TCP_ACK    0x10
#define HZ_TCP_WINDOW 65535

/* Fits every link that carries IPv6 (RFC 8200 5: 1280 - 40 - 20), tags and tunnels included. Without
 * the option clients would send 536 bytes at a time (RFC 9293 3.7.1). */
#define HZ_TCP_HEALTH_MSS 1220

struct hz_tcp {
	struct hz_ports ports;
	__be32 seq;
	__be32 ack;
	__u8 offset; /* header length in words, upper half */
	__u8 flags;
	__be16 window;
	__u16 csum;
	__be16 urgent;
};

/* Opens a flow. With FIN beside it nobody's client sends it and no worker takes it, but as long as it is not
 * refused it costs what a SYN costs. */
static __always_inline bool hz_tcp_is_syn(const struct hz_pkt *pkt)
{
	return (pkt->tcp_flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST)) == HZ_TCP_SYN;
}

/* Every segment of an open flow but its resets. */
static __always_inline bool hz_tcp_is_acking(const struct hz_pkt *pkt)
{
	return (pkt->tcp_flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST)) == HZ_TCP_ACK;
}

#define HZ_TCP_NO_ANSWER     (~0u)
#define HZ_TCP_REPLY_OPTIONS 5 /* words */

struct hz_tcp_reply {
	__u32 seq;    /* host order */
	__u32 ack;    /* host order */
	__u32 answer; /* index into resp, or HZ_TCP_NO_ANSWER: no payload */
	__u32 flags;
	__u32 option_bytes; /* 0, 4 or 20 */
	__be32 option[HZ_TCP_REPLY_OPTIONS];
};

/* With the options in place the header always has the same size here; its length field leaves out those
 * that do not belong there. */
struct reply_ip4 {
	struct iphdr ip;
	struct hz_tcp tcp;
	__be32 option[HZ_TCP_REPLY_OPTIONS];
};
struct reply_ip6 {
	struct ipv6hdr ip;
	struct hz_tcp tcp;
	__be32 option[HZ_TCP_REPLY_OPTIONS];
};

static __always_inline __u32 reply_tcp_bytes(const struct hz_tcp_reply *reply)
{
	return sizeof(struct hz_tcp) + reply->option_bytes;
}

/* Of a SYN-ACK that says nothing else. */
static __always_inline void hz_tcp_reply_mss(struct hz_tcp_reply *reply, __u32 mss)
{
	reply->option[0] = bpf_htonl(0x02040000 | mss);
	reply->option_bytes = 4;
}

/* Header and options, checksum included; pseudo is the sum of both addresses. */
static __always_inline void reply_fill_tcp(struct hz_tcp *tcp, __be32 *option,
                                           const struct hz_pkt *pkt,
                                           const struct hz_tcp_reply *reply,
                                           const struct hz_response *answer, __u64 pseudo)
{
	__u32 bytes = reply_tcp_bytes(reply);
	__u32 answer_bytes = answer != NULL ? HZ_RESPONSE_BYTES : 0;
	__u64 sum = pseudo;

	tcp->ports.source = pkt->key.port;
	tcp->ports.dest = pkt->source_port;
	tcp->seq = bpf_htonl(reply->seq);
	tcp->ack = bpf_htonl(reply->ack);
	tcp->offset = (__u8)(bytes / 4 << 4);
	tcp->flags = (__u8)reply->flags;
	tcp->window = reply->flags & HZ_TCP_RST ? 0 : bpf_htons(HZ_TCP_WINDOW);
	tcp->csum = 0;
	tcp->urgent = 0;
	__builtin_memcpy(option, reply->option, sizeof(reply->option));
	sum += bpf_htons(IPPROTO_TCP);
	sum += bpf_htons((__u16)(bytes + answer_bytes));
	sum = hz_csum_words(sum, tcp, sizeof(*tcp));
	if (reply->option_bytes == 4)
		sum = hz_csum_words(sum, option, 4);
	else if (reply->option_bytes != 0)
		sum = hz_csum_words(sum, option, sizeof(reply->option));
	if (answer != NULL)
		sum += answer->csum;
	tcp->csum = hz_csum_fold(sum);
}

/* Where the reply's bytes go: the frame, which has its size by now. */
struct reply_room {
	__u8 *at;
	const void *end;
};

/* The next bytes of the frame; NULL: it ends before. */
static __always_inline void *reply_take(struct reply_room *room, __u32 bytes)
{
	__u8 *at = room->at;

	if (at + bytes > (const __u8 *)room->end)
		return NULL;
	room->at = at + bytes;
	return at;
}

/* In words: clang copies what it does not know to be aligned byte by byte. bytes is a constant. */
static __always_inline void reply_copy(void *to, const void *from, __u32 bytes)
{
#pragma unroll
	for (__u32 i = 0; i < bytes / sizeof(__u32); i++)
		((__u32 *)to)[i] = ((const __u32 *)from)[i];
}

/* bytes of out, a constant, less the options that are not sent. */
static __always_inline bool reply_put(struct reply_room *room, const void *out, __u32 bytes,
                                      const struct hz_tcp_reply *reply)
{
	const __u32 room_bytes = HZ_TCP_REPLY_OPTIONS * sizeof(__be32);
	const __be32 *option = (const __be32 *)((const __u8 *)out + bytes - room_bytes);
	void *to = reply_take(room, bytes - room_bytes);

	if (to == NULL)
		return false;
	reply_copy(to, out, bytes - room_bytes);
	if (reply->option_bytes == 0)
		return true;
	to = reply_take(room, sizeof(option[0]));
	if (to == NULL)
		return false;
	reply_copy(to, option, sizeof(option[0]));
	if (reply->option_bytes == sizeof(option[0]))
		return true;
	to = reply_take(room, room_bytes - (__u32)sizeof(option[0]));
	if (to == NULL)
		return false;
	reply_copy(to, option + 1, room_bytes - (__u32)sizeof(option[0]));
	return true;
}

static __always_inline bool reply_put_ip4(struct reply_room *room, const struct hz_pkt *pkt,
                                          const struct hz_tcp_reply *reply,
                                          const struct hz_response *answer)
{
	struct reply_ip4 out = { 0 };
	__u32 bytes = (__u32)sizeof(out.ip) + reply_tcp_bytes(reply);
	__u32 answer_bytes = answer != NULL ? HZ_RESPONSE_BYTES : 0;

	out.ip.version = 4;
	out.ip.ihl = 5;
	out.ip.tot_len = bpf_htons((__u16)(bytes + answer_bytes));
	out.ip.frag_off =
		bpf_htons(0x4000); /* do not fragment: an id of 0 is fine (RFC 6864 4.1) */
	out.ip.ttl = HZ_REPLY_TTL;
	out.ip.protocol = IPPROTO_TCP;
	__builtin_memcpy(&out.ip.saddr, &pkt->key.addr.byte[12], 4);
	__builtin_memcpy(&out.ip.daddr, &pkt->source.byte[12], 4);
	out.ip.check = hz_csum_fold(hz_csum_words(0, &out.ip, sizeof(out.ip)));
	reply_fill_tcp(&out.tcp, out.option, pkt, reply, answer,
	               hz_csum_words(0, &out.ip.saddr, 8));
	return reply_put(room, &out, sizeof(out), reply);
}

static __always_inline bool reply_put_ip6(struct reply_room *room, const struct hz_pkt *pkt,
                                          const struct hz_tcp_reply *reply,
                                          const struct hz_response *answer)
{
	struct reply_ip6 out = { 0 };
	__u32 bytes = reply_tcp_bytes(reply);
	__u32 answer_bytes = answer != NULL ? HZ_RESPONSE_BYTES : 0;

	out.ip.version = 6;
	out.ip.payload_len = bpf_htons((__u16)(bytes + answer_bytes));
	out.ip.nexthdr = IPPROTO_TCP;
	out.ip.hop_limit = HZ_REPLY_TTL;
	__builtin_memcpy(&out.ip.saddr, &pkt->key.addr, 16);
	__builtin_memcpy(&out.ip.daddr, &pkt->source, 16);
	reply_fill_tcp(&out.tcp, out.option, pkt, reply, answer,
	               hz_csum_words(0, &out.ip.saddr, 32));
	return reply_put(room, &out, sizeof(out), reply);
}

#define REPLY_L2_HALVES (HZ_L2_BYTES_MAX / sizeof(__be16))

/* Gives the frame the size of the reply and begins it: Ethernet header and tags as they came, the addresses
 * swapped. The frame is longer than any of them: it has an IP header too. */
static __always_inline bool reply_begin(struct xdp_md *ctx, __u32 l2_bytes, __u32 bytes,
                                        struct reply_room *room)
{
	const __be16 *from = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	__be16 l2[REPLY_L2_HALVES], *to;
	long frame_bytes = (const char *)end - (const char *)from;

	asm volatile("" : "+r"(frame_bytes)); /* or it becomes arithmetic with a pointer */
	if ((const void *)(from + REPLY_L2_HALVES) > end)
		return false;
#pragma unroll
	for (__u32 i = 0; i < REPLY_L2_HALVES; i++)
		l2[i] = from[i < 3 ? i + 3 : i < 6 ? i - 3 : i];
	if (bpf_xdp_adjust_head(ctx, (int)(frame_bytes - l2_bytes - bytes)) != 0)
		return false;
	to = (void *)(long)ctx->data;
	room->end = (const void *)(long)ctx->data_end;
	if ((const void *)(to + REPLY_L2_HALVES) > room->end)
		return false;
#pragma unroll
	for (__u32 i = 0; i < REPLY_L2_HALVES; i++)
		to[i] = l2[i]; /* up to 8 bytes too many: the IP header comes over them */
	asm volatile("" : "+r"(l2_bytes)); /* or clang drops the bounds the verifier wants to see */
	if (l2_bytes > HZ_L2_BYTES_MAX)
		return false;
	room->at = (__u8 *)to + l2_bytes;
	return true;
}

/* 0: the frame is the reply. Else it may be anything: drop it. */
__noinline int hz_tcp_reply(struct xdp_md *ctx, const struct hz_pkt *pkt,
                            const struct hz_tcp_reply *reply)
{
	const struct hz_response *answer = NULL;
	struct reply_room room;
	__u32 bytes;
	void *to;

	if (pkt == NULL || reply == NULL || reply->option_bytes > sizeof(reply->option))
		return -1;
	if (reply->answer != HZ_TCP_NO_ANSWER) {
		__u32 index = reply->answer;

		answer = bpf_map_lookup_elem(&resp, &index);
		if (answer == NULL)
			return -1;
	}
	bytes = reply_tcp_bytes(reply) + (answer != NULL ? HZ_RESPONSE_BYTES : 0) +
	        (pkt->version == 4 ? (__u32)sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	if (!reply_begin(ctx, pkt->l3, bytes, &room) ||
	    !(pkt->version == 4 ? reply_put_ip4(&room, pkt, reply, answer)
	                        : reply_put_ip6(&room, pkt, reply, answer)))
		return -1;
	if (answer == NULL)
		return 0;
	to = reply_take(&room, HZ_RESPONSE_BYTES);
	if (to == NULL)
		return -1;
	reply_copy(to, answer->data, HZ_RESPONSE_BYTES);
	return 0;
}

#endif
