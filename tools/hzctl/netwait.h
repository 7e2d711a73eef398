/* Waiting for a network interface to appear. */
#ifndef HZ_NETWAIT_H
#define HZ_NETWAIT_H

#include "core/err.h"

/* Returns 0 as soon as ifname exists in this network namespace; waits without end, by netlink, not by
 * polling. -errno with err filled. */
int hz_netwait_interface(const char *ifname, struct hz_err *err);

#endif
