/* What events_lost means wherever it is shown. */
#ifndef HZ_STREAM_LOST_H
#define HZ_STREAM_LOST_H

#include "abi/hz_abi.h"
#include <stdint.h>

/* Records that a full ring lost for good. Deltas that it refused are none of them: their samples come later. */
static inline uint64_t hz_stream_lost_sum(const struct hz_stream_stats *stats)
{
	return stats->slow_lost + stats->shed_lost + stats->drop_lost + stats->state_lost;
}

#endif
