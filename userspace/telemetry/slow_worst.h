/* The slow answers of a second that took longest, as many as may be told of. One thread. */
#ifndef HZ_SLOW_WORST_H
#define HZ_SLOW_WORST_H

#include "abi/hz_abi.h"
#include <stdint.h>

/* Zeroed: room for none. */
struct hz_slow_worst {
	struct hz_event_slow *record; /* owned; a heap, the shortest one first, or sorted */
	uint32_t room, count;
};

/* 0 or -ENOMEM. Memory is touched as far as records come. */
int hz_slow_worst_open(struct hz_slow_worst *worst, uint32_t room);
void hz_slow_worst_close(struct hz_slow_worst *worst); /* accepts a zeroed one */

/* Keeps a copy if it is one of the `most` longest so far, which may change from call to call; of two alike the earlier
 * offer stays. How many were refused for good: this record, or shorter ones that were kept. */
uint32_t hz_slow_worst_offer(struct hz_slow_worst *worst, uint32_t most,
                             const struct hz_event_slow *record);

/* In the order of their time, for the reader of record[0] to [count - 1]; nothing is offered then until count is 0. */
void hz_slow_worst_sort(struct hz_slow_worst *worst);

#endif
