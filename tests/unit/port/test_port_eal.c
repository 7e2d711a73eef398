/* Ports on devices that EAL makes by name: what they send, and how opening one fails. */
#include "content.h"
#include "hz_test.h"
#include "port/port_eal.h"
#include "port/port_memif.h"
#include "rig.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct rig_slot slot;
static struct hz_port *receiver; /* of take() */

static struct hz_port_eal_conf conf_of(const char *device, const char *args)
{
	static uint16_t serial = 500;

	return (struct hz_port_eal_conf){ .ifname = "test",
		                          .device = device,
		                          .args = args,
		                          .index = serial++,
		                          .mbufs = 2048,
		                          .ring_slots = 512,
		                          .slot = &slot.slot };
}

static size_t take(uint8_t out[CONTENT_FRAME])
{
	for (unsigned i = 0; i < 20000; i++) {
		struct rte_mbuf *mbuf;
		const void *bytes;
		size_t count;

		if (hz_port_rx(receiver, &mbuf, 1) == 0) {
			usleep(50);
			continue;
		}
		count = rte_pktmbuf_pkt_len(mbuf);
		bytes = count <= CONTENT_FRAME ? rte_pktmbuf_read(mbuf, 0, (uint32_t)count, out)
		                               : NULL;
		if (bytes != NULL && bytes != out)
			memcpy(out, bytes, count);
		rte_pktmbuf_free(mbuf);
		return bytes != NULL ? count : 0;
	}
	return 0;
}

static void expect_content(struct hz_port *from, struct hz_port *to)
{
	const char *why;

	receiver = to;
	why = content_check(from, take);
	if (why != NULL)
		fprintf(stderr, "content: %s\n", why);
	CU_ASSERT_PTR_NULL(why);
}

static void ring_frames_are_exact_in_every_shape(void)
{
	struct rig_slot near_slot, far_slot;
	struct hz_port_ring *ring;

	CU_ASSERT_FATAL(rig_eal());
	ring = rig_ring(&near_slot, &far_slot, 1024, 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	CU_ASSERT_TRUE(hz_port_ring_near(ring)->multi_segs);
	expect_content(hz_port_ring_near(ring), hz_port_ring_far(ring));
	/* The same as if the driver could not send chains. */
	hz_port_ring_near(ring)->multi_segs = false;
	expect_content(hz_port_ring_near(ring), hz_port_ring_far(ring));
	hz_port_ring_close(ring);
}

static void chain_larger_than_a_buffer_is_dropped_and_counted(void)
{
	struct rig_slot near_slot, far_slot;
	struct hz_port_ring *ring;
	struct rte_mbuf *head, *tail;
	struct hz_port *near;
	unsigned free_before;

	CU_ASSERT_FATAL(rig_eal());
	ring = rig_ring(&near_slot, &far_slot, 1024, 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	near = hz_port_ring_near(ring);
	near->multi_segs = false;
	free_before = rte_mempool_avail_count(near->pool);
	head = hz_port_alloc(near, false);
	tail = hz_port_alloc(near, false);
	rig_fill(head, 1500, 1);
	rig_fill(tail, 1500, 2);
	CU_ASSERT_EQUAL(rte_pktmbuf_chain(head, tail), 0);
	hz_port_tx(near, head);
	CU_ASSERT_EQUAL(near->tx_count, 0);
	CU_ASSERT_EQUAL(rig_count(&near_slot, HZ_COUNTER_drop_tx_full), 1);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(near->pool), free_before);
	hz_port_ring_close(ring);
}

static void held_port_keeps_frames_and_drops_none(void)
{
	struct rig_slot near_slot, far_slot;
	struct hz_port_ring *ring;
	struct hz_port *near, *far;
	struct rte_mbuf *mbuf;

	CU_ASSERT_FATAL(rig_eal());
	ring = rig_ring(&near_slot, &far_slot, 4096, 4096);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	near = hz_port_ring_near(ring);
	far = hz_port_ring_far(ring);
	hz_port_hold(near, true);
	for (uint32_t i = 0; i < HZ_PORT_TX_SLOTS + 3; i++) {
		mbuf = hz_port_alloc(near, false);
		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		rig_fill(mbuf, 60, i);
		hz_port_tx(near, mbuf);
		hz_port_flush(near);
	}
	hz_port_reap(near);
	CU_ASSERT_EQUAL(hz_port_rx(far, &mbuf, 1), 0);
	CU_ASSERT_EQUAL(near->tx_count, HZ_PORT_TX_SLOTS);
	CU_ASSERT_EQUAL(rig_count(&near_slot, HZ_COUNTER_drop_tx_full), 3);
	hz_port_hold(near, false);
	hz_port_flush(near);
	for (uint32_t i = 0; i < HZ_PORT_TX_SLOTS; i++) {
		CU_ASSERT_EQUAL_FATAL(hz_port_rx(far, &mbuf, 1), 1);
		CU_ASSERT(rig_is_filled(mbuf, 60, i));
		rte_pktmbuf_free(mbuf);
	}
	mbuf = hz_port_alloc(far, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	rig_fill(mbuf, 60, 9);
	hz_port_tx(far, mbuf);
	hz_port_flush(far);
	hz_port_hold(near, true);
	CU_ASSERT_EQUAL(hz_port_rx(near, &mbuf, 1), 0);
	hz_port_hold(near, false);
	CU_ASSERT_EQUAL_FATAL(hz_port_rx(near, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	hz_port_ring_close(ring);
}

/* Frames until one gets through: the driver's thread connects the two. */
static bool is_connected(struct hz_port *from, struct hz_port *to)
{
	uint8_t frame[CONTENT_FRAME];

	for (unsigned i = 0; i < 100; i++) {
		struct rte_mbuf *mbuf;
		uint64_t before = from->tx_packets;

		if (hz_port_rx(to, &mbuf, 1) == 1) /* the first look is what offers it buffers */
			rte_pktmbuf_free(mbuf);
		mbuf = hz_port_alloc(from, false);
		if (mbuf == NULL)
			return false;
		rig_fill(mbuf, 60, i);
		hz_port_tx(from, mbuf);
		hz_port_flush(from);
		receiver = to;
		if (from->tx_packets != before)
			return take(frame) == 60;
		usleep(20000);
	}
	return false;
}

static void memif_frames_are_exact_in_every_shape(void)
{
	char server_args[HZ_PORT_MEMIF_ARGS_MAX], client_args[HZ_PORT_MEMIF_ARGS_MAX], given[128];
	char dir[] = "/tmp/hz-unit-memif-XXXXXX";
	struct hz_port_eal_conf server, client;
	struct hz_port near, far;
	struct hz_err err = { 0 };

	CU_ASSERT_FATAL(rig_eal());
	rig_slot_init(&slot);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(given, sizeof(given), "socket=%s/sock", dir);
	CU_ASSERT_EQUAL_FATAL(hz_port_memif_args(given, 0, 512, server_args, &err), 0);
	snprintf(given, sizeof(given), "role=client,socket=%s/sock", dir);
	CU_ASSERT_EQUAL_FATAL(hz_port_memif_args(given, 0, 512, client_args, &err), 0);
	server = conf_of("net_memif0", server_args);
	client = conf_of("net_memif1", client_args);
	CU_ASSERT_EQUAL_FATAL(hz_port_eal_open(&server, &near, &err), 0);
	CU_ASSERT_EQUAL_FATAL(hz_port_eal_open(&client, &far, &err), 0);
	CU_ASSERT_FATAL(is_connected(&far, &near));
	CU_ASSERT_FATAL(is_connected(&near, &far)); /* its end may be up a little later */
	CU_ASSERT_NOT_EQUAL(memcmp(near.mac, far.mac, 6), 0);
	expect_content(&near, &far);
	expect_content(&far, &near);
	near.multi_segs = false;
	expect_content(&near, &far);
	hz_port_close(&far);
	hz_port_close(&near);
	CU_ASSERT_EQUAL(rmdir(dir), 0); /* the driver took its socket with it */
}

static void eal_open_of_a_ring_by_name_has_a_station_mac(void)
{
	static const uint8_t ours[6] = { 2, 7, 7, 7, 7, 7 };
	struct hz_port_eal_conf conf = conf_of("net_ring7", "");
	struct hz_port port;
	struct hz_err err = { 0 };

	CU_ASSERT_FATAL(rig_eal());
	rig_slot_init(&slot);
	CU_ASSERT_EQUAL_FATAL(hz_port_eal_open(&conf, &port, &err), 0);
	CU_ASSERT_EQUAL(port.mac[0] & 3, 2);
	CU_ASSERT_EQUAL(port.ifindex, 0);
	CU_ASSERT_STRING_EQUAL(port.ifname, "test");
	expect_content(&port, &port); /* a loop onto itself */
	hz_port_close(&port);
	memcpy(conf.mac, ours, sizeof(ours));
	CU_ASSERT_EQUAL_FATAL(hz_port_eal_open(&conf, &port, &err), 0);
	CU_ASSERT_EQUAL(memcmp(port.mac, ours, sizeof(ours)), 0);
	hz_port_close(&port);
}

/* Nothing of a refused one is left, and the device that is open stays. */
static void eal_open_of_what_is_not_there_is_exit_4_by_name(void)
{
	static const struct {
		const char *device, *args;
	} rows[] = {
		{ "net_nosuch0", "" },       { "nonsense", "" },
		{ "net_memif7", "bogus=1" }, { "net_memif8", "role=nonsense" },
		{ "0000:99:00.0", "" },      { "net_ring9", "" }, /* twice */
	};
	struct hz_port_eal_conf first = conf_of("net_ring9", ""), conf;
	struct hz_port port, other;
	struct hz_err err = { 0 };

	CU_ASSERT_FATAL(rig_eal());
	rig_slot_init(&slot);
	CU_ASSERT_EQUAL_FATAL(hz_port_eal_open(&first, &port, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf = conf_of(rows[i].device, rows[i].args);
		err = (struct hz_err){ 0 };
		CU_ASSERT(hz_port_eal_open(&conf, &other, &err) < 0);
		CU_ASSERT_EQUAL(err.exit_code, 4);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.why, rows[i].device));
	}
	expect_content(&port, &port);
	hz_port_close(&port);
}

static void memif_args_of_table_are_as_listed(void)
{
	static const struct {
		const char *given;
		uint16_t queue;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "socket=/run/x", 0, "role=server,id=0,socket=/run/x,socket-abstract=no,rsize=9" },
		{ "role=client,socket=/run/x,id=3", 2,
		  "role=client,id=5,socket=/run/x,socket-abstract=no,rsize=9" },
		{ "socket=@name,bsize=4096,zero-copy=yes", 0,
		  "role=server,id=0,socket=name,socket-abstract=yes,rsize=9,bsize=4096,"
		  "zero-copy=yes" },
		{ "", 0, NULL },
		{ "socket=", 0, NULL },
		{ "socket=/run/x,role=master", 0, NULL },
		{ "socket=/run/x,id=65536", 0, NULL },
		{ "socket=/run/x,id=-1", 0, NULL },
		{ "socket=/run/x,rsize=3", 0, NULL },
		{ "socket=/run/x,sockets=1", 0, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char args[HZ_PORT_MEMIF_ARGS_MAX] = "";
		struct hz_err err = { 0 };
		int status = hz_port_memif_args(rows[i].given, rows[i].queue, 512, args, &err);

		if (rows[i].want != NULL) {
			CU_ASSERT_EQUAL(status, 0);
			CU_ASSERT_STRING_EQUAL(args, rows[i].want);
		} else {
			CU_ASSERT_EQUAL(status, -EINVAL);
			CU_ASSERT_EQUAL(err.exit_code, 2);
		}
	}
}

static void memif_path_of_the_dead_is_cleared_of_the_living_kept(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/hz-unit-memif-XXXXXX", given[128];
	struct hz_err err = { 0 };
	struct stat st;
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", dir);
	snprintf(given, sizeof(given), "socket=%s", at.sun_path);
	CU_ASSERT_EQUAL(hz_port_memif_path_clear(given, &err), 0); /* nothing there */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
	CU_ASSERT_EQUAL(hz_port_memif_path_clear(given, &err), -EBUSY);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_EQUAL(lstat(at.sun_path, &st), 0);
	close(fd);
	CU_ASSERT_EQUAL(hz_port_memif_path_clear(given, &err), 0);
	CU_ASSERT_NOT_EQUAL(lstat(at.sun_path, &st), 0);
	fd = open(at.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	CU_ASSERT_EQUAL(hz_port_memif_path_clear(given, &err), -EEXIST);
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_EQUAL(lstat(at.sun_path, &st), 0); /* somebody's file is not ours to remove */
	unlink(at.sun_path);
	rmdir(dir);
}

HZ_SUITE(port_eal, CASE(ring_frames_are_exact_in_every_shape),
         CASE(chain_larger_than_a_buffer_is_dropped_and_counted),
         CASE(held_port_keeps_frames_and_drops_none), CASE(memif_frames_are_exact_in_every_shape),
         CASE(eal_open_of_a_ring_by_name_has_a_station_mac),
         CASE(eal_open_of_what_is_not_there_is_exit_4_by_name),
         CASE(memif_args_of_table_are_as_listed),
         CASE(memif_path_of_the_dead_is_cleared_of_the_living_kept));
