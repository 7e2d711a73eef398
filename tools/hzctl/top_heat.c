#include "top_heat.h"
#include "abi/hist_bucket.h"
#include "core/base.h"
#include <assert.h>

_Static_assert(HZ_TOP_HEAT_PER_OCTAVE == 4, "the two bits behind the leading one are the row");

uint64_t hz_top_heat_low_ns(unsigned row)
{
	unsigned octave = HZ_TOP_HEAT_OCTAVE + row / HZ_TOP_HEAT_PER_OCTAVE;

	return (uint64_t)(HZ_TOP_HEAT_PER_OCTAVE + row % HZ_TOP_HEAT_PER_OCTAVE) << (octave - 2);
}

unsigned hz_top_heat_row(uint64_t ns)
{
	unsigned octave, row;

	if (ns < 1u << HZ_TOP_HEAT_OCTAVE)
		return 0;
	octave = hz_log2(ns);
	row = (octave - HZ_TOP_HEAT_OCTAVE) * HZ_TOP_HEAT_PER_OCTAVE +
	      (unsigned)(ns >> (octave - 2) & (HZ_TOP_HEAT_PER_OCTAVE - 1));
	return HZ_MIN(row, HZ_TOP_HEAT_ROWS - 1);
}

void hz_top_heat_add(struct hz_top_heat *heat, const struct hz_hist *gained, enum hz_top_mark mark)
{
	struct hz_top_heat_column *column = &heat->column[heat->next];

	*column = (struct hz_top_heat_column){ .is_known = gained != NULL, .mark = mark };
	for (uint32_t i = 0; gained != NULL && i < HZ_HIST_BUCKETS; i++)
		column->count[hz_top_heat_row(hz_hist_bucket_low(i))] += gained->bucket[i];
	heat->next = (heat->next + 1) % HZ_TOP_HEAT_COLUMNS;
}

const struct hz_top_heat_column *hz_top_heat_at(const struct hz_top_heat *heat, unsigned age)
{
	assert(age < HZ_TOP_HEAT_COLUMNS);
	return &heat->column[(heat->next + HZ_TOP_HEAT_COLUMNS - 1 - age) % HZ_TOP_HEAT_COLUMNS];
}

bool hz_top_heat_range(const struct hz_top_heat *heat, unsigned *first, unsigned *last)
{
	unsigned low = HZ_TOP_HEAT_ROWS, high = 0;

	for (unsigned i = 0; i < HZ_TOP_HEAT_COLUMNS; i++) {
		for (unsigned row = 0; row < HZ_TOP_HEAT_ROWS; row++) {
			if (heat->column[i].count[row] == 0)
				continue;
			low = HZ_MIN(low, row);
			high = HZ_MAX(high, row);
		}
	}
	if (low == HZ_TOP_HEAT_ROWS)
		return false;
	*first = low;
	*last = high;
	return true;
}
