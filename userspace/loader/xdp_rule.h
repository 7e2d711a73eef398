/* Which claim a frame meets, in words. */
#ifndef HZ_XDP_RULE_H
#define HZ_XDP_RULE_H

#include <stddef.h>
#include <stdint.h>

#define HZ_XDP_RULE_MAX 160

/* "health tcp:10.7.0.2:8080 path /healthz"; "" for what is not IP. vips_fd: a map of claims. */
void hz_xdp_rule_text(int vips_fd, const uint8_t *frame, size_t bytes, char out[HZ_XDP_RULE_MAX]);

#endif
