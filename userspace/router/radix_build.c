/* Building the tree: patterns become keys, keys are sorted, and every node is a range of them. The nodes
 * are drafted first, breadth first, and written when it is known how long they are. */
#include "router/radix_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static int conflict_set(struct hz_radix_builder *b, int err, uint32_t first, uint32_t second,
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
	const struct hz_radix_entry *a = left, *b = right;
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

static bool names_equal(const struct hz_span *a, const struct hz_span *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (a[i].len != b[i].len || memcmp(a[i].data, b[i].data, a[i].len) != 0)
			return false;
	}
	return true;
}

static uint64_t names_hash(const struct hz_span *names, uint32_t count)
{
	uint64_t hash = count;

	for (uint32_t i = 0; i < count; i++) {
		for (size_t k = 0; k < names[i].len; k++)
			hash = hz_radix_mix(hash, names[i].data[k]);
		hash = hz_radix_mix(hash, i);
	}
	return hash;
}

/* Where the tree has this list of names; it is added when it is new. Most routes of a site have one of few
 * lists, which then stay in cache. */
static uint32_t names_keep(struct hz_radix_builder *b, const struct hz_span *names, uint32_t count)
{
	struct hz_radix *radix = b->radix;
	uint32_t i = (uint32_t)(names_hash(names, count) >> 32) & b->name_mask, at;

	for (; b->name_table[i] != 0; i = (i + 1) & b->name_mask) {
		at = b->name_table[i] - 1;
		if (radix->name_count - at >= count && names_equal(&radix->names[at], names, count))
			return at;
	}
	at = radix->name_count;
	for (uint32_t n = 0; n < count; n++) {
		uint8_t *text = radix->text + radix->text_bytes;

		memcpy(text, names[n].data, names[n].len);
		radix->text_bytes += names[n].len;
		radix->names[radix->name_count++] = (struct hz_span){ text, names[n].len };
	}
	b->name_table[i] = at + 1;
	return at;
}

/* Parses every pattern. keys and the tree's text have as many bytes as all patterns together. */
static int entries_fill(struct hz_radix_builder *b, uint32_t count)
{
	uint8_t *key = b->keys;

	for (uint32_t i = 0; i < count; i++) {
		struct hz_radix_entry *entry = &b->entries[i];
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
		if (entry->name_count > 0)
			entry->names = names_keep(b, names, entry->name_count);
		key += key_bytes;
	}
	qsort(b->entries, count, sizeof(b->entries[0]), entry_compare);
	return 0;
}

/* The leaf for entries from..to, which have one key: their methods must be disjoint. */
static int leaf_add(struct hz_radix_builder *b, uint32_t from, uint32_t to, uint32_t *out)
{
	*out = b->leaf_count;
	for (uint32_t i = from; i < to; i++) {
		const struct hz_radix_entry *entry = &b->entries[i];
		const struct hz_radix_route *route = &b->routes[entry->index];

		for (uint32_t k = from; k < i; k++) {
			uint32_t other = b->entries[k].index;
			uint32_t methods = b->routes[other].methods;

			if (route->methods == 0 || methods == 0 || (route->methods & methods) != 0)
				return conflict_set(b, -EEXIST, other, entry->index,
				                    "both match the same requests");
		}
		b->leaves[b->leaf_count++] = (struct hz_radix_leaf){
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

static int draft_add(struct hz_radix_builder *b, const struct hz_radix_draft *draft, uint32_t *out)
{
	struct hz_radix_draft *drafts =
		array_grow(b->drafts, b->draft_count, &b->draft_room, sizeof(*drafts));

	if (drafts == NULL)
		return -ENOMEM;
	b->drafts = drafts;
	drafts[b->draft_count] = *draft;
	*out = b->draft_count++;
	return 0;
}

/* Bytes of the segment at skip, its slash included. */
static uint32_t segment_bytes(const struct hz_radix_entry *entry, uint32_t skip)
{
	uint32_t end = skip + 1;

	while (end < entry->key_bytes && entry->key[end] != HZ_RADIX_KEY_SLASH)
		end++;
	return end - skip;
}

static bool is_segment(const struct hz_radix_entry *a, const struct hz_radix_entry *b,
                       uint32_t skip)
{
	uint32_t bytes = segment_bytes(a, skip);

	return segment_bytes(b, skip) == bytes && memcmp(a->key + skip, b->key + skip, bytes) == 0;
}

/* What the entry has at skip: HZ_RADIX_KEY_PARAM, HZ_RADIX_KEY_WILD, or 0 for text. */
static uint8_t segment_kind(const struct hz_radix_entry *entry, uint32_t skip)
{
	uint8_t first = segment_bytes(entry, skip) > 1 ? entry->key[skip + 1] : 0;

	return first == HZ_RADIX_KEY_PARAM || first == HZ_RADIX_KEY_WILD ? first : 0;
}

/* Takes into the label all segments that all of the draft's entries share; sorted, they share what the
 * first and the last do. No wildcard: it is a leaf of its own. */
static void label_extend(const struct hz_radix_builder *b, struct hz_radix_draft *draft)
{
	const struct hz_radix_entry *first = &b->entries[draft->from],
				    *last = &b->entries[draft->to - 1];

	while (draft->skip < first->key_bytes && draft->skip < last->key_bytes &&
	       segment_kind(first, draft->skip) != HZ_RADIX_KEY_WILD &&
	       is_segment(first, last, draft->skip))
		draft->skip += segment_bytes(first, draft->skip);
}

/* End of the entries that have the same segment at skip as entry from. */
static uint32_t same_segment_end(const struct hz_radix_builder *b, uint32_t from, uint32_t to,
                                 uint32_t skip)
{
	const struct hz_radix_entry *first = &b->entries[from];

	while (from < to && is_segment(first, &b->entries[from], skip))
		from++;
	return from;
}

/* Static children: one draft per next segment, which is the first of its label. */
static int children_fill(struct hz_radix_builder *b, uint32_t index,
                         const struct hz_radix_draft *draft, uint32_t from, uint32_t to)
{
	int err = 0;

	while (err == 0 && from < to) {
		struct hz_radix_draft child = { HZ_RADIX_DRAFT_STATIC, .from = from,
			                        .parent = index };
		uint32_t at;

		child.to = same_segment_end(b, from, to, draft->skip);
		child.label = draft->skip;
		child.skip = draft->skip + segment_bytes(&b->entries[from], draft->skip);
		err = draft_add(b, &child, &at);
		from = child.to;
	}
	return err;
}

/* The node behind the parameter, whose label does not hold it. */
static int param_fill(struct hz_radix_builder *b, uint32_t index, struct hz_radix_draft *draft,
                      uint32_t from, uint32_t to)
{
	uint32_t skip = draft->skip + segment_bytes(&b->entries[from], draft->skip);
	const struct hz_radix_draft child = { HZ_RADIX_DRAFT_PARAM, .from = from,  .to = to,
		                              .parent = index,      .label = skip, .skip = skip };

	return draft_add(b, &child, &draft->param);
}

/* End of the entries from `from` on that have this kind of segment next; is_empty: whose is empty. */
static uint32_t kind_end(const struct hz_radix_builder *b, const struct hz_radix_draft *draft,
                         uint32_t from, uint8_t kind, bool is_empty)
{
	while (from < draft->to && segment_kind(&b->entries[from], draft->skip) == kind &&
	       (!is_empty || segment_bytes(&b->entries[from], draft->skip) == 1))
		from++;
	return from;
}

/* Fills one draft in and adds its children, in the order in which their keys sort: what ends here, empty
 * segments, the parameter, the wildcard, text. */
static int draft_fill(struct hz_radix_builder *b, uint32_t index)
{
	struct hz_radix_draft draft = b->drafts[index]; /* a copy: the array moves as it grows */
	uint32_t from = draft.from, end = from;
	int err = 0;

	label_extend(b, &draft);
	while (end < draft.to && b->entries[end].key_bytes == draft.skip)
		end++;
	if (end > from)
		err = leaf_add(b, from, end, &draft.leaf);
	from = end;
	end = kind_end(b, &draft, from, 0, true);
	if (err == 0)
		err = children_fill(b, index, &draft, from, end);
	from = end;
	end = kind_end(b, &draft, from, HZ_RADIX_KEY_PARAM, false);
	if (err == 0 && end > from)
		err = param_fill(b, index, &draft, from, end);
	from = end;
	end = kind_end(b, &draft, from, HZ_RADIX_KEY_WILD, false);
	if (err == 0 && end > from)
		err = leaf_add(b, from, end, &draft.wild);
	if (err == 0)
		err = children_fill(b, index, &draft, end, draft.to);
	b->drafts[index] = draft;
	return err;
}

/* How many ways a path can go at most, and so how deep the stack of a lookup gets: below a node, those
 * of its best static child, of its parameter, and its wildcard. Children come after their parents, so
 * that a node's are summed up when its turn comes: ways holds the most of a static child until then. */
static int alternatives_check(struct hz_radix_builder *b)
{
	for (uint32_t i = b->draft_count; i-- > 0;) {
		struct hz_radix_draft *draft = &b->drafts[i], *parent = &b->drafts[draft->parent];
		uint32_t ways = draft->ways;

		if (draft->param != 0)
			ways += b->drafts[draft->param].ways;
		if (draft->wild != 0)
			ways++;
		if (ways > HZ_RADIX_ALTERNATIVES_MAX)
			return conflict_set(b, -EINVAL, b->entries[draft->from].index,
			                    b->entries[draft->to - 1].index,
			                    "patterns overlap in more than 128 ways");
		draft->ways = HZ_MAX(ways, 1u);
		if (draft->kind == HZ_RADIX_DRAFT_STATIC)
			parent->ways = HZ_MAX(parent->ways, draft->ways);
	}
	return 0;
}

static int builder_open(struct hz_radix_builder *b, uint32_t count, uint32_t tree_count)
{
	size_t bytes = 1;

	for (uint32_t i = 0; i < count; i++)
		bytes += b->routes[i].pattern.len;
	b->name_mask = hz_radix_power_above(2 * count) - 1;
	b->radix = calloc(1, sizeof(*b->radix));
	b->entries = calloc(count + 1u, sizeof(*b->entries));
	b->name_table = calloc(b->name_mask + 1u, sizeof(*b->name_table));
	b->keys = malloc(bytes);
	b->run = malloc(HZ_LIMIT_uri_bytes_max + HZ_RADIX_WORD_BYTES);
	if (b->radix == NULL || b->entries == NULL || b->keys == NULL || b->name_table == NULL ||
	    b->run == NULL)
		return -ENOMEM;
	b->radix->text = malloc(bytes);
	/* A name takes two bytes of its pattern at least. */
	b->radix->names = calloc(HZ_MIN(bytes, (size_t)count * HZ_LIMIT_route_params_max + 1),
	                         sizeof(*b->radix->names));
	b->leaves = calloc(count + 1u, sizeof(*b->leaves));
	b->radix->roots = calloc(tree_count, sizeof(*b->radix->roots));
	b->radix->tree_count = tree_count;
	if (b->radix->text == NULL || b->radix->names == NULL || b->leaves == NULL ||
	    b->radix->roots == NULL)
		return -ENOMEM;
	b->leaf_count = 1; /* 0 means none */
	return 0;
}

/* Trees are ranges of the sorted entries. Their roots come first; that of a tree without routes stays empty
 * and matches nothing. */
static int trees_build(struct hz_radix_builder *b, uint32_t count, uint32_t tree_count)
{
	uint32_t from = 0, at;
	int err = 0;

	for (uint32_t tree = 0; err == 0 && tree < tree_count; tree++) {
		struct hz_radix_draft root = { HZ_RADIX_DRAFT_ROOT, .from = from, .to = from,
			                       .parent = tree };

		while (root.to < count && b->entries[root.to].tree == tree)
			root.to++;
		err = draft_add(b, &root, &at);
		from = root.to;
	}
	for (uint32_t i = 0; err == 0 && i < b->draft_count; i++) {
		if (b->drafts[i].from < b->drafts[i].to)
			err = draft_fill(b, i);
	}
	if (err == 0)
		err = alternatives_check(b);
	return err == 0 ? hz_radix_emit(b) : err;
}

int hz_radix_build(const struct hz_radix_route *routes, uint32_t count, uint32_t tree_count,
                   struct hz_radix **out, struct hz_radix_conflict *conflict)
{
	struct hz_radix_builder b = { .routes = routes, .conflict = conflict };
	int err;

	*conflict = (struct hz_radix_conflict){ 0 };
	if (count > HZ_LIMIT_route_claims_max)
		return conflict_set(&b, -EINVAL, HZ_LIMIT_route_claims_max, count - 1,
		                    "too many routes");
	err = builder_open(&b, count, tree_count);
	if (err == 0)
		err = entries_fill(&b, count);
	if (err == 0)
		err = trees_build(&b, count, tree_count);
	free(b.drafts);
	free(b.entries);
	free(b.leaves);
	free(b.keys);
	free(b.name_table);
	free(b.run);
	if (err != 0)
		hz_radix_free(b.radix);
	else
		*out = b.radix;
	return err;
}

size_t hz_radix_bytes(const struct hz_radix *radix)
{
	return sizeof(*radix) + (size_t)radix->line_count * HZ_RADIX_NODE_BYTES +
	       (radix->slot_mask + 1u) * sizeof(*radix->slots) +
	       radix->tree_count * sizeof(*radix->roots) +
	       radix->name_count * sizeof(*radix->names) + radix->text_bytes;
}

void hz_radix_free(struct hz_radix *radix)
{
	if (radix == NULL)
		return;
	free(radix->lines);
	free(radix->roots);
	free(radix->slots);
	free(radix->names);
	free(radix->text);
	free(radix);
}
