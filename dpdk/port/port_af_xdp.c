/* Opening a net_af_xdp device for one queue. */
#include "port/port_af_xdp.h"
#include "core/hint.h"
#include "port/mempool.h"
#include "port/xsk_fds.h"
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The driver fills its receive ring with this many buffers before the first frame arrives. */
#define FILL_MBUFS      2048u
#define CACHE_MBUFS_MAX 512u

uint32_t hz_port_af_xdp_mbufs_min(uint32_t ring_slots)
{
	return FILL_MBUFS + 2 * ring_slots + HZ_LIMIT_tx_reserve_mbufs + CACHE_MBUFS_MAX;
}

int hz_port_af_xdp_mtu(const char *ifname, uint16_t *out)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int status = 0;

	if (fd == -1)
		return -errno;
	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFMTU, &request) != 0)
		status = -errno;
	else if (request.ifr_mtu < 68)
		status = -ERANGE; /* RFC 791 3.2: less cannot carry IP */
	else
		*out = (uint16_t)HZ_MIN((unsigned)request.ifr_mtu, HZ_MEMPOOL_MTU_MAX);
	close(fd);
	return status;
}

static bool has_cap(const struct __user_cap_data_struct *data, unsigned cap)
{
	return (data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap)) != 0;
}

/* libxdp reports a missing capability as "permission error while running as root", and the driver as
 * no reason at all: ask first. */
static int check_rights(struct hz_err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	const char *missing = NULL;

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &header, data) != 0)
		return 0; /* not decidable here: the driver will fail by itself */
	if (!has_cap(data, CAP_NET_RAW))
		missing = "CAP_NET_RAW (AF_XDP sockets)";
	else if (!has_cap(data, CAP_SYS_ADMIN))
		missing = "CAP_SYS_ADMIN (libxdp looks the program up by its id)";
	if (missing == NULL)
		return 0;
	return hz_err_set(err, -EPERM, 7, "not_permitted", "run as root; rights go after start",
	                  "missing %s", missing);
}

static int check_conf(const struct hz_port_af_xdp_conf *conf, struct hz_err *err)
{
	uint32_t least = hz_port_af_xdp_mbufs_min(conf->ring_slots);
	unsigned ifindex = if_nametoindex(conf->ifname);

	if (ifindex == 0)
		return hz_err_set(err, -ENODEV, 4, "no_interface", "ip -br link",
		                  "there is no interface %s", conf->ifname);
	if (ifindex != conf->ifindex)
		return hz_err_set(err, -ENODEV, 4, "interface_changed", "ip -br link",
		                  "%s was interface %u and is %u now", conf->ifname, conf->ifindex,
		                  ifindex);
	if (conf->mbufs < least)
		return hz_err_set(err, -EINVAL, 2, "mbufs_too_few",
		                  "raise boot/mbufs or lower boot/ring_slots",
		                  "boot/mbufs is %u, boot/ring_slots %u needs at least %u",
		                  conf->mbufs, conf->ring_slots, least);
	return check_rights(err);
}

static int device_add(const struct hz_port_af_xdp_conf *conf, struct hz_port *port,
                      struct hz_err *err)
{
	char args[96];
	int status;

	snprintf(port->name, sizeof(port->name), "net_af_xdp%u", conf->index);
	/* Preferred busy polling, the driver's default, does nothing in copy mode but an empty
	 * recvfrom per turn. */
	snprintf(args, sizeof(args), "iface=%s,start_queue=%u,queue_count=1,busy_budget=0",
	         conf->ifname, conf->queue);
	status = rte_vdev_init(port->name, args);
	if (status == 0) {
		port->has_driver = true;
		status = rte_eth_dev_get_port_by_name(port->name, &port->port_id);
	}
	if (status != 0)
		return hz_err_set(err, status, 4, "port_device", "ethtool -l IF",
		                  "queue %u of %s gave no device: %s", conf->queue, conf->ifname,
		                  rte_strerror(-status));
	return 0;
}

/* Receive before transmit: the driver makes its socket, and puts it into xsks_map, in the receive
 * queue's set-up. */
static int device_start(const struct hz_port_af_xdp_conf *conf, struct hz_port *port,
                        struct hz_err *err)
{
	struct hz_xsk_fds before, now;
	struct rte_eth_conf none;
	char hint[sizeof(err->hint)];
	const char *step = "configure";
	bool is_seen = hz_xsk_fds_read(&before) == 0;
	int status;

	memset(&none, 0, sizeof(none));
	status = rte_eth_dev_configure(port->port_id, 1, 1, &none);
	if (status == 0) {
		step = "receive queue";
		status = rte_eth_rx_queue_setup(port->port_id, 0, (uint16_t)conf->ring_slots, 0,
		                                NULL, port->pool);
	}
	if (status == 0) {
		step = "transmit queue";
		status = rte_eth_tx_queue_setup(port->port_id, 0, (uint16_t)conf->ring_slots, 0,
		                                NULL);
	}
	if (status == 0) {
		step = "start";
		status = rte_eth_dev_start(port->port_id);
	}
	hz_hint_write(hint, sizeof(hint), NULL, "xdp show dev %s", conf->ifname);
	if (status != 0)
		return hz_err_set(
			err, status, 6, "port_socket", hint,
			"no AF_XDP socket on queue %u of %s (%s: %s): is it taken, is the "
			"program attached?",
			conf->queue, conf->ifname, step, rte_strerror(-status));
	if (is_seen && hz_xsk_fds_read(&now) == 0)
		port->poll_fd = hz_xsk_fds_added(&before, &now);
	return 0;
}

static int device_describe(struct hz_port *port)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int status = rte_eth_dev_info_get(port->port_id, &info);

	if (status == 0)
		status = rte_eth_macaddr_get(port->port_id, &mac);
	if (status != 0)
		return status;
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	port->multi_segs = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	if (info.max_mtu != 0 && info.max_mtu < port->mtu)
		port->mtu = info.max_mtu;
	return 0;
}

int hz_port_af_xdp_open(const struct hz_port_af_xdp_conf *conf, struct hz_port *out,
                        struct hz_err *err)
{
	struct hz_port port = { .poll_fd = -1,
		                .port_id = RTE_MAX_ETHPORTS, /* none yet */
		                .ifindex = conf->ifindex,
		                .queue = conf->queue,
		                .verify_checksum = conf->verify_checksum,
		                .link_up = true,
		                .rx_slots = conf->ring_slots,
		                .slot = conf->slot };
	char pool_name[HZ_PORT_NAME_MAX];
	int status = check_conf(conf, err);

	if (status != 0)
		return status;
	memcpy(port.ifname, conf->ifname, sizeof(port.ifname));
	status = hz_port_af_xdp_mtu(conf->ifname, &port.mtu);
	if (status != 0)
		return hz_err_set(err, status, 4, "no_interface", "ip -br link", "MTU of %s: %s",
		                  conf->ifname, strerror(-status));
	snprintf(pool_name, sizeof(pool_name), "hz_umem%u", conf->index);
	status = hz_port_setup(&port, pool_name, conf->mbufs, err);
	if (status != 0)
		return status;
	status = device_add(conf, &port, err);
	if (status == 0)
		status = device_start(conf, &port, err);
	if (status == 0) {
		status = device_describe(&port);
		if (status != 0)
			hz_err_set(err, status, 4, "port_device", "", "%s: %s", conf->ifname,
			           rte_strerror(-status));
	}
	if (status != 0) {
		hz_port_close(&port);
		return status;
	}
	*out = port;
	return 0;
}
