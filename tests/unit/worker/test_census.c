/* A worker answers questions about its connections in bounded parts, while they come and go. */
#include "hz_test.h"
#include "world.h"
#include <string.h>

#define CLIENTS    400u
#define FIRST_PORT 20000u

static struct world world;
static struct tcp_wire_flow flows[CLIENTS];

static bool ask(struct hz_conn_query query)
{
	if (query.limit == 0)
		query.limit = HZ_LIMIT_census_conns_max;
	if (!hz_conn_census_ask(&world.worker[0].census, &query))
		return false;
	hz_mailbox_post(&world.worker[0].loop.mailbox, HZ_MAIL_CENSUS);
	return true;
}

static bool connect_all(uint32_t count)
{
	bool all = true;

	for (uint32_t i = 0; i < count; i++)
		all = world_connect(&world, 0, 0, (uint16_t)(FIRST_PORT + i), &flows[i]) && all;
	return all;
}

static uint32_t turns_to_answer(void)
{
	uint32_t turns = 0;

	while (!hz_conn_census_is_done(&world.worker[0].census) && turns < 1000) {
		world_turn(&world, 1);
		turns++;
	}
	return turns;
}

/* How often the client at each port is in the answer. */
static void entries_count(uint32_t times[CLIENTS * 2])
{
	const struct hz_conn_census *census = &world.worker[0].census;

	memset(times, 0, CLIENTS * 2 * sizeof(times[0]));
	for (uint32_t i = 0; i < census->count; i++) {
		uint32_t at = census->entry[i].remote.port - FIRST_PORT;

		CU_ASSERT_FATAL(at < CLIENTS * 2);
		times[at]++;
	}
}

static void census_lists_each_connection_once_over_several_turns(void)
{
	uint32_t times[CLIENTS * 2];

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	CU_ASSERT_FATAL(connect_all(CLIENTS));
	CU_ASSERT_EQUAL(hz_worker_turn(&world.worker[0].loop), 0);
	CU_ASSERT(ask((struct hz_conn_query){ 0 }));
	CU_ASSERT(hz_worker_turn(&world.worker[0].loop) > 0); /* it must not go to sleep now */
	CU_ASSERT_FALSE(hz_conn_census_is_done(&world.worker[0].census));
	CU_ASSERT_EQUAL(turns_to_answer(), 3); /* 400 places, 128 a turn */
	entries_count(times);
	for (uint32_t i = 0; i < CLIENTS; i++)
		CU_ASSERT_EQUAL(times[i], 1);
	CU_ASSERT_EQUAL(world.worker[0].census.seen, CLIENTS);
	CU_ASSERT_FALSE(world.worker[0].census.is_partial);
	CU_ASSERT_EQUAL(hz_worker_turn(&world.worker[0].loop), 0); /* nothing is left to do */
	world_close(&world);
}

static void census_shows_who_stays_once_while_others_come_and_go(void)
{
	uint32_t times[CLIENTS * 2];
	uint32_t next = CLIENTS;

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	CU_ASSERT_FATAL(connect_all(CLIENTS));
	CU_ASSERT(ask((struct hz_conn_query){ 0 }));
	for (uint32_t i = 0; i < CLIENTS;
	     i += 4) { /* every fourth goes, a new one takes its place */
		struct tcp_wire_flow flow;

		CU_ASSERT(world_send(&world, 0, &flows[i], TCP_WIRE_RST, NULL, 0));
		if (i % 100 == 0)
			world_turn(&world, 1);
		CU_ASSERT(world_send(&world, 0, &flows[i], TCP_WIRE_RST, NULL, 0));
		flow = world_flow((uint16_t)(FIRST_PORT + next++));
		CU_ASSERT(world_send(&world, 0, &flow, TCP_WIRE_SYN, NULL, 0));
	}
	(void)turns_to_answer();
	entries_count(times);
	for (uint32_t i = 0; i < CLIENTS * 2; i++)
		CU_ASSERT(i < CLIENTS && i % 4 != 0 ? times[i] == 1 : times[i] <= 1);
	world_close(&world);
}

static void census_withdrawn_ends_at_the_next_turn_as_partial(void)
{
	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	CU_ASSERT_FATAL(connect_all(CLIENTS));
	CU_ASSERT(ask((struct hz_conn_query){ 0 }));
	world_turn(&world, 1);
	hz_conn_census_withdraw(&world.worker[0].census);
	CU_ASSERT_EQUAL(turns_to_answer(), 1);
	CU_ASSERT(world.worker[0].census.is_partial);
	CU_ASSERT_EQUAL(world.worker[0].census.seen, 128);
	world_close(&world);
}

static void census_figures_are_those_of_the_connection(void)
{
	const struct hz_conn_info *info = &world.worker[0].census.entry[0];
	struct tcp_wire_seg seg;

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	info = &world.worker[0].census.entry[0];
	CU_ASSERT_FATAL(connect_all(1));
	world.worker[0].env.now_ns += 3 * HZ_NS_PER_S;
	CU_ASSERT(world_send(&world, 0, &flows[0], TCP_WIRE_ACK | TCP_WIRE_PSH, "hello", 5));
	world_turn(&world, 1);
	CU_ASSERT(world_take(&world, 0, &seg, NULL)); /* the echo, which is not acknowledged */
	world.worker[0].env.now_ns += HZ_NS_PER_S / 8;
	CU_ASSERT(ask((struct hz_conn_query){ 0 }));
	(void)turns_to_answer();
	CU_ASSERT_EQUAL_FATAL(world.worker[0].census.count, 1);
	CU_ASSERT_EQUAL(info->state, HZ_CONN_STATE_established);
	CU_ASSERT_EQUAL(info->remote.port, FIRST_PORT);
	CU_ASSERT_EQUAL(info->local.port, WORLD_PORT);
	CU_ASSERT_EQUAL(info->remote.addr.byte[15], 1);
	CU_ASSERT_EQUAL(info->local.addr.byte[15], 2);
	CU_ASSERT_EQUAL(info->mss_bytes, 1460);
	CU_ASSERT_EQUAL(info->cwnd_bytes, 14600);
	CU_ASSERT_EQUAL(info->in_flight_bytes, 5);
	CU_ASSERT_EQUAL(info->send_queue_bytes, 5);
	CU_ASSERT_EQUAL(info->receive_queue_bytes, 0);
	CU_ASSERT_EQUAL(info->retransmits, 0);
	CU_ASSERT_EQUAL(info->options, 0);
	CU_ASSERT(info->idle_ns > 124 * HZ_NS_PER_MS && info->idle_ns < 126 * HZ_NS_PER_MS);
	CU_ASSERT(info->age_ns > 3100 * HZ_NS_PER_MS && info->age_ns < 3150 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(info->rto_us, 200000);
	world.worker[0].env.now_ns += HZ_NS_PER_S; /* the echo again, twice */
	world_turn(&world, 2);
	hz_conn_census_release(&world.worker[0].census);
	CU_ASSERT(ask((struct hz_conn_query){ 0 }));
	(void)turns_to_answer();
	CU_ASSERT_EQUAL(info->retransmits, 1);
	CU_ASSERT_EQUAL(info->rto_us, 400000);
	CU_ASSERT_EQUAL(info->cwnd_bytes, 1460);
	world_close(&world);
}

/* RFC 4022: opens, and ends that were not orderly. */
static void counters_of_opens_and_ends_follow_rfc4022(void)
{
	const struct hz_worker *gauge = &world.worker[0].slot.worker;
	struct tcp_wire_flow half = world_flow(30000);
	const __u64 *counter = gauge->counters;

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	CU_ASSERT_FATAL(connect_all(2));
	CU_ASSERT(world_send(&world, 0, &half, TCP_WIRE_SYN, NULL, 0));
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(counter[HZ_COUNTER_passive_opens], 3);
	CU_ASSERT_EQUAL(counter[HZ_COUNTER_active_opens], 0);
	half.seq++;
	CU_ASSERT(world_send(&world, 0, &half, TCP_WIRE_RST, NULL, 0));
	CU_ASSERT(world_send(&world, 0, &flows[0], TCP_WIRE_RST, NULL, 0));
	CU_ASSERT(world_send(&world, 0, &flows[1], TCP_WIRE_FIN | TCP_WIRE_ACK, NULL, 0));
	world_turn(&world, 2); /* the echo ends its side too: an orderly close */
	CU_ASSERT_EQUAL(counter[HZ_COUNTER_attempt_fails], 1);
	CU_ASSERT_EQUAL(counter[HZ_COUNTER_estab_resets], 1);
	world_close(&world);
	CU_ASSERT_EQUAL(counter[HZ_COUNTER_estab_resets], 1);
}

static void dropped_is_the_sum_of_all_drop_counters(void)
{
	struct hz_worker *gauge = &world.worker[0].slot.worker;

	CU_ASSERT_FATAL(world_open(&world, 1, false, HZ_SPIN_FOREVER_US));
	gauge->counters[HZ_COUNTER_drop_short] = 3;
	gauge->counters[HZ_COUNTER_drop_nd] = 5;
	gauge->counters[HZ_COUNTER_reset_sent] = 100;
	world.worker[0].env.now_ns += HZ_NS_PER_MS;
	world_turn(&world, 1);
	CU_ASSERT_EQUAL(gauge->dropped, 8);
	world_close(&world);
}

static void census_asked_of_sleeping_worker_wakes_it(void)
{
	struct hz_conn_census *census = &world.worker[0].census;

	CU_ASSERT_FATAL(world_open(&world, 1, true, 0));
	world_turn(&world, 2);
	CU_ASSERT(ask((struct hz_conn_query){ 0 }));
	for (int i = 0; i < 4 && !hz_conn_census_is_done(census); i++) {
		unsigned found = hz_worker_turn(&world.worker[0].loop);

		hz_worker_rest(&world.worker[0].loop, found);
	}
	CU_ASSERT(hz_conn_census_is_done(census));
	world_close(&world);
}

HZ_SUITE(census, CASE(census_lists_each_connection_once_over_several_turns),
         CASE(census_shows_who_stays_once_while_others_come_and_go),
         CASE(census_withdrawn_ends_at_the_next_turn_as_partial),
         CASE(census_figures_are_those_of_the_connection),
         CASE(counters_of_opens_and_ends_follow_rfc4022),
         CASE(dropped_is_the_sum_of_all_drop_counters),
         CASE(census_asked_of_sleeping_worker_wakes_it));
