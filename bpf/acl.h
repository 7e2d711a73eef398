/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Lists of sources: the longest prefix that holds a source says which one it is on. Both families have two
 * tries each; the generation in `acl` names the one that is looked at, and user space fills the other one. A
 * packet reads the generation once, so it sees one list as a whole.
 *
 * A trie of 100,000 prefixes is walked down some 17 nodes. So what was found of a source is kept, per CPU
 * and for this generation: most frames are of sources that have just been seen. */
#ifndef HZ_ACL_H
#define HZ_ACL_H

#include "maps.h"
#include "pkt.h"

static __always_inline const struct hz_acl_entry *acl_find4(const struct hz_pkt *pkt, __u32 slot)
{
	struct hz_acl_key4 who = { .prefixlen = 32 };
	void *trie = bpf_map_lookup_elem(&acl4, &slot);

	__builtin_memcpy(&who.addr, pkt->source.byte + 12, sizeof(who.addr));
	return trie == NULL ? NULL : bpf_map_lookup_elem(trie, &who);
}

static __always_inline const struct hz_acl_entry *acl_find6(const struct hz_pkt *pkt, __u32 slot)
{
	struct hz_acl_key6 who = { .prefixlen = 128, .addr = pkt->source };
	void *trie = bpf_map_lookup_elem(&acl6, &slot);

	return trie == NULL ? NULL : bpf_map_lookup_elem(trie, &who);
}

static __always_inline __u32 acl_find(const struct hz_pkt *pkt, __u32 generation)
{
	__u32 slot = generation % HZ_ACL_SLOTS;
	const struct hz_acl_entry *entry =
		pkt->version == 4 ? acl_find4(pkt, slot) : acl_find6(pkt, slot);

	return entry == NULL ? HZ_SOURCE_NONE : entry->list;
}

/* The place of this source, which may hold another one. */
static __always_inline struct hz_acl_known *acl_place(const struct hz_pkt *pkt)
{
	const __u32 *word = (const __u32 *)pkt->source.byte;
	__u32 index = (word[0] ^ word[1] ^ word[2] ^ word[3]) * 2654435761u >>
	              (32 - HZ_ACL_KNOWN_BITS); /* Fibonacci hashing */

	return bpf_map_lookup_elem(&acl_known, &index);
}

static __always_inline bool acl_is(const struct hz_acl_known *known, const struct hz_pkt *pkt,
                                   __u64 tag)
{
	const __u64 *a = (const __u64 *)known->addr.byte, *b = (const __u64 *)pkt->source.byte;

	return known->tag == tag && a[0] == b[0] && a[1] == b[1];
}

/* enum hz_source_list, or whatever the map holds. This CPU is not preempted in XDP: nobody else writes its
 * places. */
static __always_inline __u32 hz_acl_list(const struct hz_pkt *pkt)
{
	__u32 zero = 0, generation;
	const struct hz_acl *conf = bpf_map_lookup_elem(&acl, &zero);
	struct hz_acl_known *known = acl_place(pkt);
	__u64 tag;

	if (conf == NULL || known == NULL)
		return HZ_SOURCE_NONE;
	generation = *(const volatile __u32 *)&conf->generation;
	/* the version: over IPv6 anybody may write a mapped IPv4 address into the source */
	tag = (__u64)pkt->version << 32 | generation;
	if (!acl_is(known, pkt, tag)) {
		known->list = acl_find(pkt, generation);
		known->addr = pkt->source;
		known->tag = tag;
	}
	return known->list;
}

/* What is served there is closed to such a source. Its ICMP is the kernel's: errors belong to flows of
 * other ports, and pings are not refused, only not answered by us. */
static __always_inline enum hz_reason hz_acl_denied(const struct hz_claim *claim)
{
	return claim->kind == HZ_CLAIM_SITE || claim->kind == HZ_CLAIM_HEALTH
	               ? HZ_REASON_drop_deny
	               : HZ_REASON_pass_not_ours;
}

#endif
