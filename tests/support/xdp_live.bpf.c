/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Frames for helper_live: the kernel runs this on pages of its own and transmits what comes out (live frames
 * of BPF_PROG_TEST_RUN). Pages come back as the other end left them, so each turn writes the template anew. */
#include "xdp_live.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct live_template);
} live SEC(".maps");

/* RFC 1624: the field after words that were zero got this sum. */
static __always_inline __u16 sum_add(__u16 field, __u32 words)
{
	__u32 sum = (__u16)~field + words;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static __always_inline __u32 halves(__u32 word)
{
	return (word & 0xffff) + (word >> 16);
}

/* Another source address, port and sequence number, where the template has zeroes: 11.0.0.0/8 up to
 * 74.0.0.0/8, nobody that is refused unseen. */
static __always_inline void source_put(char *data, const void *end)
{
	struct iphdr *ip = (void *)(data + ETH_HLEN);
	struct live_tcp *tcp = (void *)(ip + 1);
	__u32 random = bpf_get_prandom_u32(), port = bpf_get_prandom_u32() & 0xffff;

	if ((const void *)(tcp + 1) > end)
		return;
	ip->saddr = bpf_htonl((11 + (random >> 26)) << 24 | (random & 0xffffff));
	ip->check = sum_add(ip->check, halves(ip->saddr));
	tcp->source = (__u16)port;
	tcp->seq = bpf_get_prandom_u32();
	tcp->check = sum_add(tcp->check, halves(ip->saddr) + port + halves(tcp->seq));
}

SEC("xdp")
int xdp_live(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct live_template *frame = bpf_map_lookup_elem(&live, &zero);
	__u32 bytes;

	if (frame == NULL)
		return XDP_DROP;
	bytes = frame->bytes;
	asm volatile("" : "+r"(bytes)); /* or the bounds and the use part ways */
	if (bytes < ETH_HLEN || bytes > LIVE_BYTES_MAX ||
	    bpf_xdp_store_bytes(ctx, 0, frame->data, bytes) != 0)
		return XDP_DROP;
	if (frame->is_random)
		source_put((char *)(long)ctx->data, (const void *)(long)ctx->data_end);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
