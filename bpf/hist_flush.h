/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What one histogram gained goes out as sparse records. `last` holds what has gone out; it moves only
 * after the ring took the record, so a full ring delays samples and never loses one. */
#ifndef HZ_HIST_FLUSH_H
#define HZ_HIST_FLUSH_H

#include "flush_turn.h"
#include "stream_out.h"

/* Records a histogram can need at most: every bucket gained. */
#define HZ_FLUSH_RECORDS_MAX ((HZ_HIST_BUCKETS + HZ_DELTA_PAIRS - 1) / HZ_DELTA_PAIRS)

struct flush_job {
	const struct hz_hist *now;
	struct hz_hist *sent;
	struct hz_event_hist_delta *record;
	__u64 samples; /* in the record */
	__u32 bucket;  /* to look at next */
	__u32 pairs;   /* in the record */
};

/* So many buckets are passed in one step when none gained: each step is an indirect call, with
 * retpolines about 10 ns. A histogram that gained nothing takes a quarter of what it takes one
 * by one, about 2 us. */
#define HZ_FLUSH_STEP 8

static __always_inline bool flush_is_still(const struct flush_job *job, __u32 bucket)
{
	__u64 differs = 0;

	if (bucket % HZ_FLUSH_STEP != 0 || bucket > HZ_HIST_BUCKETS - HZ_FLUSH_STEP)
		return false;
	for (__u32 i = 0; i < HZ_FLUSH_STEP; i++) {
		differs |= job->now->bucket[bucket + i] ^ job->sent->bucket[bucket + i];
		/* or the compiler may make a branch of each: too many ways to verify */
		asm volatile("" : "+r"(differs));
	}
	return differs == 0;
}

/* bpf_loop: one bucket into the record; 1 when all are through or the record is full. */
static long flush_collect(__u32 turn, void *ctx)
{
	struct flush_job *job = ctx;
	__u32 bucket = job->bucket, slot = job->pairs;
	__u64 gained;

	(void)turn;
	if (bucket >= HZ_HIST_BUCKETS || slot >= HZ_DELTA_PAIRS)
		return 1;
	if (flush_is_still(job, bucket)) {
		job->bucket = bucket + HZ_FLUSH_STEP;
		return 0;
	}
	gained = job->now->bucket[bucket] - job->sent->bucket[bucket];
	if (gained > 0) {
		if (gained > 0xffffffff)
			gained = 0xffffffff; /* the rest with the next round */
		job->record->pair[slot].bucket = bucket;
		job->record->pair[slot].gained = (__u32)gained;
		job->samples += gained;
		job->pairs++;
	}
	job->bucket++;
	return 0;
}

/* bpf_loop: the baseline follows what went out. */
static long flush_settle(__u32 turn, void *ctx)
{
	struct flush_job *job = ctx;
	__u32 bucket;

	if (turn >= HZ_DELTA_PAIRS || turn >= job->pairs)
		return 1;
	bucket = job->record->pair[turn].bucket;
	if (bucket < HZ_HIST_BUCKETS)
		job->sent->bucket[bucket] += job->record->pair[turn].gained;
	return 0;
}

static __always_inline void flush_fill_header(struct flush_job *job, __u32 index, __u32 bytes)
{
	struct hz_event_hist_delta *record = job->record;

	record->header.kind = HZ_EVENT_HIST_DELTA;
	record->header.worker = (__u16)(index / HZ_STAGE_COUNT);
	record->header.bytes = bytes;
	record->header.time_ns = bpf_ktime_get_ns();
	record->stage = index % HZ_STAGE_COUNT;
	record->pair_count = job->pairs;
	/* Read behind the buckets: of a sample that came meanwhile it is sent now, and the
	 * bucket with the next record. The other way round the sum of the last sample for long
	 * would wait as long. */
	record->sum_ns = job->now->sum_ns - job->sent->sum_ns;
	record->max_ns = job->now->max_ns;
}

enum flush_result { FLUSH_SENT, FLUSH_NOTHING, FLUSH_REFUSED };

/* The next record of histogram `index`, from job->bucket on. */
static __noinline enum flush_result flush_one(struct flush_job *job, __u32 index)
{
	__u32 zero = 0, bytes;
	struct hz_stream_stats *stats = bpf_map_lookup_elem(&stream_stats, &zero);
	__u64 sum_ns;

	job->record = bpf_map_lookup_elem(&scratch, &zero);
	if (stats == NULL || job->record == NULL)
		return FLUSH_NOTHING;
	job->pairs = 0;
	job->samples = 0;
	bpf_loop(HZ_HIST_BUCKETS + 1, flush_collect, job, 0);
	if (job->pairs == 0)
		return FLUSH_NOTHING;
	bytes = (__u32) __builtin_offsetof(struct hz_event_hist_delta, pair) +
	        job->pairs * (__u32)sizeof(job->record->pair[0]);
	if (bytes > sizeof(*job->record))
		return FLUSH_NOTHING;
	flush_fill_header(job, index, bytes);
	sum_ns = job->record->sum_ns;
	if (!stream_out(&job->record->header, bytes, stats, false)) {
		stats->refused++;
		return FLUSH_REFUSED;
	}
	bpf_loop(HZ_DELTA_PAIRS, flush_settle, job, 0);
	job->sent->sum_ns += sum_ns;
	stats->samples += job->samples;
	return FLUSH_SENT;
}

/* Nobody ever recorded into it: most of the 512 are so. A first sample of 0 ns shows in its
 * bucket only. */
static __always_inline bool flush_is_unused(const struct hz_hist *hist)
{
	return hist->sum_ns == 0 && hist->bucket[0] == 0;
}

/* All that histogram `index` gained, in as many records as it takes. For who has the turn. Only
 * its buckets say whether it gained: a sum may have gone out ahead of them, or stand still where
 * a worker was killed in between. */
static __noinline int flush_hist(struct hz_flush_ctx *ctx, __u32 index)
{
	struct flush_job job = { 0 };

	job.now = bpf_map_lookup_elem(&latency, &index);
	job.sent = bpf_map_lookup_elem(&last, &index);
	if (job.now == NULL || job.sent == NULL)
		return -22; /* EINVAL: no such histogram */
	if (flush_is_unused(job.now))
		return 0;
	for (__u32 i = 0; i < HZ_FLUSH_RECORDS_MAX; i++) {
		enum flush_result result = flush_one(&job, index);

		ctx->emitted += result == FLUSH_SENT;
		ctx->refused += result == FLUSH_REFUSED;
		if (result != FLUSH_SENT)
			break;
	}
	return 0;
}

/* What is not sent now is sent with the next round. */
static __always_inline int hz_hist_flush(struct hz_flush_ctx *ctx)
{
	struct hz_flush_ctx result = { 0 };
	__u32 index = ctx->index;
	int status = 0;

	if (turn_take(true)) {
		status = flush_hist(&result, index);
		turn_give();
	}
	ctx->emitted = result.emitted;
	ctx->refused = result.refused;
	if (ctx->wakeup)
		stream_ring_bell();
	return status;
}

#endif
