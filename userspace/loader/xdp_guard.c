#include "loader/xdp_guard.h"
#include "loader/nl_dump.h"
#include "loader/xdp_fail.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Does one of the next hops (RTA_MULTIPATH) leave through ifindex? */
static bool hops_use(struct rtattr *attr, uint32_t ifindex)
{
	struct rtnexthop *hop = RTA_DATA(attr);
	int left = (int)RTA_PAYLOAD(attr);

	while (left >= (int)sizeof(*hop) && RTNH_OK(hop, left)) {
		if (hop->rtnh_ifindex == (int)ifindex)
			return true;
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return false;
}

static bool route_is_default_via(struct nlmsghdr *message, uint32_t ifindex)
{
	struct rtmsg *route = NLMSG_DATA(message);
	struct rtattr *attr = RTM_RTA(route);
	int left = (int)message->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*route));
	uint32_t oif;

	if (left < 0 || route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST)
		return false;
	while (RTA_OK(attr, left)) {
		if (attr->rta_type == RTA_MULTIPATH && hops_use(attr, ifindex))
			return true;
		if (attr->rta_type == RTA_OIF && RTA_PAYLOAD(attr) >= sizeof(oif)) {
			memcpy(&oif, RTA_DATA(attr), sizeof(oif));
			if (oif == ifindex)
				return true;
		}
		left -= (int)RTA_ALIGN(attr->rta_len);
		attr = (struct rtattr *)(void *)((char *)attr + RTA_ALIGN(attr->rta_len));
	}
	return false;
}

/* 1: a default route of the family leaves through ifindex; 0: none does. */
static int carries_default_route(uint8_t family, uint32_t ifindex)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} ask = {
		.header = { .nlmsg_len = sizeof(ask),
		            .nlmsg_type = RTM_GETROUTE,
		            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.route = { .rtm_family = family },
	};

	return hz_nl_dump_find(&ask.header, RTM_NEWROUTE, route_is_default_via, ifindex);
}

/* IFF_ flags, or -errno. */
static int interface_flags(const char *ifname)
{
	struct ifreq request = { 0 };
	int status, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	status = ioctl(fd, SIOCGIFFLAGS, &request) == 0 ? (uint16_t)request.ifr_flags : -errno;
	close(fd);
	return status;
}

int hz_xdp_guard_check(const char *ifname, bool yes_this_nic, uint32_t *ifindex, struct hz_err *err)
{
	uint32_t index = if_nametoindex(ifname);
	int flags, found;

	if (index == 0)
		return hz_err_set(err, -ENODEV, 1, "no_interface", "ip -br link",
		                  "there is no interface %s in this network namespace", ifname);
	flags = interface_flags(ifname);
	if (flags < 0)
		return hz_xdp_fail(err, flags, "no_interface", "cannot ask for the interface",
		                   NULL);
	if (flags & IFF_LOOPBACK)
		return hz_err_set(err, -EOPNOTSUPP, 1, "loopback", "hzd -o boot/io=socket",
		                  "%s is loopback: it has no wire to take frames from", ifname);
	if (!yes_this_nic) {
		found = carries_default_route(AF_INET, index);
		if (found == 0)
			found = carries_default_route(AF_INET6, index);
		if (found < 0)
			return hz_xdp_fail(err, found, "routes", "cannot read the routes", NULL);
		if (found > 0)
			return hz_err_set(err, -EPERM, 1, "default_route", "add: yes-this-nic",
			                  "%s carries the default route of this machine", ifname);
	}
	*ifindex = index;
	return 0;
}
