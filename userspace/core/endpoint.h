/* Addresses as people write them. */
#ifndef HZ_ENDPOINT_H
#define HZ_ENDPOINT_H

#include "core/common.h"
#include <stdbool.h>

#define HZ_ENDPOINT_TEXT_MAX 56

/* "10.7.0.2" or "2001:db8::2", no brackets. 0 or -EINVAL. */
int hz_addr_parse(const char *text, struct hz_addr *out);
/* "10.7.0.2:80" or "[2001:db8::2]:80", port 1..65535. 0 or -EINVAL. */
int hz_endpoint_parse(const char *text, struct hz_endpoint *out);
bool hz_addr_is_v4(const struct hz_addr *addr);
/* Both of one family, and the first bits of it, counted in that family, the same. */
bool hz_addr_is_within(const struct hz_addr *addr, const struct hz_addr *prefix, uint32_t bits);
void hz_endpoint_print(const struct hz_endpoint *endpoint, char out[HZ_ENDPOINT_TEXT_MAX]);
void hz_addr_print(const struct hz_addr *addr, char out[HZ_ENDPOINT_TEXT_MAX]);

#endif
