#include "telemetry/hist.h"
#include "core/base.h"
#include <assert.h>

#define PER_MILLION 1000000u

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static uint64_t gain(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

void hz_hist_merge(struct hz_hist *to, const struct hz_hist *from)
{
	uint64_t max_ns = load(&from->max_ns);
	uint64_t min_ns = load(&from->min_ns);

	for (unsigned i = 0; i < HZ_HIST_BUCKETS; i++)
		to->bucket[i] += load(&from->bucket[i]);
	to->sum_ns += load(&from->sum_ns);
	to->overflow += load(&from->overflow);
	to->max_ns = HZ_MAX(to->max_ns, max_ns);
	if (to->min_ns == 0 || (min_ns != 0 && min_ns < to->min_ns))
		to->min_ns = min_ns;
}

/* The largest and smallest value there can have been, from the buckets that are not empty and from the
 * extremes of the whole histogram they are part of. */
static void extremes_fill(struct hz_hist *hist, uint64_t whole_min_ns, uint64_t whole_max_ns)
{
	unsigned lowest = 0, highest = HZ_HIST_BUCKETS;

	while (lowest < HZ_HIST_BUCKETS && hist->bucket[lowest] == 0)
		lowest++;
	hist->min_ns = 0;
	hist->max_ns = 0;
	if (lowest == HZ_HIST_BUCKETS)
		return;
	while (hist->bucket[highest - 1] == 0)
		highest--;
	hist->min_ns = HZ_MAX(hz_hist_bucket_low(lowest), whole_min_ns);
	hist->max_ns = whole_max_ns;
	if (highest < HZ_HIST_BUCKETS) /* the last bucket has no upper edge */
		hist->max_ns = HZ_MIN(hz_hist_bucket_low(highest) - 1, whole_max_ns);
}

void hz_hist_since(struct hz_hist *out, const struct hz_hist *now, const struct hz_hist *then)
{
	uint64_t whole_min_ns = now->min_ns;
	uint64_t whole_max_ns = now->max_ns;

	for (unsigned i = 0; i < HZ_HIST_BUCKETS; i++)
		out->bucket[i] = gain(now->bucket[i], then->bucket[i]);
	out->sum_ns = gain(now->sum_ns, then->sum_ns);
	out->overflow = gain(now->overflow, then->overflow);
	extremes_fill(out, whole_min_ns, whole_max_ns);
}

uint64_t hz_hist_count(const struct hz_hist *hist)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HZ_HIST_BUCKETS; i++)
		count += load(&hist->bucket[i]);
	return count;
}

uint64_t hz_hist_quantile_ns(const struct hz_hist *hist, uint32_t per_million)
{
	uint64_t count = hz_hist_count(hist);
	uint64_t rank, seen = 0;

	assert(per_million <= PER_MILLION);
	if (count == 0)
		return 0;
	/* The rank-th smallest sample, 1-based; rounded up, so that enough samples are not larger. */
	rank = (uint64_t)(((unsigned __int128)count * per_million + PER_MILLION - 1) / PER_MILLION);
	rank = HZ_MAX(rank, 1u);
	for (unsigned i = 0; i < HZ_HIST_BUCKETS; i++) {
		seen += load(&hist->bucket[i]);
		if (seen >= rank)
			return hz_hist_bucket_value(i);
	}
	return hz_hist_bucket_value(HZ_HIST_BUCKETS - 1);
}

static uint64_t quantile_capped(const struct hz_hist *hist, uint32_t per_million)
{
	return HZ_MIN(hz_hist_quantile_ns(hist, per_million), hist->max_ns);
}

void hz_hist_pct(struct hz_latency_pct *out, const struct hz_hist *merged, uint64_t count_before,
                 uint64_t interval_ns)
{
	uint64_t count = hz_hist_count(merged);
	unsigned __int128 gained = gain(count, count_before);

	out->count = count;
	out->rate_per_s = interval_ns == 0 ? 0 : (uint64_t)(gained * HZ_NS_PER_S / interval_ns);
	out->mean_ns = count == 0 ? 0 : merged->sum_ns / count;
	out->p50_ns = quantile_capped(merged, 500000);
	out->p90_ns = quantile_capped(merged, 900000);
	out->p99_ns = quantile_capped(merged, 990000);
	out->p999_ns = quantile_capped(merged, 999000);
	out->p9999_ns = quantile_capped(merged, 999900);
	out->max_ns = merged->max_ns;
}
