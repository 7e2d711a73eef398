/* An answer that is told about: its record, composed. Private to http. */
#ifndef HZ_H1_SLOW_H
#define HZ_H1_SLOW_H

#include "http/h1_turn.h"
#include "telemetry/slow_ring.h"

/* flight's stages are complete; the ring wants it. */
void hz_h1_slow_tell(struct hz_h1_turn *turn, const struct hz_h1_flight *flight);

#endif
