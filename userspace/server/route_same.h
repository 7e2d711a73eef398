/* Whether a reload changes a route. */
#ifndef HZ_ROUTE_SAME_H
#define HZ_ROUTE_SAME_H

#include "config/site.h"

/* Whether two routes of one name, each of its site, say the same. Of files that they name only the names count. */
bool hz_route_is_same(const struct hz_site *a_site, const struct hz_site_route *a,
                      const struct hz_site *b_site, const struct hz_site_route *b);

#endif
