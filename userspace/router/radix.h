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
#include <hz/span.h>
#include <stdbool.h>

struct hz_radix; /* owned by the caller of build; read-only, any number of threads */

struct hz_radix_route {
	struct hz_span pattern; /* "/user/:id/post/:slug", "/static/" "*path" */
	uint32_t methods;       /* mask of method bits; 0: any */
};

struct hz_radix_conflict {
	uint32_t first; /* indices of the two routes that claim the same requests */
	uint32_t second;
	const char *why;
};

struct hz_radix_param {
	struct hz_span name;  /* lives as long as the tree */
	struct hz_span value; /* of the path given to lookup */
};

struct hz_radix_match {
	uint32_t route; /* index into the array given to build */
	uint32_t param_count;
	uint32_t allow; /* on METHOD: mask of the methods that this path has */
	struct hz_radix_param param[HZ_LIMIT_route_params_max];
};

enum hz_radix_result { HZ_RADIX_FOUND, HZ_RADIX_NOT_FOUND, HZ_RADIX_METHOD };

/* Copies all it needs of routes. 0, -EINVAL (pattern; conflict->first names it, ->why says what; also
 * when patterns overlap so much that a lookup could become slow, see radix_node.h), -EEXIST (conflict
 * is filled), -ENOMEM. */
int hz_radix_build(const struct hz_radix_route *routes, uint32_t count, struct hz_radix **out,
                   struct hz_radix_conflict *conflict);
void hz_radix_free(struct hz_radix *radix); /* accepts NULL */

/* path is decoded by hz_path_decode. method is one bit. */
enum hz_radix_result hz_radix_lookup(const struct hz_radix *radix, uint32_t method,
                                     struct hz_span path, struct hz_radix_match *out);

#endif
