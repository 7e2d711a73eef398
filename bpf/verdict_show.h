/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The text of show/verdicts: each reason with its action and the frames it decided, over all CPUs. */
#ifndef HZ_VERDICT_SHOW_H
#define HZ_VERDICT_SHOW_H

#include "hist_show.h"
#include "maps_stream.h"

#define HZ_SHOW_CPUS_MAX 4096

struct show_sum {
	__u64 frames;
	__u32 reason;
};

/* bpf_loop: one CPU; 1 behind the last. */
static long show_add_cpu(__u32 cpu, void *ctx)
{
	struct show_sum *sum = ctx;
	__u32 zero = 0, reason = sum->reason;
	const __u64 *all = bpf_map_lookup_percpu_elem(&verdicts, &zero, cpu);

	if (all == NULL)
		return 1;
	asm volatile("" : "+r"(reason)); /* or the check below and the use part ways */
	if (reason < HZ_REASON_COUNT)
		sum->frames += all[reason];
	return 0;
}

static __noinline __u64 show_frames(__u32 reason)
{
	struct show_sum sum = { .reason = reason };

	bpf_loop(HZ_SHOW_CPUS_MAX, show_add_cpu, &sum, 0);
	return sum.frames;
}

/* One call for the one element of `verdicts`, and a last one without an element. */
static __always_inline int hz_verdict_show(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;

	if (ctx->value == NULL)
		return 0;
	BPF_SEQ_PRINTF(seq, "reason           action               frames\n");
#define HZ_REASON(name, action, help)                                                              \
	BPF_SEQ_PRINTF(seq, "%-16s %-6s %20llu\n", #name, #action, show_frames(HZ_REASON_##name));
#include "abi/reasons.def"
#undef HZ_REASON
	return 0;
}

#endif
