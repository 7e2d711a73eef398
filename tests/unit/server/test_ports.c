/* From listen to interfaces: every way it can fail before a NIC is touched. */
#include "core/endpoint.h"
#include "hz_test.h"
#include "server/netdev.h"
#include "server_rig.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

/* A site with one listen on ifname, as after reading it. */
static struct server_rig *ports_rig(const char *ifname, uint32_t io)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct hz_site *site;

	if (rig == NULL)
		return NULL;
	site = ((struct hz_snapshot *)rig->server.app.snapshot)->site;
	memset(site->listen[0].interface, 0, sizeof(site->listen[0].interface));
	memcpy(site->listen[0].interface, ifname, strlen(ifname));
	rig->conf.site = site; /* lent: the snapshot frees it */
	rig->conf.tune.boot_io = io;
	rig->conf.instance = "unit-never-attached";
	return rig;
}

static void ports_rig_close(struct server_rig *rig)
{
	rig->conf.site = NULL;
	server_rig_close(rig);
}

static void ports_without_any_listen_are_refused(void)
{
	struct server_rig *rig = ports_rig("lo", HZ_IO_SOCKET);
	struct hz_err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	rig->conf.site->listen_count = 0;
	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_STRING_EQUAL(err.code, "no_listen");
	ports_rig_close(rig);
}

static void ports_of_ring_io_are_refused_as_nobody_could_connect(void)
{
	struct server_rig *rig = ports_rig("lo", HZ_IO_RING);
	struct hz_err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	ports_rig_close(rig);
}

static void ports_of_socket_io_need_no_interface(void)
{
	struct server_rig *rig = ports_rig("nosuch0", HZ_IO_SOCKET);
	struct hz_err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), 0);
	CU_ASSERT_EQUAL(rig->server.listen_count, 1);
	CU_ASSERT_EQUAL(rig->server.listen[0].port, 80);
	CU_ASSERT_EQUAL(rig->server.port_count, 0);
	hz_server_ports_close(&rig->server);
	ports_rig_close(rig);
}

static void ports_given_as_option_replace_the_sites(void)
{
	struct server_rig *rig = ports_rig("nosuch0", HZ_IO_SOCKET);
	struct hz_err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	rig->conf.listen_count = 2;
	rig->conf.listen[0].endpoint.port = 8080;
	rig->conf.listen[1].endpoint.port = 8081;
	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), 0);
	CU_ASSERT_EQUAL(rig->server.listen_count, 2);
	CU_ASSERT_EQUAL(rig->server.listen[1].port, 8081);
	ports_rig_close(rig);
}

static void ports_of_an_unknown_interface_are_refused_by_name(void)
{
	struct server_rig *rig = ports_rig("nosuch0", HZ_IO_AF_XDP);
	struct hz_err err = { 0 };

	if (geteuid() != 0) {
		ports_rig_close(rig);
		HZ_SKIP("needs root: without rights it fails earlier");
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), -ENODEV);
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "nosuch0"));
	CU_ASSERT_EQUAL(rig->server.port_count, 0);
	ports_rig_close(rig);
}

static void ports_nothing_is_attached_to_are_refused_and_unlocked(void)
{
	struct server_rig *rig = ports_rig("lo", HZ_IO_AF_XDP);
	struct hz_err err = { 0 };

	if (geteuid() != 0) {
		ports_rig_close(rig);
		HZ_SKIP("needs root: without rights it fails earlier");
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (int i = 0; i < 2; i++) { /* the second time as well: the lock was given back */
		CU_ASSERT_NOT_EQUAL(hz_server_ports_open(&rig->server, &err), 0);
		CU_ASSERT_EQUAL(err.exit_code, 6);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "xdp attach"));
		CU_ASSERT_EQUAL(rig->server.port_count, 0);
	}
	ports_rig_close(rig);
}

static struct server_rig *devices_rig(const char *ifname, const char *device)
{
	struct server_rig *rig = ports_rig(ifname, HZ_IO_MEMIF);
	char why[160];

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(hz_tune_set(&rig->conf.tune, "boot/device", device, why, sizeof(why)), 0);
	rig->conf.listen_count = 1;
	memset(&rig->conf.listen[0], 0, sizeof(rig->conf.listen[0]));
	snprintf(rig->conf.listen[0].interface, sizeof(rig->conf.listen[0].interface), "%s",
	         ifname);
	CU_ASSERT_EQUAL(hz_endpoint_parse("10.7.0.2:80", &rig->conf.listen[0].endpoint), 0);
	return rig;
}

static void ports_of_devices_have_their_addresses_and_queues(void)
{
	struct server_rig *rig = devices_rig("mem1", "mem0,ip=10.8.0.2/24");
	const struct hz_fastpath_port *port = &rig->server.port[0];
	struct hz_err err = { 0 };
	char why[160];

	CU_ASSERT_EQUAL(hz_tune_set(&rig->conf.tune, "boot/device",
	                            "mem1,socket=/run/x,ip=fd07::2/64,ip=10.7.0.2/24,queues=2", why,
	                            sizeof(why)),
	                0);
	rig->conf.listen[1] = rig->conf.listen[0]; /* any address, on the same port */
	memset(&rig->conf.listen[1].endpoint.addr, 0, sizeof(struct hz_addr));
	rig->conf.listen_count = 2;
	CU_ASSERT_EQUAL_FATAL(hz_server_ports_open(&rig->server, &err), 0);
	CU_ASSERT_EQUAL_FATAL(rig->server.port_count, 1);
	CU_ASSERT_STRING_EQUAL(port->ifname, "mem1");
	CU_ASSERT_EQUAL(port->queue_count, 2);
	CU_ASSERT_STRING_EQUAL(port->device_args, "socket=/run/x");
	CU_ASSERT_EQUAL(port->host->addr_count, 2);
	CU_ASSERT_TRUE(port->verify_checksum);
	hz_server_ports_close(&rig->server);
	ports_rig_close(rig);
}

static void ports_of_an_absent_device_are_refused_with_what_to_type(void)
{
	struct server_rig *rig = devices_rig("mem7", "mem0,ip=10.7.0.2/24");
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), -ENODEV);
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "mem7"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "boot/device=mem7"));
	CU_ASSERT_EQUAL(rig->server.port_count, 0);
	ports_rig_close(rig);
}

static void ports_of_a_device_without_the_listen_address_are_refused(void)
{
	struct server_rig *rig = devices_rig("mem0", "mem0,ip=10.7.0.3/24");
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "10.7.0.2"));
	ports_rig_close(rig);
}

static void ports_of_an_eal_device_have_one_queue(void)
{
	struct server_rig *rig = devices_rig("net_tap0", "net_tap0,ip=10.7.0.2/24,queues=2");
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), 0); /* a memif has as many */
	hz_server_ports_close(&rig->server);
	rig->conf.tune.boot_io = HZ_IO_EAL;
	CU_ASSERT_EQUAL(hz_server_ports_open(&rig->server, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	ports_rig_close(rig);
}

static int nobody_has_no_ports(void *ctx)
{
	struct server_rig *rig = ctx;
	struct hz_err err = { 0 };

	if (hz_server_ports_open(&rig->server, &err) == 0)
		return 1;
	return err.exit_code == 7 && strcmp(err.code, "capability") == 0 ? 0 : 2;
}

static void ports_without_rights_are_refused_before_anything_is_touched(void)
{
	struct server_rig *rig = ports_rig("lo", HZ_IO_AF_XDP);
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	result = server_rig_as_nobody(nobody_has_no_ports, rig, NULL);
	ports_rig_close(rig);
	if (result == RIG_NO_RIGHTS)
		HZ_SKIP("needs root to become somebody else");
	CU_ASSERT_EQUAL(result, 0);
}

static void netdev_query_tells_index_and_queues(void)
{
	struct hz_netdev netdev = { 0 };

	CU_ASSERT_EQUAL(hz_netdev_query("lo", &netdev), 0);
	CU_ASSERT_EQUAL(netdev.ifindex, if_nametoindex("lo"));
	CU_ASSERT_TRUE(netdev.rx_queues >= 1);
	CU_ASSERT_FALSE(netdev.is_veth);
	netdev.ifindex = 77;
	CU_ASSERT_EQUAL(hz_netdev_query("nosuch0", &netdev), -ENODEV);
	CU_ASSERT_EQUAL(netdev.ifindex, 77);
	CU_ASSERT_NOT_EQUAL(hz_netdev_namespace(), 0);
}

HZ_SUITE(ports, CASE(ports_without_any_listen_are_refused),
         CASE(ports_of_ring_io_are_refused_as_nobody_could_connect),
         CASE(ports_of_socket_io_need_no_interface), CASE(ports_given_as_option_replace_the_sites),
         CASE(ports_of_devices_have_their_addresses_and_queues),
         CASE(ports_of_an_absent_device_are_refused_with_what_to_type),
         CASE(ports_of_a_device_without_the_listen_address_are_refused),
         CASE(ports_of_an_eal_device_have_one_queue),
         CASE(ports_of_an_unknown_interface_are_refused_by_name),
         CASE(ports_nothing_is_attached_to_are_refused_and_unlocked),
         CASE(ports_without_rights_are_refused_before_anything_is_touched),
         CASE(netdev_query_tells_index_and_queues));
