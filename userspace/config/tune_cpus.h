/* CPU lists: "1-3,6", as in cpuset(7). */
#ifndef HZ_TUNE_CPUS_H
#define HZ_TUNE_CPUS_H

#include "config/tune.h"
#include <hz/span.h>

#define HZ_TUNE_CPU_MAX 1023 /* what cpu_set_t holds */

/* Ascending or not, but each CPU once. Empty is a list of none. 0, -EINVAL (not such a list), -ERANGE
 * (a CPU beyond HZ_TUNE_CPU_MAX, more CPUs than cpu holds) or -EEXIST (one twice). Writes only on 0. */
int hz_tune_cpus_parse(struct hz_span text, int16_t cpu[64], uint32_t *count);

#endif
