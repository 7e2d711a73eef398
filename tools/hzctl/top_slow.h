/* The slowest answers that hz-collector told of lately, for hzctl top. */
#ifndef HZ_TOP_SLOW_H
#define HZ_TOP_SLOW_H

#include "abi/hz_abi.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define HZ_TOP_SLOW_MAX    32u
#define HZ_TOP_SLOW_AGE_MS 120000u /* as long as the heatmap */

struct hz_top_slow {
	uint64_t time_unix_ms, total_ns;
	uint64_t stage_ns[HZ_STAGE_COUNT];
	unsigned worker, status;
	char method[8], route[HZ_ROUTE_NAME_BYTES], path[HZ_SLOW_PATH_BYTES + 1], trace[33];
};

struct hz_top_slow_list { /* zeroed: empty */
	unsigned count;
	struct hz_top_slow slow[HZ_TOP_SLOW_MAX]; /* the slowest first */
};

/* Takes the object of a record of kind slow; what it lacks is empty or 0. False: it is not one. */
bool hz_top_slow_parse(const json_t *object, struct hz_top_slow *out);
/* The list is full: the fastest goes. */
void hz_top_slow_add(struct hz_top_slow_list *list, const struct hz_top_slow *slow);
/* Forgets those older than HZ_TOP_SLOW_AGE_MS. */
void hz_top_slow_age(struct hz_top_slow_list *list, uint64_t now_unix_ms);

#endif
