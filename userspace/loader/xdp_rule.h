/* Which claim a frame meets, in words. */
#ifndef HZ_XDP_RULE_H
#define HZ_XDP_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HZ_XDP_RULE_MAX 160

/* "health tcp:10.7.0.2:8080 path /healthz"; "" for what is not IP. vips_fd: a map of claims. */
void hz_xdp_rule_text(int vips_fd, const uint8_t *frame, size_t bytes, char out[HZ_XDP_RULE_MAX]);

/* "10.7.0.1 is in 10.7.0.0/24, which is on the deny list": the longest prefix around the sender. acl_fd and the arrays of
 * tries of IPv4 and IPv6. false, and out as it was: no list has it. Root only. */
bool hz_xdp_rule_source(int acl_fd, const int tries_fd[2], const uint8_t *frame, size_t bytes,
                        char out[HZ_XDP_RULE_MAX]);

#endif
