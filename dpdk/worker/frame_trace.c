#include "worker/frame_trace.h"
#include "port/mbuf_span.h"
#include <string.h>

_Static_assert(HZ_WORKER_IFACES_MAX <= HZ_TRACE_IFACES, "every interface has a name in the trace");

void hz_frame_trace_switch(struct hz_worker_loop *w)
{
	if (w->trace.ring != NULL)
		__atomic_store_n(&w->trace.ring->is_on, 0, __ATOMIC_RELEASE);
	w->trace.now_ns = &w->env->now_ns;
	w->trace.ring = __atomic_load_n(&w->trace_asked, __ATOMIC_ACQUIRE);
	if (w->trace.ring != NULL)
		__atomic_store_n(&w->trace.ring->is_on, 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < w->port_count; i++) {
		w->port[i].port->trace_iface = w->port[i].iface;
		w->port[i].port->trace = w->trace.ring != NULL ? &w->trace : NULL;
	}
}

static struct hz_counter_set moved(const uint64_t before[HZ_COUNTER_COUNT], const __u64 *now)
{
	struct hz_counter_set set = { 0 };

	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++) {
		if (before[i] != now[i])
			hz_counter_set_add(&set, i);
	}
	return set;
}

void hz_frame_trace_in(struct hz_worker_loop *w, const struct hz_worker_port *wp,
                       struct rte_mbuf **frame, uint32_t count, enum hz_trace_kind kind)
{
	const struct hz_worker *worker = w->slot->worker;
	uint64_t before[HZ_COUNTER_COUNT];

	for (uint32_t i = 0; i < count; i++) {
		struct hz_wspan bytes = hz_mbuf_bytes(frame[i]);
		uint64_t steered = worker->steered;
		struct hz_trace_place place;

		hz_trace_hold(&w->trace);
		place = hz_trace_note(&w->trace, wp->iface, kind, bytes.data, (uint32_t)bytes.len,
		                      rte_pktmbuf_pkt_len(frame[i]));
		memcpy(before, worker->counters, sizeof(before));
		hz_worker_frames_in(w, wp, &frame[i], 1);
		hz_trace_complete(place, worker->steered != steered ? HZ_TRACE_RX_HANDED : kind,
		                  moved(before, worker->counters));
		hz_trace_release(&w->trace);
	}
}
