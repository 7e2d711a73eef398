/* A histogram as Prometheus' native ones and OTLP's exponential ones have it: 16 buckets per octave (schema 4), each of
 * ours goes to the one that holds its middle, which is what hzctl says of it: quantiles of both lie in one bucket, 4.4 %
 * wide. Schema 3 would let them be 9 % apart, which clocks that count in steps of 10 ns do show. */
#ifndef HZ_NATIVE_HIST_H
#define HZ_NATIVE_HIST_H

#include "abi/hz_abi.h"
#include "core/base.h"

#define HZ_NATIVE_SCHEMA  4
#define HZ_NATIVE_LOWEST  (-480) /* holds 1 ns: 2^(-480/16) s is 0.93 ns */
#define HZ_NATIVE_BUCKETS 600    /* up to 2^(119/16) s: beyond HZ_HIST_MAX_NS */

struct hz_native_hist {
	uint64_t count;
	uint64_t zero; /* of them: less than a nanosecond */
	double sum_s;
	uint32_t first, end; /* of bucket: what is not empty lies within; equal: nothing */
	uint64_t bucket
		[HZ_NATIVE_BUCKETS]; /* i: (2^((L+i-1)/16), 2^((L+i)/16)] s with L HZ_NATIVE_LOWEST */
};
#define HZ_NATIVE_ZERO_THRESHOLD 5e-10 /* seconds */

void hz_native_hist_make(const struct hz_hist *hist, struct hz_native_hist *out);

#endif
