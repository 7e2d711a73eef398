/* From the site's listen list to interfaces: which ones, how many queues, claimed and attached by whom. */
#include "core/endpoint.h"
#include "core/hint.h"
#include "core/log.h"
#include "server/netdev.h"
#include "server/rights.h"
#include "server/server_priv.h"
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <time.h>

#define LEAVE_AGAIN_NS 20000000 /* a detachment of hzctl's is over by then */

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
	status = hz_xdp_check_owner(server->conf->instance, ifname, err);
	if (status != 0)
		return status;
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
static int port_check(const struct hz_server *server, uint32_t port, struct hz_err *err)
{
	struct hz_endpoint claims[HZ_SITE_LISTENS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < server->listen_count; i++)
		if (server->listen_port[i] == port)
			claims[count++] = server->listen[i];
	return hz_xdp_check(server->conf->instance, server->port[port].ifname, claims, count, err);
}

/* A health port of the site at one listen address, as XDP would answer it now. */
static int health_check(const struct hz_server *server, uint32_t listen,
                        const struct hz_site_health *health, struct hz_err *err)
{
	const char *instance = server->conf->instance;
	const char *ifname = server->port[server->listen_port[listen]].ifname;
	struct hz_xdp_health claim = {
		.endpoint = { .addr = server->listen[listen].addr, .port = health->port },
		.path = health->path,
		.body = health->body,
		.is_udp = health->is_udp,
		.from_count = health->from_count,
		.from = health->from,
	};
	char text[HZ_ENDPOINT_TEXT_MAX], hint[sizeof(err->hint)];
	int status;

	/* Probers have an entry only where their port is listened on. */
	if (health->from_count > 0 && server->listen[listen].port != health->port)
		return 0;
	status = hz_xdp_served_health(instance, ifname, &claim);
	if (status == 0)
		return 0;
	hz_endpoint_print(&claim.endpoint, text);
	hz_hint_write(hint, sizeof(hint), instance, "xdp attach dev %s site %s ensure", ifname,
	              server->conf->site_path != NULL ? server->conf->site_path : "SITE");
	return hz_err_set(err, status, 6, "health_not_claimed", hint, "health %s %s of the site %s",
	                  text, health->path,
	                  status == -ENOENT   ? "is not claimed"
	                  : status == -ESTALE ? "is claimed with another path or body"
	                                      : strerror(-status));
}

/* XDP answers probes by the claims, not by the site: both must say the same. With -l the site's
 * addresses do not count, so its health ports are only missed by name. */
static int healths_check(struct hz_server *server, struct hz_err *err)
{
	const struct hz_site *site = server->conf->site;
	int status = 0;

	for (uint32_t i = 0; i < server->listen_count && status == 0; i++)
		for (uint32_t k = 0; k < site->health_count && status == 0; k++)
			status = health_check(server, i, &site->health[k], err);
	if (status == 0 || server->conf->listen_count == 0)
		return status;
	hz_log(HZ_LOG_WARN, "%s; try: %s", err->why, err->hint);
	hz_server_degrade(server, "health ports are not claimed as the site says");
	return 0;
}

static int ports_add(struct hz_server *server, const struct hz_site_listen *listen,
                     struct hz_err *err)
{
	int port, status = 0;

	for (uint32_t i = 0; i < server->listen_count && status == 0; i++) {
		port = port_index(server, listen[i].interface);
		server->listen_port[i] = port >= 0 ? (uint32_t)port : server->port_count;
		if (port < 0)
			status = port_add(server, listen[i].interface, err);
	}
	return status;
}

static void modes_look(struct hz_server *server)
{
	enum hz_xdp_mode mode;

	for (uint32_t i = 0; i < server->port_count; i++) {
		if (hz_xdp_served_mode(server->conf->instance, server->port[i].ifname, &mode) !=
		            0 ||
		    mode != HZ_XDP_GENERIC)
			continue;
		hz_server_degrade(server, "generic XDP: behind the kernel's buffers, at several "
		                          "times the cost (hzctl xdp show)");
		return;
	}
}

/* By the program that sits there: its claims, and which maps it uses, for the watch. */
static int ports_check(struct hz_server *server, struct hz_err *err)
{
	const char *instance = server->conf->instance;
	int status = 0;

	for (uint32_t i = 0; i < server->port_count && status == 0; i++) {
		status = hz_xdp_served_read(instance, server->port[i].ifname, &server->served[i]);
		if (status != 0 && status != -ENOENT) /* which port_check explains */
			return hz_err_set(err, status, 6, "xdp_pins", "hzctl doctor",
			                  "the pins of %s: %s", server->port[i].ifname,
			                  strerror(-status));
		status = port_check(server, i, err);
		/* From now on its end is ours to tell; should this fail, from the first look on. */
		(void)hz_xdp_served_program(instance, server->port[i].ifname,
		                            &server->program[i].id);
	}
	if (status == 0)
		status = healths_check(server, err);
	if (status == 0) {
		hz_server_classes_read(server);
		status = hz_server_classes_check(server, err);
	}
	if (status == 0)
		modes_look(server);
	return status;
}

_Static_assert(HZ_SITE_LISTENS_MAX <= 64, "exempt_listens has a bit per listener");

static void listen_take(struct hz_server *server, uint32_t index,
                        const struct hz_site_listen *listen)
{
	server->listen[index] = listen->endpoint;
	if (listen->shed_class == HZ_CLASS_CONTROL)
		server->exempt_listens |= 1ull << index;
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
		listen_take(server, i, &listen[i]);
	if (server->listen_count == 0)
		return hz_err_set(err, -EINVAL, 2, "no_listen", "hzd -l IF,ADDR:PORT",
		                  "the site has no listen entry");
	if (conf->tune.boot_io == HZ_IO_RING)
		return hz_err_set(
			err, -EINVAL, 2, "io_ring", "hzd -o boot/io=socket",
			"boot/io=ring is for tests inside one process: nobody could reach "
			"the listen addresses");
	if (conf->tune.boot_io != HZ_IO_AF_XDP)
		hz_server_classes_miss(server);
	if (hz_server_has_devices(server)) {
		status = hz_server_devices_open(server, listen, err);
		if (status != 0)
			hz_server_ports_close(server);
		return status;
	}
	if (conf->tune.boot_io != HZ_IO_AF_XDP)
		return 0;
	status = hz_rights_check(err);
	if (status == 0)
		status = ports_add(server, listen, err);
	if (status == 0)
		status = hz_xdp_maps_open(conf->instance, true, &server->maps, err);
	if (status == 0)
		status = ports_check(server, err);
	if (status == 0 && server->maps.is_older)
		hz_server_degrade(server,
		                  "attached by an older version of hz: no figures of routes, "
		                  "no events but histograms; try: hzctl xdp detach all, "
		                  "then attach again");
	if (status != 0)
		hz_server_ports_close(server);
	else if (getgrnam("hz") == NULL)
		hz_log(HZ_LOG_WARN, "no group hz: only root reads the figures; "
		                    "try: groupadd --system hz, then attach again");
	return status;
}

static int port_look(const struct hz_server *server, uint32_t port, struct hz_err *err)
{
	const char *instance = server->conf->instance, *ifname = server->port[port].ifname;
	struct hz_xdp_served now;
	int status = port_check(server, port, err);

	if (status != 0)
		return status;
	if (hz_xdp_served_read(instance, ifname, &now) == 0 &&
	    memcmp(&now, &server->served[port], sizeof(now)) == 0)
		return 0;
	return hz_err_set(err, -ESTALE, 6, "xdp_replaced", "restart hzd",
	                  "the program was attached to %s anew, without our sockets", ifname);
}

/* hzctl tells what it does, and leaves no pin where it took the program off. A pin without a program is the work of others;
 * one look may fall into a detachment of hzctl's, between the two. */
static void program_watch(struct hz_server *server, uint32_t port, uint64_t now_ns)
{
	struct hz_server_program *program = &server->program[port];
	const char *ifname = server->port[port].ifname;
	uint32_t id = 0;
	int status = hz_xdp_served_program(server->conf->instance, ifname, &id);
	bool is_gone = status == 0 && id == 0 && program->id != 0;

	if (status == -ENOENT || (status == 0 && id != 0))
		program->id = id;
	if (is_gone && program->is_gone) {
		hz_server_events_program(server, now_ns, ifname, program->id);
		program->id = 0;
	}
	program->is_gone = is_gone;
}

static bool programs_watch(struct hz_server *server, uint64_t now_ns)
{
	bool is_gone = false;

	for (uint32_t i = 0; i < server->port_count; i++) {
		program_watch(server, i, now_ns);
		is_gone = is_gone || server->program[i].is_gone;
	}
	return is_gone;
}

void hz_server_ports_leave(struct hz_server *server, uint64_t now_ns)
{
	const struct timespec pause = { .tv_nsec = LEAVE_AGAIN_NS };

	if (hz_server_has_devices(server) || !programs_watch(server, now_ns))
		return;
	(void)nanosleep(&pause, NULL);
	(void)programs_watch(server, now_ns);
}

void hz_server_ports_watch(struct hz_server *server, uint64_t now_ns)
{
	bool was_cut_off = server->cut_off.code[0] != '\0';
	struct hz_err err = { 0 };
	int status = 0;

	if (hz_server_has_devices(server) || now_ns - server->ports_look_ns < HZ_NS_PER_S)
		return;
	server->ports_look_ns = now_ns;
	hz_server_health_watch(server);
	(void)programs_watch(server, now_ns);
	for (uint32_t i = 0; i < server->port_count && status == 0; i++) {
		status = port_look(server, i, &err);
		if (status != 0)
			hz_err_what(&err, "%s is cut off", server->port[i].ifname);
	}
	if (status == 0) {
		hz_server_classes_read(server);
		err = (struct hz_err){ 0 };
	}
	server->cut_off = err;
	if ((status != 0) == was_cut_off)
		return;
	if (status != 0)
		hz_log(HZ_LOG_ERROR, "%s: %s; try: %s", err.what, err.why, err.hint);
	else
		hz_log(HZ_LOG_INFO, "all interfaces serve again");
	hz_server_state_set(server, server->state);
}

void hz_server_ports_close(struct hz_server *server)
{
	hz_server_sources_close(server);
	hz_xdp_maps_close(&server->maps);
	for (uint32_t i = 0; i < server->port_count && !hz_server_has_devices(server); i++)
		hz_rundir_unlock_interface(hz_netdev_namespace(), server->port[i].ifindex,
		                           server->port_lock_fd[i]);
	server->port_count = 0;
}
