/* Rows of a heatmap: four per octave, that is eight buckets of struct hz_hist each, from 256 ns to
 * 17.2 s; what lies outside is in the outermost ones. */
#ifndef HZ_HEAT_ROWS_H
#define HZ_HEAT_ROWS_H

#include "abi/hist_bucket.h"
#include <stdint.h>

#define HZ_HEAT_ROWS              104u
#define HZ_HEAT_ROWS_BUCKETS      8u
#define HZ_HEAT_ROWS_FIRST_BUCKET 128u

_Static_assert(HZ_HEAT_ROWS_FIRST_BUCKET + HZ_HEAT_ROWS * HZ_HEAT_ROWS_BUCKETS <= HZ_HIST_BUCKETS,
               "rows exist");

static inline uint32_t hz_heat_rows_of(uint32_t bucket)
{
	uint32_t row = bucket < HZ_HEAT_ROWS_FIRST_BUCKET
	                       ? 0
	                       : (bucket - HZ_HEAT_ROWS_FIRST_BUCKET) / HZ_HEAT_ROWS_BUCKETS;

	return row < HZ_HEAT_ROWS ? row : HZ_HEAT_ROWS - 1;
}

/* The lowest value of a row; of row HZ_HEAT_ROWS where the last one ends. */
static inline uint64_t hz_heat_rows_low_ns(uint32_t row)
{
	return hz_hist_bucket_low(HZ_HEAT_ROWS_FIRST_BUCKET + row * HZ_HEAT_ROWS_BUCKETS);
}

#endif
