#include "top_heat.h"
#include "core/base.h"
#include <assert.h>

void hz_top_heat_add(struct hz_top_heat *heat, const struct hz_hist *gained, enum hz_top_mark mark)
{
	struct hz_top_heat_column *column = &heat->column[heat->next];

	*column = (struct hz_top_heat_column){ .is_known = gained != NULL, .mark = mark };
	for (uint32_t i = 0; gained != NULL && i < HZ_HIST_BUCKETS; i++)
		column->count[hz_heat_rows_of(i)] += gained->bucket[i];
	heat->next = (heat->next + 1) % HZ_TOP_HEAT_COLUMNS;
}

const struct hz_top_heat_column *hz_top_heat_at(const struct hz_top_heat *heat, unsigned age)
{
	assert(age < HZ_TOP_HEAT_COLUMNS);
	return &heat->column[(heat->next + HZ_TOP_HEAT_COLUMNS - 1 - age) % HZ_TOP_HEAT_COLUMNS];
}

bool hz_top_heat_range(const struct hz_top_heat *heat, unsigned *first, unsigned *last)
{
	unsigned low = HZ_HEAT_ROWS, high = 0;

	for (unsigned i = 0; i < HZ_TOP_HEAT_COLUMNS; i++) {
		for (unsigned row = 0; row < HZ_HEAT_ROWS; row++) {
			if (heat->column[i].count[row] == 0)
				continue;
			low = HZ_MIN(low, row);
			high = HZ_MAX(high, row);
		}
	}
	if (low == HZ_HEAT_ROWS)
		return false;
	*first = low;
	*last = high;
	return true;
}
