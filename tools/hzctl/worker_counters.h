/* Every counter of one worker with what it means. */
#ifndef HZ_WORKER_COUNTERS_H
#define HZ_WORKER_COUNTERS_H

#include "telemetry/slot.h"
#include <jansson.h>
#include <stdio.h>

/* An array of {name, value, per_s, help}: the fields of struct hz_worker, then telemetry/counters.def in its
 * order; per_s is null for a gauge. before and now lie interval_ns apart. A new reference. */
json_t *hz_worker_counters_make(const struct hz_worker *before, const struct hz_worker *now,
                                uint64_t interval_ns);
void hz_worker_counters_text(FILE *to, const json_t *counters); /* 80 columns */

#endif
