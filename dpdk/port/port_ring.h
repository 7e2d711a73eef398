/* A port without kernel and NIC: two rings. For tests and the in-process bench, which are the wire and
 * the client at its other end; with boot/io=ring a whole fast path of a test runs on it. */
#ifndef HZ_PORT_RING_H
#define HZ_PORT_RING_H

#include "port/port.h"

struct hz_port_ring; /* owns the rings and both devices; owned by the caller of open */

struct hz_port_ring_conf {
	const char *name; /* unique in the process, at most 16 bytes */
	uint32_t mbufs;   /* in each port's pool */
	uint32_t slots;   /* per direction, power of two */
	uint32_t ifindex; /* what port->ifindex shall say */
	uint16_t mtu;     /* 0: 1500 */
	uint16_t queue;   /* what port->queue shall say */
	bool verify_checksum;
	const struct hz_slot *slot;      /* of the port */
	const struct hz_slot *peer_slot; /* of the other end; may be the same */
};

/* 0 or -errno with err filled. EAL must run. */
int hz_port_ring_open(const struct hz_port_ring_conf *conf, struct hz_port_ring **out,
                      struct hz_err *err);
struct hz_port *hz_port_ring_near(struct hz_port_ring *ring); /* the worker's end */
struct hz_port *hz_port_ring_far(struct hz_port_ring *ring);  /* the client's end */
/* Frames that wait for the worker. */
uint32_t hz_port_ring_waiting(const struct hz_port_ring *ring);
void hz_port_ring_close(struct hz_port_ring *ring); /* accepts NULL */

#endif
