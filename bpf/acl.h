/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Lists of sources: the longest prefix that holds a source says which one it is on. Both families have two
 * tries each; `acl` names the one that is looked at, and user space fills the other one. A packet reads
 * that name once, so it sees one list as a whole. */
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

/* enum hz_source_list, or whatever the map holds. */
static __always_inline __u32 hz_acl_list(const struct hz_pkt *pkt)
{
	__u32 zero = 0;
	const struct hz_acl *conf = bpf_map_lookup_elem(&acl, &zero);
	const struct hz_acl_entry *entry;

	if (conf == NULL)
		return HZ_SOURCE_NONE;
	entry = pkt->version == 4 ? acl_find4(pkt, conf->live) : acl_find6(pkt, conf->live);
	return entry == NULL ? HZ_SOURCE_NONE : entry->list;
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
