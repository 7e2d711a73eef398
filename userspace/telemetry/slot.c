#include "telemetry/slot.h"
#include "core/base.h"
#include <assert.h>

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
