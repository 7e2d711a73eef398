/* Interfaces one should not attach to by mistake. */
#ifndef HZ_XDP_GUARD_H
#define HZ_XDP_GUARD_H

#include "core/err.h"
#include <stdbool.h>
#include <stdint.h>

/* The interface by name in this network namespace. Refuses none, loopback and, unless yes_this_nic, the
 * one that carries a default route: a mistake there costs the machine its network. */
int hz_xdp_guard_check(const char *ifname, bool yes_this_nic, uint32_t *ifindex,
                       struct hz_err *err);

#endif
