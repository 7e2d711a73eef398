/* Reading from struct hz_route_hist; recording is hist.h's. Pure arithmetic on private copies. */
#ifndef HZ_ROUTE_HIST_H
#define HZ_ROUTE_HIST_H

#include "abi/hz_abi.h"
#include <stdint.h>

/* Adds from into to. */
void hz_route_hist_merge(struct hz_route_hist *to, const struct hz_route_hist *from);
/* now - then; out may be now; where now is behind then the gain is 0. */
void hz_route_hist_since(struct hz_route_hist *out, const struct hz_route_hist *now,
                         const struct hz_route_hist *then);
uint64_t hz_route_hist_count(const struct hz_route_hist *hist);
uint64_t hz_route_hist_answers(const struct hz_route_hist *hist);
/* As hz_hist_quantile_ns, error at most 1/16; not above max_ns. */
uint64_t hz_route_hist_quantile_ns(const struct hz_route_hist *hist, uint32_t per_million);
/* What a bucket holds: low, and the number of values. */
uint64_t hz_route_hist_low(uint32_t bucket);
uint64_t hz_route_hist_width(uint32_t bucket);

#endif
