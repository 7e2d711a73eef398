/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* SYN cookies, RFC 4987 3.6, made and read by the XDP program and by the worker alike: what a SYN said
 * travels in our initial sequence number, so that a flood costs no memory and a good client still gets in.
 *
 *   31..8 keyed hash of flow, peer's initial number, period and MSS
 *    7..3 period of 68.7 s                     2..0 MSS, rounded down to the table
 *
 * A peer with timestamps echoes the rest: window scale and SACK-permitted, in the low bits of the
 * timestamp of the SYN-ACK. Without timestamps neither is offered. */
#ifndef HZ_COOKIE_SYN_H
#define HZ_COOKIE_SYN_H

#include "abi/cookie_siphash.h"
#include "abi/hz_abi.h"

#define HZ_COOKIE_INLINE       static inline __attribute__((always_inline))

#define HZ_COOKIE_PERIOD_SHIFT 36 /* 68.7 s */
#define HZ_COOKIE_PERIOD_BITS  5
#define HZ_COOKIE_MSS_BITS     3
#define HZ_COOKIE_HASH_SHIFT   (HZ_COOKIE_PERIOD_BITS + HZ_COOKIE_MSS_BITS)
#define HZ_COOKIE_PERIOD_MASK  ((1u << HZ_COOKIE_PERIOD_BITS) - 1)
#define HZ_COOKIE_MSS_MASK     ((1u << HZ_COOKIE_MSS_BITS) - 1)

/* The time in which a cookie sent now may still be answered: it counts in its period and the next. */
#define HZ_COOKIE_LIFE_NS (2ULL << HZ_COOKIE_PERIOD_SHIFT)
/* A key serves an epoch of 64 periods, 73 minutes: which one follows from the period alone. */
#define HZ_COOKIE_EPOCH_SHIFT 6
/* A worker that wants XDP to answer says so this often; longer than a sleeper's beat. */
#define HZ_COOKIE_HOLD_NS 250000000ULL

/* What every SYN-ACK with a cookie offers. */
#define HZ_COOKIE_WINDOW 65535
#define HZ_COOKIE_WSCALE 2

/* Of a timestamp: window scale, with one value for none, and SACK-permitted above it. */
#define HZ_COOKIE_TS_SCALE_NONE 15u
#define HZ_COOKIE_TS_SCALE_MASK 15u
#define HZ_COOKIE_TS_SACK       16u
#define HZ_COOKIE_TS_MASK       31u
/* Milliseconds by which XDP stays behind the clock: a worker takes the time once per turn, and its next
 * segment must not look older than our SYN-ACK (RFC 7323 5). */
#define HZ_COOKIE_TS_BEHIND    32u

#define HZ_COOKIE_MSS_DEFAULT4 536 /* RFC 9293 3.7.1: of a SYN without the option */
#define HZ_COOKIE_MSS_DEFAULT6 1220
#define HZ_COOKIE_MSS_LEAST    536 /* a smaller one only multiplies our packets */

/* Map `private/cookies`: mmapable ARRAY of one. The first two lines are hzd's, which makes a new key once
 * per epoch; in the third workers say what XDP shall do until when, CLOCK_MONOTONIC. */
struct hz_cookies {
	struct hz_cookie_key key[2]; /* of even and of odd epochs */
	__u64 epoch[2];              /* that each of them was made for */
	struct hz_cookie_key flow;   /* of hz_cookie_flow_hash; as long as the map lives */
	__u64 token;                 /* of hz_cookie_note: nobody outside knows it */
	__u16 mss4;                  /* what we can receive, RFC 9293 3.7.1 */
	__u16 mss6;
	__u32 reserved_word;
	__u64 reserved[6];
	__u64 answer_until_ns; /* SYNs to a site's port are answered with a cookie */
	__u64 verify_until_ns; /* and what acknowledges one is told to the worker; 0: not lately */
	__u64 reserved_flags[6];
};
_Static_assert(sizeof(struct hz_cookies) == 3 * HZ_CACHE_LINE, "workers write a line of their own");
_Static_assert(__builtin_offsetof(struct hz_cookies, answer_until_ns) == 2 * HZ_CACHE_LINE,
               "workers write a line of their own");

/* A flow as the peer's segments have it, network order, IPv4 mapped. */
struct hz_cookie_flow {
	struct hz_addr remote, local;
	__u32 ports; /* remote then local, as in the header */
};
_Static_assert(sizeof(struct hz_cookie_flow) == 36, "no padding is hashed");

/* What XDP says of a segment that acknowledges a cookie, in the bytes before its Ethernet header. Whatever
 * else lies there, left by an older frame, has no token, or is of another segment. */
struct hz_cookie_note {
	__u64 token;
	__u32 ports;  /* as in the header of the segment, as the next */
	__u32 source; /* last word of the address */
	__u32 seq;
	__u32 ack;
	__u32 ts_offset;
	__u16 mss;
	__u16 reserved;
};
_Static_assert(sizeof(struct hz_cookie_note) == 32, "the most that every driver has room for");

/* Of one flow, always the same: our timestamps' offset in the upper half (RFC 7323 5.4), F() of RFC 6528 3 in
 * the lower one. */
HZ_COOKIE_INLINE __u64 hz_cookie_flow_hash(const struct hz_cookie_key *secret,
                                           const struct hz_cookie_flow *flow)
{
	__u64 word[5] = { 0 };

	__builtin_memcpy(word, flow, sizeof(*flow));
	return hz_siphash(secret->k0, secret->k1, word, 5);
}

HZ_COOKIE_INLINE __u32 hz_cookie_ts_offset(__u64 flow_hash)
{
	return (__u32)(flow_hash >> 32);
}

HZ_COOKIE_INLINE __u64 hz_cookie_epoch(__u64 now_ns)
{
	return now_ns >> HZ_COOKIE_PERIOD_SHIFT >> HZ_COOKIE_EPOCH_SHIFT;
}

/* Ethernet with and without PPPoE, tunnels and tags, both IP versions; the last: jumbo frames. Two words of
 * four, lowest first: a table would be one more map. */
HZ_COOKIE_INLINE __u32 hz_cookie_mss_of(__u32 index)
{
	const __u64 low = 536ULL | 1220ULL << 16 | 1300ULL << 32 | 1380ULL << 48;
	const __u64 high = 1420ULL | 1440ULL << 16 | 1460ULL << 32 | 8940ULL << 48;

	return (__u32)((index & 4 ? high : low) >> (16 * (index & 3)) & 0xffff);
}

/* The largest of the table that is not above mss, of 16 bits. By signs: a branch each would have the verifier
 * walk what follows eight times. */
HZ_COOKIE_INLINE __u32 hz_cookie_mss_index(__u32 mss)
{
	__u32 index = 0;

#pragma GCC unroll 8
	for (__u32 i = 1; i <= HZ_COOKIE_MSS_MASK; i++)
		index += (hz_cookie_mss_of(i) - 1 - mss) >> 31;
	return index;
}

/* The peer's MSS as given, 0: not, or what a SYN without the option means. */
HZ_COOKIE_INLINE __u32 hz_cookie_mss_theirs(__u32 given, __u32 is_v6)
{
	if (given == 0)
		given = is_v6 ? HZ_COOKIE_MSS_DEFAULT6 : HZ_COOKIE_MSS_DEFAULT4;
	return given > HZ_COOKIE_MSS_LEAST ? given : HZ_COOKIE_MSS_LEAST;
}

HZ_COOKIE_INLINE __u32 hz_cookie_of(const struct hz_cookies *cookies, __u64 flow_hash, __u32 irs,
                                    __u64 period, __u32 mss_index)
{
	const struct hz_cookie_key *key = &cookies->key[period >> HZ_COOKIE_EPOCH_SHIFT & 1];
	__u32 low = ((__u32)period & HZ_COOKIE_PERIOD_MASK) << HZ_COOKIE_MSS_BITS | mss_index;
	__u64 word[2] = { flow_hash, (__u64)irs << 32 };

	word[1] |= (__u32)(period << HZ_COOKIE_MSS_BITS) | mss_index;
	return (__u32)hz_siphash(key->k0, key->k1, word, 2) << HZ_COOKIE_HASH_SHIFT | low;
}

/* irs: number of the SYN; mss: hz_cookie_mss_theirs. */
HZ_COOKIE_INLINE __u32 hz_cookie_make(const struct hz_cookies *cookies, __u64 flow_hash, __u32 irs,
                                      __u32 mss, __u64 now_ns)
{
	return hz_cookie_of(cookies, flow_hash, irs, now_ns >> HZ_COOKIE_PERIOD_SHIFT,
	                    hz_cookie_mss_index(mss));
}

/* Its period, as far as it can be one that lives; false for 15 of 16 numbers, without a hash. */
HZ_COOKIE_INLINE __u32 hz_cookie_is_recent(__u32 cookie, __u64 now_ns, __u64 *period)
{
	__u64 now = now_ns >> HZ_COOKIE_PERIOD_SHIFT;
	__u32 age = ((__u32)now - (cookie >> HZ_COOKIE_MSS_BITS)) & HZ_COOKIE_PERIOD_MASK;

	*period = now - age;
	return age <= 1 && now >= age;
}

/* The MSS in a cookie of this or the last period, 0: not a cookie of ours. */
HZ_COOKIE_INLINE __u32 hz_cookie_check(const struct hz_cookies *cookies, __u64 flow_hash, __u32 irs,
                                       __u32 cookie, __u64 now_ns)
{
	__u32 index = cookie & HZ_COOKIE_MSS_MASK;
	__u64 period;

	if (!hz_cookie_is_recent(cookie, now_ns, &period) ||
	    hz_cookie_of(cookies, flow_hash, irs, period, index) != cookie)
		return 0;
	return hz_cookie_mss_of(index);
}

/* What is in the low bits of a timestamp. wscale 0..14, or HZ_COOKIE_TS_SCALE_NONE. */
HZ_COOKIE_INLINE __u32 hz_cookie_ts_bits(__u32 wscale, __u32 has_sack_permitted)
{
	return wscale | (has_sack_permitted ? HZ_COOKIE_TS_SACK : 0);
}

/* The timestamp of a SYN-ACK that carries them; never ahead of clock, which the timestamps that follow are
 * taken from (RFC 7323 5). */
HZ_COOKIE_INLINE __u32 hz_cookie_ts_make(__u32 clock, __u32 bits)
{
	__u32 value = (clock & ~HZ_COOKIE_TS_MASK) | bits;

	return (__s32)(value - clock) > 0 ? value - (HZ_COOKIE_TS_MASK + 1) : value;
}

#endif
