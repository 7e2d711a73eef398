/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The text of show/routes: a row per route that has a name, in the order of their slots; first what has none. */
#ifndef HZ_ROUTE_SHOW_H
#define HZ_ROUTE_SHOW_H

#include "hist_show.h"

#define HZ_SHOW_ROUTE_SHIFT                                                                        \
	2 /* a bucket of routes holds so many, as power of two, of a histogram */

struct route_walk {
	__u64 answers, errors, max_ns;
	__u64 count; /* samples in buckets, of all workers */
	__u64 rank, seen;
	__u64 sum; /* of the bucket being added up */
	__u32 slot;
	__u32 bucket;
	__u32 found;
};

static __always_inline const struct hz_route_hist *route_hist(__u32 worker, __u32 slot)
{
	__u32 index = worker * HZ_ROUTE_SLOTS + slot;

	return bpf_map_lookup_elem(&route_latency, &index);
}

/* bpf_loop: what a worker answered; 1 behind the last that there is room for. */
static long route_add_worker(__u32 worker, void *ctx)
{
	struct route_walk *walk = ctx;
	const struct hz_route_hist *hist = route_hist(worker, walk->slot);

	if (hist == NULL)
		return 1;
	for (__u32 i = 0; i < HZ_CODE_CLASSES; i++)
		walk->answers += hist->answers[i];
	walk->errors += hist->answers[HZ_CODE_CLASSES - 1];
	if (hist->max_ns > walk->max_ns)
		walk->max_ns = hist->max_ns;
	return 0;
}

/* bpf_loop: one bucket of one worker. */
static long route_add_bucket(__u32 worker, void *ctx)
{
	struct route_walk *walk = ctx;
	const struct hz_route_hist *hist = route_hist(worker, walk->slot);

	if (hist == NULL)
		return 1;
	walk->sum += hist->bucket[walk->bucket & (HZ_ROUTE_BUCKETS - 1)];
	return 0;
}

/* bpf_loop: on to the bucket in which the rank lies. */
static long route_pass(__u32 bucket, void *ctx)
{
	struct route_walk *walk = ctx;

	walk->bucket = walk->found = bucket;
	walk->sum = 0;
	bpf_loop(HZ_WORKERS_MAX, route_add_bucket, walk, 0);
	walk->seen += walk->sum;
	return walk->seen >= walk->rank;
}

/* As hz_route_hist_quantile_ns: the middle of the bucket, but not beyond the largest sample. */
static __noinline __u64 route_quantile_ns(struct route_walk *walk, __u32 percent)
{
	__u64 low_ns, middle_ns;
	__u32 fine;

	walk->rank = walk->count / 100 * percent + (walk->count % 100 * percent + 99) / 100;
	walk->seen = 0;
	bpf_loop(HZ_ROUTE_BUCKETS, route_pass, walk, 0);
	fine = (walk->found & (HZ_ROUTE_BUCKETS - 1)) << HZ_SHOW_ROUTE_SHIFT;
	low_ns = hz_hist_bucket_low(fine);
	middle_ns =
		low_ns + (hz_hist_bucket_low(fine + (1u << HZ_SHOW_ROUTE_SHIFT)) - low_ns - 1) / 2;
	return middle_ns < walk->max_ns ? middle_ns : walk->max_ns;
}

static __always_inline void route_line(struct seq_file *seq, struct route_walk *walk,
                                       const char *name)
{
	bpf_loop(HZ_WORKERS_MAX, route_add_worker, walk, 0);
	BPF_SEQ_PRINTF(seq, "%-31s %12llu %9llu ", name, walk->answers, walk->errors);
	walk->rank = ~0ULL; /* all of them: how many are there? */
	bpf_loop(HZ_ROUTE_BUCKETS, route_pass, walk, 0);
	walk->count = walk->seen;
	if (walk->count == 0) {
		BPF_SEQ_PRINTF(seq, "        -         -         -\n");
		return;
	}
	BPF_SEQ_PRINTF(seq, "%9llu %9llu %9llu\n", route_quantile_ns(walk, 50),
	               route_quantile_ns(walk, 99), walk->max_ns);
}

/* One call per element of `route_names`, and a last one without an element. */
static __always_inline int hz_route_show(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	const struct hz_route_name *name = ctx->value;
	const __u32 *slot = ctx->key;
	struct route_walk walk = { 0 };

	if (name == NULL || slot == NULL)
		return 0;
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "route                               requests    errors    "
		                    "p50_ns    p99_ns    max_ns\n");
	walk.slot = *slot;
	if (name->name[0] != '\0')
		route_line(seq, &walk, name->name);
	else if (walk.slot == 0)
		route_line(seq, &walk, "-");
	return 0;
}

#endif
