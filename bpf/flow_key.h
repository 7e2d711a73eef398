/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A keyed hash of a flow, for each purpose another one: what a connection without state is known by, and the draw
 * that decides whether a new flow is refused. */
#ifndef HZ_FLOW_KEY_H
#define HZ_FLOW_KEY_H

#include "abi/cookie_siphash.h"
#include "maps.h"
#include "pkt.h"

/* A port that the worker has flows on too: the cookie takes in the client's initial number. That is known from its
 * SYN; later it is somewhere in the last HZ_ISN_REACH bytes, as the client sends one request of at most a segment.
 * So only its upper bits count, and two of their values are tried. */
#define HZ_ISN_SHIFT 12
#define HZ_ISN_REACH 2048 /* more than HZ_TCP_HEALTH_MSS, SYN and FIN */

/* bind of each purpose; with those that take it, the bits of the initial number are added. */
#define HZ_BIND_HEALTH 0u          /* a health port of our own */
#define HZ_BIND_SHARED 0x80000000u /* a prober on a site's port */
#define HZ_BIND_SHED   0x40000000u /* a refused flow */
#define HZ_BIND_DRAW   0x20000000u /* shall it be refused? */

/* Global: the verifier walks the rounds once, not for each purpose. */
__noinline __u32 hz_flow_key(const struct hz_pkt *pkt, __u32 bind)
{
	__u32 zero = 0;
	const struct hz_cookie_key *secret = bpf_map_lookup_elem(&key, &zero);
	__u64 word[5];

	if (secret == NULL || pkt == NULL)
		return 0;
	__builtin_memcpy(&word[0], &pkt->source, sizeof(pkt->source));
	__builtin_memcpy(&word[2], &pkt->key.addr, sizeof(pkt->key.addr));
	word[4] = (__u64)bind << 32 | (__u64)pkt->source_port << 16 | pkt->key.port;
	return (__u32)hz_siphash(secret->k0, secret->k1, word, 5);
}

#endif
