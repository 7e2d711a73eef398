#include "telemetry/slow_worst.h"
#include "core/base.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

int hz_slow_worst_open(struct hz_slow_worst *worst, uint32_t room)
{
	struct hz_event_slow *record = calloc(room, sizeof(*record));

	if (record == NULL)
		return -ENOMEM;
	*worst = (struct hz_slow_worst){ record, room, 0 };
	return 0;
}

void hz_slow_worst_close(struct hz_slow_worst *worst)
{
	free(worst->record);
	*worst = (struct hz_slow_worst){ 0 };
}

static bool is_shorter(const struct hz_event_slow *a, const struct hz_event_slow *b)
{
	return a->stage_ns[HZ_STAGE_TOTAL] < b->stage_ns[HZ_STAGE_TOTAL];
}

/* From place `at` up: what is above it and longer comes down. */
static void raise_to_parent(struct hz_slow_worst *worst, uint32_t at,
                            const struct hz_event_slow *record)
{
	while (at > 0 && is_shorter(record, &worst->record[(at - 1) / 2])) {
		worst->record[at] = worst->record[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	worst->record[at] = *record;
}

/* From the top down: what is below and shorter comes up. record may be any but what lies on the way. */
static void lower_from_top(struct hz_slow_worst *worst, const struct hz_event_slow *record)
{
	uint32_t at = 0, child;

	for (; (child = 2 * at + 1) < worst->count; at = child) {
		if (child + 1 < worst->count &&
		    is_shorter(&worst->record[child + 1], &worst->record[child]))
			child++;
		if (!is_shorter(&worst->record[child], record))
			break;
		worst->record[at] = worst->record[child];
	}
	worst->record[at] = *record;
}

uint32_t hz_slow_worst_offer(struct hz_slow_worst *worst, uint32_t most,
                             const struct hz_event_slow *record)
{
	uint32_t refused = 0;

	most = HZ_MIN(most, worst->room);
	for (; worst->count > most; refused++) { /* fewer are asked for than before */
		worst->count--;
		if (worst->count > 0)
			lower_from_top(worst, &worst->record[worst->count]);
	}
	if (worst->count < most) {
		raise_to_parent(worst, worst->count++, record);
		return refused;
	}
	if (most > 0 && is_shorter(&worst->record[0], record))
		lower_from_top(worst, record);
	return refused + 1;
}

static int time_compare(const void *left, const void *right)
{
	const struct hz_event_slow *a = left, *b = right;

	return (a->header.time_ns > b->header.time_ns) - (a->header.time_ns < b->header.time_ns);
}

void hz_slow_worst_sort(struct hz_slow_worst *worst)
{
	if (worst->count > 0)
		qsort(worst->record, worst->count, sizeof(*worst->record), time_compare);
}
