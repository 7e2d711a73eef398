/* The tree as radix_build.c leaves it and radix.c reads it. Private to the router. */
#ifndef HZ_RADIX_NODE_H
#define HZ_RADIX_NODE_H

#include "router/radix.h"

#define HZ_RADIX_LABEL_MAX 24u
#define HZ_RADIX_KEYS_MAX  16u

/* One cache line. A node matches its label, then either the path ends or one of its alternatives goes
 * on: the static child that the next byte selects, else the parameter, else the wildcard. Indices of 0
 * mean none: nodes 0..tree_count are roots, leaf 0 and table 0 are not used. Nodes lie breadth first, so the
 * levels that every lookup touches share few lines, and static children lie side by side.
 *
 *   0         1          2        4         8      12     16     20     24          40          64
 *   label_len key_count  (unused) children  param  wild   leaf   table  keys[16]    label[24]
 */
struct hz_radix_node {
	uint8_t label_len;
	uint8_t key_count; /* static children; more than HZ_RADIX_KEYS_MAX: in a table */
	uint16_t unused;
	uint32_t children; /* first static child, in the order of keys */
	uint32_t param;    /* node after `:name` */
	uint32_t wild;     /* leaf of `*name` */
	uint32_t leaf;     /* leaf of a path that ends here */
	uint32_t table;
	uint8_t keys
		[HZ_RADIX_KEYS_MAX]; /* first bytes of the children's labels, 0 after the last */
	uint8_t label[HZ_RADIX_LABEL_MAX];
};
_Static_assert(sizeof(struct hz_radix_node) == 64, "a node is a cache line");

/* Child index + 1 by byte; no label begins with the byte 0, so 255 children are the most. */
struct hz_radix_table {
	uint8_t child[256];
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

/* Pending alternatives of one lookup, hence its stack, are at most this many; so is the number of
 * times a byte of the path is compared. Build refuses routes that overlap more. */
#define HZ_RADIX_ALTERNATIVES_MAX 128u

struct hz_radix {
	struct hz_radix_node *nodes; /* all owned */
	struct hz_radix_leaf *leaves;
	struct hz_radix_table *tables;
	struct hz_span *names;
	uint8_t *text; /* of the names */
	uint32_t node_count, leaf_count, table_count, name_count;
	size_t text_bytes;
};

#endif
