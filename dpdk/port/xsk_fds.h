/* net_af_xdp keeps its sockets to itself, but a worker that sleeps must poll(2) on its own. Their
 * descriptors are found as the difference between two looks at /proc/self/fd. */
#ifndef HZ_XSK_FDS_H
#define HZ_XSK_FDS_H

#include <stdint.h>

#define HZ_XSK_FDS_MAX 256

struct hz_xsk_fds {
	int fd[HZ_XSK_FDS_MAX];
	uint32_t count;
};

/* Every AF_XDP socket this process holds. 0 or -errno. */
int hz_xsk_fds_read(struct hz_xsk_fds *out);

/* The descriptor that is in now and not in before; -1 when there is none, or more than one. */
int hz_xsk_fds_added(const struct hz_xsk_fds *before, const struct hz_xsk_fds *now);

#endif
