/* Which samples of dropped frames a reader has had. Pure. */
#ifndef HZ_DROPS_SEEN_H
#define HZ_DROPS_SEEN_H

#include "abi/hz_abi.h"
#include <stdbool.h>
#include <stdint.h>

/* Slots are read one after the other, while CPUs write: one that was read early can hold, at the
 * next look, a sample that is older than one that was read late. Only those of one reason on one
 * CPU are 64 ticks apart (bpf/sample.h). */
struct hz_drops_seen {
	uint64_t began_ns; /* what is older was there before */
	uint64_t newest_ns[HZ_REASON_COUNT][HZ_WORKERS_MAX];
};

/* True once for each sample, if those of one reason on one CPU are asked about in their order in
 * time. sample->reason < HZ_REASON_COUNT */
bool hz_drops_seen_is_new(struct hz_drops_seen *seen, const struct hz_sample *sample);

#endif
