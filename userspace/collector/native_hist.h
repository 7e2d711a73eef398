/* A histogram as Prometheus' native ones and OTLP's exponential ones have it: 8 buckets per octave (schema 3), each of ours
 * goes to the one that holds its middle. About a fifth of ours lies across an edge, an error below half a bucket of
 * theirs. */
#ifndef HZ_NATIVE_HIST_H
#define HZ_NATIVE_HIST_H

#include "abi/hz_abi.h"
#include "core/base.h"

#define HZ_NATIVE_SCHEMA  3
#define HZ_NATIVE_LOWEST  (-240) /* holds 1 ns: 2^(-240/8) s is 0.93 ns */
#define HZ_NATIVE_BUCKETS 300    /* up to 2^(59/8) s: beyond HZ_HIST_MAX_NS */

struct hz_native_hist {
	uint64_t count;
	uint64_t zero; /* of them: less than a nanosecond */
	double sum_s;
	uint32_t first, end; /* of bucket: what is not empty lies within; equal: nothing */
	uint64_t bucket
		[HZ_NATIVE_BUCKETS]; /* i: (2^((L+i-1)/8), 2^((L+i)/8)] s with L HZ_NATIVE_LOWEST */
};
#define HZ_NATIVE_ZERO_THRESHOLD 5e-10 /* seconds */

void hz_native_hist_make(const struct hz_hist *hist, struct hz_native_hist *out);

#endif
