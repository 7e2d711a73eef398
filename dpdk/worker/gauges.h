/* What a worker says about itself: its time, its beat, its numbers in the mapped arrays. */
#ifndef HZ_GAUGES_H
#define HZ_GAUGES_H

#include "worker/worker.h"

void hz_gauges_open(struct hz_worker_loop *w);
/* At the start of each turn: reads the clock, accounts for the turn before. */
void hz_gauges_turn(struct hz_worker_loop *w);
/* Beat and gauges, at most each millisecond: XDP reads the beat, each store costs it a cache miss. */
void hz_gauges_beat(struct hz_worker_loop *w);
/* After a sleep: the time away is no gap and no work. */
void hz_gauges_wake(struct hz_worker_loop *w);
void hz_gauges_close(struct hz_worker_loop *w); /* a last beat with the state as it is */

#endif
