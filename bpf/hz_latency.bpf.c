// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Latency out of the histograms that workers fill: as a stream of what was gained (prog_flush, run by
 * hzd's housekeeping thread) and as text for people (the files of show/). Records of other kinds that user space
 * makes go the same way (prog_emit). The maps that an instance shares are created from this object. */
#include "event_emit.h"
#include "flush_watch.h"
#include "hist_flush.h"
#include "hist_show.h"
#include "maps_stream.h"
#include "route_show.h"
#include "verdict_show.h"
#include "worker_show.h"

SEC("syscall")
int prog_flush(struct hz_flush_ctx *ctx)
{
	return hz_hist_flush(ctx);
}

SEC("syscall")
int prog_emit(struct hz_emit_ctx *ctx)
{
	return hz_event_emit(ctx);
}

SEC("syscall")
int prog_watch(struct hz_watch_ctx *ctx)
{
	return hz_flush_watch(ctx);
}

SEC("iter/bpf_map_elem")
int show_latency(struct bpf_iter__bpf_map_elem *ctx)
{
	return hz_hist_show(ctx);
}

SEC("iter/bpf_map_elem")
int show_verdicts(struct bpf_iter__bpf_map_elem *ctx)
{
	return hz_verdict_show(ctx);
}

SEC("iter/bpf_map_elem")
int show_workers(struct bpf_iter__bpf_map_elem *ctx)
{
	return hz_worker_show(ctx);
}

SEC("iter/bpf_map_elem")
int show_conns(struct bpf_iter__bpf_map_elem *ctx)
{
	return hz_connections_show(ctx);
}

SEC("iter/bpf_map_elem")
int show_routes(struct bpf_iter__bpf_map_elem *ctx)
{
	return hz_route_show(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
