/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The text of show/latency, computed from the raw histograms of all workers on every read. Nothing is
 * merged anywhere: readers may run at the same time, so each walks the buckets themselves. */
#ifndef HZ_HIST_SHOW_H
#define HZ_HIST_SHOW_H

#include "abi/hist_bucket.h"
#include "maps_stream.h"

#include <bpf/bpf_tracing.h>

#define HZ_SHOW_BAR 40
/* A row of the picture: an octave, which has HZ_SHOW_ROW buckets; the first row is 0..31 ns. */
#define HZ_SHOW_ROW  (1u << HZ_HIST_SUB_BITS)
#define HZ_SHOW_ROWS (HZ_HIST_BUCKETS / HZ_SHOW_ROW)

/* What the kernel hands to an iterator over map elements; the fields are found by name at load. */
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
} __attribute__((preserve_access_index));

struct show_walk {
	struct seq_file *seq;
	__u64 count; /* samples of the stage, once known */
	__u64 rank;  /* of the sample looked for, from 1 */
	__u64 seen;  /* samples up to bucket found */
	__u64 max_ns;
	__u64 sum; /* of the bucket or row being added up */
	__u64 row_max;
	__u32 stage;
	__u32 bucket;
	__u32 found;
	__u32 workers; /* slots 0..workers-1 hold all samples */
};

static __always_inline const struct hz_hist *show_hist(__u32 worker, __u32 stage)
{
	__u32 index = worker * HZ_STAGE_COUNT + stage;

	return bpf_map_lookup_elem(&latency, &index);
}

/* bpf_loop: how many slots are in use, and the largest sample. A first sample of 0 ns shows in its
 * bucket only. */
static long show_survey(__u32 worker, void *ctx)
{
	struct show_walk *walk = ctx;
	const struct hz_hist *hist = show_hist(worker, walk->stage);

	if (hist == NULL)
		return 1;
	if (hist->sum_ns != 0 || hist->bucket[0] != 0)
		walk->workers = worker + 1;
	if (hist->max_ns > walk->max_ns)
		walk->max_ns = hist->max_ns;
	return 0;
}

/* bpf_loop: one bucket over all workers. */
static long show_add_worker(__u32 worker, void *ctx)
{
	struct show_walk *walk = ctx;
	const struct hz_hist *hist = show_hist(worker, walk->stage);

	if (hist == NULL || worker >= walk->workers)
		return 1;
	walk->sum += hist->bucket[walk->bucket & (HZ_HIST_BUCKETS - 1)];
	return 0;
}

/* bpf_loop: one bucket. */
static long show_add_bucket(__u32 turn, void *ctx)
{
	struct show_walk *walk = ctx;

	(void)turn;
	bpf_loop(walk->workers & (2 * HZ_WORKERS_MAX - 1), show_add_worker, walk, 0);
	walk->bucket++;
	return 0;
}

/* Samples of `buckets` buckets from first on. */
static __always_inline __u64 show_sum(struct show_walk *walk, __u32 first, __u32 buckets)
{
	walk->bucket = first;
	walk->sum = 0;
	bpf_loop(buckets, show_add_bucket, walk, 0);
	return walk->sum;
}

/* bpf_loop: on to the bucket in which the rank lies. */
static long show_pass(__u32 bucket, void *ctx)
{
	struct show_walk *walk = ctx;

	walk->found = bucket;
	walk->seen += show_sum(walk, bucket, 1);
	return walk->seen >= walk->rank;
}

/* As hz_latency_pct has it: the middle of the bucket, but not beyond the largest sample. */
static __always_inline __u64 show_quantile_ns(struct show_walk *walk, __u64 per_million)
{
	__u64 count = walk->count, value_ns;

	/* per_million of count, rounded up, in parts that do not overflow */
	walk->rank =
		count / 1000000 * per_million + (count % 1000000 * per_million + 999999) / 1000000;
	walk->seen = 0;
	bpf_loop(HZ_HIST_BUCKETS, show_pass, walk, 0);
	value_ns = hz_hist_bucket_value(walk->found & (HZ_HIST_BUCKETS - 1));
	return value_ns < walk->max_ns ? value_ns : walk->max_ns;
}

static __always_inline void show_line(struct show_walk *walk, const char *stage)
{
	__u64 p50, p90, p99, p999;

	bpf_loop(HZ_WORKERS_MAX, show_survey, walk, 0);
	walk->count = show_sum(walk, 0, HZ_HIST_BUCKETS);
	if (walk->count == 0) {
		BPF_SEQ_PRINTF(
			walk->seq,
			"%-10s            0         -         -         -         -         -\n",
			stage);
		return;
	}
	p50 = show_quantile_ns(walk, 500000);
	p90 = show_quantile_ns(walk, 900000);
	p99 = show_quantile_ns(walk, 990000);
	p999 = show_quantile_ns(walk, 999000);
	BPF_SEQ_PRINTF(walk->seq, "%-10s %12llu %9llu %9llu %9llu %9llu %9llu\n", stage,
	               walk->count, p50, p90, p99, p999, walk->max_ns);
}

/* bpf_loop: the fullest row has the longest bar. */
static long show_row_max(__u32 row, void *ctx)
{
	struct show_walk *walk = ctx;
	__u64 samples = show_sum(walk, row * HZ_SHOW_ROW, HZ_SHOW_ROW);

	if (samples > walk->row_max)
		walk->row_max = samples;
	return 0;
}

static const char show_bar[HZ_SHOW_BAR] = "########################################";

/* bpf_loop: one row, unless it is empty. */
static long show_row(__u32 row, void *ctx)
{
	struct show_walk *walk = ctx;
	__u64 samples = show_sum(walk, row * HZ_SHOW_ROW, HZ_SHOW_ROW);
	__u64 low = row == 0 ? 0 : 1ULL << (row + HZ_HIST_SUB_BITS - 1);
	__u64 high = 1ULL << (row + HZ_HIST_SUB_BITS);
	__u64 bar;

	if (samples == 0 || walk->row_max == 0)
		return 0;
	bar = samples * HZ_SHOW_BAR / walk->row_max;
	if (bar > HZ_SHOW_BAR) /* counted on while we read */
		bar = HZ_SHOW_BAR;
	BPF_SEQ_PRINTF(walk->seq, "[%11llu, %11llu) %12llu |", low, high, samples);
	bpf_seq_write(walk->seq, show_bar, (__u32)bar);
	BPF_SEQ_PRINTF(walk->seq, "\n");
	return 0;
}

/* One call per element of latency_pct, that is per stage, and a last one without an element. */
static __always_inline int hz_hist_show(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct hz_latency_pct *element = ctx->value;
	const __u32 *stage = ctx->key;
	struct show_walk walk = { 0 };

	walk.seq = ctx->meta->seq;
	if (element == NULL || stage == NULL) {
		walk.stage = HZ_STAGE_TOTAL;
		bpf_loop(HZ_WORKERS_MAX, show_survey, &walk, 0);
		bpf_loop(HZ_SHOW_ROWS, show_row_max, &walk, 0);
		if (walk.row_max > 0)
			BPF_SEQ_PRINTF(walk.seq, "total latency, ns:\n");
		bpf_loop(HZ_SHOW_ROWS, show_row, &walk, 0);
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(walk.seq, "stage          requests    p50_ns    p90_ns    p99_ns  "
		                         "p99.9_ns    max_ns\n");
	walk.stage = *stage;
	show_line(&walk, element->stage);
	return 0;
}

#endif
