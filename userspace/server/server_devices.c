/* From the site's listen list to ports that the kernel does not know: boot/io=memif and boot/io=eal. */
#include "config/device_text.h"
#include "core/endpoint.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

static int port_index(const struct hz_server *server, const char *name)
{
	for (uint32_t i = 0; i < server->port_count; i++)
		if (strcmp(server->port[i].ifname, name) == 0)
			return (int)i;
	return -1;
}

bool hz_server_has_devices(const struct hz_server *server)
{
	uint32_t io = server->conf->tune.boot_io;

	return io == HZ_IO_MEMIF || io == HZ_IO_EAL;
}

static int device_find(const struct hz_server *server, const char *ifname, struct hz_device *out,
                       struct hz_err *err)
{
	const struct hz_tune *tune = &server->conf->tune;
	const bool is_memif = tune->boot_io == HZ_IO_MEMIF;
	char hint[160], why[160];

	for (uint32_t i = 0; i < tune->boot_device; i++)
		if (hz_device_text_parse(tune->device[i], out, why, sizeof(why)) == 0 &&
		    strcmp(out->name, ifname) == 0)
			return 0;
	snprintf(hint, sizeof(hint), "hzd -o boot/device=%.15s,%sip=10.7.0.2/24", ifname,
	         is_memif ? "socket=/run/hz/mem0.sock," : "");
	return hz_err_set(err, -ENODEV, 4, "no_device", hint,
	                  "boot/io=%s, and no boot/device is called %s", is_memif ? "memif" : "eal",
	                  ifname);
}

/* A listen that names an address of its port, or none in particular. */
static int device_listen_check(const struct hz_device *device, const struct hz_site_listen *listen,
                               struct hz_err *err)
{
	static const struct hz_addr any4 = { { [10] = 0xff, 0xff } }, any6;
	const struct hz_addr *addr = &listen->endpoint.addr;
	char text[HZ_ENDPOINT_TEXT_MAX];

	if (memcmp(addr, &any4, sizeof(any4)) == 0 || memcmp(addr, &any6, sizeof(any6)) == 0)
		return 0;
	for (uint32_t i = 0; i < device->host.addr_count; i++)
		if (memcmp(&device->host.addr[i].addr, addr, sizeof(*addr)) == 0)
			return 0;
	hz_addr_print(addr, text);
	return hz_err_set(err, -EADDRNOTAVAIL, 2, "listen_address",
	                  "add ip=ADDR/BITS to boot/device",
	                  "%s does not have the listen address %s", device->name, text);
}

static int listen_add(struct hz_server *server, uint32_t index, const struct hz_site_listen *listen,
                      struct hz_err *err)
{
	const struct hz_tune *tune = &server->conf->tune;
	int port = port_index(server, listen->interface);
	struct hz_device *device = &server->device[server->port_count];
	int status;

	server->listen_port[index] = port >= 0 ? (uint32_t)port : server->port_count;
	if (port >= 0)
		return device_listen_check(&server->device[port], listen, err);
	if (server->port_count == HZ_TUNE_DEVICES_MAX)
		return hz_err_set(err, -E2BIG, 2, "too_many_interfaces", "", "more than %u devices",
		                  HZ_TUNE_DEVICES_MAX);
	status = device_find(server, listen->interface, device, err);
	if (status == 0)
		status = device_listen_check(device, listen, err);
	if (status == 0 && tune->boot_io == HZ_IO_EAL && device->queues > 1)
		status = hz_err_set(err, -EINVAL, 2, "queues", "one boot/device for each worker",
		                    "%s: a device of boot/io=eal has one queue", device->name);
	if (status != 0)
		return status;
	server->port[server->port_count] = (struct hz_fastpath_port){
		.queue_count = device->queues,
		.verify_checksum = tune->net_verify_checksum,
		.device_args = device->args,
		.host = &device->host,
	};
	memcpy(server->port[server->port_count].ifname, device->name, sizeof(device->name));
	server->port_lock_fd[server->port_count++] = -1;
	return 0;
}

int hz_server_devices_open(struct hz_server *server, const struct hz_site_listen *listen,
                           struct hz_err *err)
{
	int status = 0;

	for (uint32_t i = 0; i < server->listen_count && status == 0; i++)
		status = listen_add(server, i, &listen[i], err);
	return status;
}
