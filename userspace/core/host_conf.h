/* A port without a kernel interface is a host of its own: these are its addresses. Plain data, from the
 * settings down to net/. */
#ifndef HZ_HOST_CONF_H
#define HZ_HOST_CONF_H

#include "core/common.h"
#include <stdint.h>

#define HZ_HOST_ADDRS_MAX 8u

struct hz_host_addr {
	struct hz_addr addr; /* IPv4 is v4-mapped */
	uint8_t prefix_bits; /* of the address's own family: 10.7.0.2/24 has 24 */
};

struct hz_host_conf {
	uint8_t mac[6]; /* all zero: the device's own, or a random one */
	uint32_t addr_count;
	struct hz_host_addr addr[HZ_HOST_ADDRS_MAX];
	struct hz_addr gateway4, gateway6; /* all zero: none, only neighbours are reached */
};

#endif
