/* SipHash over a short fixed-size key (Aumasson and Bernstein 2012). SipHash-2-4 for what an attacker who sees
 * hashes must not predict, initial sequence numbers and cookies: shared with XDP, abi/cookie_siphash.h. */
#ifndef HZ_SIPHASH_H
#define HZ_SIPHASH_H

#include "abi/cookie_siphash.h"

/* SipHash-1-3, as hz_siphash: 6 rounds instead of 10 for two words. For hash tables, whose hashes nobody sees:
 * without the key nobody aims at a bucket. */
static inline __attribute__((always_inline)) __u64 hz_siphash_13(__u64 k0, __u64 k1,
                                                                 const __u64 *word, __u32 count)
{
	__u64 v0 = k0 ^ 0x736f6d6570736575ULL;
	__u64 v1 = k1 ^ 0x646f72616e646f6dULL;
	__u64 v2 = k0 ^ 0x6c7967656e657261ULL;
	__u64 v3 = k1 ^ 0x7465646279746573ULL;
	__u64 last = (__u64)(count * 8) << 56;

#pragma GCC unroll 8
	for (__u32 i = 0; i < count; i++) {
		v3 ^= word[i];
		HZ_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= word[i];
	}
	v3 ^= last;
	HZ_SIP_ROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	HZ_SIP_ROUND(v0, v1, v2, v3);
	HZ_SIP_ROUND(v0, v1, v2, v3);
	HZ_SIP_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

#endif
