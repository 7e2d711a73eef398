/* Ports for workers. */
#include "worker/fastpath_ports.h"
#include "port/mempool.h"
#include "port/port_af_xdp.h"
#include "port/port_eal.h"
#include "port/port_memif.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Rings need no interface: without one every worker gets a queue of a nameless one. */
static uint32_t ports_wanted(const struct hz_fastpath_conf *conf, struct hz_fastpath_port *nameless,
                             const struct hz_fastpath_port **out)
{
	*nameless = (struct hz_fastpath_port){ .queue_count = conf->worker_count };
	if (conf->io == HZ_IO_RING && conf->port_count == 0) {
		*out = nameless;
		return 1;
	}
	*out = conf->ports;
	return conf->port_count;
}

static int iface_plan(struct hz_fastpath_ports *ports, uint32_t queue_count, struct hz_err *err)
{
	struct hz_worker_iface *iface = &ports->iface[ports->iface_count];

	for (uint32_t queue = 0; queue < queue_count; queue++) {
		uint8_t worker = (uint8_t)(ports->count % ports->worker_count);

		if (ports->count == HZ_QUEUES_MAX)
			return hz_err_set(err, -ENOSPC, 2, "too_many_queues", "",
			                  "more than %d receive queues in all", HZ_QUEUES_MAX);
		/* Fewer workers than queues: each owns its share of flows only once. */
		if (queue < ports->worker_count)
			iface->owner[iface->owner_count++] = worker;
		ports->iface_of[ports->count++] = (uint8_t)ports->iface_count;
	}
	ports->iface_count++;
	return 0;
}

static int pool_bytes(const struct hz_fastpath_conf *conf, const struct hz_fastpath_port *port,
                      uint64_t *bytes, struct hz_err *err)
{
	uint16_t mtu = 1500;
	uint32_t pools = port->queue_count;
	int status = 0;

	if (conf->io == HZ_IO_AF_XDP)
		status = hz_port_af_xdp_mtu(port->ifname, &mtu);
	else if (conf->io == HZ_IO_RING)
		pools *= 2; /* both ends of it */
	if (status != 0)
		return hz_err_set(err, status, 4, "no_interface", "ip -br link",
		                  "there is no interface %s: %s", port->ifname, strerror(-status));
	*bytes += (uint64_t)pools * hz_mempool_bytes(conf->mbufs, mtu);
	return 0;
}

int hz_fastpath_ports_plan(struct hz_fastpath_ports *ports, const struct hz_fastpath_conf *conf,
                           uint64_t *memory_bytes, struct hz_err *err)
{
	struct hz_fastpath_port nameless;
	const struct hz_fastpath_port *wanted;
	uint32_t count = ports_wanted(conf, &nameless, &wanted);
	uint64_t bytes = 0;
	int status;

	*ports = (struct hz_fastpath_ports){ .worker_count = conf->worker_count };
	if (count > HZ_WORKER_IFACES_MAX)
		return hz_err_set(err, -ENOSPC, 2, "too_many_interfaces", "",
		                  "more than %d interfaces", HZ_WORKER_IFACES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		status = pool_bytes(conf, &wanted[i], &bytes, err);
		if (status == 0)
			status = iface_plan(ports, wanted[i].queue_count, err);
		if (status != 0)
			return status;
	}
	if (ports->count < ports->worker_count)
		return hz_err_set(err, -EINVAL, 2, "too_few_queues",
		                  "lower boot/workers, or ethtool -L IF rx N tx N",
		                  "%u workers but only %u receive queues", ports->worker_count,
		                  ports->count);
	if ((ports->count + ports->worker_count - 1) / ports->worker_count > HZ_WORKER_PORTS_MAX)
		return hz_err_set(err, -EINVAL, 2, "too_many_queues", "raise boot/workers",
		                  "%u queues for %u workers: more than %d each", ports->count,
		                  ports->worker_count, HZ_WORKER_PORTS_MAX);
	*memory_bytes = bytes;
	return 0;
}

static int open_af_xdp(const struct hz_fastpath_conf *conf, const struct hz_fastpath_port *from,
                       uint32_t index, uint16_t queue, struct hz_port **out, struct hz_err *err)
{
	struct hz_port_af_xdp_conf open = {
		.ifindex = from->ifindex,
		.queue = queue,
		.index = (uint16_t)index,
		.mbufs = conf->mbufs,
		.ring_slots = conf->ring_slots,
		.verify_checksum = from->verify_checksum,
		.slot = conf->workers[index % conf->worker_count].slot,
	};
	struct hz_port *port = calloc(1, sizeof(*port));
	int status;

	if (port == NULL)
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for a port");
	snprintf(open.ifname, sizeof(open.ifname), "%.15s", from->ifname);
	status = hz_port_af_xdp_open(&open, port, err);
	if (status != 0) {
		free(port);
		return status;
	}
	*out = port;
	return 0;
}

static int open_ring(const struct hz_fastpath_conf *conf, const struct hz_fastpath_port *from,
                     uint32_t index, uint16_t queue, struct hz_port_ring **out, struct hz_err *err)
{
	const struct hz_slot *slot = conf->workers[index % conf->worker_count].slot;
	char name[16];
	struct hz_port_ring_conf open = {
		.name = name,
		.mbufs = conf->mbufs,
		.slots = conf->ring_slots,
		.ifindex = 0,
		.queue = queue,
		.verify_checksum = from->verify_checksum,
		.slot = slot,
		.peer_slot = slot,
	};

	snprintf(name, sizeof(name), "hz%u", index);
	return hz_port_ring_open(&open, out, err);
}

/* Several interfaces may share a path, told apart by id: only what was there before us is in the way. */
static int memif_path_clear(const struct hz_fastpath_conf *conf, uint32_t index, struct hz_err *err)
{
	char ours[HZ_PORT_MEMIF_PATH_MAX], other[HZ_PORT_MEMIF_PATH_MAX];
	int status = hz_port_memif_path(conf->ports[index].device_args, ours, err);

	for (uint32_t i = 0; i < index && status == 0; i++) {
		status = hz_port_memif_path(conf->ports[i].device_args, other, err);
		if (status == 0 && strcmp(ours, other) == 0)
			return 0;
	}
	return status != 0 ? status : hz_port_memif_path_clear(conf->ports[index].device_args, err);
}

/* All devices of an interface have one MAC. */
static int host_open(const struct hz_host_conf *conf, struct hz_port *port, struct hz_host **out,
                     struct hz_err *err)
{
	int status = hz_host_open(conf, out);

	if (status != 0)
		return hz_err_set(err, status, 5, "no_memory", "", "addresses of %s: %s",
		                  port->ifname, strerror(-status));
	memcpy((*out)->conf.mac, port->mac, sizeof(port->mac));
	port->host = *out;
	return 0;
}

static int open_eal(const struct hz_fastpath_conf *conf, const struct hz_fastpath_port *from,
                    const uint8_t mac[6], uint32_t index, uint16_t queue, struct hz_port **out,
                    struct hz_err *err)
{
	char device[HZ_PORT_NAME_MAX], args[HZ_PORT_MEMIF_ARGS_MAX];
	struct hz_port_eal_conf open = {
		.ifname = from->ifname,
		.device = device,
		.args = args,
		.queue = queue,
		.index = (uint16_t)index,
		.mbufs = conf->mbufs,
		.ring_slots = conf->ring_slots,
		.verify_checksum = from->verify_checksum,
		.slot = conf->workers[index % conf->worker_count].slot,
	};
	struct hz_port *port;
	int status = 0;

	memcpy(open.mac, mac, sizeof(open.mac));
	snprintf(device, sizeof(device), "%s", from->ifname);
	snprintf(args, sizeof(args), "%s", from->device_args);
	if (conf->io == HZ_IO_MEMIF) {
		snprintf(device, sizeof(device), "net_memif%u", index);
		status = hz_port_memif_args(from->device_args, queue, conf->ring_slots, args, err);
	}
	port = status == 0 ? calloc(1, sizeof(*port)) : NULL;
	if (status == 0 && port == NULL)
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for a port");
	if (status == 0)
		status = hz_port_eal_open(&open, port, err);
	if (status != 0) {
		free(port);
		return status;
	}
	*out = port;
	return 0;
}

static int neigh_open(struct hz_fastpath_ports *ports, uint32_t index, struct hz_err *err)
{
	struct hz_port *port = ports->port[index];
	int status = hz_neigh_kernel_open(port->ifindex, &ports->neigh[index]);

	if (status != 0)
		return hz_err_set(err, status, 5, "neighbours", "hzctl doctor",
		                  "neighbours of %s: %s", port->ifname, strerror(-status));
	port->neigh = ports->neigh[index];
	return 0;
}

/* The port of global queue number index. */
static int port_open(struct hz_fastpath_ports *ports, const struct hz_fastpath_conf *conf,
                     const struct hz_fastpath_port *from, uint32_t index, uint16_t queue,
                     struct hz_err *err)
{
	const uint8_t *mac;
	int status;

	if (conf->io == HZ_IO_AF_XDP) {
		status = open_af_xdp(conf, from, index, queue, &ports->port[index], err);
		return status == 0 ? neigh_open(ports, index, err) : status;
	}
	if (conf->io == HZ_IO_RING) {
		status = open_ring(conf, from, index, queue, &ports->ring[index], err);
		if (status == 0)
			ports->port[index] = hz_port_ring_near(ports->ring[index]);
		return status;
	}
	mac = queue == 0 ? from->host->mac : ports->port[index - 1]->mac;
	status = open_eal(conf, from, mac, index, queue, &ports->port[index], err);
	if (status == 0)
		status = host_open(from->host, ports->port[index], &ports->host[index], err);
	return status;
}

int hz_fastpath_ports_open(struct hz_fastpath_ports *ports, const struct hz_fastpath_conf *conf,
                           struct hz_err *err)
{
	struct hz_fastpath_port nameless;
	const struct hz_fastpath_port *wanted;
	uint32_t count = ports_wanted(conf, &nameless, &wanted);
	uint32_t index = 0;
	int status = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct hz_fastpath_port *from = &wanted[i];

		if (conf->io == HZ_IO_MEMIF)
			status = memif_path_clear(conf, i, err);
		for (uint16_t queue = 0; queue < from->queue_count && status == 0; queue++, index++)
			status = port_open(ports, conf, from, index, queue, err);
		if (status != 0)
			return status;
	}
	return 0;
}

void hz_fastpath_ports_close(struct hz_fastpath_ports *ports)
{
	for (uint32_t i = 0; i < ports->count; i++) {
		if (ports->ring[i] != NULL) {
			hz_port_ring_close(ports->ring[i]);
		} else if (ports->port[i] != NULL) {
			hz_port_close(ports->port[i]);
			free(ports->port[i]);
		}
		hz_host_close(ports->host[i]);
		hz_neigh_kernel_close(ports->neigh[i]);
		ports->neigh[i] = NULL;
		ports->host[i] = NULL;
		ports->ring[i] = NULL;
		ports->port[i] = NULL;
	}
}

uint32_t hz_fastpath_ports_of(const struct hz_fastpath_ports *ports, uint32_t worker,
                              struct hz_worker_port out[HZ_WORKER_PORTS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = worker; i < ports->count && count < HZ_WORKER_PORTS_MAX;
	     i += ports->worker_count)
		out[count++] = (struct hz_worker_port){ .port = ports->port[i],
			                                .iface = ports->iface_of[i] };
	return count;
}
