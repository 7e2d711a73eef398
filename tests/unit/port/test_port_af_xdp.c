/* A port on a real AF_XDP socket: what leaves and what arrives, byte by byte, and what happens when the
 * link goes down or away. libxdp attaches its default program, as nothing else is on the interface. */
#include "content.h"
#include "hz_test.h"
#include "port/link_watch.h"
#include "port/port_af_xdp.h"
#include "rig.h"
#include "veth_wire.h"
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RING_SLOTS 512u

/* Read by LeakSanitizer: an open that is refused loses the driver's 80 bytes there. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:xsk_umem__create\n";
}

static struct rig_slot slot;
static struct hz_port port;
static const char *why_not = "not tried";

static struct hz_port_af_xdp_conf port_conf(uint16_t index)
{
	return (struct hz_port_af_xdp_conf){ .ifname = WIRE_NEAR,
		                             .ifindex = if_nametoindex(WIRE_NEAR),
		                             .index = index,
		                             .mbufs = hz_port_af_xdp_mbufs_min(RING_SLOTS),
		                             .ring_slots = RING_SLOTS,
		                             .slot = &slot.slot };
}

/* Opens wire and port at the first call; false: the case has been skipped or has failed. */
static bool has_port(void)
{
	static bool is_tried;
	struct hz_port_af_xdp_conf conf;
	struct hz_err err = { 0 };

	if (!is_tried) {
		is_tried = true;
		CU_ASSERT_FATAL(rig_eal());
		rig_slot_init(&slot);
		why_not = wire_up();
		if (why_not == NULL) {
			conf = port_conf(0);
			CU_ASSERT_EQUAL(hz_port_af_xdp_open(&conf, &port, &err), 0);
			if (err.exit_code != 0) {
				fprintf(stderr, "open: %s\n", err.why);
				why_not = "the port did not open";
			}
		}
	}
	if (why_not != NULL)
		hz_test_skip(why_not);
	return why_not == NULL;
}

/* A frame of WIRE_TYPE; the rest of it names seed. */
static void frame_make(uint8_t *out, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(seed * 31 + i * 7);
	memset(out, 0xff, 6);
	memcpy(out + 6, "\x02\0\0\0\0\1", 6);
	out[12] = WIRE_TYPE >> 8;
	out[13] = WIRE_TYPE & 255;
}

static void port_put(struct rte_mbuf *mbuf, uint32_t bytes, uint32_t seed)
{
	if (mbuf == NULL)
		return; /* asserted before */
	frame_make(rte_pktmbuf_mtod(mbuf, uint8_t *), bytes, seed);
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = bytes;
}

static bool wire_gets(uint32_t bytes, uint32_t seed)
{
	uint8_t expect[WIRE_FRAME], got[WIRE_FRAME];

	frame_make(expect, bytes, seed);
	return wire_receive(got) == (ssize_t)bytes && memcmp(got, expect, bytes) == 0;
}

static uint32_t size_of(uint32_t seed)
{
	return 60 + seed * 37 % (WIRE_FRAME - 59);
}

static void af_xdp_port_sends_byte_exact(void)
{
	uint32_t right = 0;

	if (!has_port())
		return;
	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 50; i++) {
			struct rte_mbuf *mbuf = hz_port_alloc(&port, false);

			CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
			port_put(mbuf, size_of(round * 50 + i), round * 50 + i);
			hz_port_tx(&port, mbuf);
		}
		hz_port_flush(&port);
		for (uint32_t i = 0; i < 50 && right == round * 50 + i; i++)
			right += wire_gets(size_of(right), right);
	}
	CU_ASSERT_EQUAL(right, 5000);
	CU_ASSERT_EQUAL(port.tx_packets, 5000);
	CU_ASSERT_EQUAL(rig_count(&slot, HZ_COUNTER_drop_tx_full), 0);
}

static void af_xdp_port_full_batch_sends_all(void)
{
	uint32_t right = 0;

	if (!has_port())
		return;
	for (uint32_t i = 0; i < HZ_PORT_TX_SLOTS; i++) { /* twice the socket's ring */
		struct rte_mbuf *mbuf = hz_port_alloc(&port, false);

		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		port_put(mbuf, 200, i);
		hz_port_tx(&port, mbuf);
	}
	hz_port_flush(&port);
	while (right < HZ_PORT_TX_SLOTS && wire_gets(200, right))
		right++;
	CU_ASSERT_EQUAL(right, HZ_PORT_TX_SLOTS);
}

/* As TCP retransmits: its reference keeps the buffer while the driver and the kernel have it, and it is
 * sent again, alone and between others, with nothing of another packet in it. */
static void af_xdp_port_resends_kept_frame_byte_exact(void)
{
	struct rte_mbuf *kept;

	if (!has_port())
		return;
	kept = hz_port_alloc(&port, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
	port_put(kept, 1400, 77);
	for (uint32_t i = 0; i < 200; i++) {
		struct rte_mbuf *other = hz_port_alloc(&port, false);

		CU_ASSERT_PTR_NOT_NULL_FATAL(other);
		port_put(other, size_of(i), i);
		rte_mbuf_refcnt_update(kept, 1);
		hz_port_tx(&port, kept);
		hz_port_tx(&port, other);
		hz_port_flush(&port);
		CU_ASSERT_FATAL(wire_gets(1400, 77));
		CU_ASSERT_FATAL(wire_gets(size_of(i), i));
	}
	for (int i = 0; i < 100 && rte_mbuf_refcnt_read(kept) > 1; i++) {
		hz_port_reap(&port);
		usleep(1000);
	}
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(kept), 1);
	rte_pktmbuf_free(kept);
}

/* The driver copies a buffer of another pool, as an answer built in a steered frame is. */
static void af_xdp_port_sends_frame_of_other_pool(void)
{
	struct rte_mempool *other;
	unsigned free_before;

	if (!has_port())
		return;
	other = rte_pktmbuf_pool_create("other", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	free_before = rte_mempool_avail_count(other);
	for (uint32_t i = 0; i < 50; i++) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(other);

		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		port_put(mbuf, size_of(i), i);
		hz_port_tx(&port, mbuf);
	}
	hz_port_flush(&port);
	for (uint32_t i = 0; i < 50; i++)
		CU_ASSERT(wire_gets(size_of(i), i));
	CU_ASSERT_EQUAL(rte_mempool_avail_count(other), free_before);
	rte_mempool_free(other);
}

static bool port_gets(uint32_t bytes, uint32_t seed)
{
	uint8_t expect[WIRE_FRAME];

	frame_make(expect, bytes, seed);
	for (int tries = 0; tries < 10000; tries++) {
		struct rte_mbuf *mbuf;
		bool is_right;

		if (hz_port_rx(&port, &mbuf, 1) == 0) {
			usleep(100);
			continue;
		}
		/* IPv6 of the far end talks too */
		if (memcmp(rte_pktmbuf_mtod(mbuf, uint8_t *) + 12, expect + 12, 2) != 0) {
			rte_pktmbuf_free(mbuf);
			continue;
		}
		is_right = mbuf->data_len == bytes && mbuf->nb_segs == 1 &&
		           memcmp(rte_pktmbuf_mtod(mbuf, void *), expect, bytes) == 0;
		rte_pktmbuf_free(mbuf);
		return is_right;
	}
	return false;
}

static void af_xdp_port_receives_byte_exact(void)
{
	uint8_t frame[WIRE_FRAME];
	uint32_t right = 0;

	if (!has_port())
		return;
	for (uint32_t seed = 0; seed < 5000 && right == seed; seed++) {
		frame_make(frame, size_of(seed), seed);
		CU_ASSERT_FATAL(wire_send(frame, size_of(seed)));
		right += port_gets(size_of(seed), seed);
	}
	CU_ASSERT_EQUAL(right, 5000);
}

static void af_xdp_port_idle_gives_every_buffer_back(void)
{
	/* The fill ring keeps its 2048; the reserve is full; nothing is in flight. */
	unsigned expect = hz_port_af_xdp_mbufs_min(RING_SLOTS) - 2048 - HZ_LIMIT_tx_reserve_mbufs;
	unsigned now = 0;

	if (!has_port())
		return;
	for (int i = 0; i < 1000 && now < expect; i++) {
		for (int turn = 0; turn < 128; turn++)
			hz_port_flush(&port);
		usleep(1000);
		now = rte_mempool_avail_count(port.pool);
	}
	CU_ASSERT_EQUAL(now, expect);
	CU_ASSERT_EQUAL(port.reserve_count, HZ_LIMIT_tx_reserve_mbufs);
}

static void af_xdp_port_descriptor_wakes_on_frame(void)
{
	struct pollfd poller = { .fd = port.poll_fd, .events = POLLIN };
	struct rte_mbuf *mbuf;
	uint8_t frame[WIRE_FRAME];

	if (!has_port())
		return;
	CU_ASSERT_FATAL(port.poll_fd >= 0);
	while (hz_port_rx(&port, &mbuf, 1) == 1)
		rte_pktmbuf_free(mbuf);
	CU_ASSERT_EQUAL(poll(&poller, 1, 0), 0);
	frame_make(frame, 100, 3);
	CU_ASSERT_FATAL(wire_send(frame, 100));
	CU_ASSERT_EQUAL(poll(&poller, 1, 2000), 1);
	CU_ASSERT((poller.revents & POLLIN) != 0);
	CU_ASSERT(port_gets(100, 3));
}

static size_t take_far(uint8_t out[CONTENT_FRAME])
{
	ssize_t got = wire_receive(out);

	return got > 0 ? (size_t)got : 0;
}

static void af_xdp_port_frames_are_exact_in_every_shape(void)
{
	const char *why;

	if (!has_port())
		return;
	why = content_check(&port, take_far);
	if (why != NULL)
		fprintf(stderr, "content: %s\n", why);
	CU_ASSERT_PTR_NULL(why);
}

static void af_xdp_port_describes_interface(void)
{
	if (!has_port())
		return;
	CU_ASSERT_EQUAL(port.mtu, 1500);
	CU_ASSERT_NOT_EQUAL(memcmp(port.mac, "\0\0\0\0\0\0", 6), 0);
	CU_ASSERT_FALSE(port.multi_segs);
	CU_ASSERT_EQUAL(port.ifindex, if_nametoindex(WIRE_NEAR));
}

static void af_xdp_open_of_bad_conf_is_named_error(void)
{
	struct hz_port_af_xdp_conf conf;
	struct hz_port other;
	struct hz_err err = { 0 };

	if (!has_port())
		return;
	conf = port_conf(7);
	snprintf(conf.ifname, sizeof(conf.ifname), "hp-none");
	CU_ASSERT_EQUAL(hz_port_af_xdp_open(&conf, &other, &err), -ENODEV);
	CU_ASSERT_EQUAL(err.exit_code, 4);
	conf = port_conf(7);
	conf.ifindex++;
	CU_ASSERT_EQUAL(hz_port_af_xdp_open(&conf, &other, &err), -ENODEV);
	conf = port_conf(7);
	conf.mbufs = 1024;
	CU_ASSERT_EQUAL(hz_port_af_xdp_open(&conf, &other, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	conf = port_conf(7);
	conf.queue = 40;
	CU_ASSERT(hz_port_af_xdp_open(&conf, &other, &err) < 0);
}

static void af_xdp_ports_of_two_queues_open_beside_each_other(void)
{
	struct hz_port_af_xdp_conf conf;
	struct hz_port other;
	struct hz_err err = { 0 };

	if (!has_port())
		return;
	conf = port_conf(9);
	conf.queue = 1;
	CU_ASSERT_EQUAL_FATAL(hz_port_af_xdp_open(&conf, &other, &err), 0);
	CU_ASSERT_EQUAL(other.queue, 1);
	CU_ASSERT(other.poll_fd >= 0 && other.poll_fd != port.poll_fd);
	hz_port_close(&other);
}

static void send_one(uint32_t seed)
{
	struct rte_mbuf *mbuf = hz_port_alloc(&port, false);

	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	port_put(mbuf, 100, seed);
	hz_port_tx(&port, mbuf);
	hz_port_flush(&port);
}

static void af_xdp_second_port_on_queue_is_refused_first_goes_on(void)
{
	struct hz_port_af_xdp_conf conf;
	struct hz_port other;
	struct hz_err err = { 0 };

	if (!has_port())
		return;
	conf = port_conf(8);
	CU_ASSERT(hz_port_af_xdp_open(&conf, &other, &err) < 0);
	CU_ASSERT_EQUAL(err.exit_code, 6);
	/* Its close took libxdp's own program along, attached without a link; sending needs none. */
	send_one(11);
	CU_ASSERT(wire_gets(100, 11));
}

static void link_watch_follows_down_up_and_deletion(void)
{
	static const char *const down[] = { "ip", "link", "set", WIRE_NEAR, "down", NULL };
	static const char *const up[] = { "ip", "link", "set", WIRE_NEAR, "up", NULL };
	static const char *const gone[] = { "ip", "link", "del", WIRE_NEAR, NULL };
	struct hz_port *const ports[] = { &port };
	struct hz_link_watch watch;
	struct timespec before, after;
	uint64_t dropped;

	if (!has_port())
		return;
	CU_ASSERT_EQUAL_FATAL(hz_link_watch_open(&watch, ports, 1), 0);
	CU_ASSERT_PTR_NULL(hz_link_watch_poll(&watch));
	CU_ASSERT(port.link_up);
	dropped = rig_count(&slot, HZ_COUNTER_drop_tx_full);
	CU_ASSERT_FATAL(wire_run(down));
	CU_ASSERT_PTR_NULL(hz_link_watch_poll(&watch));
	CU_ASSERT_FALSE(port.link_up);
	send_one(1);
	CU_ASSERT_EQUAL(rig_count(&slot, HZ_COUNTER_drop_tx_full), dropped + 1);
	CU_ASSERT_FATAL(wire_run(up));
	CU_ASSERT_PTR_NULL(hz_link_watch_poll(&watch));
	CU_ASSERT(port.link_up);
	usleep(200000); /* the carrier follows */
	send_one(2);
	CU_ASSERT(wire_gets(100, 2));
	CU_ASSERT_FATAL(wire_run(gone));
	/* Not told yet: the driver meets ENXIO and must come back at once. */
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (uint32_t i = 0; i < 1000; i++)
		send_one(i);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CU_ASSERT(after.tv_sec - before.tv_sec <= 2);
	CU_ASSERT_PTR_EQUAL(hz_link_watch_poll(&watch), &port);
	CU_ASSERT(port.is_gone);
	send_one(3);
	hz_link_watch_close(&watch);
	hz_port_close(&port);
}

static void link_watch_finds_link_already_gone(void)
{
	struct hz_port ghost = { .ifindex = 0x7ffffff0, .link_up = true };
	struct hz_port ring = { .ifindex = 0, .link_up = true };
	struct hz_port *const ports[] = { &ring, &ghost };
	struct hz_link_watch watch;

	CU_ASSERT_EQUAL_FATAL(hz_link_watch_open(&watch, ports, 2), 0);
	CU_ASSERT_PTR_EQUAL(hz_link_watch_poll(&watch), &ghost);
	CU_ASSERT(ring.link_up && !ring.is_gone);
	hz_link_watch_close(&watch);
	hz_link_watch_close(&watch);
}

HZ_SUITE(port_af_xdp, CASE(af_xdp_port_sends_byte_exact), CASE(af_xdp_port_full_batch_sends_all),
         CASE(af_xdp_port_resends_kept_frame_byte_exact),
         CASE(af_xdp_port_sends_frame_of_other_pool), CASE(af_xdp_port_receives_byte_exact),
         CASE(af_xdp_port_idle_gives_every_buffer_back),
         CASE(af_xdp_port_descriptor_wakes_on_frame), CASE(af_xdp_port_describes_interface),
         CASE(af_xdp_port_frames_are_exact_in_every_shape),
         CASE(af_xdp_open_of_bad_conf_is_named_error),
         CASE(af_xdp_ports_of_two_queues_open_beside_each_other),
         CASE(af_xdp_second_port_on_queue_is_refused_first_goes_on),
         CASE(link_watch_follows_down_up_and_deletion), CASE(link_watch_finds_link_already_gone));
