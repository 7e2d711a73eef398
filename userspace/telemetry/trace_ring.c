#include "telemetry/trace_ring.h"

_Static_assert(HZ_TRACE_SLOTS <= UINT16_MAX + 1u, "an index of a slot is 16 bits");

void hz_trace_mark(const struct hz_trace *trace, uint32_t count, enum hz_counter counter)
{
	uint64_t begun = trace->ring->begun;

	for (uint32_t i = 1; i <= count && i <= HZ_TRACE_SLOTS && i <= begun; i++)
		hz_counter_set_add(&trace->ring->slot[(begun - i) & (HZ_TRACE_SLOTS - 1)].moved,
		                   counter);
}

/* The file may be anybody's: its figures are checked before they are used. */
static bool is_sane(const struct hz_trace_frame *frame, uint64_t sequence)
{
	return frame->sequence == sequence && frame->data_bytes <= HZ_TRACE_DATA &&
	       frame->data_bytes <= frame->frame_bytes && frame->kind < HZ_TRACE_KIND_COUNT &&
	       frame->iface < HZ_TRACE_IFACES;
}

uint32_t hz_trace_ring_read(const struct hz_trace_ring *copy, uint64_t ended_before,
                            uint64_t begun_after, uint64_t started_ns, uint16_t out[HZ_TRACE_SLOTS])
{
	uint64_t first = begun_after > HZ_TRACE_SLOTS ? begun_after - HZ_TRACE_SLOTS : 0;
	uint32_t count = 0;

	for (uint64_t i = first; i < HZ_MIN(ended_before, begun_after); i++) {
		uint32_t place = (uint32_t)i & (HZ_TRACE_SLOTS - 1);
		const struct hz_trace_frame *frame = &copy->slot[place];

		if (is_sane(frame, i + 1) && frame->time_ns >= started_ns)
			out[count++] = (uint16_t)place;
	}
	return count;
}
