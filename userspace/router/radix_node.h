/* The tree as radix_build.c leaves it and radix.c reads it. Private to the router. */
#ifndef HZ_RADIX_NODE_H
#define HZ_RADIX_NODE_H

#include "router/path_text.h"
#include "router/radix.h"

#include "core/base.h"
#include <stddef.h>
#include <string.h>

#define HZ_RADIX_NODE_BYTES 64u
#define HZ_RADIX_WORD_BYTES HZ_PATH_TEXT_WORD

/* A node is a place between two segments where a route ends, or a parameter or wildcard can follow. What is
 * static between two of them is jumped over at once: an anchor, which is a root or where a parameter was
 * left behind, knows how many segments the static runs from it have, and a run of that many segments of
 * the path is hashed and found, or not. The longest is tried first: of two patterns that match a path the
 * one that stays static for longer wins (radix.h).
 *
 * To enter a node its label must match: the run from its anchor to it and, as long as there is only one
 * way to go, what follows, parameters included. Labels are as long as they are, so nodes are numbered by the
 * cache line they begin in; line 0 is not used, and 0 means none everywhere. Most nodes are one line: with
 * 10,000 routes of two parameters a lookup misses the first level of cache for the slot and the line of
 * its node, in which the leaf is as well.
 *
 *   0     4      8      12    16    20           22                    64
 *   runs  param  leaf   wild  from  label_bytes  label ...
 */
struct hz_radix_node {
	uint32_t runs;  /* bit n: there are runs of n + 1 segments from here */
	uint32_t param; /* node after `:name` */
	uint32_t leaf;  /* leaves of a path that ends here, */
	uint32_t wild;  /* of `*name`: both behind the label, in units of HZ_RADIX_LEAF_UNIT */
	uint32_t from;  /* at the end of a run: its anchor */
	uint16_t label_bytes;
	/* Chunks: how many bytes of text, then these. HZ_RADIX_CHUNK_PARAM in the first says that a
	 * parameter follows them. */
	uint8_t label[];
};
_Static_assert(offsetof(struct hz_radix_node, label) == 22,
               "42 bytes of label share the node's line");

#define HZ_RADIX_CHUNK_MAX   127u
#define HZ_RADIX_CHUNK_PARAM 128u

/* Segments of a run; what is static for longer has an anchor on its way. */
#define HZ_RADIX_RUN_MAX 32u

/* Where runs are found: open addressing, half empty. */
struct hz_radix_slot {
	uint32_t tag;
	uint32_t node; /* 0: empty */
};

/* One route of a pattern; the routes of one pattern follow each other. */
struct hz_radix_leaf {
	uint32_t methods; /* 0: any */
	uint32_t route;
	uint32_t names; /* first of its parameters' names */
	uint8_t param_count;
	uint8_t has_next;
	uint8_t forms;
	uint8_t flags;
};
_Static_assert(HZ_LIMIT_route_params_max <= UINT8_MAX, "param_count is a byte");
#define HZ_RADIX_LEAF_UNIT 4u
_Static_assert(sizeof(struct hz_radix_leaf) % HZ_RADIX_LEAF_UNIT == 0, "leaves follow each other");

/* In how many ways a path can go at most, and so how often a byte of it is hashed or compared. Build
 * refuses routes that overlap more. */
#define HZ_RADIX_ALTERNATIVES_MAX 128u

/* What can be left to try at a time: at each anchor its shorter runs, at each node its parameter or wildcard.
 * There is an anchor behind each parameter, and one in each run of too many segments. */
#define HZ_RADIX_FORKS_MAX                                                                         \
	(3u * (HZ_LIMIT_route_params_max + 1u) + HZ_LIMIT_uri_bytes_max / HZ_RADIX_RUN_MAX + 1u)

struct hz_radix {
	uint8_t *lines; /* all owned; the nodes, and a word that is not used behind the last */
	uint32_t *roots;
	struct hz_radix_slot *slots;
	struct hz_span *names; /* what routes share is there once */
	uint8_t *text;         /* of the names */
	uint32_t slot_mask;
	uint32_t line_count, tree_count, name_count;
	size_t text_bytes;
};

static inline const struct hz_radix_node *hz_radix_node_at(const struct hz_radix *radix,
                                                           uint32_t node)
{
	return (const struct hz_radix_node *)(const void *)(radix->lines +
	                                                    (size_t)node * HZ_RADIX_NODE_BYTES);
}

static inline const struct hz_radix_leaf *hz_radix_leaf_at(const struct hz_radix *radix,
                                                           uint32_t leaf)
{
	return (const struct hz_radix_leaf *)(const void *)(radix->lines +
	                                                    (size_t)leaf * HZ_RADIX_LEAF_UNIT);
}

static inline uint64_t hz_radix_load(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* The lowest `bytes` of a word, 0 to 8. */
static inline uint64_t hz_radix_low(uint64_t word, uint32_t bytes)
{
	static const uint64_t mask[HZ_RADIX_WORD_BYTES + 1] = {
		0,
		0xff,
		0xffff,
		0xffffff,
		0xffffffff,
		0xffffffffff,
		0xffffffffffff,
		0xffffffffffffff,
		0xffffffffffffffff,
	};

	return word & mask[bytes];
}

/* Both halves of the product: every bit of word reaches every bit. */
static inline uint64_t hz_radix_mix(uint64_t hash, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0x9e3779b97f4a7c15u;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A run from an anchor is hashed by words: all but the last, of 1 to 8 bytes, then that one. So one pass
 * over a path serves the runs of all lengths. */
static inline uint64_t hz_radix_hash_open(uint32_t anchor)
{
	return anchor * 0xff51afd7ed558ccdu;
}

static inline uint64_t hz_radix_hash_end(uint64_t hash, uint64_t word, uint32_t bytes)
{
	return hz_radix_mix(hash + bytes, hz_radix_low(word, bytes));
}

#endif
