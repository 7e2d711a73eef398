/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Run by helper_live over frames that the kernel makes and sends (BPF_F_TEST_XDP_LIVE_FRAMES): each gets
 * another source address and port, then leaves. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>

struct ports {
	__u16 source;
	__u16 dest;
};

#define FRAME_BYTES 60

/* What each frame shall be: pages come round again as whoever received them left them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[FRAME_BYTES]);
} live_frame SEC(".maps");

/* RFC 1624 eqn. 3 over the two halves of a word. */
static __always_inline __u16 csum_replace(__u16 field, __u32 old, __u32 new)
{
	__u32 sum = (__u16)~field;

	sum += (__u16)~old + (__u32)(__u16) ~(old >> 16);
	sum += (new & 0xffff) + (new >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

SEC("xdp")
int live_tx(struct xdp_md *ctx)
{
	struct iphdr *ip = (void *)(long)(ctx->data + sizeof(struct ethhdr));
	struct ports *ports = (void *)(ip + 1);
	__u32 random = bpf_get_prandom_u32(), source, zero = 0;
	void *frame = bpf_map_lookup_elem(&live_frame, &zero);

	if (frame == NULL || bpf_xdp_store_bytes(ctx, 0, frame, FRAME_BYTES) != 0 ||
	    (void *)(ports + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	/* 10.x.y.z of this machine's order; the client's own network stays out of it */
	source = (random & 0xfffffc00) << 8 | 0x400a;
	ip->check = csum_replace(ip->check, ip->saddr, source);
	ip->saddr = source;
	ports->source = (__u16)random | 1;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
