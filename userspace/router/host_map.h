/* Names of hosts to numbers. `www.example.org` is that host alone, `*.example.org` every host below
 * example.org, however deep, but not itself. 0 is any other host: nobody's name, an address, none.
 * Filled by one thread, then read-only, any number of threads. */
#ifndef HZ_HOST_MAP_H
#define HZ_HOST_MAP_H

#include "core/limits.h"
#include <hz/span.h>
#include <stdbool.h>

#define HZ_HOST_NAME_MAX 253u /* RFC 1035 2.3.4, as text */

struct hz_host_map; /* owned by the caller of open */

/* How many names may be added, and of how many bytes together. NULL: out of memory. */
struct hz_host_map *hz_host_map_open(uint32_t names, size_t bytes);
void hz_host_map_close(struct hz_host_map *map); /* accepts NULL */

/* name in lower case, without port and last dot. *host is its number, from 1 on; the same for the same
 * name. 0 or -EINVAL: longer than HZ_HOST_NAME_MAX, or a wildcard with more labels than host_labels_max. */
int hz_host_map_add(struct hz_host_map *map, struct hz_span name, uint32_t *host);

/* After the last add, before the first find. */
void hz_host_map_finish(struct hz_host_map *map);

/* The name that says most about host, which is as the request has it: case, ":80" and a last dot do not
 * count. An exact name before the longest wildcard before 0. */
uint32_t hz_host_map_find(const struct hz_host_map *map, struct hz_span host);

/* The name that says second most about what host stands for: the longest wildcard around it, or 0. */
uint32_t hz_host_map_next(const struct hz_host_map *map, uint32_t host);

size_t hz_host_map_bytes(const struct hz_host_map *map); /* of memory */

#endif
