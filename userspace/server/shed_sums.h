/* What XDP has refused and no record told of yet, as sums: records HZ_EVENT_SHED, one per reason and prefix, of all CPUs
 * together. Counts stay in the map until their record has gone out, so neither a full ring nor a restart loses any. */
#ifndef HZ_SHED_SUMS_H
#define HZ_SHED_SUMS_H

#include "abi/hz_abi.h"
#include <stdint.h>

/* Sends one record: 0, -EAGAIN when there is no room now, or another -errno. */
typedef int hz_shed_sums_fn(void *ctx, const struct hz_event_shed *record);

struct hz_shed_sums; /* one thread */

/* rows: map `shed_rows`, of row_count CPUs, writable, has to outlive it. Rounds begin at once. What was counted while
 * nobody told is told with the first turn, of all that time. 0 or -ENOMEM. */
int hz_shed_sums_open(struct hz_shed_row *rows, uint32_t row_count, uint64_t now_ns,
                      hz_shed_sums_fn *send, void *ctx, struct hz_shed_sums **out);
/* Once per second, whenever it is called: the largest HZ_LIMIT_shed_sums_max, and what is left of each reason without its
 * prefixes. */
void hz_shed_sums_turn(struct hz_shed_sums *sums, uint64_t now_ns);
/* One more turn, however little later: nobody comes for a while. What the ring has no room for stays in the rows. */
void hz_shed_sums_finish(struct hz_shed_sums *sums, uint64_t now_ns);
void hz_shed_sums_close(struct hz_shed_sums *sums); /* accepts NULL */

#endif
