/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* SipHash over whole 64-bit words (Aumasson and Bernstein 2012), for XDP and user space alike: the
 * keyed hash of connection cookies, flows and initial sequence numbers. */
#ifndef HZ_COOKIE_SIPHASH_H
#define HZ_COOKIE_SIPHASH_H

#include <linux/types.h>

#define HZ_SIP_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define HZ_SIP_ROUND(v0, v1, v2, v3)                                                               \
	do {                                                                                       \
		v0 += v1;                                                                          \
		v1 = HZ_SIP_ROTL(v1, 13) ^ v0;                                                     \
		v0 = HZ_SIP_ROTL(v0, 32);                                                          \
		v2 += v3;                                                                          \
		v3 = HZ_SIP_ROTL(v3, 16) ^ v2;                                                     \
		v0 += v3;                                                                          \
		v3 = HZ_SIP_ROTL(v3, 21) ^ v0;                                                     \
		v2 += v1;                                                                          \
		v1 = HZ_SIP_ROTL(v1, 17) ^ v2;                                                     \
		v2 = HZ_SIP_ROTL(v2, 32);                                                          \
	} while (0)

/* SipHash-2-4 of word[0..count-1] as little-endian bytes; count <= 8. */
static inline __attribute__((always_inline)) __u64 hz_siphash(__u64 k0, __u64 k1, const __u64 *word,
                                                              __u32 count)
{
	__u64 v0 = k0 ^ 0x736f6d6570736575ULL;
	__u64 v1 = k1 ^ 0x646f72616e646f6dULL;
	__u64 v2 = k0 ^ 0x6c7967656e657261ULL;
	__u64 v3 = k1 ^ 0x7465646279746573ULL;
	__u64 last = (__u64)(count * 8) << 56;

#pragma GCC unroll 8
	for (__u32 i = 0; i < count && i < 8; i++) {
		v3 ^= word[i];
		HZ_SIP_ROUND(v0, v1, v2, v3);
		HZ_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= word[i];
	}
	v3 ^= last;
	HZ_SIP_ROUND(v0, v1, v2, v3);
	HZ_SIP_ROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	HZ_SIP_ROUND(v0, v1, v2, v3);
	HZ_SIP_ROUND(v0, v1, v2, v3);
	HZ_SIP_ROUND(v0, v1, v2, v3);
	HZ_SIP_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

#endif
