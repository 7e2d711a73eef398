/* When XDP saw a frame, as the protocol learns it: of the frame that it is called for, and of no other. */
#include "hz_test.h"
#include "world.h"

static struct world world;

static void open_stamped(uint32_t workers)
{
	CU_ASSERT_FATAL(world_open(&world, workers, false, HZ_SPIN_FOREVER_US));
	for (uint32_t i = 0; i < workers; i++)
		world.worker[i].loop.port[0].port->rx_slots = 1024;
}

/* A connection through the queue of worker 0 that belongs to owner. */
static struct tcp_wire_flow connection_of(uint32_t owner)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg;
	uint16_t client_port = 30000;

	while (!world_connect(&world, 0, owner, client_port, &flow) && client_port < 30050)
		client_port++;
	CU_ASSERT_FATAL(client_port < 30050);
	while (world_take(&world, 0, &seg, NULL))
		; /* SYN-ACKs of the others */
	return flow;
}

static void data_send(struct tcp_wire_flow *flow, uint64_t rx_ns)
{
	CU_ASSERT_FATAL(world_send_seen(&world, 0, flow, "abcd", rx_ns));
	flow->seq += 4;
}

/* All in one burst, which the overload controller looks at before; then without a stamp. */
static void protocol_learns_the_time_of_each_frame_of_a_burst(void)
{
	struct tcp_wire_flow flow;

	open_stamped(1);
	flow = connection_of(0);
	data_send(&flow, 42);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(world.data_rx_ns, 42);
	for (uint64_t rx_ns = 50; rx_ns < 60; rx_ns++)
		data_send(&flow, rx_ns);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(world.data_rx_ns, 59);
	CU_ASSERT_EQUAL(world.worker[0].env.rx_ns, 0);
	data_send(&flow, 0);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(world.data_rx_ns, 0);
	world_close(&world);
}

/* Many times as many frames as there are buffers: a time that stays in one of them comes again. */
static void time_of_a_frame_never_comes_again(void)
{
	struct tcp_wire_flow flow;
	struct tcp_wire_seg seg;
	char text[256];

	open_stamped(1);
	flow = connection_of(0);
	for (uint32_t i = 0; i < 3 * WORLD_MBUFS; i++) {
		data_send(&flow, i % 2 == 0 ? 42 : 0);
		world_turn(&world, 1);
		CU_ASSERT_EQUAL_FATAL(world.data_rx_ns, i % 2 == 0 ? 42 : 0);
		CU_ASSERT_FATAL(world_take(&world, 0, &seg, text));
		flow.ack += 4;
	}
	world_close(&world);
}

static void frame_of_another_worker_keeps_its_time(void)
{
	struct tcp_wire_flow flow;

	open_stamped(2);
	flow = connection_of(1);
	data_send(&flow, 42);
	hz_worker_turn(&world.worker[0].loop);
	CU_ASSERT_EQUAL(world.data_rx_ns, 0);
	hz_worker_turn(&world.worker[1].loop);
	CU_ASSERT_EQUAL(world.data_rx_ns, 42);
	CU_ASSERT_EQUAL(world.worker[1].env.rx_ns, 0);
	world_close(&world);
}

/* What stands in front of the frames of another port is anything. */
static void port_that_carries_no_times_is_not_asked(void)
{
	struct tcp_wire_flow flow;

	open_stamped(1);
	world.worker[0].loop.port[0].port->rx_slots = 0;
	flow = connection_of(0);
	data_send(&flow, 42);
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(world.data_rx_ns, 0);
	world_close(&world);
}

HZ_SUITE(rx_stamp, CASE(protocol_learns_the_time_of_each_frame_of_a_burst),
         CASE(time_of_a_frame_never_comes_again), CASE(frame_of_another_worker_keeps_its_time),
         CASE(port_that_carries_no_times_is_not_asked));
