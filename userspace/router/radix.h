/* Compressed radix tree over paths with `:param` and `*wildcard` segments. Immutable once built; a
 * lookup is linear in the path: static before param before wildcard, with correct fallback.
 *
 * `:name` matches one segment that is not empty, `*name`, which is the last segment, all the rest, be
 * it empty. Of the patterns that match a path, that wins which is static at the first segment where
 * they differ, else has the parameter there; a pattern without the method does not take part. */
#ifndef HZ_RADIX_H
#define HZ_RADIX_H

#include "core/arena.h"
#include "core/limits.h"
#include "router/path_text.h"
#include <hz/span.h>
#include <stdbool.h>

struct hz_radix; /* owned by the caller of build; read-only, any number of threads */

struct hz_radix_route {
	struct hz_span pattern; /* "/user/:id/post/:slug", "/static/" "*path" */
	uint32_t methods;       /* mask of method bits; 0: any */
	uint32_t tree;          /* which of the trees that are built together */
	uint32_t route;         /* what a match reports */
	uint8_t forms;          /* mask of the caller's; a lookup asks for one of them */
	uint8_t flags;          /* the caller's, handed back by a match */
};

struct hz_radix_conflict {
	uint32_t first; /* indices into the array of the two that claim the same requests */
	uint32_t second;
	const char *why;
};

struct hz_radix_match {
	uint32_t route;
	uint32_t param_count;
	uint32_t allow; /* on METHOD: mask of the methods that this path has */
	uint8_t flags;
	const struct hz_span *name; /* of parameters; live as long as the tree */
	struct hz_span value[HZ_LIMIT_route_params_max]; /* of the path given to lookup */
};

/* Routes without the method or the form do not take part. */
struct hz_radix_ask {
	uint32_t tree;
	uint32_t method; /* one bit */
	uint32_t form;   /* one bit */
};

enum hz_radix_result { HZ_RADIX_FOUND, HZ_RADIX_NOT_FOUND, HZ_RADIX_METHOD };

/* Builds trees 0..tree_count, tree_count > 0, side by side. Copies all it needs of routes. 0, -EINVAL (pattern; conflict->first names it, ->why says what; also
 * when patterns overlap so much that a lookup could become slow, see radix_node.h), -EEXIST (conflict
 * is filled), -ENOMEM. */
int hz_radix_build(const struct hz_radix_route *routes, uint32_t count, uint32_t tree_count,
                   struct hz_radix **out, struct hz_radix_conflict *conflict);
void hz_radix_free(struct hz_radix *radix); /* accepts NULL */

/* path is of decoded text. out->value beyond those of the match may be written. */
enum hz_radix_result hz_radix_lookup(const struct hz_radix *radix, const struct hz_radix_ask *ask,
                                     const struct hz_path_text *path, struct hz_radix_match *out);

size_t hz_radix_bytes(const struct hz_radix *radix); /* of memory */

#endif
