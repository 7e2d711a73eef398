/* From a request's host, path and method to its route: hosts, each with a tree of its own, and what a
 * route accepts as a spelling of its path. Immutable once built.
 *
 * The host comes first, as if it were one more segment before the path: the route whose host is named
 * exactly, else that of the longest wildcard, else one without hosts; and where none of a host's routes
 * fits, those of the next take part. Within a host, see radix.h. */
#ifndef HZ_ROUTE_TABLE_H
#define HZ_ROUTE_TABLE_H

#include "router/radix.h"

struct hz_route_table; /* owned by the caller of build; read-only, any number of threads */

/* What %2F is. As a separator it is never taken. */
enum hz_route_slash {
	HZ_ROUTE_SLASH_PARAM, /* '/' in the value of a :param; in that of a *wildcard, refused */
	HZ_ROUTE_SLASH_ANY,   /* '/' in both, where the handler cannot tell it from a separator */
	HZ_ROUTE_SLASH_REFUSE,
};

/* What a path is that differs from the pattern by the slash at its end. */
enum hz_route_trailing {
	HZ_ROUTE_TRAILING_STRICT, /* another path */
	HZ_ROUTE_TRAILING_REDIRECT,
	HZ_ROUTE_TRAILING_SAME,
};

/* How a route reads paths; all zero is strict. */
struct hz_route_paths {
	enum hz_route_slash slash;
	enum hz_route_trailing trailing;
	bool merge; /* a path with "//" is matched with one slash for each run, not as it is */
	bool refuse_dots; /* a path with dot segments is refused, not resolved */
};

struct hz_route_conf {
	struct hz_span pattern;
	uint32_t methods;           /* mask of method bits; 0: any */
	const struct hz_span *host; /* as hz_host_map_add takes them; none: any host */
	uint32_t host_count;
	struct hz_route_paths paths;
};

struct hz_route_ask {
	uint32_t method;     /* one bit */
	struct hz_span host; /* as sent, may be empty */
	struct hz_span path; /* as sent */
	struct hz_arena *arena;
};

struct hz_route_match {
	struct hz_radix_match radix; /* values are final: decoded, %2F as '/' */
	struct hz_span location;     /* REDIRECT: the path, encoded */
};

enum hz_route_result {
	HZ_ROUTE_FOUND,
	HZ_ROUTE_NOT_FOUND,
	HZ_ROUTE_METHOD,   /* radix.allow */
	HZ_ROUTE_REDIRECT, /* to location */
	HZ_ROUTE_BAD,      /* the path is malformed, or spelled as the route refuses it */
	HZ_ROUTE_NO_ROOM,  /* in the arena */
};

/* Copies all it needs. 0, or as hz_radix_build; conflict's indices are of routes. */
int hz_route_table_build(const struct hz_route_conf *routes, uint32_t count,
                         struct hz_route_table **out, struct hz_radix_conflict *conflict);
void hz_route_table_free(struct hz_route_table *table); /* accepts NULL */

/* radix.route is an index into the array given to build. Takes at most four walks of the tree, each as
 * radix.h says, for each host around the request's (host_labels_max); one where routes are strict and
 * name no hosts. Values live as long as ask->path and the arena. */
enum hz_route_result hz_route_table_find(const struct hz_route_table *table,
                                         const struct hz_route_ask *ask,
                                         struct hz_route_match *out);

size_t hz_route_table_bytes(const struct hz_route_table *table); /* of memory */

#endif
