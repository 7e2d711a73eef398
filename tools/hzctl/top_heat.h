/* Two minutes of latency for hzctl top: a column per second, rows on a log scale. */
#ifndef HZ_TOP_HEAT_H
#define HZ_TOP_HEAT_H

#include "abi/hz_abi.h"
#include "telemetry/heat_rows.h"
#include <stdbool.h>
#include <stdint.h>

#define HZ_TOP_HEAT_COLUMNS 120u /* seconds */

enum hz_top_mark {
	HZ_TOP_MARK_NONE,
	HZ_TOP_MARK_RELOAD,
	HZ_TOP_MARK_SHED,
	HZ_TOP_MARK_RESTART,
	HZ_TOP_MARK_DOWN
};

struct hz_top_heat_column {
	bool is_known; /* false: nobody looked, or nobody could have answered */
	enum hz_top_mark mark;
	uint64_t count[HZ_HEAT_ROWS];
};

struct hz_top_heat {
	struct hz_top_heat_column column[HZ_TOP_HEAT_COLUMNS]; /* a ring */
	unsigned next;                                         /* where the next second goes */
};

/* The newest second: what the histogram gained in it; NULL: unknown. */
void hz_top_heat_add(struct hz_top_heat *heat, const struct hz_hist *gained, enum hz_top_mark mark);
/* age 0: the newest one. age < HZ_TOP_HEAT_COLUMNS. */
const struct hz_top_heat_column *hz_top_heat_at(const struct hz_top_heat *heat, unsigned age);

/* The rows between which all samples are; false: there are none. */
bool hz_top_heat_range(const struct hz_top_heat *heat, unsigned *first, unsigned *last);

#endif
