/* From the times that XDP wrote in front of frames to the word that XDP reads. */
#include "abi/shed_word.h"
#include "hz_test.h"
#include "worker/gauges.h"
#include "worker/load_sample.h"
#include "world.h"
#include <string.h>

#define STEP_MS 10u

static struct world world;
static const struct hz_overload_conf adaptive = { .mode = HZ_OVERLOAD_ADAPTIVE,
	                                          .start_percent = 85,
	                                          .max_permille = 900 };

static void settings_adaptive(struct hz_worker_open_conf *conf)
{
	struct hz_worker_conf *worker = (struct hz_worker_conf *)(uintptr_t)conf->worker;

	worker->overload = &adaptive;
}

static struct hz_worker_loop *open_one(void)
{
	CU_ASSERT_FATAL(world_open_adjusted(&world, 1, settings_adaptive));
	world.worker[0].loop.port[0].port->rx_slots = 1024;
	return &world.worker[0].loop;
}

static void time_passes(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		world.worker[0].env.now_ns += HZ_NS_PER_MS;
		hz_gauges_beat(&world.worker[0].loop);
	}
}

static struct rte_mbuf *frame_of(struct hz_worker_loop *w, uint64_t wait_ns)
{
	struct rte_mbuf *mbuf = hz_port_alloc(w->port[0].port, false);
	struct hz_rx_stamp stamp = { .time_ns = w->env->now_ns - wait_ns,
		                     .magic = HZ_RX_STAMP_MAGIC };

	CU_ASSERT_FATAL(mbuf != NULL);
	memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *) - sizeof(stamp), &stamp, sizeof(stamp));
	return mbuf;
}

/* A burst whose oldest frame waited so long. */
static void burst(struct hz_worker_loop *w, uint64_t wait_ns)
{
	w->frame[0] = frame_of(w, wait_ns);
	hz_load_sample_burst(w, &w->port[0], 1);
	rte_pktmbuf_free(w->frame[0]);
}

static void stamp_is_taken_once(void)
{
	struct hz_worker_loop *w = open_one();
	struct rte_mbuf *mbuf = hz_port_alloc(w->port[0].port, false);
	struct hz_rx_stamp stamp = { .time_ns = 42, .magic = HZ_RX_STAMP_MAGIC };

	CU_ASSERT_FATAL(mbuf != NULL);
	memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *) - sizeof(stamp), &stamp, sizeof(stamp));
	CU_ASSERT_EQUAL(hz_rx_stamp_take(mbuf), 42);
	CU_ASSERT_EQUAL(hz_rx_stamp_take(mbuf), 0);
	rte_pktmbuf_free(mbuf);
	world_close(&world);
}

static void queue_that_stays_is_refused_by_the_word(void)
{
	struct hz_worker_loop *w = open_one();
	const struct hz_beat *beat = &world.worker[0].slot.beat;

	for (unsigned step = 0; step < 50; step++) {
		burst(w, 5 * HZ_NS_PER_MS);
		burst(w, 4 * HZ_NS_PER_MS);
		time_passes(STEP_MS);
	}
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.queue_wait_ns, 4 * HZ_NS_PER_MS);
	CU_ASSERT_TRUE(hz_shed_field(beat->shed, HZ_SHED_BULK) > 100);
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.shed_permille,
	                hz_shed_field(beat->shed, HZ_SHED_BULK));
	CU_ASSERT_TRUE(world.worker[0].slot.worker.shed_pressure >= 85);
	world_close(&world);
	CU_ASSERT_EQUAL(beat->shed, 0);
}

/* A ring that was found empty once in a step has no queue, whatever piled up before. */
static void empty_ring_forgets_what_piled_up(void)
{
	struct hz_worker_loop *w = open_one();

	for (unsigned step = 0; step < 50; step++) {
		burst(w, 50 * HZ_NS_PER_MS);
		hz_load_sample_burst(w, &w->port[0], 0);
		time_passes(STEP_MS);
	}
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.queue_wait_ns, 0);
	CU_ASSERT_EQUAL(world.worker[0].slot.beat.shed, 0);
	world_close(&world);
}

static void frames_without_a_time_did_not_wait(void)
{
	struct hz_worker_loop *w = open_one();

	w->port[0].port->rx_slots = 0;
	for (unsigned step = 0; step < 50; step++) {
		burst(w, 50 * HZ_NS_PER_MS);
		time_passes(STEP_MS);
	}
	CU_ASSERT_EQUAL(world.worker[0].slot.beat.shed, 0);
	world_close(&world);
}

/* In a flood every burst may begin with the echo of a cookie, which has a note where the time would be. */
static void burst_behind_a_noted_frame_has_its_wait(void)
{
	struct hz_worker_loop *w = open_one();

	for (unsigned step = 0; step < 50; step++) {
		struct rte_mbuf *noted = hz_port_alloc(w->port[0].port, false), *timed;

		CU_ASSERT_FATAL(noted != NULL);
		memset(rte_pktmbuf_mtod(noted, uint8_t *) - sizeof(struct hz_rx_stamp), 1,
		       sizeof(struct hz_rx_stamp));
		w->frame[0] = noted;
		hz_load_sample_burst(w, &w->port[0], 1); /* alone it says nothing */
		timed = frame_of(w, 5 * HZ_NS_PER_MS);
		w->frame[0] = noted;
		w->frame[1] = timed;
		hz_load_sample_burst(w, &w->port[0], 2);
		rte_pktmbuf_free(noted);
		rte_pktmbuf_free(timed);
		time_passes(STEP_MS);
	}
	CU_ASSERT_EQUAL(world.worker[0].slot.worker.queue_wait_ns, 5 * HZ_NS_PER_MS);
	CU_ASSERT_TRUE(hz_shed_field(world.worker[0].slot.beat.shed, HZ_SHED_BULK) > 100);
	world_close(&world);
}

static void beat_between_steps_keeps_the_word(void)
{
	struct hz_worker_loop *w = open_one();
	uint64_t word;

	for (unsigned step = 0; step < 50; step++) {
		burst(w, 5 * HZ_NS_PER_MS);
		time_passes(STEP_MS);
	}
	word = world.worker[0].slot.beat.shed;
	CU_ASSERT_NOT_EQUAL(word, 0);
	time_passes(STEP_MS / 2);
	CU_ASSERT_EQUAL(world.worker[0].slot.beat.shed, word);
	time_passes(1500); /* nothing comes any more */
	CU_ASSERT_EQUAL(world.worker[0].slot.beat.shed, 0);
	world_close(&world);
}

/* 1024 slots, frames that wait 5 ms while 100 per millisecond are taken: half of it is full. */
static void ring_is_as_full_as_littles_law_says(void)
{
	struct hz_worker_loop *w = open_one();

	burst(w, 5 * HZ_NS_PER_MS);
	time_passes(STEP_MS);
	burst(w, 5 * HZ_NS_PER_MS);
	w->port[0].port->rx_packets += 1000;
	time_passes(STEP_MS);
	CU_ASSERT_EQUAL(w->overload.ring, 48);
	world_close(&world);
}

/* A turn answers at its end: with slow handlers it takes fewer frames, and as many as before when they are quick. */
static void turn_that_takes_long_takes_fewer_frames(void)
{
	struct hz_worker_loop *w = open_one();

	w->port[0].port->rx_slots = 0; /* nobody looks at the frames, which are not there */
	CU_ASSERT_EQUAL(w->turn_frames, 32);
	hz_load_sample_turn(w, 4 * HZ_TURN_NS);
	CU_ASSERT_EQUAL(w->turn_frames, 8);
	hz_load_sample_turn(w, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(w->turn_frames, 1);
	for (unsigned i = 0; i < 100; i++)
		hz_load_sample_turn(w, HZ_TURN_NS / 2); /* which found fewer than it may take */
	CU_ASSERT_EQUAL(w->turn_frames, 1);
	for (unsigned i = 0; i < 100; i++) {
		hz_load_sample_burst(w, &w->port[0], w->turn_frames);
		hz_load_sample_turn(w, HZ_TURN_NS / 2);
	}
	CU_ASSERT_EQUAL(w->turn_frames, 32);
	world_close(&world);
}

/* What is served knows since when it waits; what no frame brought does not. */
static void burst_tells_when_it_came(void)
{
	struct hz_worker_loop *w = open_one();

	burst(w, 5 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(w->overload.came_ns, w->env->now_ns - 5 * HZ_NS_PER_MS);
	hz_worker_turn(w);
	CU_ASSERT_EQUAL(w->overload.came_ns, 0);
	world_close(&world);
}

/* Ten answers of which four were 503 of ours, in ten milliseconds of work: one and two thirds for each served. */
static void work_of_a_request_is_what_was_served(void)
{
	struct hz_worker_loop *w = open_one();
	struct hz_worker *gauge = &world.worker[0].slot.worker;

	time_passes(STEP_MS);
	gauge->requests += 10;
	gauge->counters[HZ_COUNTER_shed_request] += 1;
	gauge->counters[HZ_COUNTER_shed_late] += 3;
	gauge->busy_ns += STEP_MS * HZ_NS_PER_MS;
	burst(w, HZ_OVERLOAD_TARGET_NS);
	time_passes(STEP_MS);
	CU_ASSERT_TRUE(w->overload.request_ns > 1.66e6 && w->overload.request_ns < 1.67e6);
	CU_ASSERT_TRUE(hz_shed_field(world.worker[0].slot.beat.shed, HZ_SHED_BULK) > 0);
	world_close(&world);
}

HZ_SUITE(load_sample, CASE(stamp_is_taken_once), CASE(queue_that_stays_is_refused_by_the_word),
         CASE(empty_ring_forgets_what_piled_up), CASE(frames_without_a_time_did_not_wait),
         CASE(burst_behind_a_noted_frame_has_its_wait), CASE(beat_between_steps_keeps_the_word),
         CASE(ring_is_as_full_as_littles_law_says), CASE(turn_that_takes_long_takes_fewer_frames),
         CASE(burst_tells_when_it_came), CASE(work_of_a_request_is_what_was_served));
