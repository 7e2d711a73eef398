/* Whose is a program that this instance did not attach? */
#ifndef HZ_XDP_OWNER_H
#define HZ_XDP_OWNER_H

#include "loader/xdp_pins.h"

/* Calls back with each instance that has pins, NULL for the default one, until it returns other than 0.
 * Returns that, 0, or -errno. */
int hz_xdp_owner_each(int (*on_instance)(const char *instance, void *ctx), void *ctx);

/* The other instance whose pinned program this is: its name in out, "" for the default one. */
bool hz_xdp_owner_find(const char *instance, const char *ifname, uint32_t program_id,
                       char out[HZ_INSTANCE_MAX + 1]);

/* -EBUSY, exit code 3: one interface has one instance. */
int hz_xdp_owner_refuse(const char *owner, const char *ifname, struct hz_err *err);

#endif
