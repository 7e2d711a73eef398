/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A record into the ring of events, and a copy to each subscriber. Several programs may be at it at once: a record has its
 * place in the ring before it gets its number, so numbers have no gap and none comes twice, though two neighbours may have
 * changed places. */
#ifndef HZ_STREAM_OUT_H
#define HZ_STREAM_OUT_H

#include "stream_fan.h"
#include <stdbool.h>

/* record: `bytes` long, which the verifier must see, and begins with its header, that gets the number. false: the ring is
 * full, nobody got it. */
static __always_inline bool stream_out(struct hz_event *record, __u32 bytes,
                                       struct hz_stream_stats *stats, bool wakeup)
{
	struct bpf_dynptr place;
	__u64 flags = stream_wakeup_flags(&events, wakeup);

	if (bpf_ringbuf_reserve_dynptr(&events, bytes, 0, &place) != 0) {
		bpf_ringbuf_discard_dynptr(&place, BPF_RB_NO_WAKEUP); /* the verifier asks for it */
		return false;
	}
	record->sequence = __sync_fetch_and_add(&stats->records, 1);
	bpf_dynptr_write(&place, 0, record, bytes, 0);
	bpf_ringbuf_submit_dynptr(&place, flags);
	stream_fan_out(record, bytes, wakeup);
	return true;
}

/* An empty record, discarded: readers do not see it, but they wake. */
static __always_inline void stream_ring_bell(void)
{
	void *bell = bpf_ringbuf_reserve(&events, 8, 0);

	if (bell != NULL)
		bpf_ringbuf_discard(bell, BPF_RB_FORCE_WAKEUP);
	stream_fan_bell();
}

#endif
