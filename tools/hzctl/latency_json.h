/* A histogram as JSON, and that JSON for people. */
#ifndef HZ_LATENCY_JSON_H
#define HZ_LATENCY_JSON_H

#include "telemetry/hist.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* {stage, count, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns[, buckets]}: figures are null
 * without samples; buckets [[low_ns, width_ns, count]...], only those that have any. A new reference. */
json_t *hz_latency_json_make(const char *stage, const struct hz_hist *hist, bool with_buckets);

/* The same of a stage, enum hz_stage, with is_measured: false when requests were, and no sample of it. XDP answers
 * probes without a worker: no one of them says nothing of requests. */
json_t *hz_latency_json_stage(uint32_t stage, const struct hz_hist *hist, uint64_t requests,
                              bool with_buckets);

struct hz_route_hist;
/* The same of a route, with buckets, as its stage "total"; the error of a figure is up to 1/16. A new reference. */
json_t *hz_latency_json_route(const struct hz_route_hist *hist);

/* {"last_s":, "worker":, "route":, "stages":[...]}: one line per stage, or with buckets their octaves as bars. */
void hz_latency_json_text(FILE *to, const json_t *result);

#endif
