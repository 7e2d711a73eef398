/* Ring ports: rte_eth_from_rings twice over the same two rings, mirrored. */
#include "port/port_ring.h"
#include <errno.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <stdlib.h>
#include <string.h>

struct hz_port_ring {
	struct rte_ring *to_near;
	struct rte_ring *to_far;
	struct hz_port near;
	struct hz_port far;
};

static int device_start(uint16_t port_id, uint32_t slots, struct rte_mempool *pool)
{
	struct rte_eth_conf none;
	int err;

	memset(&none, 0, sizeof(none));
	err = rte_eth_dev_configure(port_id, 1, 1, &none);
	if (err == 0)
		err = rte_eth_rx_queue_setup(port_id, 0, (uint16_t)slots, 0, NULL, pool);
	if (err == 0)
		err = rte_eth_tx_queue_setup(port_id, 0, (uint16_t)slots, 0, NULL);
	if (err == 0)
		err = rte_eth_dev_start(port_id);
	return err;
}

/* One end. On failure nothing of it is left. */
static int end_open(const struct hz_port_ring_conf *conf, const char *end, struct rte_ring *rx,
                    struct rte_ring *tx, struct hz_port *out, struct hz_err *err)
{
	struct hz_port port = { .poll_fd = -1 };
	struct rte_eth_dev_info info;
	char name[HZ_PORT_NAME_MAX];
	int status;

	snprintf(name, sizeof(name), "%.16s_%s", conf->name, end);
	port.mtu = conf->mtu != 0 ? conf->mtu : 1500;
	status = hz_port_setup(&port, name, conf->mbufs, err);
	if (status != 0)
		return status;
	status = rte_eth_from_rings(name, &rx, 1, &tx, 1, 0);
	if (status < 0) {
		status = rte_errno != 0 ? -rte_errno : -ENODEV;
		goto fail;
	}
	port.port_id = (uint16_t)status;
	port.has_driver = true;
	snprintf(port.name, sizeof(port.name), "net_ring_%.16s_%s", conf->name, end);
	status = device_start(port.port_id, conf->slots, port.pool);
	if (status == 0)
		status = rte_eth_dev_info_get(port.port_id, &info);
	if (status != 0)
		goto fail;
	port.multi_segs = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	port.verify_checksum = conf->verify_checksum;
	port.link_up = true;
	port.ifindex = conf->ifindex;
	port.queue = conf->queue;
	*out = port;
	return 0;
fail:
	hz_port_close(&port);
	return hz_err_set(err, status, 4, "port_ring", "", "ring port %s: %s", name,
	                  rte_strerror(-status));
}

int hz_port_ring_open(const struct hz_port_ring_conf *conf, struct hz_port_ring **out,
                      struct hz_err *err)
{
	struct hz_port_ring *ring = calloc(1, sizeof(*ring));
	char name[HZ_PORT_NAME_MAX];
	int status;

	if (ring == NULL)
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for a ring port");
	snprintf(name, sizeof(name), "%.16s_rx", conf->name);
	ring->to_near =
		rte_ring_create(name, conf->slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "%.16s_tx", conf->name);
	ring->to_far =
		rte_ring_create(name, conf->slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (ring->to_near == NULL || ring->to_far == NULL) {
		status = hz_err_set(err, -rte_errno, 5, "no_memory", "", "ring %.16s: %s",
		                    conf->name, rte_strerror(rte_errno));
		goto fail;
	}
	status = end_open(conf, "near", ring->to_near, ring->to_far, &ring->near, err);
	if (status != 0)
		goto fail;
	status = end_open(conf, "far", ring->to_far, ring->to_near, &ring->far, err);
	if (status != 0)
		goto fail;
	ring->near.slot = conf->slot;
	ring->far.slot = conf->peer_slot;
	*out = ring;
	return 0;
fail:
	hz_port_ring_close(ring);
	return status;
}

struct hz_port *hz_port_ring_near(struct hz_port_ring *ring)
{
	return &ring->near;
}

struct hz_port *hz_port_ring_far(struct hz_port_ring *ring)
{
	return &ring->far;
}

uint32_t hz_port_ring_waiting(const struct hz_port_ring *ring)
{
	return rte_ring_count(ring->to_near);
}

void hz_port_ring_close(struct hz_port_ring *ring)
{
	if (ring == NULL)
		return;
	hz_port_close(&ring->near);
	hz_port_close(&ring->far);
	rte_ring_free(ring->to_near);
	rte_ring_free(ring->to_far);
	free(ring);
}
