/* Looking a path up. The tree is walked once, downwards, as long as it branches only one way; where a
 * static child and a parameter or wildcard can both go on, the second is remembered, and taken when
 * the first comes to nothing. Each byte of the path is compared at most once per alternative, and a
 * tree has at most HZ_RADIX_ALTERNATIVES_MAX of those for any path. */
#include "router/radix_node.h"

#include "core/base.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "words are masked and searched from their low bytes on");

/* A node whose label matched, and of which the parameter or wildcard is still to be tried. */
struct fork {
	uint32_t node;
	uint32_t at; /* first byte after the label */
	uint16_t param_count;
	uint16_t only_wild;
};

struct walk {
	const struct hz_radix *radix;
	const uint8_t *path;
	uint32_t len;
	uint32_t method, form;
	uint32_t node;        /* to be entered next, */
	uint32_t at;          /* with this byte of the path first */
	uint32_t param_count; /* taken so far */
	uint32_t fork_count;
	struct fork *fork; /* [HZ_RADIX_ALTERNATIVES_MAX] */
	struct hz_radix_match *out;
};

static inline uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Whether the path, of which left bytes remain, goes on as the label does. Short labels within a path
 * are compared as one word, without a branch on their length that would be mispredicted (78 against 65
 * cycles for /user/:id/post/:slug); the others word by word, overlapping at the end. */
static inline bool label_matches(const struct hz_radix_node *node, const uint8_t *path,
                                 uint32_t left)
{
	uint32_t len = node->label_len;

	if (HZ_LIKELY(len < 8 && left >= 8)) {
		uint64_t mask = (1ull << (8 * len)) - 1;

		return ((load64(node->label) ^ load64(path)) & mask) == 0;
	}
	if (len > left)
		return false;
	if (len < 8) {
		for (uint32_t i = 0; i < len; i++) {
			if (node->label[i] != path[i])
				return false;
		}
		return true;
	}
	for (uint32_t i = 0; i + 8 < len; i += 8) {
		if (load64(node->label + i) != load64(path + i))
			return false;
	}
	return load64(node->label + len - 8) == load64(path + len - 8);
}

/* Index of the lowest byte of word that equals byte, 8 when there is none. (The usual zero-byte test:
 * bits above the lowest zero byte may be wrong, the lowest is not.) */
static inline uint32_t byte_find(uint64_t word, uint8_t byte)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t diff = word ^ (ones * byte);
	uint64_t zero = (diff - ones) & ~diff & highs;

	return zero == 0 ? 8 : (uint32_t)__builtin_ctzll(zero) >> 3;
}

/* The static child for the next byte of the path; 0: none. The unused tail of keys holds zeros, which
 * a path may hold too (HZ_PATH_SLASH): hence the comparison with key_count. */
static inline uint32_t child_of(const struct hz_radix *radix, const struct hz_radix_node *node,
                                uint8_t byte)
{
	uint32_t index;

	if (HZ_UNLIKELY(node->key_count > HZ_RADIX_KEYS_MAX)) {
		uint32_t child = radix->tables[node->table].child[byte];

		return child == 0 ? 0 : node->children + child - 1;
	}
	index = byte_find(load64(node->keys), byte);
	if (index == 8 && node->key_count > 8)
		index = 8 + byte_find(load64(node->keys + 8), byte);
	return index < node->key_count ? node->children + index : 0;
}

/* Whether the route takes part; its methods are remembered when nothing but the method is wrong. */
static bool leaf_fits(struct walk *walk, const struct hz_radix_leaf *leaf)
{
	if ((leaf->forms & walk->form) == 0)
		return false;
	if (leaf->methods == 0 || (leaf->methods & walk->method) != 0)
		return true;
	walk->out->allow |= leaf->methods;
	return false;
}

/* The path matches the pattern of this leaf: is there a route for the method? */
static bool leaf_take(struct walk *walk, uint32_t index)
{
	const struct hz_radix_leaf *leaf = &walk->radix->leaves[index];

	while (!leaf_fits(walk, leaf)) {
		if (!leaf->has_next)
			return false;
		leaf++;
	}
	walk->out->route = leaf->route;
	walk->out->flags = leaf->flags;
	walk->out->param_count = leaf->param_count;
	for (uint32_t i = 0; i < leaf->param_count; i++)
		walk->out->param[i].name = walk->radix->names[leaf->names + i];
	return true;
}

/* The path from at on, be it empty, is the wildcard's value. */
static bool wild_take(struct walk *walk, uint32_t leaf, uint32_t at)
{
	walk->out->param[walk->param_count].value =
		(struct hz_span){ walk->path + at, walk->len - at };
	return leaf_take(walk, leaf);
}

/* The segment at `at`, which is not empty, is the next parameter's value. */
static void param_take(struct walk *walk, uint32_t at)
{
	uint32_t end = at + 1;

	while (end < walk->len && walk->path[end] != '/')
		end++;
	walk->out->param[walk->param_count++].value = (struct hz_span){ walk->path + at, end - at };
	walk->at = end;
}

/* The stack has room: every fork in it stands for an alternative that build has counted. */
static void fork_push(struct walk *walk, uint32_t node, uint32_t at, bool only_wild)
{
	walk->fork[walk->fork_count++] =
		(struct fork){ node, at, (uint16_t)walk->param_count, only_wild };
}

/* Follows labels and static children as far as the path does. true: it ended at a route. */
static bool walk_down(struct walk *walk)
{
	const struct hz_radix_node *nodes = walk->radix->nodes;
	uint32_t at = walk->at, index = walk->node;

	do {
		const struct hz_radix_node *node = &nodes[index];

		if (!label_matches(node, walk->path + at, walk->len - at))
			return false;
		at += node->label_len;
		if (at == walk->len)
			return (node->leaf != 0 && leaf_take(walk, node->leaf)) ||
			       (node->wild != 0 && wild_take(walk, node->wild, at));
		if ((node->param | node->wild) != 0)
			fork_push(walk, index, at, false);
		index = child_of(walk->radix, node, walk->path[at]);
	} while (index != 0);
	return false;
}

/* Takes up the last fork left behind: true when a parameter was taken and its node is to be entered,
 * or *is_found when a wildcard was the answer; neither when nothing is left to try. */
static bool walk_back(struct walk *walk, bool *is_found)
{
	while (walk->fork_count > 0) {
		struct fork fork = walk->fork[--walk->fork_count];
		const struct hz_radix_node *node = &walk->radix->nodes[fork.node];

		walk->param_count = fork.param_count;
		if (node->param != 0 && !fork.only_wild && walk->path[fork.at] != '/') {
			if (node->wild != 0)
				fork_push(walk, fork.node, fork.at, true);
			param_take(walk, fork.at);
			walk->node = node->param;
			return true;
		}
		if (node->wild != 0 && wild_take(walk, node->wild, fork.at)) {
			*is_found = true;
			return false;
		}
	}
	return false;
}

enum hz_radix_result hz_radix_lookup(const struct hz_radix *radix, const struct hz_radix_ask *ask,
                                     struct hz_span path, struct hz_radix_match *out)
{
	struct fork fork[HZ_RADIX_ALTERNATIVES_MAX];
	struct walk walk = {
		.radix = radix,
		.path = path.data,
		.len = (uint32_t)path.len,
		.method = ask->method,
		.form = ask->form,
		.node = ask->tree,
		.fork = fork,
		.out = out,
	};
	bool is_found = false;

	out->allow = 0;
	if (path.len > UINT32_MAX)
		return HZ_RADIX_NOT_FOUND;
	do
		is_found = walk_down(&walk);
	while (!is_found && walk_back(&walk, &is_found));
	if (is_found)
		return HZ_RADIX_FOUND;
	return out->allow != 0 ? HZ_RADIX_METHOD : HZ_RADIX_NOT_FOUND;
}
