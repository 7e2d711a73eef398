/* What hzd asks the kernel about an interface, without sysfs: that shows the wrong namespace. */
#ifndef HZ_NETDEV_H
#define HZ_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

struct hz_netdev {
	uint32_t ifindex;
	uint32_t rx_queues; /* receive queues in use, at least 1 */
	bool is_veth;
};

/* 0, -ENODEV or -errno. */
int hz_netdev_query(const char *ifname, struct hz_netdev *out);

/* Inode of the current network namespace, which with ifindex names an interface. 0 on failure. */
uint64_t hz_netdev_namespace(void);

#endif
