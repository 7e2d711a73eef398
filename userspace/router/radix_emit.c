/* Drafts become nodes. Most static text needs none: an anchor knows what runs there are, and a run leads to
 * the next node at once. */
#include "router/radix_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What leads to a draft and is matched when its node is entered: this part of the keys of its entries. */
struct label {
	const uint8_t *key;
	uint32_t from, to;
};

static struct label label_of(const struct hz_radix_builder *b, const struct hz_radix_draft *draft)
{
	uint32_t from =
		draft->kind == HZ_RADIX_DRAFT_STATIC ? b->drafts[draft->parent].run : draft->label;

	return (struct label){ draft->from == draft->to ? NULL : b->entries[draft->from].key, from,
		               draft->skip };
}

/* The label as chunks, to out when there is one; returns their bytes. */
static uint32_t label_write(struct label label, uint8_t *out)
{
	uint32_t used = 0, chunk = 0; /* at `chunk` stands the length of what is open */
	bool is_open = false;

	for (uint32_t i = label.from; i < label.to; i++) {
		bool is_param = label.key[i] == HZ_RADIX_KEY_PARAM;

		if (is_param) { /* a slash stands before it */
			is_open = false;
			if (out != NULL)
				out[chunk] |= HZ_RADIX_CHUNK_PARAM;
			continue;
		}
		if (!is_open || used - chunk - 1 == HZ_RADIX_CHUNK_MAX) {
			is_open = true;
			chunk = used++;
		}
		if (out != NULL) {
			out[used] = label.key[i] == HZ_RADIX_KEY_SLASH ? '/' : label.key[i];
			out[chunk] = (uint8_t)(used - chunk);
		}
		used++;
	}
	return used;
}

/* The segments of a run that are hashed: up to the first parameter or HZ_RADIX_RUN_MAX. Returns their
 * number, *to is where they end. */
static uint32_t run_segments(struct label label, uint32_t *to)
{
	uint32_t at = label.from, count = 0;

	while (at < label.to && count < HZ_RADIX_RUN_MAX &&
	       !(at + 1 < label.to && label.key[at + 1] == HZ_RADIX_KEY_PARAM)) {
		at++;
		while (at < label.to && label.key[at] != HZ_RADIX_KEY_SLASH)
			at++;
		count++;
	}
	*to = at;
	return count;
}

static uint32_t leaves_count(const struct hz_radix_builder *b, uint32_t leaf)
{
	uint32_t count = leaf == 0 ? 0 : 1;

	while (count > 0 && b->leaves[leaf + count - 1].has_next)
		count++;
	return count;
}

/* Where in a node its leaves begin. */
static size_t leaves_at(uint32_t label_bytes)
{
	size_t at = offsetof(struct hz_radix_node, label) + label_bytes;

	return (at + HZ_RADIX_LEAF_UNIT - 1) / HZ_RADIX_LEAF_UNIT * HZ_RADIX_LEAF_UNIT;
}

/* Which drafts become nodes, and where these begin. Where nothing but static text follows, none is needed:
 * the runs from the anchor before lead past it. */
static uint32_t lines_assign(struct hz_radix_builder *b)
{
	uint32_t line = 1;

	for (uint32_t i = 0; i < b->draft_count; i++) {
		struct hz_radix_draft *draft = &b->drafts[i], *parent = &b->drafts[draft->parent];
		struct label label = label_of(b, draft);
		bool is_anchor = true;
		size_t bytes;

		if (draft->kind == HZ_RADIX_DRAFT_STATIC) {
			uint32_t end, segments = run_segments(label, &end);

			is_anchor = end < label.to || segments == HZ_RADIX_RUN_MAX;
		}
		draft->anchor = is_anchor ? i : parent->anchor;
		draft->run = is_anchor ? draft->skip : parent->run;
		if (!is_anchor && (draft->leaf | draft->param | draft->wild) == 0)
			continue;
		bytes = leaves_at(label_write(label, NULL)) +
		        (leaves_count(b, draft->leaf) + leaves_count(b, draft->wild)) *
		                sizeof(struct hz_radix_leaf);
		draft->line = line;
		line += (uint32_t)((bytes + HZ_RADIX_NODE_BYTES - 1) / HZ_RADIX_NODE_BYTES);
		b->slot_count += draft->kind == HZ_RADIX_DRAFT_STATIC;
	}
	return line;
}

static int lines_open(struct hz_radix_builder *b)
{
	struct hz_radix *radix = b->radix;
	/* One more for the word that may be read behind the last label. */
	uint32_t lines = lines_assign(b) + 1, slots = hz_radix_power_above(4 * b->slot_count);
	size_t bytes = (size_t)lines * HZ_RADIX_NODE_BYTES;

	radix->line_count = lines;
	radix->slot_mask = slots - 1;
	radix->lines = aligned_alloc(HZ_RADIX_NODE_BYTES, bytes);
	radix->slots = aligned_alloc(HZ_RADIX_NODE_BYTES, slots * sizeof(*radix->slots));
	if (radix->lines == NULL || radix->slots == NULL)
		return -ENOMEM;
	memset(radix->lines, 0, bytes);
	memset(radix->slots, 0, slots * sizeof(*radix->slots));
	return 0;
}

static struct hz_radix_node *node_at(struct hz_radix_builder *b, uint32_t draft)
{
	uint8_t *at = b->radix->lines + (size_t)b->drafts[draft].line * HZ_RADIX_NODE_BYTES;

	return (struct hz_radix_node *)(void *)at;
}

/* The hash of a run from an anchor, as a lookup has it. A word behind the text may be read. */
static uint64_t text_hash(const uint8_t *text, size_t bytes, uint32_t anchor)
{
	uint64_t hash = hz_radix_hash_open(anchor);

	for (; bytes > HZ_RADIX_WORD_BYTES; bytes -= HZ_RADIX_WORD_BYTES) {
		hash = hz_radix_mix(hash, hz_radix_load(text));
		text += HZ_RADIX_WORD_BYTES;
	}
	return hz_radix_hash_end(hash, hz_radix_load(text), (uint32_t)bytes);
}

/* The run to a static draft is found by its anchor, as a lookup does. */
static void run_add(struct hz_radix_builder *b, const struct hz_radix_draft *draft,
                    struct hz_radix_node *node)
{
	struct label label = label_of(b, draft);
	uint32_t anchor = b->drafts[draft->parent].anchor, end;
	uint32_t segments = run_segments(label, &end);
	struct hz_radix *radix = b->radix;
	uint64_t hash;
	uint32_t i;

	for (i = label.from; i < end; i++)
		b->run[i - label.from] = label.key[i] == HZ_RADIX_KEY_SLASH ? '/' : label.key[i];
	node->from = b->drafts[anchor].line;
	node_at(b, anchor)->runs |= 1u << (segments - 1);
	hash = text_hash(b->run, end - label.from, node->from);
	i = (uint32_t)(hash >> 32) & radix->slot_mask;
	while (radix->slots[i].node != 0)
		i = (i + 1) & radix->slot_mask;
	radix->slots[i] = (struct hz_radix_slot){ (uint32_t)hash, draft->line };
}

/* Copies a draft's leaves to *at of the lines, and moves it behind them. Where they are, or 0. */
static uint32_t leaves_write(struct hz_radix_builder *b, uint32_t leaf, size_t *at)
{
	size_t first = *at, bytes = leaves_count(b, leaf) * sizeof(*b->leaves);

	if (leaf == 0)
		return 0;
	memcpy(b->radix->lines + first, &b->leaves[leaf], bytes);
	*at += bytes;
	return (uint32_t)(first / HZ_RADIX_LEAF_UNIT);
}

int hz_radix_emit(struct hz_radix_builder *b)
{
	int err = lines_open(b);

	for (uint32_t i = 0; err == 0 && i < b->draft_count; i++) {
		const struct hz_radix_draft *draft = &b->drafts[i];
		struct hz_radix_node *node = node_at(b, i);
		size_t at;

		if (draft->line == 0)
			continue;
		node->param = draft->param == 0 ? 0 : b->drafts[draft->param].line;
		node->label_bytes = (uint16_t)label_write(label_of(b, draft), node->label);
		at = (size_t)draft->line * HZ_RADIX_NODE_BYTES + leaves_at(node->label_bytes);
		node->leaf = leaves_write(b, draft->leaf, &at);
		node->wild = leaves_write(b, draft->wild, &at);
		if (draft->kind == HZ_RADIX_DRAFT_ROOT)
			b->radix->roots[i] = draft->line;
		if (draft->kind == HZ_RADIX_DRAFT_STATIC)
			run_add(b, draft, node);
	}
	return err;
}
