#include "server/netdev.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ethtool(int fd, const char *ifname, void *command)
{
	struct ifreq request = { .ifr_data = command };

	memcpy(request.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	return ioctl(fd, SIOCETHTOOL, &request) == 0 ? 0 : -errno;
}

int hz_netdev_query(const char *ifname, struct hz_netdev *out)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct hz_netdev netdev = { .ifindex = if_nametoindex(ifname), .rx_queues = 1 };
	int fd;

	if (netdev.ifindex == 0)
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	/* A driver without channels has one queue. */
	if (ethtool(fd, ifname, &channels) == 0) {
		uint32_t queues = channels.rx_count + channels.combined_count;

		netdev.rx_queues = queues > 0 ? queues : 1;
	}
	if (ethtool(fd, ifname, &driver) == 0)
		netdev.is_veth = strcmp(driver.driver, "veth") == 0;
	close(fd);
	*out = netdev;
	return 0;
}

uint64_t hz_netdev_namespace(void)
{
	struct stat info;

	return stat("/proc/thread-self/ns/net", &info) == 0 ? (uint64_t)info.st_ino : 0;
}
