/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A record into the ring of events. Several programs may be at it at once: a record has its place in the ring before it
 * gets its number, so numbers have no gap and none comes twice, though two neighbours may have changed places. */
#ifndef HZ_STREAM_OUT_H
#define HZ_STREAM_OUT_H

#include "abi/hz_abi.h"
#include "maps_stream.h"
#include <stdbool.h>

/* Nobody is woken for a record: that costs an interrupt each. The last call of a round rings the bell.
 * A ring half full has a slow reader or none; he is woken at once, lest the round fill it. */
static __always_inline __u64 stream_wakeup_flags(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > HZ_RING_BYTES / 2
	               ? BPF_RB_FORCE_WAKEUP
	               : BPF_RB_NO_WAKEUP;
}

/* record: `bytes` long, which the verifier must see, and begins with its header, that gets the number. false: the ring is
 * full. */
static __always_inline bool stream_out(struct hz_event *record, __u32 bytes,
                                       struct hz_stream_stats *stats, __u64 wakeup_flags)
{
	struct bpf_dynptr place;

	if (bpf_ringbuf_reserve_dynptr(&events, bytes, 0, &place) != 0) {
		bpf_ringbuf_discard_dynptr(&place, BPF_RB_NO_WAKEUP); /* the verifier asks for it */
		return false;
	}
	record->sequence = __sync_fetch_and_add(&stats->records, 1);
	bpf_dynptr_write(&place, 0, record, bytes, 0);
	bpf_ringbuf_submit_dynptr(&place, wakeup_flags);
	return true;
}

#endif
