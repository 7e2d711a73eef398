/* What a route without a `name` is called: its match as it was written, "GET /users/:id", so that its figures, limits and
 * log lines stay its own wherever the route stands in the file. */
#ifndef HZ_ROUTE_NAME_H
#define HZ_ROUTE_NAME_H

#include "config/site.h"

/* The name of a route with this match and, unless empty, this first host: "GET www.example.org/users/:id". Printable
 * ASCII without quotes and backslashes, for which it has '?', so that it is safe in labels, fields and tables; it holds
 * a space, or a '/', so that it is nobody's `name`. What is longer than a name, or holds such a byte, is told apart by
 * 30 bits of a hash in its middle, or at its end: "GET /api/v1/cu~k3f7qa~rs/:c/job". */
void hz_route_name_make(struct hz_span match, struct hz_span host, char out[HZ_SITE_NAME_MAX]);

#endif
