/* Looking a path up. From each anchor the longest static run that the tree has is taken, then a parameter or
 * wildcard, and so on; what else could be tried is remembered and tried when this comes to nothing. Each
 * byte of the path is hashed and compared at most once per alternative, and a tree has at most
 * HZ_RADIX_ALTERNATIVES_MAX of those for any path. */
#include "router/radix_node.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "words are masked and searched from their low bytes on");

/* Where a walk is. In registers: stores to the match would make a compiler read it again otherwise (360
 * instead of 650 instructions for /api/v1/service-7/status). */
struct place {
	uint32_t node; /* that was entered, */
	uint32_t at;   /* its label left behind */
	uint32_t param_count;
};

/* A place of which something is still to be tried: runs, or else the parameter or wildcard. */
struct fork {
	struct place place;
	uint32_t runs; /* as those of a node */
	bool only_wild;
};

struct walk {
	const struct hz_radix *radix;
	const struct hz_path_text *text;
	uint32_t method, form;
	uint32_t fork_count;
	struct fork *fork; /* [HZ_RADIX_FORKS_MAX] */
	struct hz_radix_match *out;
};

/* Whether bytes of a label, behind which others may be read, are those of the path at `at`. */
static inline bool label_matches(struct hz_path_view path, const uint8_t *label, uint32_t bytes,
                                 uint32_t at)
{
	if (bytes > path.len - at)
		return false;
	for (; bytes > HZ_RADIX_WORD_BYTES; bytes -= HZ_RADIX_WORD_BYTES) {
		if (hz_radix_load(label) != hz_radix_load(path.data + at))
			return false;
		label += HZ_RADIX_WORD_BYTES;
		at += HZ_RADIX_WORD_BYTES;
	}
	return hz_radix_low(hz_radix_load(label) ^ hz_path_view_word(path, at), bytes) == 0;
}

/* The segment at `at` is the next parameter's value. Its end; `at` itself: it is empty. */
static inline uint32_t param_take(const struct walk *walk, struct hz_path_view path,
                                  struct place *place, uint32_t at)
{
	uint32_t end = hz_path_view_slash(path, at);

	walk->out->value[place->param_count++] =
		(struct hz_span){ walk->text->path + at, end - at };
	return end;
}

/* Enters a node when the path, from at on, is as its label says. */
static inline __attribute__((always_inline)) bool node_enter(const struct walk *walk,
                                                             struct hz_path_view path,
                                                             struct place *place, uint32_t index,
                                                             uint32_t at)
{
	const struct hz_radix_node *node = hz_radix_node_at(walk->radix, index);
	const uint8_t *label = node->label, *end = label + node->label_bytes;
	struct place to = { .node = index, .param_count = place->param_count };

	while (label < end) {
		uint32_t bytes = *label & HZ_RADIX_CHUNK_MAX;
		bool is_param = (*label & HZ_RADIX_CHUNK_PARAM) != 0;

		if (!label_matches(path, label + 1, bytes, at))
			return false;
		label += 1 + bytes;
		at += bytes;
		if (is_param) {
			uint32_t from = at;

			at = param_take(walk, path, &to, at);
			if (at == from)
				return false;
		}
	}
	/* The pattern's segment ends here; does the path's? */
	if (!hz_path_view_is_end(path, at))
		return false;
	to.at = at;
	*place = to;
	return true;
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
static inline bool leaf_take(struct walk *walk, uint32_t index)
{
	const struct hz_radix_leaf *leaf = hz_radix_leaf_at(walk->radix, index);

	while (!leaf_fits(walk, leaf)) {
		if (!leaf->has_next)
			return false;
		leaf++;
	}
	walk->out->route = leaf->route;
	walk->out->flags = leaf->flags;
	walk->out->param_count = leaf->param_count;
	walk->out->name = &walk->radix->names[leaf->names];
	return true;
}

/* The path behind the slash, be it empty, is the wildcard's value. */
static bool wild_take(struct walk *walk, uint32_t leaf, const struct place *place)
{
	walk->out->value[place->param_count] =
		(struct hz_span){ walk->text->path + place->at + 1,
		                  walk->text->view.len - place->at - 1 };
	return leaf_take(walk, leaf);
}

/* The stack has room: see HZ_RADIX_FORKS_MAX. */
static inline void fork_push(struct walk *walk, const struct place *place, uint32_t runs,
                             bool only_wild)
{
	walk->fork[walk->fork_count++] = (struct fork){ *place, runs, only_wild };
}

/* The path's runs from an anchor on. */
struct runs {
	uint64_t hash[HZ_RADIX_RUN_MAX];
	uint32_t end[HZ_RADIX_RUN_MAX];
};

/* Those that have as many segments as some of the tree's; returns which of them there are. All are hashed
 * before the first is looked up: that takes 10 ns less than one after the other, though more instructions. */
static inline uint32_t runs_hash(struct hz_path_view path, const struct place *place,
                                 uint32_t wanted, struct runs *out)
{
	struct hz_path_slashes slashes = hz_path_slashes_from(path, place->at + 1);
	uint64_t open = hz_radix_hash_open(place->node);
	uint32_t at = place->at, end = at, found = 0;

	for (uint32_t k = 0; wanted >> k != 0 && end < path.len; k++) {
		end = hz_path_slashes_next(&slashes);
		if ((wanted >> k & 1) == 0)
			continue;
		for (; end - at > HZ_RADIX_WORD_BYTES; at += HZ_RADIX_WORD_BYTES)
			open = hz_radix_mix(open, hz_radix_load(path.data + at));
		out->hash[k] = hz_radix_hash_end(open, hz_path_view_word(path, at), end - at);
		out->end[k] = end;
		found |= 1u << k;
		if (k == HZ_RADIX_RUN_MAX - 1)
			break;
	}
	return found;
}

/* Whether nothing but the end of the path could follow a node that is entered at the end of its run. */
static inline bool is_last(const struct hz_radix_node *node)
{
	return (node->runs | node->param | node->wild) == 0;
}

enum step { STEP_NONE, STEP_ENTERED, STEP_FOUND };

/* Takes the run from an anchor that ends at `end`. */
static inline __attribute__((always_inline)) enum step run_enter(struct walk *walk,
                                                                 struct hz_path_view path,
                                                                 struct place *place, uint32_t end,
                                                                 uint64_t hash)
{
	const struct hz_radix_slot *slots = walk->radix->slots;
	uint32_t mask = walk->radix->slot_mask;

	for (uint32_t i = (uint32_t)(hash >> 32) & mask; slots[i].node != 0; i = (i + 1) & mask) {
		const struct hz_radix_node *node = hz_radix_node_at(walk->radix, slots[i].node);
		struct place to = *place;

		/* Another's run may have this tag, even one of this text. Routes that end within
		 * the path are no alternatives, so they must cost nothing. */
		if (slots[i].tag != (uint32_t)hash || node->from != place->node ||
		    (end < path.len && is_last(node) && node->label_bytes == 1 + end - place->at) ||
		    !node_enter(walk, path, &to, slots[i].node, place->at))
			continue;
		if (to.at == path.len) {
			if (node->leaf != 0 && leaf_take(walk, node->leaf))
				return STEP_FOUND;
			return STEP_NONE;
		}
		*place = to;
		return STEP_ENTERED;
	}
	return STEP_NONE;
}

/* Takes the longest of these runs from an anchor that leads to a node. The shorter ones are left behind. */
static inline enum step runs_enter(struct walk *walk, struct hz_path_view path, struct place *place,
                                   uint32_t wanted)
{
	const struct place anchor = *place;
	struct runs runs;

	wanted = runs_hash(path, place, wanted, &runs);
	while (wanted != 0) {
		uint32_t longest = 31 - (uint32_t)__builtin_clz(wanted);
		enum step step =
			run_enter(walk, path, place, runs.end[longest], runs.hash[longest]);

		wanted ^= 1u << longest;
		if (step == STEP_ENTERED && wanted != 0)
			fork_push(walk, &anchor, wanted, false);
		if (step != STEP_NONE)
			return step;
	}
	return STEP_NONE;
}

/* From a node that was entered, follows runs as far as the path does. true: it ended at a route. */
static inline bool walk_down(struct walk *walk, struct hz_path_view path, struct place place,
                             uint32_t runs)
{
	for (;;) {
		const struct hz_radix_node *node;
		enum step step = runs == 0 ? STEP_ENTERED : runs_enter(walk, path, &place, runs);

		if (step != STEP_ENTERED)
			return step == STEP_FOUND;
		node = hz_radix_node_at(walk->radix, place.node);
		if (place.at == path.len)
			return node->leaf != 0 && leaf_take(walk, node->leaf);
		if ((node->param | node->wild) != 0)
			fork_push(walk, &place, 0, false);
		runs = node->runs;
		if (runs == 0)
			return false;
	}
}

/* Takes up the last fork left behind: true when the walk goes on from *place, with *runs there; or *is_found
 * when a wildcard was the answer; neither when nothing is left to try. */
static bool walk_back(struct walk *walk, struct hz_path_view path, struct place *place,
                      uint32_t *runs, bool *is_found)
{
	while (walk->fork_count > 0) {
		struct fork fork = walk->fork[--walk->fork_count];
		const struct hz_radix_node *node = hz_radix_node_at(walk->radix, fork.place.node);
		uint32_t from = fork.place.at + 1, end;

		*place = fork.place;
		*runs = fork.runs;
		if (fork.runs != 0)
			return true;
		if (node->param != 0 && !fork.only_wild) {
			if (node->wild != 0)
				fork_push(walk, &fork.place, 0, true);
			end = param_take(walk, path, place, from);
			if (end > from && node_enter(walk, path, place, node->param, end))
				return true;
			continue;
		}
		if (node->wild != 0 && wild_take(walk, node->wild, place)) {
			*is_found = true;
			return false;
		}
	}
	return false;
}

enum hz_radix_result hz_radix_lookup(const struct hz_radix *radix, const struct hz_radix_ask *ask,
                                     const struct hz_path_text *path, struct hz_radix_match *out)
{
	struct fork fork[HZ_RADIX_FORKS_MAX];
	struct walk walk = {
		.radix = radix,
		.text = path,
		.method = ask->method,
		.form = ask->form,
		.fork = fork,
		.out = out,
	};
	const struct hz_path_view view = path->view;
	struct place place = { 0 };
	uint32_t runs = 0;
	bool is_found = false;

	out->allow = 0;
	/* A root's label may be empty, which fits any text; what begins with no slash is no path. */
	place.node = radix->roots[ask->tree];
	if (view.len == 0 || (view.slashes[0] & 1) == 0 ||
	    (hz_radix_node_at(radix, place.node)->label_bytes > 0 &&
	     !node_enter(&walk, view, &place, place.node, 0)))
		return HZ_RADIX_NOT_FOUND;
	do
		is_found = walk_down(&walk, view, place, runs);
	while (!is_found && walk_back(&walk, view, &place, &runs, &is_found));
	if (is_found)
		return HZ_RADIX_FOUND;
	return out->allow != 0 ? HZ_RADIX_METHOD : HZ_RADIX_NOT_FOUND;
}
