/* What makes a port without a kernel interface a host: its addresses, who is beside it, and how much it
 * answers. One per port, touched by that port's worker alone. */
#ifndef HZ_HOST_H
#define HZ_HOST_H

#include "core/env.h"
#include "core/host_conf.h"
#include "net/neigh.h"
#include "net/rate.h"
#include "port/port.h"

struct hz_host {
	struct hz_host_conf conf;
	const struct hz_env *env; /* of the worker, which sets it: its time */
	struct hz_rate neighbour_answers;
	struct hz_rate echo_answers;
	struct hz_neigh neigh;
};

/* 0, -ENOMEM or an error of getrandom(2). Owned by the caller. */
int hz_host_open(const struct hz_host_conf *conf, struct hz_host **out);
void hz_host_close(struct hz_host *host); /* accepts NULL */

/* Addresses are v4-mapped. */
bool hz_host_has(const struct hz_host *host, const struct hz_addr *addr);

/* Our address within whose prefix addr lies; NULL: addr is not a neighbour. */
const struct hz_host_addr *hz_host_beside(const struct hz_host *host, const struct hz_addr *addr);

#endif
