/* Which claim a frame meets, in words. */
#ifndef HZ_XDP_RULE_H
#define HZ_XDP_RULE_H

#include "abi/hz_abi.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HZ_XDP_RULE_MAX 320

/* "health tcp:10.7.0.2:8080 path /healthz"; "" for what is not IP. vips_fd: a map of claims. */
void hz_xdp_rule_text(int vips_fd, const uint8_t *frame, size_t bytes, char out[HZ_XDP_RULE_MAX]);

/* "10.7.0.1 is in 10.7.0.0/24, which is on the deny list": the longest prefix around the sender. acl_fd and the arrays of
 * tries of IPv4 and IPv6. false, and out as it was: no list has it. Root only. */
bool hz_xdp_rule_source(int acl_fd, const int tries_fd[2], const uint8_t *frame, size_t bytes,
                        char out[HZ_XDP_RULE_MAX]);

/* The address of the sender, IPv4 mapped. The version of IP; 0: there is none. */
int hz_xdp_rule_sender(const uint8_t *frame, size_t bytes, struct hz_addr *out);
/* The claim that a frame meets by its port. false: none. */
bool hz_xdp_rule_claim(int vips_fd, const uint8_t *frame, size_t bytes, struct hz_claim *out);

#endif
