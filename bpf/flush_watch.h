/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The stream goes on without hzd: a timer of the kernel's looks whether prog_flush still runs,
 * and if not sends the deltas itself: what workers had recorded when they died, and what XDP's
 * answers to probes take, which come whether hzd lives or not. It lives by the pin of its map
 * and ends with it. */
#ifndef HZ_FLUSH_WATCH_H
#define HZ_FLUSH_WATCH_H

#include "hist_flush.h"

#define HZ_CLOCK_MONOTONIC 1
/* A tick runs in an interrupt, so it looks into so many histograms and leaves the rest of the
 * round to those that follow. */
#define HZ_WATCH_HISTS   8
#define HZ_WATCH_STEP_NS 1000000ULL

struct watch_walk {
	struct hz_flush_ctx result;
	__u32 next;
	__u32 hists; /* that were looked into */
};

/* bpf_loop: the next histogram; 1 when the tick has done enough. */
static long watch_flush_next(__u32 turn, void *ctx)
{
	struct watch_walk *walk = ctx;
	__u32 index = walk->next;
	const struct hz_hist *now;

	(void)turn;
	if (walk->hists >= HZ_WATCH_HISTS)
		return 1;
	now = bpf_map_lookup_elem(&latency, &index);
	if (now == NULL)
		return 1; /* behind the last one */
	walk->next = index + 1;
	if (flush_is_unused(now))
		return 0;
	walk->hists++;
	flush_hist(&walk->result, index);
	return 0;
}

/* A part of a round. True: it goes on; false: it is over, or somebody else has the turn. */
static __noinline bool watch_flush(struct hz_flush_turn *one)
{
	struct watch_walk walk = { 0 };
	__u32 zero = 0;
	struct hz_stream_stats *stats = bpf_map_lookup_elem(&stream_stats, &zero);

	if (stats == NULL || one == NULL || !turn_take(false))
		return false;
	walk.next = one->next;
	bpf_loop(HZ_HIST_ENTRIES + 1, watch_flush_next, &walk, 0);
	turn_give();
	if (walk.result.emitted > 0)
		stream_ring_bell();
	one->next = walk.next < HZ_HIST_ENTRIES ? walk.next : 0;
	if (one->next != 0)
		return true;
	__sync_fetch_and_add(&stats->timer_rounds, 1);
	return false;
}

/* bpf_timer: in an interrupt. While prog_flush runs it comes again when that could have been
 * away for long enough. */
static int watch_tick(void *map, __u32 *entry, struct hz_flush_turn *one)
{
	__u64 now_ns = bpf_ktime_get_ns(), flushed_ns = one->flushed_ns;
	__u64 away_ns = now_ns > flushed_ns ? now_ns - flushed_ns : 0;
	__u64 wait_ns = one->interval_ns;

	(void)map;
	(void)entry;
	if (away_ns < wait_ns) {
		one->next = 0;
		wait_ns -= away_ns;
	} else if (watch_flush(one)) {
		wait_ns = HZ_WATCH_STEP_NS;
	}
	bpf_timer_start(&one->timer, wait_ns, 0);
	return 0;
}

/* Once it is set up the kernel says EBUSY, and it is only started anew. */
static __always_inline int hz_flush_watch(const struct hz_watch_ctx *ctx)
{
	struct hz_flush_turn *one = turn_of();
	__u64 interval_ns = ctx->interval_ns;
	long status;

	if (one == NULL)
		return -2;
	if (interval_ns < HZ_WATCH_MIN_NS)
		interval_ns = HZ_WATCH_MIN_NS;
	if (interval_ns > HZ_WATCH_MAX_NS)
		interval_ns = HZ_WATCH_MAX_NS;
	one->interval_ns = interval_ns;
	status = bpf_timer_init(&one->timer, &flush_turn, HZ_CLOCK_MONOTONIC);
	if (status != 0 && status != -16)
		return (int)status;
	status = bpf_timer_set_callback(&one->timer, watch_tick);
	if (status == 0)
		status = bpf_timer_start(&one->timer, interval_ns, 0);
	return (int)status;
}

#endif
