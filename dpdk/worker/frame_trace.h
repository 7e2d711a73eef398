/* The traced way of frames through a worker: the same, with a note of each frame and of what it moved. */
#ifndef HZ_FRAME_TRACE_H
#define HZ_FRAME_TRACE_H

#include "worker/worker.h"

/* Adopts w->trace_asked. On the worker's thread, between bursts. */
void hz_frame_trace_switch(struct hz_worker_loop *w);

/* hz_worker_frames_in of each frame alone, with the counters before and after. kind: as they came. */
void hz_frame_trace_in(struct hz_worker_loop *w, const struct hz_worker_port *wp,
                       struct rte_mbuf **frame, uint32_t count, enum hz_trace_kind kind);

/* worker.c: takes over count frames that wp's queue received. */
void hz_worker_frames_in(struct hz_worker_loop *w, const struct hz_worker_port *wp,
                         struct rte_mbuf **frame, uint32_t count);

#endif
