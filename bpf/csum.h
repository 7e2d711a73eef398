/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Internet checksum (RFC 1071) in memory order: sums of 16-bit words as they lie, never swapped. */
#ifndef HZ_CSUM_H
#define HZ_CSUM_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* sum + the words of data; bytes is a multiple of 4 (bpf_csum_diff's rule). */
static __always_inline __u64 hz_csum_add(__u64 sum, const void *data, __u32 bytes)
{
	return sum + (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(long)data, bytes, 0);
}

/* The same without the helper's call, which costs more than the sum of a header. bytes is a constant. */
static __always_inline __u64 hz_csum_words(__u64 sum, const void *data, __u32 bytes)
{
	const __u32 *word = data;

#pragma unroll
	for (__u32 i = 0; i < bytes / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

/* The checksum field for a sum of at most 2^48. */
static __always_inline __u16 hz_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* The field after one 16-bit word changed from old to new, RFC 1624 eqn. 3. */
static __always_inline __u16 hz_csum_replace(__u16 field, __u16 old, __u16 new)
{
	return hz_csum_fold((__u64)(__u16)~field + (__u16)~old + new);
}

#endif
