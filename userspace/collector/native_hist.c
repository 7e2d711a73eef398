#include "collector/native_hist.h"
#include "abi/hist_bucket.h"
#include <math.h>
#include <string.h>

static uint32_t index_of(uint64_t ns)
{
	double index = ceil(log2((double)ns * 1e-9) * (1 << HZ_NATIVE_SCHEMA)) - HZ_NATIVE_LOWEST;

	return (uint32_t)fmin(fmax(index, 0), HZ_NATIVE_BUCKETS - 1);
}

void hz_native_hist_make(const struct hz_hist *hist, struct hz_native_hist *out)
{
	memset(out, 0, sizeof(*out));
	out->sum_s = (double)hist->sum_ns * 1e-9;
	out->first = HZ_NATIVE_BUCKETS;
	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++) {
		uint32_t index;

		if (hist->bucket[i] == 0)
			continue;
		out->count += hist->bucket[i];
		if (i == 0) {
			out->zero = hist->bucket[0];
			continue;
		}
		index = index_of(hz_hist_bucket_value(i));
		out->bucket[index] += hist->bucket[i];
		out->first = HZ_MIN(out->first, index);
		out->end = HZ_MAX(out->end, index + 1);
	}
	if (out->first > out->end)
		out->first = out->end;
}
