/* From the site's listen list to interfaces: which ones, how many queues, claimed and attached by whom. */
#include "core/endpoint.h"
#include "core/log.h"
#include "server/netdev.h"
#include "server/rights.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

static int port_index(const struct hz_server *server, const char *ifname)
{
	for (uint32_t i = 0; i < server->port_count; i++)
		if (strcmp(server->port[i].ifname, ifname) == 0)
			return (int)i;
	return -1;
}

static int port_add(struct hz_server *server, const char *ifname, struct hz_err *err)
{
	struct hz_fastpath_port *port = &server->port[server->port_count];
	struct hz_netdev netdev;
	int status;

	if (server->port_count == HZ_SERVER_PORTS_MAX)
		return hz_err_set(err, -E2BIG, 2, "too_many_interfaces", "",
		                  "more than %d interfaces", HZ_SERVER_PORTS_MAX);
	status = hz_netdev_query(ifname, &netdev);
	if (status != 0)
		return hz_err_set(err, status, 4, "no_device", "ip link", "%s: %s", ifname,
		                  strerror(-status));
	status = hz_rundir_lock_interface(hz_netdev_namespace(), netdev.ifindex, ifname, err);
	if (status < 0)
		return status;
	server->port_lock_fd[server->port_count] = status;
	*port = (struct hz_fastpath_port){
		.ifindex = netdev.ifindex,
		.queue_count = netdev.rx_queues,
		.verify_checksum = server->conf->tune.net_verify_checksum,
	};
	memcpy(port->ifname, ifname, strnlen(ifname, sizeof(port->ifname) - 1));
	server->port_count++;
	return 0;
}

/* Every listen of one interface must be claimed by the program that sits on it. */
static int port_check(const struct hz_server *server, const char *ifname, struct hz_err *err)
{
	struct hz_endpoint claims[HZ_SITE_LISTENS_MAX];
	const struct hz_site_listen *listen;
	uint32_t count = 0;

	for (uint32_t i = 0; i < server->listen_count; i++) {
		listen = server->conf->listen_count > 0 ? &server->conf->listen[i]
		                                        : &server->conf->site->listen[i];
		if (strcmp(listen->interface, ifname) == 0)
			claims[count++] = listen->endpoint;
	}
	return hz_xdp_check(server->conf->instance, ifname, claims, count, err);
}

int hz_server_ports_open(struct hz_server *server, struct hz_err *err)
{
	const struct hz_server_conf *conf = server->conf;
	const struct hz_site_listen *listen =
		conf->listen_count > 0 ? conf->listen : conf->site->listen;
	int status;

	server->listen_count =
		conf->listen_count > 0 ? conf->listen_count : conf->site->listen_count;
	for (uint32_t i = 0; i < server->listen_count; i++)
		server->listen[i] = listen[i].endpoint;
	if (server->listen_count == 0)
		return hz_err_set(err, -EINVAL, 2, "no_listen", "hzd -l IF,ADDR:PORT",
		                  "the site has no listen entry");
	if (conf->tune.boot_io == HZ_IO_RING)
		return hz_err_set(
			err, -EINVAL, 2, "io_ring", "hzd -o boot/io=socket",
			"boot/io=ring is for tests inside one process: nobody could reach "
			"the listen addresses");
	if (conf->tune.boot_io != HZ_IO_AF_XDP)
		return 0;
	status = hz_rights_check(err);
	for (uint32_t i = 0; i < server->listen_count && status == 0; i++)
		if (port_index(server, listen[i].interface) < 0)
			status = port_add(server, listen[i].interface, err);
	if (status == 0)
		status = hz_xdp_maps_open(conf->instance, true, &server->maps, err);
	for (uint32_t i = 0; i < server->port_count && status == 0; i++)
		status = port_check(server, server->port[i].ifname, err);
	if (status != 0)
		hz_server_ports_close(server);
	return status;
}

void hz_server_ports_close(struct hz_server *server)
{
	hz_xdp_maps_close(&server->maps);
	for (uint32_t i = 0; i < server->port_count; i++)
		hz_rundir_unlock_interface(hz_netdev_namespace(), server->port[i].ifindex,
		                           server->port_lock_fd[i]);
	server->port_count = 0;
}
