/* Ways on ports of the kernel: it has the addresses, the routes and the neighbours there, and is asked for
 * one remote address at a time. The worker of the port asks and reads, housekeeping answers; neither waits
 * for the other. */
#ifndef HZ_NEIGH_KERNEL_H
#define HZ_NEIGH_KERNEL_H

#include "core/base.h"
#include "core/env.h"
#include "net/neigh.h"

#define HZ_NEIGH_KERNEL_WAYS 64u

/* What housekeeping found out. seq is odd while it is being written. */
struct hz_neigh_kernel_way {
	uint32_t seq;
	uint8_t state; /* private to neigh_kernel.c; 0: free */
	uint8_t mac[6];
	struct hz_addr remote, local; /* v4-mapped */
	uint64_t told_ns;
};

struct hz_neigh_kernel {
	const struct hz_env *env; /* of the worker, which sets it */
	uint32_t ifindex;
	int fd; /* rtnetlink, housekeeping's */
	uint32_t sequence;
	/* the question: written by the worker while is_open is 0, by nobody while it is 1 */
	HZ_LINE_ALIGNED uint32_t is_open;
	struct hz_addr asked;
	uint64_t asked_ns;
	struct hz_neigh_kernel_way way[HZ_NEIGH_KERNEL_WAYS];
};

/* In the caller's network namespace. 0 or -errno. Owned by the caller. */
int hz_neigh_kernel_open(uint32_t ifindex, struct hz_neigh_kernel **out);
void hz_neigh_kernel_close(struct hz_neigh_kernel *kernel); /* accepts NULL */

/* Housekeeping: answers the open question, if there is one. Asks the kernel once, which answers at once;
 * a neighbour it does not know yet it is told to look for, and the question stays open up to 4 s. */
void hz_neigh_kernel_turn(struct hz_neigh_kernel *kernel, uint64_t now_ns);

/* As hz_neigh_lookup, which calls it; worker. */
int hz_neigh_kernel_lookup(struct hz_neigh_kernel *kernel, const struct hz_addr *remote,
                           struct hz_addr *local, uint8_t mac[6]);

#endif
