#include "telemetry/route_hist.h"
#include "abi/hist_bucket.h"
#include "core/base.h"
#include <assert.h>

#define SUB_SHIFT   2u /* of a fine bucket to a coarse one */
#define PER_MILLION 1000000u

_Static_assert(HZ_HIST_BUCKETS >> SUB_SHIFT == HZ_ROUTE_BUCKETS, "four fine buckets each");

void hz_route_hist_merge(struct hz_route_hist *to, const struct hz_route_hist *from)
{
	for (unsigned i = 0; i < HZ_CODE_CLASSES; i++)
		to->answers[i] += from->answers[i];
	for (unsigned i = 0; i < HZ_ROUTE_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->sum_ns += from->sum_ns;
	to->max_ns = HZ_MAX(to->max_ns, from->max_ns);
}

uint64_t hz_route_hist_low(uint32_t bucket)
{
	return hz_hist_bucket_low(bucket << SUB_SHIFT);
}

uint64_t hz_route_hist_width(uint32_t bucket)
{
	uint32_t last = (bucket << SUB_SHIFT) + (1u << SUB_SHIFT) - 1;

	return hz_hist_bucket_low(last) + hz_hist_bucket_width(last) - hz_route_hist_low(bucket);
}

static uint64_t gain(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

void hz_route_hist_since(struct hz_route_hist *out, const struct hz_route_hist *now,
                         const struct hz_route_hist *then)
{
	uint64_t whole_max_ns = now->max_ns;
	uint32_t highest = 0;

	for (unsigned i = 0; i < HZ_CODE_CLASSES; i++)
		out->answers[i] = gain(now->answers[i], then->answers[i]);
	for (uint32_t i = 0; i < HZ_ROUTE_BUCKETS; i++) {
		out->bucket[i] = gain(now->bucket[i], then->bucket[i]);
		if (out->bucket[i] > 0)
			highest = i + 1;
	}
	out->sum_ns = gain(now->sum_ns, then->sum_ns);
	out->max_ns = 0;
	if (highest > 0) /* the largest that one of the interval can have been */
		out->max_ns = HZ_MIN(whole_max_ns, hz_route_hist_low(highest - 1) +
		                                           hz_route_hist_width(highest - 1) - 1);
	out->reserved = 0;
}

uint64_t hz_route_hist_count(const struct hz_route_hist *hist)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HZ_ROUTE_BUCKETS; i++)
		count += hist->bucket[i];
	return count;
}

uint64_t hz_route_hist_answers(const struct hz_route_hist *hist)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HZ_CODE_CLASSES; i++)
		count += hist->answers[i];
	return count;
}

uint64_t hz_route_hist_quantile_ns(const struct hz_route_hist *hist, uint32_t per_million)
{
	uint64_t count = hz_route_hist_count(hist), rank, seen = 0, middle;

	assert(per_million <= PER_MILLION);
	if (count == 0)
		return 0;
	rank = (uint64_t)(((unsigned __int128)count * per_million + PER_MILLION - 1) / PER_MILLION);
	rank = HZ_MAX(rank, 1u);
	for (uint32_t i = 0; i < HZ_ROUTE_BUCKETS; i++) {
		seen += hist->bucket[i];
		if (seen < rank)
			continue;
		middle = hz_route_hist_low(i) + (hz_route_hist_width(i) - 1) / 2;
		return hist->max_ns > 0 ? HZ_MIN(middle, hist->max_ns) : middle;
	}
	return hist->max_ns;
}
