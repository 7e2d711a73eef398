/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which bucket of struct hz_hist a duration falls into, and what a bucket stands for. Compiles for
 * both sides; the exhaustive test is tests/unit/telemetry. */
#ifndef HZ_HIST_BUCKET_H
#define HZ_HIST_BUCKET_H

#include "abi/hz_abi.h"

/* floor(log2(v)) without a clz instruction: BPF has none before cpu v4. v > 0. */
static inline __attribute__((always_inline)) __u32 hz_log2(__u64 v)
{
#ifdef __bpf__
	__u32 log = 0;

	if (v >> 32) {
		v >>= 32;
		log += 32;
	}
	if (v >> 16) {
		v >>= 16;
		log += 16;
	}
	if (v >> 8) {
		v >>= 8;
		log += 8;
	}
	if (v >> 4) {
		v >>= 4;
		log += 4;
	}
	if (v >> 2) {
		v >>= 2;
		log += 2;
	}
	return log + (__u32)(v >> 1);
#else
	return 63u - (__u32)__builtin_clzll(v);
#endif
}

/* Index of the bucket of value v; values beyond HZ_HIST_MAX_NS share the last one. */
static inline __attribute__((always_inline)) __u32 hz_hist_bucket(__u64 v)
{
	__u32 octave;

	if (v < (1u << HZ_HIST_SUB_BITS))
		return (__u32)v;
	if (v > HZ_HIST_MAX_NS)
		return HZ_HIST_BUCKETS - 1;
	octave = hz_log2(v);
	return ((octave - HZ_HIST_SUB_BITS) << HZ_HIST_SUB_BITS) +
	       (__u32)(v >> (octave - HZ_HIST_SUB_BITS));
}

/* Smallest value of bucket b. */
static inline __attribute__((always_inline)) __u64 hz_hist_bucket_low(__u32 b)
{
	__u32 shift;

	if (b < (2u << HZ_HIST_SUB_BITS))
		return b;
	shift = (b >> HZ_HIST_SUB_BITS) - 1;
	return (__u64)((b & ((1u << HZ_HIST_SUB_BITS) - 1)) + (1u << HZ_HIST_SUB_BITS)) << shift;
}

/* Number of values that share bucket b. */
static inline __attribute__((always_inline)) __u64 hz_hist_bucket_width(__u32 b)
{
	return b < (2u << HZ_HIST_SUB_BITS) ? 1 : 1ULL << ((b >> HZ_HIST_SUB_BITS) - 1);
}

/* The value a bucket is reported as: its middle. */
static inline __attribute__((always_inline)) __u64 hz_hist_bucket_value(__u32 b)
{
	return hz_hist_bucket_low(b) + (hz_hist_bucket_width(b) - 1) / 2;
}

#endif
