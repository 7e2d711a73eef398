/* Recording into and reading from struct hz_hist. */
#ifndef HZ_TELEMETRY_HIST_H
#define HZ_TELEMETRY_HIST_H

#include "abi/hist_bucket.h"
#include "abi/hz_abi.h"
#include <stdint.h>

/* Plain stores; the caller is the only writer of this histogram. */
static inline void hz_hist_record(struct hz_hist *hist, uint64_t ns)
{
	hist->bucket[hz_hist_bucket(ns)]++;
	hist->sum_ns += ns;
	if (ns > hist->max_ns)
		hist->max_ns = ns;
	if (ns < hist->min_ns || hist->min_ns == 0)
		hist->min_ns = ns;
	if (ns > HZ_HIST_MAX_NS)
		hist->overflow++;
}

/* Adds from into to, bucket by bucket. to is private to the caller. */
void hz_hist_merge(struct hz_hist *to, const struct hz_hist *from);

/* now - then, for a view of an interval; max_ns and min_ns come from the buckets that gained. */
void hz_hist_since(struct hz_hist *out, const struct hz_hist *now, const struct hz_hist *then);

uint64_t hz_hist_count(const struct hz_hist *hist); /* sum of the buckets */

/* Value of which at least per_million of all samples are not larger, as the middle of its bucket;
 * 0 when there are none. per_million: 500000 is the median. */
uint64_t hz_hist_quantile_ns(const struct hz_hist *hist, uint32_t per_million);

/* Fills every field but stage and updated_unix; rate_per_s from the count gained in interval_ns. */
void hz_hist_pct(struct hz_latency_pct *out, const struct hz_hist *merged, uint64_t count_before,
                 uint64_t interval_ns);

#endif
