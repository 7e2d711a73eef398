/* The last frames of each worker, headers only, with what became of them: one ring per worker in a file of
 * the run directory, so that it can be read without hzd, also after it died. Off, it costs the worker one
 * branch per burst; on, a worker copies 128 bytes of each frame and asks nobody.
 *
 * A reader copies a ring while it is written. It reads ended, then the places, then begun:
 *
 *   begun - SLOTS        ended before            begun after
 *        |  believed           |  not finished yet    |
 *   -----+---------------------+----------------------+
 *
 * A frame up to ended was finished before the copying started, and its place was not taken again unless begun
 * passed it by SLOTS since. Nothing depends on the order in which the bytes of a place were copied. */
#ifndef HZ_TRACE_RING_H
#define HZ_TRACE_RING_H

#include "core/tsan.h"
#include "telemetry/slot.h"
#include <string.h>

#define HZ_TRACE_SLOTS   4096u /* per worker, power of two */
#define HZ_TRACE_DATA    128u  /* Ethernet, two VLAN tags, IPv6, TCP with all its options: 122 */
#define HZ_TRACE_IFACES  16u
#define HZ_TRACE_MAGIC   0x72747a68u /* "hztr" */
#define HZ_TRACE_VERSION 2u
#define HZ_TRACE_FILE    "trace"

enum hz_trace_kind {
	HZ_TRACE_RX,
	HZ_TRACE_TX,
	HZ_TRACE_RX_HANDED, /* received, and handed to the worker that owns the flow */
	HZ_TRACE_RX_TAKEN,  /* from the worker that received it */
	HZ_TRACE_KIND_COUNT,
};

struct hz_trace_frame {
	uint64_t sequence;           /* frames of this worker before it, and itself */
	uint64_t time_ns;            /* CLOCK_MONOTONIC of the turn */
	struct hz_counter_set moved; /* why it was dropped, what it caused */
	uint32_t frame_bytes;
	uint16_t data_bytes;
	uint8_t iface; /* into hz_trace_head.ifname */
	uint8_t kind;  /* enum hz_trace_kind */
	uint8_t data[HZ_TRACE_DATA];
	uint8_t pad[16];
};
_Static_assert(sizeof(struct hz_trace_frame) == 192, "three cache lines");

struct hz_trace_ring {
	uint64_t begun; /* atomic: frames that were begun */
	uint64_t ended; /* atomic: that many, and all before them, are finished */
	uint64_t is_on; /* atomic: the writer has heard of start, and not of stop */
	uint64_t pad[13];
	struct hz_trace_frame slot[HZ_TRACE_SLOTS];
};

struct hz_trace_head {
	uint32_t magic, version;
	uint32_t worker_count;
	uint32_t pid;
	uint64_t started_ns; /* atomic; CLOCK_MONOTONIC; frames before it are of an earlier trace */
	uint64_t stopped_ns; /* atomic; 0: tracing */
	uint64_t unix_offset_ns; /* atomic; time of day minus CLOCK_MONOTONIC at the start */
	char ifname[HZ_TRACE_IFACES][16];
	uint8_t pad[4096 - 296];
};
_Static_assert(sizeof(struct hz_trace_head) == 4096, "rings begin at a page");

struct hz_trace_file {
	struct hz_trace_head head;
	struct hz_trace_ring ring[]; /* by worker */
};

static inline size_t hz_trace_file_bytes(uint32_t workers)
{
	return sizeof(struct hz_trace_file) + workers * sizeof(struct hz_trace_ring);
}

/* What one worker writes with. */
struct hz_trace {
	struct hz_trace_ring *ring; /* NULL: off */
	const uint64_t *now_ns;
	uint32_t held; /* hz_trace_hold without hz_trace_release */
};

/* A frame that was noted, to be completed before the release. */
struct hz_trace_place {
	struct hz_trace_frame *frame;
	uint64_t sequence;
};

/* What is noted until the release is not finished. A pair may lie inside another: a frame that is handled may
 * make a full batch leave. */
static inline void hz_trace_hold(struct hz_trace *trace)
{
	trace->held++;
}

static inline void hz_trace_release(struct hz_trace *trace)
{
	if (--trace->held == 0)
		__atomic_store_n(&trace->ring->ended, trace->ring->begun, __ATOMIC_RELEASE);
}

/* Takes the next place for a frame of frame_bytes whose first data_bytes are at data. Between hold and
 * release. */
static inline struct hz_trace_place hz_trace_note(const struct hz_trace *trace, uint8_t iface,
                                                  enum hz_trace_kind kind, const void *data,
                                                  uint32_t data_bytes, uint32_t frame_bytes)
{
	uint64_t index = trace->ring->begun;
	struct hz_trace_frame *frame = &trace->ring->slot[index & (HZ_TRACE_SLOTS - 1)];

	__atomic_store_n(&trace->ring->begun, index + 1, __ATOMIC_RELAXED);
	/* Before a byte of the place changes: who copied one of them finds begun moved. */
	hz_fence(__ATOMIC_RELEASE);
	frame->sequence = index + 1;
	frame->time_ns = *trace->now_ns;
	frame->moved = (struct hz_counter_set){ 0 };
	frame->frame_bytes = frame_bytes;
	frame->data_bytes = (uint16_t)HZ_MIN(data_bytes, HZ_TRACE_DATA);
	frame->iface = iface;
	frame->kind = (uint8_t)kind;
	memcpy(frame->data, data, frame->data_bytes);
	return (struct hz_trace_place){ frame, index + 1 };
}

/* What became of a noted frame. Nothing, should as many frames as there are places have been noted since. */
static inline void hz_trace_complete(struct hz_trace_place place, enum hz_trace_kind kind,
                                     struct hz_counter_set moved)
{
	if (HZ_UNLIKELY(place.frame->sequence != place.sequence))
		return;
	place.frame->kind = (uint8_t)kind;
	place.frame->moved = moved;
}

/* The last count frames moved counter too; they are still held. */
void hz_trace_mark(const struct hz_trace *trace, uint32_t count, enum hz_counter counter);

/* Of a copy of a ring, and of its ended as it was before the copying and begun after it: the frames that are
 * whole and of the trace that began at started_ns, oldest first, as indices of slots. Returns their number.
 * Whatever the copy holds, each has data_bytes <= HZ_TRACE_DATA and <= frame_bytes, a kind and an interface. */
uint32_t hz_trace_ring_read(const struct hz_trace_ring *copy, uint64_t ended_before,
                            uint64_t begun_after, uint64_t started_ns,
                            uint16_t out[HZ_TRACE_SLOTS]);

#endif
