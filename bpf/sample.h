/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What was dropped or refused, by example: tcpdump sees nothing of it. Per reason and CPU the first frame, and after
 * it at most one in HZ_SAMPLE_TICKS ticks of the kernel (64 ms at 1000 Hz), goes into the map `drops`,
 * which anybody may look at, and from there into the ring of events. A verdict never depends on it. */
#ifndef HZ_SAMPLE_H
#define HZ_SAMPLE_H

#include "maps.h"

#define HZ_SAMPLE_TICKS 64

/* The oldest sample of this CPU goes. A reader that comes in between sees `bytes` 0, or two copies that
 * differ. */
static __always_inline void sample_take(struct xdp_md *ctx, __u32 reason,
                                        struct hz_sample_gate *gate)
{
	__u32 cpu = bpf_get_smp_processor_id() % HZ_WORKERS_MAX;
	__u32 index = cpu * HZ_SAMPLES_PER_CPU + gate->taken % HZ_SAMPLES_PER_CPU;
	struct hz_sample *sample = bpf_map_lookup_elem(&drops, &index);
	__u32 bytes = (__u32)bpf_xdp_get_buff_len(ctx);

	if (sample == NULL)
		return;
	sample->header.bytes = 0;
	sample->header.kind = HZ_EVENT_DROP;
	sample->header.worker = (__u16)cpu;
	sample->header.sequence = gate->taken++;
	sample->header.time_ns = bpf_ktime_get_ns();
	sample->reason = reason;
	sample->frame_bytes = bytes;
	sample->ifindex = ctx->ingress_ifindex;
	sample->queue = ctx->rx_queue_index;
	sample->frames = gate->frames;
	gate->frames = 0;
	__builtin_memset(sample->data, 0, sizeof(sample->data));
	if (bytes > sizeof(sample->data))
		bytes = sizeof(sample->data);
	asm volatile("" : "+r"(bytes)); /* or the bound and the use part ways */
	if (bytes == 0 || bytes > sizeof(sample->data) ||
	    bpf_xdp_load_bytes(ctx, 0, sample->data, bytes) != 0)
		return;
	sample->header.bytes = sizeof(*sample);
	if (bpf_ringbuf_output(&events, sample, sizeof(*sample), BPF_RB_NO_WAKEUP) != 0)
		gate->refused++;
}

/* Nobody is woken for a sample: readers look once a second anyway, and a flood must not wake anybody.
 * Global: the verifier looks at it once. */
__noinline int hz_sample_frame(struct xdp_md *ctx, __u32 reason)
{
	struct hz_sample_gate *gate = bpf_map_lookup_elem(&sample_gate, &reason);
	__u64 tick = bpf_jiffies64();

	if (gate == NULL)
		return 0;
	gate->frames++;
	if (gate->tick != 0 && tick - gate->tick < HZ_SAMPLE_TICKS)
		return 0;
	gate->tick = tick;
	sample_take(ctx, reason, gate);
	return 0;
}

#endif
