#include "telemetry/slot.h"
#include "core/base.h"
#include <assert.h>
#include <string.h>

static const struct {
	const char *name;
	const char *help;
} counters[HZ_COUNTER_COUNT] = {
#define HZ_COUNTER(counter_name, counter_help)                                                     \
	[HZ_COUNTER_##counter_name] = { #counter_name, counter_help },
#include "telemetry/counters.def"
#undef HZ_COUNTER
};

const char *hz_slot_counter_name(enum hz_counter counter)
{
	assert(counter < HZ_COUNTER_COUNT);
	return counters[counter].name;
}

const char *hz_slot_counter_help(enum hz_counter counter)
{
	assert(counter < HZ_COUNTER_COUNT);
	return counters[counter].help;
}

uint64_t hz_slot_drop_mask(void)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++) {
		if (strncmp(counters[i].name, "drop_", strlen("drop_")) == 0)
			mask |= 1ull << i;
	}
	return mask;
}
