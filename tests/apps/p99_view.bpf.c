// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A view of one's own over a pinned map, made without any tool of hz: a line per stage, for a graph or an alert.
 *   clang -O2 -g -target bpf -Ibpf -c -o p99_view.bpf.o p99_view.bpf.c
 *   bpftool iter pin p99_view.bpf.o /sys/fs/bpf/p99_view map pinned /sys/fs/bpf/hz/latency_pct */
#include "abi/hz_abi.h"
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *value;
} __attribute__((preserve_access_index));

SEC("iter/bpf_map_elem")
int p99_view(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct hz_latency_pct *stage = ctx->value;

	if (stage != NULL)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%s %llu\n", stage->stage, stage->p99_ns);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
