/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Copies of the stream to rings of other people. A ring that is full loses its own copies and nothing else: `events` has
 * taken the record before. Whether somebody still reads a full ring is for hzd to judge, from what is noted here. */
#ifndef HZ_STREAM_FAN_H
#define HZ_STREAM_FAN_H

#include "abi/hz_abi.h"
#include "maps_stream.h"
#include <stdbool.h>

/* Nobody is woken for a record unless asked: that costs an interrupt each. The last call of a round rings the bell.
 * A ring half full has a slow reader or none; he is woken at once, lest the round fill it. */
static __always_inline __u64 stream_wakeup_flags(void *ring, bool wakeup)
{
	return wakeup || bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >
	                               bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / 2
	               ? BPF_RB_FORCE_WAKEUP
	               : BPF_RB_NO_WAKEUP;
}

/* Two that lose at the same time may both write down the time: either is right. */
static __always_inline void fan_note_full(struct hz_subscriber *stats, void *ring)
{
	__u64 position = bpf_ringbuf_query(ring, BPF_RB_CONS_POS), now_ns = bpf_ktime_get_ns();

	__sync_fetch_and_add(&stats->lost, 1);
	stats->lost_ns = now_ns;
	if (stats->full_ns != 0 && stats->position == position)
		return;
	stats->position = position;
	stats->full_ns = now_ns;
}

/* bytes: bounded where the verifier sees it. */
static __always_inline void stream_fan_out(void *record, __u32 bytes, bool wakeup)
{
	for (__u32 i = 0; i < HZ_SUBSCRIBERS_MAX; i++) {
		__u32 place = i;
		void *ring = bpf_map_lookup_elem(&subscribers, &place);
		struct hz_subscriber *stats = bpf_map_lookup_elem(&subscriber_stats, &place);

		if (ring == NULL || stats == NULL)
			continue;
		if (bpf_ringbuf_output(ring, record, bytes, stream_wakeup_flags(ring, wakeup)) !=
		    0) {
			fan_note_full(stats, ring);
			continue;
		}
		__sync_fetch_and_add(&stats->records, 1);
		stats->full_ns = 0;
	}
}

/* With no record to lose a full ring is judged here: the bell rings in each round, on a server without traffic too, and
 * when `events` takes nothing. */
static __always_inline void fan_look(struct hz_subscriber *stats, void *ring)
{
	if (stats->full_ns == 0)
		return;
	if (stats->position == bpf_ringbuf_query(ring, BPF_RB_CONS_POS))
		stats->lost_ns = bpf_ktime_get_ns();
	else
		stats->full_ns = 0;
}

static __always_inline void stream_fan_bell(void)
{
	for (__u32 i = 0; i < HZ_SUBSCRIBERS_MAX; i++) {
		__u32 place = i;
		void *ring = bpf_map_lookup_elem(&subscribers, &place);
		struct hz_subscriber *stats = bpf_map_lookup_elem(&subscriber_stats, &place);
		void *bell;

		if (ring == NULL || stats == NULL)
			continue;
		fan_look(stats, ring);
		bell = bpf_ringbuf_reserve(ring, 8, 0);
		if (bell != NULL)
			bpf_ringbuf_discard(bell, BPF_RB_FORCE_WAKEUP);
	}
}

#endif
