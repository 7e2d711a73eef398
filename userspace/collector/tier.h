/* The past in steps of equal length: packed columns in a ring of bytes, the oldest ones make room for new ones.
 * Memory is bounded by both, the columns and the bytes, and is touched only as it fills. */
#ifndef HZ_TIER_H
#define HZ_TIER_H

#include "abi/hz_abi.h"
#include "core/base.h"

struct hz_tier_column {
	int64_t unix_s; /* its beginning, a multiple of step_s */
	size_t at;      /* in bytes */
	uint32_t bytes; /* hist_pack.h; 0: nobody came */
};

struct hz_tier { /* owned by the caller; close with hz_tier_close */
	uint32_t step_s;
	uint32_t room;                 /* columns */
	uint32_t first, count;         /* of columns, in order of time */
	struct hz_tier_column *column; /* owned, room of them */
	uint8_t *bytes;                /* owned */
	size_t size, end;              /* of bytes; where the next column goes */
};

/* A tier of room columns and size bytes. 0 or -ENOMEM. size: HZ_HIST_PACK_MAX at least. */
int hz_tier_open(struct hz_tier *tier, uint32_t step_s, uint32_t room, size_t size);
void hz_tier_close(struct hz_tier *tier); /* accepts a zeroed one */

void hz_tier_clear(struct hz_tier *tier); /* forgets all columns */

/* Appends a column, of hz_hist_pack or accepted by hz_hist_unpack. 0, or -EINVAL when it does
 * not begin behind the newest one, at a step, or is too large. */
int hz_tier_put(struct hz_tier *tier, int64_t unix_s, const uint8_t *packed, size_t bytes);

/* The column that begins at unix_s, or NULL: nobody knows. */
const struct hz_tier_column *hz_tier_find(const struct hz_tier *tier, int64_t unix_s);
/* The first column behind unix_s, or NULL; and how many there are. */
const struct hz_tier_column *hz_tier_next(const struct hz_tier *tier, int64_t unix_s);
uint32_t hz_tier_count_behind(const struct hz_tier *tier, int64_t unix_s);

/* Adds what one stage got in from_s <= t < to_s to *sum. Returns the number of columns there were. */
uint32_t hz_tier_sum(const struct hz_tier *tier, int64_t from_s, int64_t to_s, uint32_t stage,
                     struct hz_hist *sum);
/* Of one column: 0 or -EBADMSG. */
int hz_tier_unpack(const struct hz_tier *tier, const struct hz_tier_column *column, uint32_t stage,
                   struct hz_hist *sum);

#endif
