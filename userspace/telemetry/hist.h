/* Recording into and reading from struct hz_hist. */
#ifndef HZ_TELEMETRY_HIST_H
#define HZ_TELEMETRY_HIST_H

#include "abi/hist_bucket.h"
#include "abi/hz_abi.h"
#include <stdbool.h>
#include <stdint.h>

/* `make HZ_TELEMETRY=0` compiles latency out: no histogram is recorded, no clock read for one, nothing published. That is to
 * measure what it costs, not to serve with; counters, gauges and beats stay, hzd itself lives on them. */
#ifndef HZ_TELEMETRY
#define HZ_TELEMETRY 1
#endif

/* Adds n to a counter that only this thread writes and others read at any time: a plain load and a
 * plain store, not a locked instruction (which costs three times as much), and never torn. */
static inline void hz_hist_bump(__u64 *counter, __u64 n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* The caller is the only writer of this histogram. */
static inline void hz_hist_record(struct hz_hist *hist, uint64_t ns)
{
	if (!HZ_TELEMETRY)
		return;
	hz_hist_bump(&hist->bucket[hz_hist_bucket(ns)], 1);
	hz_hist_bump(&hist->sum_ns, ns);
	if (ns > hist->max_ns)
		__atomic_store_n(&hist->max_ns, ns, __ATOMIC_RELAXED);
	if (ns < hist->min_ns || hist->min_ns == 0)
		__atomic_store_n(&hist->min_ns, ns, __ATOMIC_RELAXED);
	if (ns > HZ_HIST_MAX_NS)
		hz_hist_bump(&hist->overflow, 1);
}

/* The same of a route, with the class of its status, 100..599. */
static inline void hz_hist_record_route(struct hz_route_hist *hist, uint16_t status, uint64_t ns)
{
	if (!HZ_TELEMETRY)
		return;
	hz_hist_bump(&hist->answers[(status / 100u - 1) % HZ_CODE_CLASSES], 1);
	hz_hist_bump(&hist->bucket[hz_hist_bucket(ns) / (HZ_HIST_BUCKETS / HZ_ROUTE_BUCKETS)], 1);
	hz_hist_bump(&hist->sum_ns, ns);
	if (ns > hist->max_ns)
		__atomic_store_n(&hist->max_ns, ns, __ATOMIC_RELAXED);
}

/* Adds from into to, bucket by bucket. from may be written meanwhile; to is private to the caller. */
void hz_hist_merge(struct hz_hist *to, const struct hz_hist *from);

/* now - then, for a view of an interval; max_ns and min_ns are the edges of the outermost buckets that
 * gained. All three private to the caller (merged copies); out may be now. Where now is behind then (the
 * map was made anew) the gain counts as 0. */
void hz_hist_since(struct hz_hist *out, const struct hz_hist *now, const struct hz_hist *then);

/* Nobody ever recorded into it. A first sample of 0 ns shows in its bucket only. */
static inline bool hz_hist_is_unused(const struct hz_hist *hist)
{
	return __atomic_load_n(&hist->sum_ns, __ATOMIC_RELAXED) == 0 &&
	       __atomic_load_n(&hist->bucket[0], __ATOMIC_RELAXED) == 0;
}

uint64_t hz_hist_count(const struct hz_hist *hist); /* sum of the buckets */

/* Value of which at least per_million of all samples are not larger, as the middle of its bucket;
 * 0 when there are none. per_million: 500000 is the median. */
uint64_t hz_hist_quantile_ns(const struct hz_hist *hist, uint32_t per_million);

/* Fills every field but stage and updated_unix; rate_per_s from the count gained in interval_ns. Quantiles
 * are not above max_ns, as the middle of the last bucket may be. */
void hz_hist_pct(struct hz_latency_pct *out, const struct hz_hist *merged, uint64_t count_before,
                 uint64_t interval_ns);

#endif
