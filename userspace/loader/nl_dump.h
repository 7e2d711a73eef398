/* Is there such an object? One dump of rtnetlink(7) on a socket of its own, read until the first that matches. */
#ifndef HZ_NL_DUMP_H
#define HZ_NL_DUMP_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

typedef bool hz_nl_dump_match(struct nlmsghdr *message, uint32_t ifindex);

/* ask: an RTM_GET message with NLM_F_REQUEST | NLM_F_DUMP; kind: the RTM_NEW type whose messages are looked at.
 * 1: one matches; 0: none does; -errno of the socket, or -EIO when the kernel refuses. */
int hz_nl_dump_find(const struct nlmsghdr *ask, uint16_t kind, hz_nl_dump_match *match,
                    uint32_t ifindex);

#endif
