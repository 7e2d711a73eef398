/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Do the workers live? Each stores the time into its beat; an old one means dead, stopped or wedged. */
#ifndef HZ_BEATS_H
#define HZ_BEATS_H

#include "maps.h"
#include <stdbool.h>

enum hz_health { HZ_HEALTH_READY, HZ_HEALTH_NOT_READY, HZ_HEALTH_DEAD };

/* Takes a copy: a loop counter whose address is passed on has no bounds left for the verifier. */
static __always_inline const struct hz_beat *beat_of(__u32 worker)
{
	return bpf_map_lookup_elem(&beat, &worker);
}

/* A beat from the future is one taken on another CPU a moment after now: fresh. */
static __always_inline bool beat_is_stale(const struct hz_beat *one, const struct hz_cfg *conf,
                                          __u64 now_ns)
{
	return now_ns > one->beat_ns && now_ns - one->beat_ns > conf->beat_timeout_ns;
}

/* Is the worker that serves this queue dead? A queue without a worker is not: it has no socket. */
static __always_inline bool hz_beats_queue_is_dead(const struct hz_cfg *conf, __u32 ifindex,
                                                   __u32 queue, __u64 now_ns)
{
	for (__u32 i = 0; i < HZ_WORKERS_MAX && i < conf->workers; i++) {
		const struct hz_beat *one = beat_of(i);

		if (one != NULL && one->ifindex == ifindex && one->queue == queue)
			return beat_is_stale(one, conf, now_ns);
	}
	return false;
}

/* What a probe shall learn: READY only while every worker turns its loop and none is leaving. Global:
 * the verifier walks the loop once, not again for every way to it. */
__noinline enum hz_health hz_beats_health(__u64 now_ns)
{
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	enum hz_health health = HZ_HEALTH_READY;

	if (conf == NULL)
		return HZ_HEALTH_NOT_READY;
	if (conf->workers == 0 || conf->state != HZ_STATE_READY)
		health = HZ_HEALTH_NOT_READY;
	for (__u32 i = 0; i < HZ_WORKERS_MAX && i < conf->workers; i++) {
		const struct hz_beat *one = beat_of(i);

		if (one == NULL || beat_is_stale(one, conf, now_ns))
			return HZ_HEALTH_DEAD;
		if (one->state != HZ_STATE_READY)
			health = HZ_HEALTH_NOT_READY;
	}
	return health;
}

#endif
