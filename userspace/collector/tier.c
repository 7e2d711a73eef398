#include "collector/tier.h"
#include "collector/hist_pack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Mapped, not from the heap: what was never written costs nothing. */
static void *pages_get(size_t bytes)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return base != MAP_FAILED ? base : NULL;
}

int hz_tier_open(struct hz_tier *tier, uint32_t step_s, uint32_t room, size_t size)
{
	struct hz_tier tmp = { .step_s = step_s, .room = room, .size = size };

	tmp.column = pages_get(room * sizeof(*tmp.column));
	tmp.bytes = pages_get(size);
	if (tmp.column == NULL || tmp.bytes == NULL) {
		hz_tier_close(&tmp);
		return -ENOMEM;
	}
	*tier = tmp;
	return 0;
}

void hz_tier_close(struct hz_tier *tier)
{
	if (tier->column != NULL)
		munmap(tier->column, tier->room * sizeof(*tier->column));
	if (tier->bytes != NULL)
		munmap(tier->bytes, tier->size);
	*tier = (struct hz_tier){ 0 };
}

void hz_tier_clear(struct hz_tier *tier)
{
	tier->first = tier->count = 0;
	tier->end = 0;
}

static struct hz_tier_column *column_at(const struct hz_tier *tier, uint32_t index)
{
	return &tier->column[(tier->first + index) % tier->room];
}

static void oldest_drop(struct hz_tier *tier)
{
	tier->first = (tier->first + 1) % tier->room;
	tier->count--;
}

/* Room for bytes behind the newest column, in one piece; SIZE_MAX when older ones have to go first. What
 * lives is [oldest, end) or, once the end has wrapped, [oldest, size) and [0, end): then the end stays
 * below the oldest one, so that full and empty are not the same. */
static size_t place_find(const struct hz_tier *tier, size_t bytes)
{
	size_t oldest;

	if (tier->count == 0)
		return bytes <= tier->size ? 0 : SIZE_MAX;
	oldest = column_at(tier, 0)->at;
	if (tier->end >= oldest) {
		if (bytes <= tier->size - tier->end)
			return tier->end;
		return bytes < oldest ? 0 : SIZE_MAX;
	}
	return bytes < oldest - tier->end ? tier->end : SIZE_MAX;
}

int hz_tier_put(struct hz_tier *tier, int64_t unix_s, const uint8_t *packed, size_t bytes)
{
	struct hz_tier_column *column;
	size_t at;

	if (bytes > tier->size || bytes > UINT32_MAX || unix_s % tier->step_s != 0)
		return -EINVAL;
	if (tier->count > 0 && unix_s <= column_at(tier, tier->count - 1)->unix_s)
		return -EINVAL;
	while (tier->count > 0 &&
	       (tier->count == tier->room ||
	        column_at(tier, 0)->unix_s <= unix_s - (int64_t)tier->room * tier->step_s))
		oldest_drop(tier);
	while ((at = place_find(tier, bytes)) == SIZE_MAX)
		oldest_drop(tier);
	if (bytes > 0)
		memcpy(tier->bytes + at, packed, bytes);
	column = column_at(tier, tier->count++);
	*column = (struct hz_tier_column){ unix_s, at, (uint32_t)bytes };
	tier->end = at + bytes;
	return 0;
}

/* Index of the first column that begins at unix_s or later. */
static uint32_t column_from(const struct hz_tier *tier, int64_t unix_s)
{
	uint32_t low = 0, high = tier->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (column_at(tier, middle)->unix_s < unix_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct hz_tier_column *hz_tier_find(const struct hz_tier *tier, int64_t unix_s)
{
	uint32_t index = column_from(tier, unix_s);

	if (index == tier->count || column_at(tier, index)->unix_s != unix_s)
		return NULL;
	return column_at(tier, index);
}

const struct hz_tier_column *hz_tier_next(const struct hz_tier *tier, int64_t unix_s)
{
	uint32_t index = column_from(tier, unix_s + 1);

	return index < tier->count ? column_at(tier, index) : NULL;
}

uint32_t hz_tier_count_behind(const struct hz_tier *tier, int64_t unix_s)
{
	return tier->count - column_from(tier, unix_s + 1);
}

int hz_tier_unpack(const struct hz_tier *tier, const struct hz_tier_column *column, uint32_t stage,
                   struct hz_hist *sum)
{
	return hz_hist_sum(tier->bytes + column->at, column->bytes, stage, sum);
}

uint32_t hz_tier_sum(const struct hz_tier *tier, int64_t from_s, int64_t to_s, uint32_t stage,
                     struct hz_hist *sum)
{
	uint32_t seen = 0;

	for (uint32_t i = column_from(tier, from_s); i < tier->count; i++) {
		const struct hz_tier_column *column = column_at(tier, i);

		if (column->unix_s >= to_s)
			break;
		if (hz_tier_unpack(tier, column, stage, sum) == 0)
			seen++;
	}
	return seen;
}
