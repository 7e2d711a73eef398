/* The traced frames of an instance, from the file in its run directory: hzd may be dead. */
#ifndef HZ_TRACE_VIEW_H
#define HZ_TRACE_VIEW_H

#include "core/err.h"
#include "telemetry/trace_ring.h"

struct hz_trace_view_frame {
	uint64_t unix_ns;
	uint32_t worker;
	const struct hz_trace_frame *frame; /* of the view */
};

struct hz_trace_view { /* owned: frame, ring */
	struct hz_trace_head head;
	bool is_on; /* and hzd lives */
	uint32_t count;
	struct hz_trace_view_frame *frame; /* by time, oldest first */
	struct hz_trace_ring *ring;
};

/* A copy of what is there now. 0 or -errno with err filled: exit codes 1 no trace, 4 not permitted. */
int hz_trace_view_open(const char *instance, struct hz_trace_view *out, struct hz_err *err);
int hz_trace_view_open_at(const char *path, struct hz_trace_view *out); /* 0 or -errno */
void hz_trace_view_close(struct hz_trace_view *view);

/* Waits at most wait_ms for all workers to have heard of start, or of stop. *silent is a bit per worker that
 * has not. As open else. */
int hz_trace_view_settle(const char *instance, bool on, unsigned wait_ms, uint64_t *silent,
                         struct hz_err *err);

/* What became of a frame, in a few words: "accepted", "sent", "drop_tcp_checksum", "handed over". */
#define HZ_TRACE_VIEW_VERDICT_MAX 256
void hz_trace_view_verdict(const struct hz_trace_frame *frame, char out[HZ_TRACE_VIEW_VERDICT_MAX]);

#endif
