#include "telemetry/hist_log2.h"
#include "abi/hist_bucket.h"
#include <stdint.h>

/* Where the bound lies in buckets: all octaves below it, of which the first holds the values that have a bucket each. */
#define HZ_LOG2_BOUND(name, exponent)                                                              \
	_Static_assert((exponent) >= HZ_HIST_SUB_BITS && (exponent) < 36,                          \
	               "the bound 2^" #exponent " is an edge of buckets");
#include "abi/log2_bounds.def"
#undef HZ_LOG2_BOUND

static uint64_t samples_of(const struct hz_hist *hist, uint32_t first, uint32_t end)
{
	uint64_t samples = 0;

	for (uint32_t i = first; i < end; i++)
		samples += hist->bucket[i];
	return samples;
}

void hz_hist_log2_fill(struct hz_latency_log2 *out, const struct hz_hist *merged)
{
	uint64_t below = 0;
	uint32_t bucket = 0;

#define HZ_LOG2_BOUND(name, exponent)                                                              \
	below += samples_of(merged, bucket, hz_hist_bucket(1ULL << (exponent)));                   \
	bucket = hz_hist_bucket(1ULL << (exponent));                                               \
	out->le_##name = below;
#include "abi/log2_bounds.def"
#undef HZ_LOG2_BOUND
	out->le_inf = below + samples_of(merged, bucket, HZ_HIST_BUCKETS);
}
