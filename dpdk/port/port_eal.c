/* Opening one device by its EAL name. */
#include "port/port_eal.h"
#include "core/rng.h"
#include <errno.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <string.h>

#define MTU_DEFAULT 1500u

bool hz_port_eal_is_bus_address(const char *device)
{
	return strchr(device, ':') != NULL;
}

static int device_add(const struct hz_port_eal_conf *conf, struct hz_port *port, struct hz_err *err)
{
	int status = 0;

	if (!hz_port_eal_is_bus_address(conf->device)) {
		status = rte_vdev_init(conf->device, conf->args);
		port->has_driver = status == 0;
	}
	if (status == 0)
		status = rte_eth_dev_get_port_by_name(conf->device, &port->port_id);
	if (status == 0) {
		port->has_driver = true;
		return 0;
	}
	if (status == -EEXIST)
		return hz_err_set(err, status, 4, "device_twice", "", "%s: %s is open already",
		                  conf->ifname, conf->device);
	return hz_err_set(err, status, 4, "no_device",
	                  "hzd -o boot/device=net_tap0,ip=10.7.0.2/24, or another DPDK device",
	                  "%s: DPDK has no device '%s', or it refused '%s': %s", conf->ifname,
	                  conf->device, conf->args, rte_strerror(-status));
}

/* A device on which nothing was set up yet. */
static int device_start(const struct hz_port_eal_conf *conf, struct hz_port *port,
                        const struct rte_eth_dev_info *info)
{
	uint16_t rx_slots = (uint16_t)conf->ring_slots, tx_slots = (uint16_t)conf->ring_slots;
	struct rte_eth_conf eth;
	int status;

	memset(&eth, 0, sizeof(eth));
	if (port->multi_segs)
		eth.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (info->max_rx_queues == 0 || info->max_tx_queues == 0)
		return -ENODEV;
	status = rte_eth_dev_configure(port->port_id, 1, 1, &eth);
	if (status == 0)
		status = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &rx_slots, &tx_slots);
	if (status == 0)
		status = rte_eth_rx_queue_setup(port->port_id, 0, rx_slots, 0, NULL, port->pool);
	if (status == 0)
		status = rte_eth_tx_queue_setup(port->port_id, 0, tx_slots, 0, NULL);
	if (status == 0)
		status = rte_eth_dev_start(port->port_id);
	/* Solicitations come to groups (RFC 4861 4.3). A device that cannot filter takes them anyway. */
	if (status == 0)
		(void)rte_eth_allmulticast_enable(port->port_id);
	return status;
}

static bool is_station(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return (mac[0] & 1) == 0 && memcmp(mac, none, sizeof(none)) != 0;
}

static int mac_choose(const struct hz_port_eal_conf *conf, struct hz_port *port)
{
	struct rte_ether_addr mac;
	int status = rte_eth_macaddr_get(port->port_id, &mac);

	if (status == 0 && !is_station(conf->mac) && is_station(mac.addr_bytes)) {
		memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
		return 0;
	}
	memcpy(port->mac, conf->mac, sizeof(port->mac));
	if (!is_station(port->mac)) {
		status = hz_rng_secret(port->mac, sizeof(port->mac));
		if (status != 0)
			return status;
		port->mac[0] = (uint8_t)((port->mac[0] & 0xfcu) | 2u); /* locally administered */
	}
	/* Where the device filters it must know; one that cannot be told filters nothing. */
	memcpy(mac.addr_bytes, port->mac, sizeof(port->mac));
	(void)rte_eth_dev_default_mac_addr_set(port->port_id, &mac);
	return 0;
}

static int device_open(const struct hz_port_eal_conf *conf, struct hz_port *port,
                       struct hz_err *err)
{
	struct rte_eth_dev_info info;
	int status = device_add(conf, port, err);

	if (status != 0)
		return status;
	status = rte_eth_dev_info_get(port->port_id, &info);
	if (status == 0) {
		port->multi_segs = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
		if (info.max_mtu != 0 && info.max_mtu < port->mtu)
			port->mtu = info.max_mtu;
		status = device_start(conf, port, &info);
	}
	if (status == 0)
		status = mac_choose(conf, port);
	if (status != 0)
		return hz_err_set(err, status, 4, "port_device", "", "%s: device %s: %s",
		                  conf->ifname, conf->device, rte_strerror(-status));
	return 0;
}

int hz_port_eal_open(const struct hz_port_eal_conf *conf, struct hz_port *out, struct hz_err *err)
{
	struct hz_port port = { .poll_fd = -1,
		                .port_id = RTE_MAX_ETHPORTS, /* none yet */
		                .mtu = MTU_DEFAULT,
		                .queue = conf->queue,
		                .verify_checksum = conf->verify_checksum,
		                .link_up = true,
		                .slot = conf->slot };
	char pool_name[HZ_PORT_NAME_MAX];
	int status;

	snprintf(port.ifname, sizeof(port.ifname), "%.15s", conf->ifname);
	snprintf(port.name, sizeof(port.name), "%s", conf->device);
	snprintf(pool_name, sizeof(pool_name), "hz_pool%u", conf->index);
	status = hz_port_setup(&port, pool_name, conf->mbufs, err);
	if (status != 0)
		return status;
	status = device_open(conf, &port, err);
	if (status != 0) {
		hz_port_close(&port);
		return status;
	}
	*out = port;
	return 0;
}
