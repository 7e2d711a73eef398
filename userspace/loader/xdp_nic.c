#include "loader/xdp_nic.h"
#include "loader/nl_dump.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURES_MAX 256

/* A frame lies in one page with the headroom that XDP may grow into before it and what the kernel keeps
 * about it behind: 4096 - 256 - 320, less Ethernet and two tags. */
#define MTU_MAX (4096 - 256 - 320 - (ETH_HLEN + 2 * 4))

/* --- what ethtool -k shows ------------------------------------------------------------------------- */

static int interface_ioctl(int fd, const char *ifname, unsigned long request, struct ifreq *ifr)
{
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", ifname);
	return ioctl(fd, request, ifr) == 0 ? 0 : -errno;
}

static int ethtool(int fd, const char *ifname, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	return interface_ioctl(fd, ifname, SIOCETHTOOL, &ifr);
}

/* Number of features the kernel knows by name; 0 when it does not say. */
static uint32_t features_count(int fd, const char *ifname)
{
	struct ethtool_sset_info *ask = calloc(1, sizeof(*ask) + sizeof(ask->data[0]));
	uint32_t count = 0;

	if (ask == NULL)
		return 0;
	ask->cmd = ETHTOOL_GSSET_INFO;
	ask->sset_mask = 1ULL << ETH_SS_FEATURES;
	if (ethtool(fd, ifname, ask) == 0 && ask->sset_mask != 0 && ask->data[0] <= FEATURES_MAX)
		count = ask->data[0];
	free(ask);
	return count;
}

struct features {
	struct ethtool_gstrings *names;
	struct ethtool_gfeatures *state;
};

static bool feature_is_on(const struct features *all, const char *name)
{
	for (uint32_t i = 0; i < all->names->len; i++)
		if (strncmp((const char *)all->names->data + (size_t)i * ETH_GSTRING_LEN, name,
		            ETH_GSTRING_LEN) == 0)
			return (all->state->features[i / 32].active >> (i % 32) & 1) != 0;
	return false;
}

static int features_read(int fd, const char *ifname, struct hz_xdp_nic *out)
{
	uint32_t count = features_count(fd, ifname), words = (count + 31) / 32;
	struct features all;
	int status = 0;

	if (count == 0)
		return 0;
	all.names = calloc(1, sizeof(*all.names) + (size_t)count * ETH_GSTRING_LEN);
	all.state = calloc(1, sizeof(*all.state) + words * sizeof(all.state->features[0]));
	if (all.names == NULL || all.state == NULL) {
		status = -ENOMEM;
	} else {
		all.names->cmd = ETHTOOL_GSTRINGS;
		all.names->string_set = ETH_SS_FEATURES;
		all.names->len = count;
		all.state->cmd = ETHTOOL_GFEATURES;
		all.state->size = words;
		if (ethtool(fd, ifname, all.names) == 0 && all.names->len == count &&
		    ethtool(fd, ifname, all.state) == 0) {
			out->has_lro = feature_is_on(&all, "rx-lro");
			out->has_gro_hw = feature_is_on(&all, "rx-gro-hw");
			out->has_rx_vlan = feature_is_on(&all, "rx-vlan-hw-parse");
		}
	}
	free(all.names);
	free(all.state);
	return status;
}

/* --- VLAN devices on it ---------------------------------------------------------------------------- */

/* RTA_NEXT, without its mix of signs. */
static struct rtattr *attr_next(struct rtattr *attr, int *left)
{
	*left -= (int)RTA_ALIGN(attr->rta_len);
	return (struct rtattr *)(void *)((char *)attr + RTA_ALIGN(attr->rta_len));
}

static bool kind_is_vlan(struct rtattr *info)
{
	struct rtattr *attr = RTA_DATA(info);
	int left = (int)RTA_PAYLOAD(info);

	for (; RTA_OK(attr, left); attr = attr_next(attr, &left))
		if (attr->rta_type == IFLA_INFO_KIND)
			return strncmp(RTA_DATA(attr), "vlan", RTA_PAYLOAD(attr)) == 0;
	return false;
}

/* A link in another network namespace has that one's numbers (IFLA_LINK_NETNSID): not ours. */
static bool is_vlan_on(struct nlmsghdr *message, uint32_t ifindex)
{
	struct rtattr *attr = IFLA_RTA(NLMSG_DATA(message));
	int left = (int)message->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct ifinfomsg));
	bool is_on_it = false, is_vlan = false;
	uint32_t below;

	for (; RTA_OK(attr, left); attr = attr_next(attr, &left)) {
		unsigned type = attr->rta_type & (unsigned)NLA_TYPE_MASK;

		if (type == IFLA_LINK_NETNSID)
			return false;
		if (type == IFLA_LINK && RTA_PAYLOAD(attr) >= sizeof(below)) {
			memcpy(&below, RTA_DATA(attr), sizeof(below));
			is_on_it = below == ifindex;
		} else if (type == IFLA_LINKINFO) {
			is_vlan = kind_is_vlan(attr);
		}
	}
	return is_on_it && is_vlan;
}

static int vlans_read(const char *ifname, struct hz_xdp_nic *out)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} ask = {
		.header = { .nlmsg_len = sizeof(ask),
		            .nlmsg_type = RTM_GETLINK,
		            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	int found = hz_nl_dump_find(&ask.header, RTM_NEWLINK, is_vlan_on, if_nametoindex(ifname));

	out->has_vlans = found > 0;
	return HZ_MIN(found, 0);
}

int hz_xdp_nic_read(const char *ifname, struct hz_xdp_nic *out)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct hz_xdp_nic nic = { 0 };
	struct ifreq ifr = { 0 };
	int status, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	status = interface_ioctl(fd, ifname, SIOCGIFMTU, &ifr);
	if (status == 0)
		nic.mtu = (uint32_t)ifr.ifr_mtu;
	if (status == 0 && ethtool(fd, ifname, &driver) == 0)
		snprintf(nic.driver, sizeof(nic.driver), "%.31s", driver.driver);
	if (status == 0)
		status = features_read(fd, ifname, &nic);
	close(fd);
	if (status == 0)
		status = vlans_read(ifname, &nic);
	if (status == 0)
		*out = nic;
	return status;
}

/* --- can that be lived with? ----------------------------------------------------------------------- */

/* A frame of several buffers is none that our program could read to its end. Generic mode is spared: the
 * kernel turns both off there and hands over one buffer. */
static int buffers_judge(const struct hz_xdp_nic *nic, const char *ifname, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	if (nic->has_lro || nic->has_gro_hw) {
		const char *feature = nic->has_lro ? "lro" : "rx-gro-hw";

		snprintf(hint, sizeof(hint), "ethtool -K %s %s off, or add: mode generic", ifname,
		         feature);
		return hz_err_set(err, -EOPNOTSUPP, 5, "nic_lro", hint,
		                  "%s joins segments before XDP sees them (%s is on)", ifname,
		                  feature);
	}
	if (nic->mtu > MTU_MAX) {
		snprintf(hint, sizeof(hint), "ip link set dev %s mtu %d, or add: mode generic",
		         ifname, MTU_MAX);
		return hz_err_set(err, -EOPNOTSUPP, 5, "nic_mtu", hint,
		                  "%s has an MTU of %u; XDP takes a frame in one buffer, which "
		                  "ends at %d",
		                  ifname, nic->mtu, MTU_MAX);
	}
	return 0;
}

/* A frame without its tag is taken for one of the untagged network, and its answer goes there. veth has
 * no hardware: it says that it takes tags off, and hands them on as they came. */
static int tags_judge(const struct hz_xdp_nic *nic, const char *ifname, uint32_t *degraded,
                      struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	if (!nic->has_rx_vlan || strcmp(nic->driver, "veth") == 0)
		return 0;
	if (!nic->has_vlans) {
		*degraded |= HZ_XDP_DEGRADED_RX_VLAN;
		return 0;
	}
	snprintf(hint, sizeof(hint), "ethtool -K %s rxvlan off", ifname);
	return hz_err_set(err, -EOPNOTSUPP, 5, "nic_rx_vlan", hint,
	                  "%s carries VLANs and takes the tags off before XDP sees them "
	                  "(rx-vlan-offload is on)",
	                  ifname);
}

int hz_xdp_nic_judge(const struct hz_xdp_nic *nic, const char *ifname, enum hz_xdp_mode mode,
                     uint32_t *degraded, struct hz_err *err)
{
	uint32_t found = mode == HZ_XDP_GENERIC ? HZ_XDP_DEGRADED_GENERIC : 0;
	int status = tags_judge(nic, ifname, &found, err);

	if (status == 0 && mode == HZ_XDP_NATIVE)
		status = buffers_judge(nic, ifname, err);
	if (status == 0)
		*degraded = found;
	return status;
}
