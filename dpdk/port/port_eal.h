/* A port on any device that EAL can make or has: net_memif, net_tap, net_pcap, net_ring, a PCI address.
 * No kernel interface answers for it. One device has one queue here: more workers need more devices. */
#ifndef HZ_PORT_EAL_H
#define HZ_PORT_EAL_H

#include "port/port.h"

struct hz_port_eal_conf {
	const char *ifname; /* what the user calls it */
	const char *device; /* what EAL calls it; unique in the process */
	const char *args;   /* the driver's "KEY=VALUE,..."; may be empty */
	uint16_t queue;     /* of the interface */
	uint16_t index;     /* of the device in this process; names its pool */
	uint32_t mbufs;
	uint32_t ring_slots; /* power of two */
	uint8_t mac[6];      /* all zero: the device's; of a device without one, a random one */
	bool verify_checksum;
	const struct hz_slot *slot;
};

/* 0 or -errno with err filled: exit code 4 no such device or driver, or it refused its arguments; 5
 * memory. EAL must run. Close with hz_port_close. */
int hz_port_eal_open(const struct hz_port_eal_conf *conf, struct hz_port *out, struct hz_err *err);

/* True for what must stand on EAL's command line to exist: an address on a bus. Anything else is made
 * when the port is opened. */
bool hz_port_eal_is_bus_address(const char *device);

#endif
