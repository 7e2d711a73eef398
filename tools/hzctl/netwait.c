#include "netwait.h"
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int hz_netwait_interface(const char *ifname, struct hz_err *err)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	char message[8192];
	int fd, status = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd == -1 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) != 0)
		status = -errno;
	/* Subscribed before the first look, so that nothing falls between. What a message says does not
	 * matter: any one is a reason to look again, and a lost one (ENOBUFS) too. */
	while (status == 0 && if_nametoindex(ifname) == 0)
		if (recv(fd, message, sizeof(message), 0) < 0 && errno != EINTR && errno != ENOBUFS)
			status = -errno;
	if (fd != -1)
		close(fd);
	if (status != 0)
		return hz_err_set(err, status, 1, "netlink", "", "cannot wait for %.15s: %s",
		                  ifname, strerror(-status));
	return 0;
}
