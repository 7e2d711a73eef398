/* A histogram as cumulative counts below powers of two: what `bpftool map dump` prints of `latency_log2`. */
#ifndef HZ_HIST_LOG2_H
#define HZ_HIST_LOG2_H

#include "abi/hz_abi.h"

/* Fills every bound; stage and updated_unix stay. Exact: each bound is an edge of buckets. merged is private to the caller. */
void hz_hist_log2_fill(struct hz_latency_log2 *out, const struct hz_hist *merged);

#endif
