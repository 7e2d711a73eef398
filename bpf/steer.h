/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A claimed flow goes to the AF_XDP socket of its queue; without one, or with a dead worker behind
 * it, to the kernel: a live socket nobody polls would swallow every frame. */
#ifndef HZ_STEER_H
#define HZ_STEER_H

#include "beats.h"
#include "stats.h"

__noinline int hz_steer(struct xdp_md *ctx)
{
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	__u32 queue = ctx->rx_queue_index;
	int action;

	if (conf != NULL &&
	    hz_beats_queue_is_dead(conf, ctx->ingress_ifindex, queue, bpf_ktime_get_ns()))
		return hz_stats_verdict(conf->on_dead == HZ_ON_DEAD_DROP ? HZ_REASON_drop_on_dead
		                                                         : HZ_REASON_pass_on_dead);
	action = (int)bpf_redirect_map(&xsks_map, queue, XDP_PASS);
	hz_stats_count(action == XDP_REDIRECT ? HZ_REASON_steer : HZ_REASON_pass_no_socket);
	return action;
}

#endif
