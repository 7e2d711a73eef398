/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* One program at a time sends deltas: what has gone out is settled against `last`. Nobody waits, for the timer runs in an
 * interrupt that may have come into the other one. */
#ifndef HZ_FLUSH_TURN_H
#define HZ_FLUSH_TURN_H

#include "maps_stream.h"
#include <stdbool.h>

static __always_inline struct hz_flush_turn *turn_of(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flush_turn, &zero);
}

/* true: until turn_give. */
static __always_inline bool turn_take(bool by_hzd)
{
	struct hz_flush_turn *one = turn_of();
	struct hz_stream_stats *stats;
	__u32 zero = 0;

	if (one == NULL)
		return false;
	if (by_hzd)
		one->flushed_ns = bpf_ktime_get_ns();
	if (__sync_val_compare_and_swap(&one->is_taken, 0, 1) == 0)
		return true;
	stats = bpf_map_lookup_elem(&stream_stats, &zero);
	if (stats != NULL)
		__sync_fetch_and_add(&stats->left, 1);
	return false;
}

/* An exchange orders what was written before it. */
static __always_inline void turn_give(void)
{
	struct hz_flush_turn *one = turn_of();

	if (one != NULL)
		__sync_val_compare_and_swap(&one->is_taken, 1, 0);
}

#endif
