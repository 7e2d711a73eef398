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

struct hz_counter_set hz_slot_drops(void)
{
	struct hz_counter_set drops = { 0 };

	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++) {
		if (strncmp(counters[i].name, "drop_", strlen("drop_")) == 0)
			hz_counter_set_add(&drops, i);
	}
	return drops;
}
