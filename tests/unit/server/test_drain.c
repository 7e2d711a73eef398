/* Drain: probes first, then nobody new, then the end or the deadline; and the seats it reads. */
#include "hz_test.h"
#include "server_rig.h"
#include <unistd.h>

#define LAME_DUCK_MS 100
#define DRAIN_MS     1000

static struct server_rig *draining_open(uint64_t connections)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);

	if (rig == NULL || server_rig_seats_open(rig, 1) != 0)
		return NULL;
	rig->conf.tune.timeout_lame_duck_ms = LAME_DUCK_MS;
	rig->conf.tune.timeout_drain_ms = DRAIN_MS;
	rig->server.seats.seat[0].slot.conns->established = connections;
	hz_server_drain(&rig->server);
	return rig;
}

static uint64_t after_ms(const struct server_rig *rig, uint64_t ms)
{
	return rig->server.drain_ns + ms * HZ_NS_PER_MS;
}

static void drain_not_asked_for_does_nothing(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	hz_server_drain_step(&rig->server, hz_clock_monotonic_ns() + 3600 * HZ_NS_PER_S);
	CU_ASSERT_FALSE(rig->server.is_refusing);
	CU_ASSERT_FALSE(rig->server.is_done);
	CU_ASSERT_EQUAL(rig->server.state, HZ_STATE_READY);
	server_rig_close(rig);
}

static void drain_serves_on_through_the_lame_duck_time(void)
{
	struct server_rig *rig = draining_open(0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(rig->server.state, HZ_STATE_DRAINING);
	hz_server_drain_step(&rig->server, rig->server.drain_ns - 1); /* read before it began */
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS) - 1);
	CU_ASSERT_FALSE(rig->server.is_refusing);
	CU_ASSERT_FALSE(rig->server.is_done);
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS));
	CU_ASSERT_TRUE(rig->server.is_refusing);
	CU_ASSERT_TRUE(rig->server.is_done); /* nobody is connected */
	server_rig_close(rig);
}

static void drain_waits_for_connections_up_to_its_deadline(void)
{
	struct server_rig *rig = draining_open(1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS));
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + DRAIN_MS) - 1);
	CU_ASSERT_TRUE(rig->server.is_refusing);
	CU_ASSERT_FALSE(rig->server.is_done);
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + DRAIN_MS));
	CU_ASSERT_TRUE(rig->server.is_done);
	rig->server.seats.seat[0].slot.conns->established = 0;
	server_rig_close(rig);
}

static void drain_ends_when_the_last_connection_has_gone(void)
{
	struct server_rig *rig = draining_open(1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + 1));
	CU_ASSERT_FALSE(rig->server.is_done);
	rig->server.seats.seat[0].slot.conns->established = 0;
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + 2));
	CU_ASSERT_TRUE(rig->server.is_done);
	server_rig_close(rig);
}

static void drain_does_not_wait_for_peers_that_have_everything(void)
{
	struct server_rig *rig = draining_open(0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	rig->server.seats.seat[0].slot.conns->fin_wait_1 = 1;
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS));
	CU_ASSERT_FALSE(rig->server.is_done);
	rig->server.seats.seat[0].slot.conns->fin_wait_1 = 0;
	rig->server.seats.seat[0].slot.conns->fin_wait_2 = 1;
	rig->server.seats.seat[0].slot.conns->time_wait = 1;
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + 1));
	CU_ASSERT_TRUE(rig->server.is_done);
	server_rig_close(rig);
}

/* A flood of SYNs leaves half-open ones by the thousand; who is in the middle of a handshake is through in a second. */
static void drain_waits_a_second_for_handshakes(void)
{
	struct server_rig *rig = draining_open(0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	rig->conf.tune.timeout_drain_ms = 30000;
	rig->server.seats.seat[0].slot.conns->syn_rcvd = 1000;
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS));
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + 1000) - 1);
	CU_ASSERT_TRUE(rig->server.is_refusing);
	CU_ASSERT_FALSE(rig->server.is_done);
	hz_server_drain_step(&rig->server, after_ms(rig, LAME_DUCK_MS + 1000));
	CU_ASSERT_TRUE(rig->server.is_done);
	server_rig_close(rig);
}

static void drain_by_a_second_signal_skips_the_wait(void)
{
	struct server_rig *rig = draining_open(1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	hz_server_terminate(&rig->server);
	CU_ASSERT_FALSE(rig->server.is_done); /* the first signal after `hzctl drain` */
	hz_server_drain(&rig->server);
	CU_ASSERT_FALSE(rig->server.is_done); /* nor does asking again cut it short */
	hz_server_terminate(&rig->server);
	CU_ASSERT_TRUE(rig->server.is_done);
	rig->server.seats.seat[0].slot.conns->established = 0;
	server_rig_close(rig);
}

static void seats_of_a_new_run_keep_counters_and_clear_gauges(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct hz_rundir_shared *shared;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	shared = &rig->server.shared;
	CU_ASSERT_EQUAL_FATAL(server_rig_seats_open(rig, 3), 0);
	for (uint32_t i = 0; i < 3; i++) {
		shared->worker[i].requests = 7 + i;
		shared->worker[i].connections = 4;
		shared->conns[i].established = 4;
		shared->beat[i].state = HZ_STATE_READY;
	}
	hz_seats_close(&rig->server.seats);
	CU_ASSERT_EQUAL_FATAL(server_rig_seats_open(rig, 2), 0);
	CU_ASSERT_EQUAL(rig->server.seats.count, 2);
	CU_ASSERT_EQUAL(shared->worker[1].requests, 8);
	CU_ASSERT_EQUAL(shared->worker[1].connections, 0);
	CU_ASSERT_EQUAL(shared->conns[1].established, 0);
	CU_ASSERT_EQUAL(shared->beat[1].state, HZ_STATE_STARTING);
	CU_ASSERT_EQUAL(shared->beat[1].pid, (uint32_t)getpid());
	/* A worker of the bigger run before: nobody beats for it any more. */
	CU_ASSERT_EQUAL(shared->beat[2].state, HZ_STATE_DOWN);
	CU_ASSERT_EQUAL(shared->worker[2].state, HZ_STATE_DOWN);
	CU_ASSERT_EQUAL(shared->beat[3].state, HZ_STATE_NONE);
	server_rig_close(rig);
}

static void seats_take_the_listed_cpus_in_turn(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	char why[160];

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(hz_tune_set(&rig->conf.tune, "boot/cpus", "5,2", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(server_rig_seats_open(rig, 3), 0);
	CU_ASSERT_EQUAL(rig->server.seats.conf[0].cpu, rig->conf.tune.cpu[0]);
	CU_ASSERT_EQUAL(rig->server.seats.conf[1].cpu, rig->conf.tune.cpu[1]);
	CU_ASSERT_EQUAL(rig->server.seats.conf[2].cpu, rig->conf.tune.cpu[0]);
	CU_ASSERT_NOT_EQUAL(rig->server.seats.conf[0].cpu, rig->server.seats.conf[1].cpu);
	server_rig_close(rig);
}

static void seats_have_randomness_of_their_own(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL_FATAL(server_rig_seats_open(rig, 2), 0);
	CU_ASSERT_NOT_EQUAL(hz_rng_next(&rig->server.seats.seat[0].env.rng),
	                    hz_rng_next(&rig->server.seats.seat[1].env.rng));
	CU_ASSERT_EQUAL(rig->server.seats.seat[1].env.worker_index, 1);
	CU_ASSERT_PTR_EQUAL(rig->server.seats.seat[1].slot.hist,
	                    &rig->server.shared.latency[HZ_STAGE_COUNT]);
	server_rig_close(rig);
}

HZ_SUITE(drain, CASE(drain_not_asked_for_does_nothing),
         CASE(drain_serves_on_through_the_lame_duck_time),
         CASE(drain_waits_for_connections_up_to_its_deadline),
         CASE(drain_ends_when_the_last_connection_has_gone),
         CASE(drain_does_not_wait_for_peers_that_have_everything),
         CASE(drain_waits_a_second_for_handshakes), CASE(drain_by_a_second_signal_skips_the_wait),
         CASE(seats_of_a_new_run_keep_counters_and_clear_gauges),
         CASE(seats_take_the_listed_cpus_in_turn), CASE(seats_have_randomness_of_their_own));
