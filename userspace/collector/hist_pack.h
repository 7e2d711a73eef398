/* Histograms of a few seconds, packed: most buckets are empty, so what is kept are pairs (gap, count) of
 * LEB128 numbers, 2 to 4 bytes for each bucket that has something. Packed bytes come back from a file
 * (history.c), so unpacking trusts nothing. */
#ifndef HZ_HIST_PACK_H
#define HZ_HIST_PACK_H

#include "abi/hz_abi.h"
#include "core/base.h"

#define HZ_HIST_PACK_NUMBER_MAX 10 /* bytes of a number of 64 bits */
/* Of all stages of one interval: each bucket a gap below 128 * 128 and a count, and four numbers a stage. */
#define HZ_HIST_PACK_MAX                                                                           \
	(HZ_STAGE_COUNT *                                                                          \
	 (HZ_HIST_BUCKETS * (2 + HZ_HIST_PACK_NUMBER_MAX) + 4 * HZ_HIST_PACK_NUMBER_MAX))

/* Packs the stages that have samples into out (HZ_HIST_PACK_MAX bytes); of each its buckets, sum_ns and max_ns.
 * Returns the bytes used, 0 when there were no samples. */
size_t hz_hist_pack(const struct hz_hist stage[HZ_STAGE_COUNT], uint8_t *out);

/* Are these bytes what hz_hist_pack makes? */
bool hz_hist_pack_is_well(const uint8_t *in, size_t bytes);

/* Adds to the histogram of one stage what bytes hold of it; max_ns becomes the larger one. 0, or
 * -EBADMSG with nothing added when the bytes are not what hz_hist_pack makes. */
int hz_hist_unpack(const uint8_t *in, size_t bytes, uint32_t stage, struct hz_hist *to);

/* The same in one pass that steps over other stages, for bytes that hz_hist_pack made or
 * hz_hist_unpack accepted: of others, what stands before the first wrong byte may have been
 * added at -EBADMSG. */
int hz_hist_sum(const uint8_t *in, size_t bytes, uint32_t stage, struct hz_hist *to);

/* Merges each four buckets into one of them: what is kept for long needs a quarter of the room, and its worst
 * error becomes 1/16 of a value. */
void hz_hist_coarsen(struct hz_hist *hist);

#endif
