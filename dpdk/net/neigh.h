/* Who is at which MAC. On ports with a host the table is our own: an entry is made by our question and
 * filled by its answer, never by what somebody says unasked, so that no stranger can fill or change it.
 * On ports of the kernel it is the kernel's, see neigh_kernel.h. */
#ifndef HZ_NEIGH_H
#define HZ_NEIGH_H

#include "core/limits.h"
#include "net/packet.h"

#define HZ_NEIGH_WAYS 4u
#define HZ_NEIGH_SETS (HZ_LIMIT_neighbours_max / HZ_NEIGH_WAYS)
_Static_assert((HZ_NEIGH_SETS & (HZ_NEIGH_SETS - 1)) == 0, "sets are found with a mask");

struct hz_neigh_entry {
	struct hz_addr addr;   /* v4-mapped */
	uint64_t asked_ns;     /* last question */
	uint64_t confirmed_ns; /* last answer */
	uint8_t mac[6];
	uint8_t state; /* private to neigh.c; 0: free */
	uint8_t tries; /* questions without an answer */
};

struct hz_neigh {
	uint64_t key[2]; /* nobody outside can choose addresses of one set */
	struct hz_neigh_entry entry[HZ_NEIGH_SETS * HZ_NEIGH_WAYS];
};

/* How packets to somebody leave: what hz_tcp_connect wants to know. */
struct hz_neigh_way {
	struct hz_addr local;        /* our address towards them */
	uint8_t l2[HZ_L2_BYTES_MAX]; /* next hop's MAC, ours, ethertype */
	uint8_t l2_bytes;
};

/* The way from port to remote: directly where it is a neighbour, else through the gateway. Called by the
 * worker of port, again as long as it is -EAGAIN, say every 50 ms; each call may send a question, at most
 * one a second to a neighbour.
 * 0; -EAGAIN: the next hop is being asked; -EHOSTUNREACH: it does not answer, or there is no gateway;
 * -EINVAL: remote is our own, or of a family that we have no address of. Writes *out only on 0. */
int hz_neigh_lookup(struct hz_port *port, const struct hz_addr *remote, struct hz_neigh_way *out);

/* For arp.c and nd.c: addr says that it is at mac. False: nobody asked, or an answer came already. */
bool hz_neigh_answer(struct hz_neigh *neigh, const struct hz_addr *addr, const uint8_t mac[6],
                     uint64_t now_ns);

/* By neigh.c: one question on the wire. to_mac NULL: the group that addr listens to. */
void hz_arp_ask(struct hz_port *port, const struct hz_addr *local, const struct hz_addr *addr,
                const uint8_t *to_mac);
void hz_nd_ask(struct hz_port *port, const struct hz_addr *local, const struct hz_addr *addr,
               const uint8_t *to_mac);

#endif
