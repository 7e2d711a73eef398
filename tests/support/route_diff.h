/* The route table against a matcher that tries every route, on random routes, hosts and paths. */
#ifndef ROUTE_DIFF_H
#define ROUTE_DIFF_H

#include <stdint.h>

struct route_diff {
	uint64_t lookups, found, method, redirect, bad, not_found;
	uint64_t wrong;
	char first[512]; /* what the first difference was */
};

/* `sets` sites of random routes, `lookups` requests to each. */
void route_diff_run(uint64_t seed, uint32_t sets, uint32_t lookups, struct route_diff *out);

#endif
