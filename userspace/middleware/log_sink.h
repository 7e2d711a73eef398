/* Where the records of an access log go on a worker: a ring to the thread that writes the file, one per worker and
 * file. The worker never waits for it: without room a line is dropped and counted. Opened and drained by the server,
 * server/log_writer.h. */
#ifndef HZ_LOG_SINK_H
#define HZ_LOG_SINK_H

#include "core/byte_ring.h"

struct hz_log_lane {
	struct hz_byte_ring ring; /* of log_record.h */
	uint64_t dropped; /* of the worker, for want of room; atomic, as the writer tells it */
} HZ_LINE_ALIGNED;

struct hz_log_sink {
	uint32_t lane_count;
	struct hz_log_lane *lane; /* by index of the worker */
};

#endif
