/* Building the tree: patterns become keys, keys are sorted, and every node is a range of them. */
#include "router/radix_node.h"
#include "router/radix_pattern.h"

#include "core/base.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One route while building. */
struct entry {
	const uint8_t *key; /* into builder.keys */
	uint32_t key_bytes;
	uint32_t tree;
	uint32_t index; /* of the array given to build */
	uint32_t names; /* first of its names in the tree */
	uint32_t name_count;
};

/* A node and what it stands for: entries from..to, which agree in the bytes before skip. */
struct draft {
	struct hz_radix_node node;
	uint32_t from, to;
	uint32_t skip;
};

struct builder {
	const struct hz_radix_route *routes;
	struct hz_radix *radix;
	struct hz_radix_conflict *conflict;
	struct entry *entries;
	uint8_t *keys;
	struct draft *drafts; /* in the order of the tree's nodes */
	uint32_t draft_count, draft_room, table_room;
};

/* Makes room for one more element: the array, moved if need be, or NULL and the old one stays. */
static void *array_grow(void *base, uint32_t count, uint32_t *room, size_t element_bytes)
{
	uint32_t more = *room == 0 ? 64 : *room * 2;
	void *grown;

	if (count < *room)
		return base;
	if (more <= *room)
		return NULL;
	grown = reallocarray(base, more, element_bytes);
	if (grown != NULL)
		*room = more;
	return grown;
}

static int conflict_set(struct builder *b, int err, uint32_t first, uint32_t second,
                        const char *why)
{
	*b->conflict = (struct hz_radix_conflict){
		.first = HZ_MIN(first, second),
		.second = HZ_MAX(first, second),
		.why = why,
	};
	return err;
}

/* By tree, by key, then by place: what sorts first in a range is what ends first. */
static int entry_compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order;

	if (a->tree != b->tree)
		return a->tree < b->tree ? -1 : 1;
	order = memcmp(a->key, b->key, HZ_MIN(a->key_bytes, b->key_bytes));
	if (order != 0)
		return order;
	if (a->key_bytes != b->key_bytes)
		return a->key_bytes < b->key_bytes ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* Parses every pattern. keys and text have as many bytes as all patterns together. */
static int entries_fill(struct builder *b, uint32_t count)
{
	struct hz_radix *radix = b->radix;
	uint8_t *key = b->keys, *text = radix->text;

	for (uint32_t i = 0; i < count; i++) {
		struct entry *entry = &b->entries[i];
		struct hz_span names[HZ_LIMIT_route_params_max];
		const char *why;
		size_t key_bytes;

		if (hz_radix_pattern_parse(b->routes[i].pattern, key, &key_bytes, names,
		                           &entry->name_count, &why) != 0)
			return conflict_set(b, -EINVAL, i, i, why);
		entry->key = key;
		entry->key_bytes = (uint32_t)key_bytes;
		entry->tree = b->routes[i].tree;
		entry->index = i;
		entry->names = radix->name_count;
		key += key_bytes;
		for (uint32_t n = 0; n < entry->name_count; n++) {
			memcpy(text, names[n].data, names[n].len);
			radix->names[radix->name_count++] = (struct hz_span){ text, names[n].len };
			text += names[n].len;
		}
	}
	qsort(b->entries, count, sizeof(b->entries[0]), entry_compare);
	return 0;
}

/* The leaf for entries from..to, which have one key: their methods must be disjoint. */
static int leaf_add(struct builder *b, uint32_t from, uint32_t to, uint32_t *out)
{
	struct hz_radix *radix = b->radix;

	*out = radix->leaf_count;
	for (uint32_t i = from; i < to; i++) {
		const struct entry *entry = &b->entries[i];
		const struct hz_radix_route *route = &b->routes[entry->index];

		for (uint32_t k = from; k < i; k++) {
			uint32_t other = b->entries[k].index;
			uint32_t methods = b->routes[other].methods;

			if (route->methods == 0 || methods == 0 || (route->methods & methods) != 0)
				return conflict_set(b, -EEXIST, other, entry->index,
				                    "both match the same requests");
		}
		radix->leaves[radix->leaf_count++] = (struct hz_radix_leaf){
			.methods = route->methods,
			.route = route->route,
			.names = entry->names,
			.param_count = (uint8_t)entry->name_count,
			.has_next = i + 1 < to,
			.forms = route->forms,
			.flags = route->flags,
		};
	}
	return 0;
}

static int draft_add(struct builder *b, uint32_t from, uint32_t to, uint32_t skip, uint32_t *out)
{
	struct draft *drafts =
		array_grow(b->drafts, b->draft_count, &b->draft_room, sizeof(*drafts));

	if (drafts == NULL)
		return -ENOMEM;
	b->drafts = drafts;
	drafts[b->draft_count] = (struct draft){ .from = from, .to = to, .skip = skip };
	*out = b->draft_count++;
	return 0;
}

static int table_add(struct builder *b, uint32_t *out)
{
	struct hz_radix *radix = b->radix;
	struct hz_radix_table *tables =
		array_grow(radix->tables, radix->table_count, &b->table_room, sizeof(*tables));

	if (tables == NULL)
		return -ENOMEM;
	radix->tables = tables;
	memset(&tables[radix->table_count], 0, sizeof(*tables));
	*out = radix->table_count++;
	return 0;
}

/* The longest label that all of the draft's entries share. Sorted, they share what the first and the
 * last do. */
static void label_fill(const struct builder *b, struct draft *draft)
{
	const struct entry *first = &b->entries[draft->from], *last = &b->entries[draft->to - 1];
	struct hz_radix_node *node = &draft->node;
	uint32_t at = draft->skip;

	while (node->label_len < HZ_RADIX_LABEL_MAX && at < first->key_bytes &&
	       at < last->key_bytes && first->key[at] == last->key[at] &&
	       first->key[at] > HZ_RADIX_KEY_WILD)
		node->label[node->label_len++] = first->key[at++];
	draft->skip = at;
}

/* End of the entries that have the same byte at skip as entry from. */
static uint32_t same_byte_end(const struct builder *b, uint32_t from, uint32_t to, uint32_t skip)
{
	uint8_t byte = b->entries[from].key[skip];

	while (from < to && b->entries[from].key[skip] == byte)
		from++;
	return from;
}

/* Static children: one draft per next byte. They are added one after another, hence side by side. */
static int children_fill(struct builder *b, uint32_t index, uint32_t from)
{
	struct draft draft = b->drafts[index]; /* a copy: the array moves as it grows */
	struct hz_radix_node *node = &draft.node;
	uint8_t byte[255] = { 0 };
	uint32_t child, end;
	int err;

	for (; from < draft.to; from = end) {
		end = same_byte_end(b, from, draft.to, draft.skip);
		err = draft_add(b, from, end, draft.skip, &child);
		if (err != 0)
			return err;
		if (node->key_count == 0)
			node->children = child;
		byte[node->key_count++] = b->entries[from].key[draft.skip];
	}
	if (node->key_count > HZ_RADIX_KEYS_MAX) {
		err = table_add(b, &node->table);
		if (err != 0)
			return err;
		for (uint8_t i = 0; i < node->key_count; i++)
			b->radix->tables[node->table].child[byte[i]] = (uint8_t)(i + 1);
	} else {
		memcpy(node->keys, byte, node->key_count);
	}
	b->drafts[index] = draft;
	return 0;
}

/* Fills one draft in and adds its children, in the order in which their keys sort: what ends here,
 * the parameter, the wildcard, static text. */
static int draft_fill(struct builder *b, uint32_t index)
{
	struct draft draft = b->drafts[index];
	uint32_t from = draft.from, end = from;
	int err = 0;

	label_fill(b, &draft);
	while (end < draft.to && b->entries[end].key_bytes == draft.skip)
		end++;
	if (end > from)
		err = leaf_add(b, from, end, &draft.node.leaf);
	from = end;
	if (err == 0 && from < draft.to && b->entries[from].key[draft.skip] == HZ_RADIX_KEY_PARAM) {
		end = same_byte_end(b, from, draft.to, draft.skip);
		err = draft_add(b, from, end, draft.skip + 1, &draft.node.param);
		from = end;
	}
	if (err == 0 && from < draft.to && b->entries[from].key[draft.skip] == HZ_RADIX_KEY_WILD) {
		end = same_byte_end(b, from, draft.to, draft.skip);
		err = leaf_add(b, from, end, &draft.node.wild);
		from = end;
	}
	if (err != 0)
		return err;
	b->drafts[index] = draft;
	return children_fill(b, index, from);
}

/* How many ways a path can go at most, and so how deep the stack of a lookup gets: below a node, those
 * of its best static child, of its parameter, and its wildcard. Children come after their parents. */
static int alternatives_check(struct builder *b)
{
	uint32_t *ways = calloc(b->draft_count, sizeof(*ways));
	int err = 0;

	if (ways == NULL)
		return -ENOMEM;
	for (uint32_t i = b->draft_count; i-- > 0 && err == 0;) {
		const struct hz_radix_node *node = &b->drafts[i].node;
		uint32_t most = 0;

		for (uint32_t child = 0; child < node->key_count; child++)
			most = HZ_MAX(most, ways[node->children + child]);
		if (node->param != 0)
			most += ways[node->param];
		if (node->wild != 0)
			most++;
		ways[i] = HZ_MAX(most, 1u);
		if (most > HZ_RADIX_ALTERNATIVES_MAX)
			err = conflict_set(b, -EINVAL, b->entries[b->drafts[i].from].index,
			                   b->entries[b->drafts[i].to - 1].index,
			                   "patterns overlap in more than 128 ways");
	}
	free(ways);
	return err;
}

/* Drafts become nodes, each on a cache line of its own. */
static int nodes_copy(struct builder *b)
{
	struct hz_radix *radix = b->radix;

	radix->nodes = aligned_alloc(64, b->draft_count * sizeof(*radix->nodes));
	if (radix->nodes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->draft_count; i++)
		radix->nodes[i] = b->drafts[i].node;
	radix->node_count = b->draft_count;
	return 0;
}

static int builder_open(struct builder *b, uint32_t count)
{
	size_t bytes = 1;

	for (uint32_t i = 0; i < count; i++)
		bytes += b->routes[i].pattern.len;
	b->radix = calloc(1, sizeof(*b->radix));
	b->entries = calloc(count + 1u, sizeof(*b->entries));
	b->keys = malloc(bytes);
	if (b->radix == NULL || b->entries == NULL || b->keys == NULL)
		return -ENOMEM;
	b->radix->text = malloc(bytes);
	b->radix->text_bytes = bytes;
	/* A name takes two bytes of its pattern at least. */
	b->radix->names = calloc(HZ_MIN(bytes, (size_t)count * HZ_LIMIT_route_params_max + 1),
	                         sizeof(*b->radix->names));
	b->radix->leaves = calloc(count + 1u, sizeof(*b->radix->leaves));
	if (b->radix->text == NULL || b->radix->names == NULL || b->radix->leaves == NULL)
		return -ENOMEM;
	b->radix->leaf_count = 1; /* 0 means none */
	b->radix->table_count = 1;
	return 0;
}

/* Trees are ranges of the sorted entries. Their roots come first, so that a tree's number is its root's;
 * the root of a tree without routes stays empty and matches nothing. */
static int trees_build(struct builder *b, uint32_t count, uint32_t tree_count)
{
	uint32_t root, from = 0;
	int err = 0;

	for (uint32_t tree = 0; err == 0 && tree < tree_count; tree++) {
		uint32_t end = from;

		while (end < count && b->entries[end].tree == tree)
			end++;
		err = draft_add(b, from, end, 0, &root);
		from = end;
	}
	for (uint32_t i = 0; err == 0 && i < b->draft_count; i++) {
		if (b->drafts[i].from < b->drafts[i].to)
			err = draft_fill(b, i);
	}
	if (err == 0)
		err = alternatives_check(b);
	return err == 0 ? nodes_copy(b) : err;
}

int hz_radix_build(const struct hz_radix_route *routes, uint32_t count, uint32_t tree_count,
                   struct hz_radix **out, struct hz_radix_conflict *conflict)
{
	struct builder b = { .routes = routes, .conflict = conflict };
	int err;

	*conflict = (struct hz_radix_conflict){ 0 };
	if (count > HZ_LIMIT_route_claims_max)
		return conflict_set(&b, -EINVAL, HZ_LIMIT_route_claims_max, count - 1,
		                    "too many routes");
	err = builder_open(&b, count);
	if (err == 0)
		err = entries_fill(&b, count);
	if (err == 0)
		err = trees_build(&b, count, tree_count);
	free(b.drafts);
	free(b.entries);
	free(b.keys);
	if (err != 0)
		hz_radix_free(b.radix);
	else
		*out = b.radix;
	return err;
}

size_t hz_radix_bytes(const struct hz_radix *radix)
{
	return sizeof(*radix) + radix->node_count * sizeof(*radix->nodes) +
	       radix->leaf_count * sizeof(*radix->leaves) +
	       radix->table_count * sizeof(*radix->tables) +
	       radix->name_count * sizeof(*radix->names) + radix->text_bytes;
}

void hz_radix_free(struct hz_radix *radix)
{
	if (radix == NULL)
		return;
	free(radix->nodes);
	free(radix->leaves);
	free(radix->tables);
	free(radix->names);
	free(radix->text);
	free(radix);
}
