/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* XDP answers probes whether hzd lives or not, and what that took goes on being told: a timer of the kernel's looks
 * whether prog_flush still runs, and if not sends the deltas of all CPUs' health answers itself. It lives by the pin of its
 * map and ends with it. */
#ifndef HZ_HEALTH_WATCH_H
#define HZ_HEALTH_WATCH_H

#include "hist_flush.h"

#define HZ_CLOCK_MONOTONIC 1

/* bpf_loop: one CPU. No answer takes 0 ns, so a sum that stands still says that there is nothing to look for. */
static long watch_flush_cpu(__u32 cpu, void *ctx)
{
	__u32 index = cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH;
	const struct hz_hist *now = bpf_map_lookup_elem(&latency, &index);
	const struct hz_hist *sent = bpf_map_lookup_elem(&last, &index);
	struct hz_flush_ctx *result = ctx;

	if (now == NULL || sent == NULL)
		return 1;
	if (now->sum_ns != sent->sum_ns)
		flush_hist(result, index);
	return 0;
}

static __noinline int watch_flush(void)
{
	struct hz_flush_ctx result = { 0 };
	__u32 zero = 0;
	struct hz_stream_stats *stats = bpf_map_lookup_elem(&stream_stats, &zero);

	if (stats == NULL || !turn_take(false))
		return 0;
	bpf_loop(HZ_WORKERS_MAX, watch_flush_cpu, &result, 0);
	turn_give();
	__sync_fetch_and_add(&stats->timer_rounds, 1);
	if (result.emitted > 0)
		stream_ring_bell();
	return 0;
}

/* bpf_timer: in an interrupt. */
static int watch_tick(void *map, __u32 *entry, struct hz_flush_turn *one)
{
	__u64 now_ns = bpf_ktime_get_ns();

	(void)map;
	(void)entry;
	if (now_ns > one->flushed_ns && now_ns - one->flushed_ns >= one->interval_ns)
		watch_flush();
	bpf_timer_start(&one->timer, one->interval_ns, 0);
	return 0;
}

/* Once it is set up the kernel says EBUSY, and it is only started anew. */
static __always_inline int hz_health_watch(const struct hz_watch_ctx *ctx)
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
