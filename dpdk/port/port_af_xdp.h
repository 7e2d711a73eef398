/* A port on a kernel interface: one net_af_xdp device, one socket, one UMEM for one receive queue. */
#ifndef HZ_PORT_AF_XDP_H
#define HZ_PORT_AF_XDP_H

#include "port/port.h"

struct hz_port_af_xdp_conf {
	char ifname[16];
	uint32_t ifindex;
	uint16_t queue;
	uint16_t index; /* of the device in this process; names it and its pool */
	uint32_t mbufs;
	uint32_t ring_slots; /* power of two */
	bool verify_checksum;
	const struct hz_slot *slot;
};

/* Our program must be attached already: without it libxdp attaches its own, which takes every frame of
 * the queue. Needs CAP_NET_RAW, and CAP_SYS_ADMIN because libxdp finds the program by its id. 0 or
 * -errno with err filled: exit code 4 no such interface or queue, 5 memory, 6 the socket could not be
 * put into the map of the program, 7 privilege. EAL must run. Close with hz_port_close. */
int hz_port_af_xdp_open(const struct hz_port_af_xdp_conf *conf, struct hz_port *out,
                        struct hz_err *err);

/* The fewest buffers with which such a port can run. */
uint32_t hz_port_af_xdp_mbufs_min(uint32_t ring_slots);

/* MTU of an interface of this network namespace, limited to what a buffer holds. 0 or -errno. */
int hz_port_af_xdp_mtu(const char *ifname, uint16_t *out);

#endif
