/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Who sends the records of hz_abi.h, and to whom: contexts of the programs that user space runs, the places of further
 * readers, the turn to send deltas. Part of hz_abi.h, which includes it. */
#ifndef HZ_STREAM_ABI_H
#define HZ_STREAM_ABI_H

#include "hz_abi.h"
#ifdef __bpf__
#include <linux/bpf.h>
#endif

/* Map `subscribers`: ARRAY_OF_MAPS, places for further readers of the stream. Whoever puts a ring buffer of his own there, of
 * any size, gets a copy of each record that prog_flush and prog_emit put into `events`; XDP's samples are not among them.
 * header.sequence has a gap where his ring was full. While nobody reads `events`, nothing goes out to anybody. */
#define HZ_SUBSCRIBERS_MAX    4
#define HZ_SUBSCRIBER_DEAD_NS 10000000000ULL /* full and not read for so long: hzd takes it out */

/* Map `subscriber_stats`: mmapable ARRAY, index = place; counters go on with the next ring there. */
struct hz_subscriber {
	__u64 records;
	__u64 lost; /* copies, the ring was full */
	__u64 full_ns; /* CLOCK_MONOTONIC: full since then, with its reader at position; 0: it is not */
	__u64 lost_ns; /* when a copy was lost last, or its reader was last seen to stand still since full_ns */
	__u64 position; /* of the reader, in bytes */
	__u64 reaped;   /* rings that hzd took out */
	__u64 reserved[2];
};

/* Context of prog_flush, run by hzd's housekeeping thread for one histogram. */
struct hz_flush_ctx {
	__u32 index;   /* into `latency` */
	__u32 wakeup;  /* 1 on the last call of a round */
	__u32 emitted; /* out: records sent */
	__u32 refused; /* out */
};

/* Map `private/flush_turn`: ARRAY of one; its timer fires as long as it is pinned. Whose turn it
 * is to send deltas: prog_flush's, and where that has not run for interval_ns the timer's: what
 * workers had recorded when hzd died, and what health answers take, which XDP gives without hzd. */
struct hz_flush_turn {
#ifdef __bpf__
	struct bpf_timer timer;
#else
	__u64 timer[2];
#endif
	__u32 is_taken; /* compare and exchange; who finds it taken leaves its samples for later */
	__u32 next;     /* the histogram that the timer goes on with; 0: a round begins */
	__u64 flushed_ns;  /* CLOCK_MONOTONIC, by prog_flush */
	__u64 interval_ns; /* by prog_watch */
};

/* Context of prog_watch, which starts that timer, also one that runs. */
#define HZ_WATCH_MIN_NS 1000000000ULL
#define HZ_WATCH_MAX_NS 120000000000ULL
struct hz_watch_ctx {
	__u64 interval_ns; /* what is beyond the bounds becomes one */
};

/* Context of prog_emit: one record of any kind but deltas, header.bytes long, goes out as it is, with header.sequence, and
 * with header.time_ns where that is 0. Whoever may run it may do so at any time: calls share nothing but counters. */
#define HZ_EMIT_BYTES_MAX 256
struct hz_emit_ctx {
	union {
		struct hz_event header;
		__u8 bytes[HZ_EMIT_BYTES_MAX];
	} record;
	__u16 wakeup;  /* 1: the reader is woken */
	__u16 is_kept; /* 1: refused it comes again, and is not counted as lost */
	__u32 refused; /* out: 1: the ring was full; the record is lost, and counted as such */
};

_Static_assert(sizeof(struct hz_emit_ctx) == HZ_EMIT_BYTES_MAX + 8 &&
                       sizeof(struct hz_event_slow) <= HZ_EMIT_BYTES_MAX,
               "context of prog_emit");
_Static_assert(sizeof(struct hz_flush_turn) == 40, "the kernel's part is 16 bytes");
_Static_assert(sizeof(struct hz_subscriber) == HZ_CACHE_LINE, "one line per place");

#endif
