#include "drops_seen.h"
#include <assert.h>

bool hz_drops_seen_is_new(struct hz_drops_seen *seen, const struct hz_sample *sample)
{
	uint64_t *newest_ns, time_ns = sample->header.time_ns;

	assert(sample->reason < HZ_REASON_COUNT);
	newest_ns = &seen->newest_ns[sample->reason][sample->header.worker % HZ_WORKERS_MAX];
	if (time_ns <= seen->began_ns || time_ns <= *newest_ns)
		return false;
	*newest_ns = time_ns;
	return true;
}
