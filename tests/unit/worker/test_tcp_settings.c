/* What a worker is opened with, on the wire: hop limit, DSCP, keep-alive, local ports. */
#include "hz_test.h"
#include "world.h"
#include <errno.h>

static struct world world;

#define HOPS  7
#define DSCP  46 /* EF */
#define FIRST 5000

static void adjust(struct hz_worker_open_conf *conf)
{
	conf->keepalive = (struct hz_tcp_keepalive){
		.idle_s = 5, .interval_s = 2, .count = 3, .is_on = true
	};
	conf->hop_limit = HOPS;
	conf->dscp = DSCP;
	conf->lport_first = FIRST;
	conf->lport_last = FIRST + 1;
}

static void adjust_keepalive_off(struct hz_worker_open_conf *conf)
{
	adjust(conf);
	conf->keepalive.is_on = false;
}

/* Turns at each of the coming milliseconds; the timers' wheel needs no finer steps. */
static void wait_ms(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++) {
		world.worker[0].env.now_ns += HZ_NS_PER_MS;
		world_turn(&world, 1);
	}
}

static void tcp_settings_mark_control_and_data_segments(void)
{
	struct tcp_wire_flow flow = world_flow(40000);
	struct tcp_wire_seg seg;

	CU_ASSERT_FATAL(world_open_adjusted(&world, 1, adjust));
	CU_ASSERT_FATAL(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 1);
	CU_ASSERT_FATAL(world_take(&world, 0, &seg, NULL)); /* SYN-ACK */
	CU_ASSERT_EQUAL(seg.ttl, HOPS);
	CU_ASSERT_EQUAL(seg.tos, DSCP << 2);
	flow.seq++;
	flow.ack = seg.seq + 1;
	CU_ASSERT_FATAL(world_send(&world, 0, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, "hello", 5));
	world_turn(&world, 1);
	CU_ASSERT_FATAL(world_take(&world, 0, &seg, NULL));
	CU_ASSERT_EQUAL(seg.payload_bytes, 5);
	CU_ASSERT_EQUAL(seg.ttl, HOPS);
	CU_ASSERT_EQUAL(seg.tos, DSCP << 2);
	flow.client_port++; /* nobody's: RST */
	CU_ASSERT_FATAL(world_send(&world, 0, &flow, TCP_WIRE_ACK, "x", 1));
	world_turn(&world, 1);
	CU_ASSERT_FATAL(world_take(&world, 0, &seg, NULL));
	CU_ASSERT(seg.flags & TCP_WIRE_RST);
	CU_ASSERT_EQUAL(seg.ttl, HOPS);
	CU_ASSERT_EQUAL(seg.tos, DSCP << 2);
	world_close(&world);
}

/* RFC 9293 3.8.4: an ACK of one byte before what was sent last. */
static void keepalive_probes_silent_peer_and_gives_up(void)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg;

	CU_ASSERT_FATAL(world_open_adjusted(&world, 1, adjust));
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow));
	wait_ms(4500);
	CU_ASSERT_FALSE(world_take(&world, 0, &seg, NULL));
	wait_ms(1000);
	CU_ASSERT_FATAL(world_take(&world, 0, &seg, NULL));
	CU_ASSERT_EQUAL(seg.flags, TCP_WIRE_ACK);
	CU_ASSERT_EQUAL(seg.seq, flow.ack - 1);
	CU_ASSERT_EQUAL(seg.payload_bytes, 0);
	wait_ms(4000); /* the other two */
	CU_ASSERT(world_take(&world, 0, &seg, NULL));
	CU_ASSERT(world_take(&world, 0, &seg, NULL));
	CU_ASSERT_FALSE(world_take(&world, 0, &seg, NULL));
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.counters[HZ_COUNTER_keepalive_probe], 3);
	CU_ASSERT_EQUAL(world.closed, 0);
	wait_ms(2500);
	CU_ASSERT_EQUAL(world.closed, 1);
	world_close(&world);
}

static void keepalive_is_off_unless_asked_for(void)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg;

	CU_ASSERT_FATAL(world_open_adjusted(&world, 1, adjust_keepalive_off));
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow));
	wait_ms(15000);
	CU_ASSERT_FALSE(world_take(&world, 0, &seg, NULL));
	CU_ASSERT_EQUAL(world.closed, 0);
	world_close(&world);
}

static void local_ports_come_from_the_range_until_it_is_used_up(void)
{
	struct hz_tcp_target to = {
		.remote = { { [10] = 0xff, [11] = 0xff, 10, 7, 0, 1 } },
		.local = { { [10] = 0xff, [11] = 0xff, 10, 7, 0, 2 } },
		.remote_port = 8080,
		.l2 = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x08, 0x00 },
		.l2_bytes = 14,
	};
	struct hz_tcp *tcp;
	struct tcp_wire_seg seg[2];
	struct hz_stream *s = NULL;

	CU_ASSERT_FATAL(world_open_adjusted(&world, 1, adjust));
	tcp = world.worker[0].loop.tcp;
	to.port = hz_port_ring_near(world.worker[0].ring);
	to.proto = world.worker[0].conf.proto;
	to.owner = &world;
	CU_ASSERT_EQUAL(hz_tcp_connect(tcp, &to, &s), 0);
	CU_ASSERT_EQUAL(hz_tcp_connect(tcp, &to, &s), 0);
	CU_ASSERT_EQUAL(hz_tcp_connect(tcp, &to, &s), -EADDRNOTAVAIL);
	world_turn(&world, 1);
	for (size_t i = 0; i < HZ_ARRAY_LEN(seg); i++) {
		CU_ASSERT_FATAL(world_take(&world, 0, &seg[i], NULL));
		CU_ASSERT(seg[i].flags & TCP_WIRE_SYN);
		CU_ASSERT_EQUAL(seg[i].client_port, 8080);
		CU_ASSERT(seg[i].server_port == FIRST || seg[i].server_port == FIRST + 1);
	}
	CU_ASSERT_NOT_EQUAL(seg[0].server_port, seg[1].server_port);
	world_close(&world);
}

HZ_SUITE(tcp_settings, CASE(tcp_settings_mark_control_and_data_segments),
         CASE(keepalive_probes_silent_peer_and_gives_up), CASE(keepalive_is_off_unless_asked_for),
         CASE(local_ports_come_from_the_range_until_it_is_used_up));
