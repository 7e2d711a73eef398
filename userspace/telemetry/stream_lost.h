/* What the stream lost for good: deltas that were refused go out later and are not among it. */
#ifndef HZ_STREAM_LOST_H
#define HZ_STREAM_LOST_H

#include "abi/hz_abi.h"

static inline __u64 hz_stream_lost_sum(const struct hz_stream_stats *stats)
{
	return stats->slow_lost + stats->shed_lost + stats->drop_lost + stats->state_lost;
}

#endif
