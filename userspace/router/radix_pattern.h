/* A pattern as a string that sorts and compares the way the tree is built. Private to the router. */
#ifndef HZ_RADIX_PATTERN_H
#define HZ_RADIX_PATTERN_H

#include "router/radix.h"

/* Stand for '/', `:name` and `*name` in a key; patterns hold no control bytes. The slash is the lowest, so
 * that keys with a segment in common sort side by side. */
#define HZ_RADIX_KEY_SLASH 0x00
#define HZ_RADIX_KEY_PARAM 0x01
#define HZ_RADIX_KEY_WILD  0x02

#define HZ_RADIX_NAME_MAX  64u

/* Writes pattern's key, which is not longer than the pattern, to key, and the names of its parameters,
 * pointing into the pattern, to name. 0, or -EINVAL with *why. */
int hz_radix_pattern_parse(struct hz_span pattern, uint8_t *key, size_t *key_bytes,
                           struct hz_span name[HZ_LIMIT_route_params_max], uint32_t *name_count,
                           const char **why);

#endif
