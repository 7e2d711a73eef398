/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* In front of a program that answers: a test run that is repeated sees its own answer from the second turn
 * on. This puts the frame back as it was, and calls the program behind it; without one it drops. */
#include "xdp_again.h"
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xdp_again);
} again_frame SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} again_next SEC(".maps");

SEC("xdp")
int xdp_again(struct xdp_md *ctx)
{
	__u32 zero = 0, bytes, at, source = bpf_get_prandom_u32();
	struct xdp_again *frame = bpf_map_lookup_elem(&again_frame, &zero);
	long more;

	if (frame == 0)
		return XDP_ABORTED;
	bytes = frame->bytes;
	more = (long)bytes - (long)(ctx->data_end - ctx->data);
	if (more != 0 && frame->grows_at_head != 0 && bpf_xdp_adjust_head(ctx, -(int)more) != 0)
		return XDP_ABORTED;
	if (more != 0 && frame->grows_at_head == 0 && bpf_xdp_adjust_tail(ctx, (int)more) != 0)
		return XDP_ABORTED;
	asm volatile("" : "+r"(bytes)); /* or the bound and the use part ways */
	if (bytes == 0 || bytes > sizeof(frame->data) ||
	    bpf_xdp_store_bytes(ctx, 0, frame->data, bytes) != 0)
		return XDP_ABORTED;
	at = frame->source_at;
	if (at != 0 && bpf_xdp_store_bytes(ctx, at, &source, sizeof(source)) != 0)
		return XDP_ABORTED;
	bpf_tail_call(ctx, &again_next, 0);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
