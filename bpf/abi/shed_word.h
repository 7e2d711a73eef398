/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What XDP refuses, as one word that is stored and loaded at once: permille of new flows in four fields.
 *
 *   63      48 47      32 31      16 15       0
 *   |   shut  |  canned  |   bulk   |   gold   |
 *
 * bulk and gold are the shares of these classes that meet shed/verdict; canned is the share of either that gets at
 * least a stateless 503, shut the share that is dropped. One flow draws one number for all of them. Of words from the
 * same settings the larger one refuses more in every field, so the word of the worker that is pressed hardest is the
 * largest. */
#ifndef HZ_SHED_WORD_H
#define HZ_SHED_WORD_H

#include <linux/types.h>

#define HZ_SHED_ALL 1000u
/* Bulk is refused so many times as often as gold. */
#define HZ_SHED_BULK_GOLD 3u

enum hz_shed_field { HZ_SHED_GOLD, HZ_SHED_BULK, HZ_SHED_CANNED, HZ_SHED_SHUT };

static inline __u32 hz_shed_field(__u64 word, enum hz_shed_field field)
{
	return word >> 16 * field & 0xffff;
}

static inline __u64 hz_shed_word(__u32 gold, __u32 bulk, __u32 canned, __u32 shut)
{
	return (__u64)shut << 48 | (__u64)canned << 32 | (__u64)bulk << 16 | gold;
}

#endif
