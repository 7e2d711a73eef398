/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What XDP refuses, as one word that is stored and loaded at once: permille of new flows in four fields.
 *
 *   63      48 47      32 31      16 15       0
 *   |   shut  |  canned  |   bulk   |   gold   |
 *
 * bulk and gold are the shares of these classes that meet shed/verdict; canned is the share of either that gets at
 * least a stateless 503, shut the share that is dropped. One flow draws one number for all of them. Each worker has
 * its word, and of two words one may refuse more gold and the other more bulk: for all of them counts the larger of
 * each field, hz_shed_word_worse. */
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

/* The larger of two fields each, which stand in lanes of 32 bits: the bit above a field survives the subtraction where
 * a is not the smaller one. */
static inline __u64 hz_shed_word_lanes(__u64 a, __u64 b)
{
	__u64 keeps_a = ((a | 0x0001000000010000) - b) >> 16 & 0x0000000100000001;

	return b ^ ((a ^ b) & keeps_a * 0xffff);
}

/* Field by field the larger one. Without branches or a loop: the verifier walks this once for each of 64 workers. */
static inline __u64 hz_shed_word_worse(__u64 a, __u64 b)
{
	const __u64 lanes = 0x0000ffff0000ffff;

	return hz_shed_word_lanes(a & lanes, b & lanes) |
	       hz_shed_word_lanes(a >> 16 & lanes, b >> 16 & lanes) << 16;
}

#endif
