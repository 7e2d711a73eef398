/* The turn: frames in, answers out, hand-over, drain, stop, and what the worker says about itself. */
#include "hz_test.h"
#include "world.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

static struct world world;

#define OPEN(workers) CU_ASSERT_FATAL(world_open(&world, workers, false, HZ_SPIN_FOREVER_US))

static void worker_syn_gets_syn_ack(void)
{
	struct tcp_wire_flow flow;

	OPEN(1);
	CU_ASSERT(world_connect(&world, 0, 0, 40000, &flow));
	CU_ASSERT_EQUAL(world.opened, 1);
	world_close(&world);
	CU_ASSERT_EQUAL(world.closed, 1);
}

static void worker_data_is_echoed_in_one_turn(void)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg;
	char text[256] = "";

	OPEN(1);
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow));
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, "hello", 5));
	world_turn(&world, 1);
	CU_ASSERT_FATAL(world_take(&world, 0, &seg, text));
	CU_ASSERT_STRING_EQUAL(text, "hello");
	CU_ASSERT_EQUAL(seg.ack, flow.seq + 5);
	CU_ASSERT_FALSE(world_take(&world, 0, &seg, NULL)); /* the ACK rode on the data */
	world_close(&world);
}

static void worker_turn_counts_what_it_found(void)
{
	struct tcp_wire_flow flow = world_flow(40000);

	OPEN(1);
	CU_ASSERT_EQUAL(hz_worker_turn(&world.worker[0].loop), 0);
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	CU_ASSERT_EQUAL(hz_worker_turn(&world.worker[0].loop), 1);
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.rx_bursts, 1);
	world_close(&world);
}

static void worker_beat_advances_at_most_each_ms(void)
{
	const struct hz_beat *beat = &world.worker[0].slot.beat;
	uint64_t first;

	OPEN(1);
	CU_ASSERT_EQUAL(beat->state, HZ_STATE_STARTING);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(beat->state, HZ_STATE_READY);
	first = beat->beat_ns;
	CU_ASSERT_EQUAL(first, HZ_NS_PER_S);
	world.worker[0].env.now_ns += HZ_NS_PER_MS - 1;
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(beat->beat_ns, first);
	CU_ASSERT_EQUAL(beat->turns, 1);
	world.worker[0].env.now_ns += 1;
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(beat->beat_ns, first + HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(beat->turns, 3);
	CU_ASSERT_NOT_EQUAL(beat->pid, 0);
	world_close(&world);
	CU_ASSERT_EQUAL(beat->state, HZ_STATE_DOWN);
}

static void worker_gauges_follow_ports_and_drops(void)
{
	const struct hz_worker *gauge = &world.worker[0].slot.worker;
	struct tcp_wire_flow flow;

	OPEN(1);
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow));
	flow.server_port = 81; /* nobody listens */
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 1);
	world.worker[0].env.now_ns += HZ_NS_PER_MS;
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(gauge->rx_packets, 3);
	CU_ASSERT(gauge->tx_packets >= 1);
	CU_ASSERT_EQUAL(gauge->connections, 1);
	CU_ASSERT_EQUAL(gauge->counters[HZ_COUNTER_drop_not_ours], 1);
	CU_ASSERT_EQUAL(gauge->dropped, 1);
	world_close(&world);
}

static void worker_time_goes_to_busy_and_gap(void)
{
	struct hz_worker *gauge = &world.worker[0].slot.worker;
	struct tcp_wire_flow flow = world_flow(40000);
	struct timespec wall;

	CU_ASSERT_FATAL(world_open(&world, 1, true, HZ_SPIN_FOREVER_US));
	world_turn(&world, 2);
	CU_ASSERT_EQUAL(gauge->busy_ns, 0);
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 1);
	nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
	world_turn(&world, 1);
	CU_ASSERT(gauge->busy_ns >= 3000000);
	CU_ASSERT(gauge->longest_gap_ns >= 3000000);
	CU_ASSERT(world.worker[0].env.unix_s + 1 >= (uint64_t)time(NULL));
	clock_gettime(CLOCK_REALTIME, &wall); /* time() lags behind it by up to a tick */
	CU_ASSERT(world.worker[0].env.unix_s <= (uint64_t)wall.tv_sec);
	CU_ASSERT_PTR_EQUAL(world.worker[0].env.clock, &world.worker[0].loop.clock);
	world_close(&world);
	CU_ASSERT_PTR_EQUAL(world.worker[0].env.clock, &world.clock);
}

static void worker_drain_refuses_new_and_keeps_old(void)
{
	struct tcp_wire_flow old, fresh = world_flow(40001);
	struct tcp_wire_seg seg;
	char text[256] = "";

	OPEN(1);
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &old));
	hz_mailbox_post(&world.worker[0].loop.mailbox, HZ_MAIL_DRAIN);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(world.worker[0].slot.beat.state, HZ_STATE_DRAINING);
	CU_ASSERT(world_send(&world, 0, &fresh, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 2);
	while (world_take(&world, 0, &seg, NULL))
		CU_ASSERT_FALSE((seg.flags & TCP_WIRE_SYN) != 0);
	CU_ASSERT(world_send(&world, 0, &old, TCP_WIRE_ACK | TCP_WIRE_PSH, "still", 5));
	world_turn(&world, 1);
	CU_ASSERT(world_take(&world, 0, &seg, text));
	CU_ASSERT_STRING_EQUAL(text, "still");
	CU_ASSERT_EQUAL(world.opened, 1);
	world_close(&world);
}

static void worker_drain_before_first_turn_is_not_lost(void)
{
	OPEN(1);
	hz_mailbox_post(&world.worker[0].loop.mailbox, HZ_MAIL_DRAIN);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(world.worker[0].slot.beat.state, HZ_STATE_DRAINING);
	world_close(&world);
}

static void worker_stop_ends_loop_and_close_resets(void)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg = { 0 };

	OPEN(1);
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow));
	hz_mailbox_post(&world.worker[0].loop.mailbox, HZ_MAIL_STOP);
	world_turn(&world, 1);
	CU_ASSERT(world.worker[0].loop.is_stopped);
	hz_worker_close(&world.worker[0].loop);
	CU_ASSERT(world_take(&world, 0, &seg, NULL));
	CU_ASSERT((seg.flags & TCP_WIRE_RST) != 0);
	CU_ASSERT_EQUAL(world.closed, 1);
	CU_ASSERT_EQUAL(world_mbufs_in_use(&world), 0);
	world_close(&world);
}

/* The worker that opened a flow whose frames all arrive on queue 0. */
static uint32_t flow_owner(uint16_t client_port)
{
	uint32_t before[WORLD_WORKERS_MAX];
	struct tcp_wire_flow flow = world_flow(client_port);
	struct tcp_wire_seg seg;

	for (uint32_t i = 0; i < world.count; i++)
		before[i] = hz_tcp_connection_count(world.worker[i].loop.tcp);
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 2);
	for (uint32_t i = 0; i < world.count; i++) {
		if (hz_tcp_connection_count(world.worker[i].loop.tcp) == before[i])
			continue;
		CU_ASSERT(world_take(&world, i, &seg, NULL)); /* by the owner's own port */
		CU_ASSERT_EQUAL(seg.client_port, client_port);
		return i;
	}
	return UINT32_MAX;
}

static void worker_steers_each_flow_to_its_owner(void)
{
	uint32_t flows[WORLD_WORKERS_MAX] = { 0 };

	OPEN(3);
	for (uint16_t i = 0; i < 90; i++) {
		uint32_t owner = flow_owner((uint16_t)(20000 + i));

		CU_ASSERT_FATAL(owner < 3);
		flows[owner]++;
	}
	for (uint32_t i = 0; i < 3; i++)
		CU_ASSERT(flows[i] >= 10);
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.steered, flows[1] + flows[2]);
	CU_ASSERT_EQUAL(world.worker[1].slot.worker.steered, 0);
	world_close(&world);
}

static void worker_hand_over_wakes_sleeping_owner(void)
{
	struct hz_mailbox *box;
	struct pollfd poller;

	OPEN(2);
	box = &world.worker[1].loop.mailbox;
	poller = (struct pollfd){ .fd = box->event_fd, .events = POLLIN };
	hz_mailbox_lie_down(box);
	for (uint16_t i = 0; i < 32; i++) {
		struct tcp_wire_flow flow = world_flow((uint16_t)(20000 + i));
		uint64_t before = world.worker[0].slot.worker.steered;

		CU_ASSERT_FATAL(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
		hz_worker_turn(&world.worker[0].loop);
		CU_ASSERT_EQUAL(poll(&poller, 1, 0),
		                world.worker[0].slot.worker.steered > before ? 1 : 0);
		hz_mailbox_get_up(box); /* empties the bell */
		hz_mailbox_lie_down(box);
	}
	CU_ASSERT(world.worker[0].slot.worker.steered > 0);
	hz_mailbox_get_up(box);
	world_close(&world);
}

static void worker_serves_flow_from_any_queue(void)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg;
	char text[256];
	uint32_t owner = 0;
	uint16_t client_port = 30000;

	OPEN(2);
	while (!world_connect(&world, 0, 1, client_port, &flow) && client_port < 30050)
		client_port++; /* until one belongs to worker 1 */
	CU_ASSERT_FATAL(client_port < 30050);
	while (world_take(&world, 0, &seg, NULL))
		; /* SYN-ACKs of the others */
	for (uint32_t i = 0; i < 100; i++) {
		owner = i % 2;
		CU_ASSERT(world_send(&world, owner, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, "abcd", 4));
		world_turn(&world, 2);
		CU_ASSERT_FATAL(world_take(&world, 1, &seg, text));
		CU_ASSERT_STRING_EQUAL(text, "abcd");
		CU_ASSERT_EQUAL(seg.seq, flow.ack);
		flow.seq += 4;
		flow.ack += 4;
	}
	CU_ASSERT(world.worker[0].slot.worker.steered >= 50);
	CU_ASSERT_FALSE(world_take(&world, 0, &seg, NULL));
	for (uint32_t i = 0; i < 2; i++)
		hz_worker_close(&world.worker[i].loop);
	while (world_take(&world, 0, &seg, NULL) || world_take(&world, 1, &seg, NULL))
		;
	CU_ASSERT_EQUAL(world_mbufs_in_use(&world), 0);
	world_close(&world);
}

static void worker_full_hand_over_ring_drops_and_counts(void)
{
	struct hz_worker_loop *first;
	uint32_t theirs = 0;

	OPEN(2);
	first = &world.worker[0].loop;
	/* Worker 1 does not turn. */
	for (uint32_t i = 0; i < 2500; i++) {
		struct tcp_wire_flow flow = world_flow((uint16_t)(10000 + i));

		CU_ASSERT_FATAL(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
		hz_worker_turn(first);
		if (i % 64 == 0) {
			struct tcp_wire_seg seg;

			while (world_take(&world, 0, &seg, NULL))
				;
		}
	}
	theirs = (uint32_t)world.worker[0].slot.worker.steered;
	CU_ASSERT_EQUAL(theirs, HZ_STEER_SLOTS);
	CU_ASSERT(rig_count(&world.worker[0].slot, HZ_COUNTER_drop_steer_full) > 100);
	CU_ASSERT_EQUAL(hz_tcp_connection_count(world.worker[1].loop.tcp), 0);
	world_turn(&world, HZ_STEER_SLOTS / 32 + 1);
	CU_ASSERT_EQUAL(hz_tcp_connection_count(world.worker[1].loop.tcp), theirs);
	world_close(&world);
}

static void worker_close_frees_frames_never_taken(void)
{
	struct tcp_wire_seg seg;
	uint32_t in_use;

	OPEN(2);
	for (uint32_t i = 0; i < 40; i++) {
		struct tcp_wire_flow flow = world_flow((uint16_t)(10000 + i));

		CU_ASSERT_FATAL(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
		hz_worker_turn(&world.worker[0].loop);
	}
	CU_ASSERT(world.worker[0].slot.worker.steered > 0);
	for (uint32_t i = 0; i < 2; i++)
		hz_worker_close(&world.worker[i].loop);
	while (world_take(&world, 0, &seg, NULL))
		;
	in_use = world_mbufs_in_use(&world);
	CU_ASSERT_EQUAL(in_use, world.worker[0].slot.worker.steered);
	hz_steer_close(&world.steer);
	CU_ASSERT_EQUAL(world_mbufs_in_use(&world), 0);
	world_close(&world);
}

static void worker_owner_covers_all_hashes_evenly(void)
{
	struct hz_worker_iface iface = { .owner_count = 3, .owner = { 4, 7, 9 } };

	CU_ASSERT_EQUAL(hz_worker_owner(&iface, 0), 4);
	CU_ASSERT_EQUAL(hz_worker_owner(&iface, UINT32_MAX / 3), 4);
	CU_ASSERT_EQUAL(hz_worker_owner(&iface, UINT32_MAX / 3 + 1), 7);
	CU_ASSERT_EQUAL(hz_worker_owner(&iface, UINT32_MAX), 9);
}

static void worker_open_of_bad_conf_is_refused(void)
{
	struct hz_worker_loop loop;
	struct hz_worker_open_conf conf = { .burst = 32 };

	memset(&loop, 0, sizeof(loop));
	CU_ASSERT_EQUAL(hz_worker_open(&loop, &conf), -EINVAL);
	conf.port_count = 1;
	conf.burst = 0;
	CU_ASSERT_EQUAL(hz_worker_open(&loop, &conf), -EINVAL);
	conf.burst = HZ_LIMIT_burst_max + 1;
	CU_ASSERT_EQUAL(hz_worker_open(&loop, &conf), -EINVAL);
	hz_worker_close(&loop);
}

HZ_SUITE(worker, CASE(worker_syn_gets_syn_ack), CASE(worker_data_is_echoed_in_one_turn),
         CASE(worker_turn_counts_what_it_found), CASE(worker_beat_advances_at_most_each_ms),
         CASE(worker_gauges_follow_ports_and_drops), CASE(worker_time_goes_to_busy_and_gap),
         CASE(worker_drain_refuses_new_and_keeps_old),
         CASE(worker_drain_before_first_turn_is_not_lost),
         CASE(worker_stop_ends_loop_and_close_resets), CASE(worker_steers_each_flow_to_its_owner),
         CASE(worker_hand_over_wakes_sleeping_owner), CASE(worker_serves_flow_from_any_queue),
         CASE(worker_full_hand_over_ring_drops_and_counts),
         CASE(worker_close_frees_frames_never_taken), CASE(worker_owner_covers_all_hashes_evenly),
         CASE(worker_open_of_bad_conf_is_refused));
