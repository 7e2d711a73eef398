/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Who is refused, by prefix: of a /24, or of IPv6 a /64, and a reason the first flow goes into the ring of events at once,
 * the others are counted. hzd's housekeeping sends the counts as sums when a second is over, server/shed_sums.h.
 *
 * A flood from everywhere must cost as little as one from somewhere: the first ones of a round are HZ_SHED_FIRSTS_MAX
 * records of a CPU, those beyond have no place and are counted together. No clock is read for it: the round is
 * housekeeping's. Each CPU has its own row, so that nobody waits; what those beyond HZ_SHED_OWNERS refuse is counted
 * without its prefix in the row of another. A reader sleeps through records but for the first one of a CPU in a round:
 * that is at once, and a flood wakes it once per CPU and second. */
#ifndef HZ_SHED_NOTE_H
#define HZ_SHED_NOTE_H

#include "maps.h"
#include "pkt.h"

/* CPUs that have a row of their own; fewer in a test of those that have none. */
#ifndef HZ_SHED_OWNERS
#define HZ_SHED_OWNERS HZ_WORKERS_MAX
#endif

static __always_inline struct hz_addr note_prefix(const struct hz_pkt *pkt)
{
	struct hz_addr prefix = pkt->source;

	if (pkt->version == 4)
		prefix.byte[15] = 0;
	else
		__builtin_memset(prefix.byte + 8, 0, 8);
	return prefix;
}

static __always_inline bool note_is(const struct hz_shed_place *place, const struct hz_addr *prefix,
                                    __u32 reason)
{
	const __u64 *a = (const __u64 *)place->prefix.byte, *b = (const __u64 *)prefix->byte;

	return place->reason == reason && a[0] == b[0] && a[1] == b[1];
}

/* Has this CPU a record left in this round? */
static __always_inline bool note_may_send(struct hz_shed_row *row)
{
	__u32 round = *(const volatile __u32 *)&row->round;

	if (row->seen != round) {
		row->seen = round;
		row->sent_before = row->sent;
	}
	return row->sent - row->sent_before < HZ_SHED_FIRSTS_MAX;
}

/* Full, the ring takes no first one: it is counted with those that follow. */
static __always_inline void note_first(struct hz_shed_row *row, struct hz_shed_place *place,
                                       const struct hz_pkt *pkt, __u32 cpu, __u64 now_ns)
{
	__u64 flags = row->sent == row->sent_before ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
	struct hz_event_shed record = {
		.header = { .kind = HZ_EVENT_SHED,
		            .worker = (__u16)cpu,
		            .bytes = sizeof(record),
		            .sequence = row->sent++,
		            .time_ns = now_ns },
		.reason = place->reason,
		.prefix_bits = pkt->version == 4 ? HZ_SHED_PREFIX_BITS : HZ_SHED_PREFIX_BITS6,
		.prefix = place->prefix,
		.count = 1,
	};
	long err = bpf_ringbuf_output(&events, &record, sizeof(record), flags);

	/* A full barrier: the count that follows is not seen before its prefix. */
	__sync_fetch_and_add(&place->count, err != 0);
}

/* CPUs without a row of their own are at it too. */
static __always_inline void note_rest(struct hz_shed_row *row, __u32 reason)
{
	__u32 which = reason == HZ_REASON_drop_source_rate ? HZ_SHED_REASONS - 1
	                                                   : reason - HZ_REASON_shed_drop;

	if (which >= HZ_SHED_REASONS)
		return;
	row->rest[which].reason = reason;
	__sync_fetch_and_add(&row->rest[which].count, 1);
}

/* A CPU is not preempted in XDP: nobody else writes its places. */
static __always_inline void hz_shed_note(const struct hz_pkt *pkt, __u32 reason, __u64 now_ns)
{
	__u32 cpu = bpf_get_smp_processor_id(), index = cpu % HZ_SHED_OWNERS;
	struct hz_shed_row *row = bpf_map_lookup_elem(&shed_rows, &index);
	struct hz_addr prefix = note_prefix(pkt);
	const __u32 *word = (const __u32 *)prefix.byte;
	struct hz_shed_place *place;

	if (row == NULL)
		return;
	if (cpu != index) {
		note_rest(row, reason);
		return;
	}
	*(volatile __u32 *)&row->reason =
		reason; /* the verifier walks the rest once for all of them */
	reason = *(volatile __u32 *)&row->reason;
	place = &row->place[(word[0] ^ word[1] ^ word[3] ^ reason) * 2654435761u >>
	                    (32 - HZ_SHED_PLACE_BITS)]; /* Fibonacci hashing */
	if (note_is(place, &prefix, reason)) {
		place->count++;
		return;
	}
	if (place->count != *(const volatile __u64 *)&place->told || place->round == row->round ||
	    !note_may_send(row)) {
		note_rest(row, reason);
		return;
	}
	place->prefix = prefix;
	place->reason = reason;
	place->round = row->round;
	note_first(row, place, pkt, cpu, now_ns);
}

#endif
