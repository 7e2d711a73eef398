/* Workers as JSON: two samples of their counters make the rates. */
#ifndef HZ_WORKER_JSON_H
#define HZ_WORKER_JSON_H

#include "telemetry_view.h"
#include <jansson.h>

#define HZ_WORKER_JSON_SAMPLE_MS 250

/* An array of {id, cpu, state, is_stale, busy_percent, requests, requests_per_s, connections, burst_avg,
 * longest_gap_ns, beat_age_ms, errors, errors_per_s}, one per worker that ever started; id < 0: all of them, else that one with
 * its counters (worker_counters.h). before and
 * now lie interval_ns apart. A new reference. */
json_t *hz_worker_json_make(const struct hz_telemetry_view_workers *before,
                            const struct hz_telemetry_view_workers *now, uint64_t interval_ns,
                            uint64_t beat_timeout_ns, int id);
void hz_worker_json_text(FILE *to, const json_t *result); /* {"workers":[...]} */

/* Two samples HZ_WORKER_JSON_SAMPLE_MS apart as such an array. */
int hz_worker_json_sample(const struct hz_telemetry_view *view, int id, json_t **out,
                          struct hz_err *err);

#endif
