/* A worker notes the frames it handles, and what became of them. */
#include "hz_test.h"
#include "world.h"
#include <stdlib.h>
#include <string.h>

static struct world world;
static struct hz_trace_ring *ring[2];

static void trace_switch(uint32_t workers, bool on)
{
	for (uint32_t i = 0; i < workers; i++) {
		if (ring[i] == NULL)
			ring[i] = calloc(1, sizeof(*ring[i]));
		__atomic_store_n(&world.worker[i].loop.trace_asked, on ? ring[i] : NULL,
		                 __ATOMIC_RELEASE);
		hz_mailbox_post(&world.worker[i].loop.mailbox, HZ_MAIL_TRACE);
	}
	world_turn(&world, 1);
}

static void finish(void)
{
	world_close(&world);
	for (size_t i = 0; i < HZ_ARRAY_LEN(ring); i++) {
		free(ring[i]);
		ring[i] = NULL;
	}
}

/* Those two, which may be the same, and no other. */
static bool has_moved(const struct hz_trace_frame *frame, enum hz_counter a, enum hz_counter b)
{
	for (unsigned i = 0; i < HZ_COUNTERS_MAX; i++) {
		if (hz_counter_set_has(&frame->moved, i) != (i == a || i == b))
			return false;
	}
	return true;
}

static bool has_moved_one(const struct hz_trace_frame *frame, enum hz_counter counter)
{
	return has_moved(frame, counter, counter);
}

static bool has_moved_none(const struct hz_trace_frame *frame)
{
	return has_moved(frame, HZ_COUNTERS_MAX, HZ_COUNTERS_MAX);
}

static void trace_notes_frames_both_ways_with_what_they_moved(void)
{
	struct tcp_wire_flow flow, nobody = world_flow(50000);
	const struct hz_trace_frame *slot;

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	trace_switch(1, true);
	slot = ring[0]->slot;
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow)); /* SYN, SYN-ACK, ACK */
	world.worker[0].env.now_ns += 5;
	nobody.server_port = 81;
	CU_ASSERT(world_send(&world, 0, &nobody, TCP_WIRE_ACK, "x", 1));
	world_turn(&world, 1);
	CU_ASSERT_EQUAL_FATAL(ring[0]->begun, 5);
	CU_ASSERT_EQUAL(slot[0].kind, HZ_TRACE_RX);
	CU_ASSERT(has_moved_one(&slot[0], HZ_COUNTER_passive_opens));
	CU_ASSERT_EQUAL(slot[0].frame_bytes, 60);
	CU_ASSERT_EQUAL(slot[0].data_bytes, 60);
	CU_ASSERT_EQUAL(slot[1].kind, HZ_TRACE_TX);
	CU_ASSERT_EQUAL(slot[2].kind, HZ_TRACE_RX);
	CU_ASSERT(has_moved_none(&slot[2]));
	CU_ASSERT_EQUAL(slot[2].time_ns, HZ_NS_PER_S);
	CU_ASSERT(has_moved(&slot[3], HZ_COUNTER_drop_not_ours, HZ_COUNTER_reset_sent));
	CU_ASSERT_EQUAL(slot[3].time_ns, HZ_NS_PER_S + 5);
	CU_ASSERT_EQUAL(slot[4].kind, HZ_TRACE_TX);
	for (uint64_t i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(slot[i].sequence, i + 1);
	finish();
}

static void trace_switched_off_notes_nothing_more(void)
{
	struct tcp_wire_flow flow;

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	CU_ASSERT_FATAL(world_connect(&world, 0, 0, 40000, &flow));
	trace_switch(1, true);
	CU_ASSERT_EQUAL(ring[0]->begun, 0);
	CU_ASSERT_EQUAL(ring[0]->is_on, 1);
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, "hi", 2));
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(ring[0]->begun, 2);
	trace_switch(1, false);
	CU_ASSERT_EQUAL(ring[0]->is_on, 0);
	flow.seq += 2;
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_ACK | TCP_WIRE_PSH, "hi", 2));
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(ring[0]->begun, 2);
	finish();
}

/* All frames come to worker 0's queue; those of worker 1's flows are noted by both. */
static void trace_of_handed_frame_names_both_workers_parts(void)
{
	struct tcp_wire_flow flow = world_flow(40000);
	uint64_t handed = 0, taken = 0;

	CU_ASSERT_FATAL(world_open(&world, 2, false, HZ_SPIN_FOREVER_US));
	trace_switch(2, true);
	for (uint16_t port = 40000; port < 40032; port++) {
		flow = world_flow(port);
		CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	}
	world_turn(&world, 4);
	for (uint64_t i = 0; i < ring[0]->begun; i++) {
		const struct hz_trace_frame *frame = &ring[0]->slot[i];

		handed += frame->kind == HZ_TRACE_RX_HANDED;
		CU_ASSERT(frame->kind == HZ_TRACE_RX
		                  ? has_moved_one(frame, HZ_COUNTER_passive_opens)
		                  : has_moved_none(frame));
	}
	for (uint64_t i = 0; i < ring[1]->begun; i++)
		taken += ring[1]->slot[i].kind == HZ_TRACE_RX_TAKEN;
	CU_ASSERT(handed > 0 && handed < 32);
	CU_ASSERT_EQUAL(taken, handed);
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.steered, handed);
	finish();
}

static void trace_marks_what_the_device_refused(void)
{
	struct tcp_wire_flow flow = world_flow(40000);

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	trace_switch(1, true);
	world.worker[0].loop.port[0].port->link_up = false;
	CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 1);
	CU_ASSERT_EQUAL_FATAL(ring[0]->begun, 2);
	CU_ASSERT(has_moved_one(&ring[0]->slot[0], HZ_COUNTER_passive_opens));
	CU_ASSERT_EQUAL(ring[0]->slot[1].kind, HZ_TRACE_TX);
	CU_ASSERT(has_moved_one(&ring[0]->slot[1], HZ_COUNTER_drop_tx_full));
	finish();
}

HZ_SUITE(frame_trace, CASE(trace_notes_frames_both_ways_with_what_they_moved),
         CASE(trace_switched_off_notes_nothing_more),
         CASE(trace_of_handed_frame_names_both_workers_parts),
         CASE(trace_marks_what_the_device_refused));
