/* Named counters of a worker, and sets of them: one bit each. */
#ifndef HZ_COUNTER_SET_H
#define HZ_COUNTER_SET_H

#include "abi/hz_abi.h"
#include <stdbool.h>
#include <stdint.h>

/* Of struct hz_worker.counters, telemetry/counters.def. */
enum hz_counter {
#define HZ_COUNTER(name, help) HZ_COUNTER_##name,
#include "telemetry/counters.def"
#undef HZ_COUNTER
	HZ_COUNTER_COUNT,
};
_Static_assert(HZ_COUNTER_COUNT <= HZ_COUNTERS_MAX, "struct hz_worker has room for all");

#define HZ_COUNTER_SET_WORDS ((HZ_COUNTERS_MAX + 63) / 64)

/* Also in files that other processes read, trace_ring.h. */
struct hz_counter_set {
	uint64_t word[HZ_COUNTER_SET_WORDS]; /* counter i is bit i % 64 of word i / 64 */
};

/* index < HZ_COUNTERS_MAX, as below. */
static inline void hz_counter_set_add(struct hz_counter_set *set, unsigned index)
{
	set->word[index / 64] |= 1ull << index % 64;
}

static inline bool hz_counter_set_has(const struct hz_counter_set *set, unsigned index)
{
	return (set->word[index / 64] >> index % 64 & 1) != 0;
}

#endif
