/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Counting: one reason per frame, and the latency of health answers. */
#ifndef HZ_STATS_H
#define HZ_STATS_H

#include "abi/hist_bucket.h"
#include "maps.h"
#include "sample.h"
#include <stdbool.h>

static __always_inline void hz_stats_count(enum hz_reason reason)
{
	__u32 zero = 0, index = reason;
	struct hz_verdicts *all = bpf_map_lookup_elem(&verdicts, &zero);

	asm volatile("" : "+r"(index)); /* or the check below and the use part ways */
	if (all != NULL && index < HZ_REASON_COUNT)
		((__u64 *)all)[index]++;
}

#define HZ_ACTION_PASS  XDP_PASS
#define HZ_ACTION_TX    XDP_TX
#define HZ_ACTION_DROP  XDP_DROP
#define HZ_ACTION_STEER XDP_REDIRECT /* hz_steer has said where to */

static __always_inline int stats_action(enum hz_reason reason)
{
	switch (reason) {
#define HZ_REASON(name, action, help)                                                              \
	case HZ_REASON_##name:                                                                     \
		return HZ_ACTION_##action;
#include "abi/reasons.def"
#undef HZ_REASON
	case HZ_REASON_COUNT:
		break;
	}
	return XDP_PASS;
}

/* Counts the frame and turns its reason into what the driver shall do. Refusals that are answered were sampled
 * before their frame was turned (shed.h). A bare ACK to a health port, or of a flow that got its 503, is no
 * loss: every such connection has some. */
static __always_inline int hz_stats_verdict(struct xdp_md *ctx, enum hz_reason reason)
{
	int action = stats_action(reason);

	hz_stats_count(reason);
	if (action == XDP_DROP && reason != HZ_REASON_health_idle && reason != HZ_REASON_shed_idle)
		hz_sample_frame(ctx, reason);
	return action;
}

/* One writer per entry holds here too: this CPU, which is not preempted in XDP. On machines with more
 * than HZ_WORKERS_MAX CPUs two of them may share an entry and lose a sample. */
static __always_inline void hz_stats_health(__u64 ns)
{
	__u32 index =
		bpf_get_smp_processor_id() % HZ_WORKERS_MAX * HZ_STAGE_COUNT + HZ_STAGE_HEALTH;
	struct hz_hist *hist = bpf_map_lookup_elem(&latency, &index);

	if (hist == NULL)
		return;
	hist->bucket[hz_hist_bucket(ns) & (HZ_HIST_BUCKETS - 1)]++;
	hist->sum_ns += ns;
	if (ns > hist->max_ns)
		hist->max_ns = ns;
	if (ns < hist->min_ns || hist->min_ns == 0)
		hist->min_ns = ns;
	if (ns > HZ_HIST_MAX_NS)
		hist->overflow++;
}

#endif
