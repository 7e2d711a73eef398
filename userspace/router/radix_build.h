/* A tree while it is built. Private to the router. */
#ifndef HZ_RADIX_BUILD_H
#define HZ_RADIX_BUILD_H

#include "router/radix_node.h"
#include "router/radix_pattern.h"

#include "core/base.h"

/* One route while building. */
struct hz_radix_entry {
	const uint8_t *key; /* into builder.keys */
	uint32_t key_bytes;
	uint32_t tree;
	uint32_t index; /* of the array given to build */
	uint32_t names; /* first of its names in the tree */
	uint32_t name_count;
};

enum hz_radix_draft_kind { HZ_RADIX_DRAFT_ROOT, HZ_RADIX_DRAFT_STATIC, HZ_RADIX_DRAFT_PARAM };

/* A node and what it stands for: entries from..to, which agree in the bytes before skip, of which those
 * from label on are the node's own. */
struct hz_radix_draft {
	enum hz_radix_draft_kind kind;
	uint32_t from, to;
	uint32_t label, skip;
	uint32_t parent; /* draft, but of a root */
	uint32_t param;  /* draft; 0: none, for that is a root */
	uint32_t leaf, wild;
	uint32_t ways; /* that a path can go from here */
	uint32_t line; /* of the node; 0: it is jumped over */
	/* Of its static children: the anchor of the runs that lead to them, and where in the key
	 * these begin. */
	uint32_t anchor, run;
};

struct hz_radix_builder {
	const struct hz_radix_route *routes;
	struct hz_radix_leaf *leaves; /* of all drafts; those of one follow each other */
	uint32_t leaf_count;
	struct hz_radix *radix;
	struct hz_radix_conflict *conflict;
	struct hz_radix_entry *entries;
	uint8_t *keys;
	struct hz_radix_draft *drafts;
	uint32_t draft_count, draft_room;
	uint32_t slot_count;  /* in use */
	uint8_t *run;         /* text of one, and a word behind it */
	uint32_t *name_table; /* lists of names that are kept: their place + 1, by their hash */
	uint32_t name_mask;
};

/* Lines, slots and roots of b->radix from the drafts, parents first. 0 or -ENOMEM. */
int hz_radix_emit(struct hz_radix_builder *b);

/* A power of two, at least 8, not below count. */
static inline uint32_t hz_radix_power_above(uint32_t count)
{
	uint32_t power = 8;

	while (power < count)
		power *= 2;
	return power;
}

#endif
