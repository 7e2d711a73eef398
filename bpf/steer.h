/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A claimed flow goes to the AF_XDP socket of its queue; without one, or with a dead worker behind
 * it, to the kernel: a live socket nobody polls would swallow every frame. */
#ifndef HZ_STEER_H
#define HZ_STEER_H

#include "beats.h"

/* When it came, for the worker: how long frames wait is how far it is behind. Not every driver can carry it. */
static __always_inline void hz_steer_stamp(struct xdp_md *ctx, __u64 now_ns)
{
	struct hz_rx_stamp *stamp;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*stamp)) != 0)
		return;
	stamp = (void *)(long)ctx->data_meta;
	if ((void *)(stamp + 1) > (void *)(long)ctx->data)
		return;
	stamp->time_ns = now_ns;
	stamp->magic = HZ_RX_STAMP_MAGIC;
	stamp->reserved = 0;
}

static __always_inline enum hz_reason hz_steer(struct xdp_md *ctx, __u64 now_ns)
{
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	__u32 queue = ctx->rx_queue_index;

	if (conf != NULL && hz_beats_queue_is_dead(conf, ctx->ingress_ifindex, queue, now_ns))
		return conf->on_dead == HZ_ON_DEAD_DROP ? HZ_REASON_drop_on_dead
		                                        : HZ_REASON_pass_on_dead;
	if (bpf_redirect_map(&xsks_map, queue, XDP_PASS) != XDP_REDIRECT)
		return HZ_REASON_pass_no_socket;
	return HZ_REASON_steer;
}

#endif
