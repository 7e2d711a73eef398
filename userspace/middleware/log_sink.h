/* Where the lines of an access log go on a worker: a ring of bytes to the thread that writes the file, one per worker
 * and file. The worker never waits for it: without room a line is dropped and counted. Opened and drained by the
 * server, server/log_writer.h. */
#ifndef HZ_LOG_SINK_H
#define HZ_LOG_SINK_H

#include "core/byte_ring.h"
#include "middleware/log_line.h"

struct hz_log_lane {
	struct hz_byte_ring ring;
	/* of the worker */
	struct hz_log_stamp stamp;
	uint64_t lines;   /* put into the ring, */
	uint64_t dropped; /* and for want of room not; atomic, as the writer tells it */
} HZ_LINE_ALIGNED;

struct hz_log_sink {
	int64_t wall_offset_ns; /* wall clock minus CLOCK_MONOTONIC; atomic, the writer keeps it */
	uint32_t lane_count;
	struct hz_log_lane *lane; /* by index of the worker */
};

#endif
