/* The controller of the ladder against a simulated worker: a queue that serves one second of work per second, fed by
 * flows whose first frame comes at once and whose work comes a round trip later. */
#include "abi/shed_word.h"
#include "core/base.h"
#include "core/overload.h"
#include "core/rng.h"
#include <hz_test.h>
#include <string.h>

#define TICK_NS    100000u /* of the plant */
#define TICK_S     (TICK_NS / 1e9)
#define RING_S     0.02 /* of work that the receive ring holds; the rest is lost */
#define SYN_PART   0.2  /* of a flow's work */
#define ROUND_MAX  1000u
#define MEASURED_S 4.0

struct plant {
	struct hz_overload_conf conf;
	struct hz_overload overload;
	struct hz_rng rng;
	double queue_s, least_s;
	double later[ROUND_MAX]; /* work that comes in a round trip, by tick */
	uint32_t round_ticks;
	uint64_t tick;
	double served_s;
	uint64_t stalled_until; /* tick */
};

static void plant_open(struct plant *plant, double round_trip_s)
{
	memset(plant, 0, sizeof(*plant));
	plant->conf = (struct hz_overload_conf){ .mode = HZ_OVERLOAD_ADAPTIVE,
		                                 .start_percent = 85,
		                                 .max_permille = 900 };
	plant->overload.conf = &plant->conf;
	plant->round_ticks = (uint32_t)(round_trip_s / TICK_S) + 1;
	plant->least_s = RING_S;
	hz_rng_seed(&plant->rng, 4);
}

static double admitted(const struct hz_overload *o)
{
	return 1.0 - hz_shed_field(o->word, HZ_SHED_BULK) / 1000.0;
}

static void plant_step(struct plant *plant)
{
	const struct hz_overload_sample sample = { .now_ns = (plant->tick + 1) * TICK_NS,
		                                   .queue_ns = (uint64_t)(plant->least_s * 1e9),
		                                   .busy_percent = 100 };

	hz_overload_step(&plant->overload, &sample);
	plant->least_s = RING_S;
}

/* offered: work per second, 1 is all that the worker can do; it comes uneven, 0 to 2 times that per tick. */
static void plant_tick(struct plant *plant, double offered)
{
	double uneven = (double)hz_rng_below(&plant->rng, 2001) / 1000.0;
	double work = offered * TICK_S * uneven * admitted(&plant->overload);
	double *later = &plant->later[plant->tick % plant->round_ticks];
	double answered = 1.0 - 0.85 * plant->overload.refuse_permille / 1000.0; /* 503 is cheap */

	plant->queue_s += work * SYN_PART + *later;
	*later = work * (1.0 - SYN_PART) * answered;
	plant->queue_s = HZ_MIN(plant->queue_s, RING_S);
	if (plant->tick >= plant->stalled_until) {
		double served = HZ_MIN(plant->queue_s, TICK_S);

		plant->queue_s -= served;
		plant->served_s += served;
	}
	plant->least_s = HZ_MIN(plant->least_s, plant->queue_s);
	if ((plant->tick + 1) % (HZ_OVERLOAD_STEP_NS / TICK_NS) == 0 &&
	    plant->tick >= plant->stalled_until)
		plant_step(plant);
	plant->tick++;
}

static void plant_run(struct plant *plant, double offered, double seconds)
{
	for (uint32_t i = 0; i < seconds / TICK_S; i++)
		plant_tick(plant, offered);
}

struct figures {
	double used;        /* share of the worker's time that it served */
	double least, most; /* of what is let in */
	double wait_mean_s;
	uint32_t turns; /* of the level, each by a tenth of it at least */
};

static struct figures plant_measure(struct plant *plant, double offered)
{
	struct figures out = { .least = 1.0 };
	double before_s = plant->served_s, edge = admitted(&plant->overload);
	bool rises = false;

	for (uint32_t i = 0; i < MEASURED_S / TICK_S; i++) {
		double share;

		plant_tick(plant, offered);
		share = admitted(&plant->overload);
		out.least = HZ_MIN(out.least, share);
		out.most = HZ_MAX(out.most, share);
		out.wait_mean_s += plant->queue_s * TICK_S / MEASURED_S;
		if (rises ? share > edge : share < edge)
			edge = share;
		if (rises ? share < edge * 0.9 : share > edge * 1.1) {
			rises = !rises;
			edge = share;
			out.turns++;
		}
	}
	out.used = (plant->served_s - before_s) / MEASURED_S;
	return out;
}

static void load_below_capacity_refuses_nothing(void)
{
	struct plant plant;

	plant_open(&plant, 0.001);
	plant_run(&plant, 0.8, 5.0);
	CU_ASSERT_EQUAL(plant.overload.word, 0);
	CU_ASSERT_EQUAL(plant.overload.level_permille, 0);
	CU_ASSERT_EQUAL(plant.overload.refuse_permille, 0);
	CU_ASSERT_TRUE(plant.overload.pressure_percent == 84); /* busy, and no more than that */
}

/* Twice, five and ten times what it can do, near and far clients: after a second all of its time is used, the wait is
 * short, and what is let in stays where it belongs. */
static void step_settles_at_capacity_without_swinging(void)
{
	static const double over[] = { 2.0, 5.0, 9.0 };
	static const double round_trip_s[] = { 0.0005, 0.005, 0.05 };
	struct plant plant;

	for (unsigned r = 0; r < HZ_ARRAY_LEN(round_trip_s); r++) {
		for (unsigned i = 0; i < HZ_ARRAY_LEN(over); i++) {
			struct figures seen;

			plant_open(&plant, round_trip_s[r]);
			plant_run(&plant, 0.5, 1.0);
			plant_run(&plant, over[i], 1.0);
			seen = plant_measure(&plant, over[i]);
			CU_ASSERT_TRUE(seen.used > 0.94);
			CU_ASSERT_TRUE(seen.least > 0.5 / over[i]);
			CU_ASSERT_TRUE(seen.most < 1.5 / over[i]);
			CU_ASSERT_TRUE(seen.wait_mean_s < 0.005);
			if (over[i] < 9.0) /* far enough from max_permille */
				CU_ASSERT_EQUAL(plant.overload.refuse_permille, 0);
			CU_ASSERT_TRUE(plant.overload.pressure_percent >= 85 &&
			               plant.overload.pressure_percent < 95);
		}
	}
}

/* The level may wander with what comes in, a few times per second; it must not swing with every step. */
static void step_does_not_oscillate(void)
{
	struct plant plant;
	struct figures seen;

	plant_open(&plant, 0.001);
	plant_run(&plant, 2.0, 2.0);
	seen = plant_measure(&plant, 2.0);
	CU_ASSERT_TRUE(seen.least > 0.4 && seen.most < 0.6);
	CU_ASSERT_TRUE(seen.turns <= 12 * MEASURED_S);
}

static void step_is_met_within_half_a_second(void)
{
	struct plant plant;

	plant_open(&plant, 0.001);
	plant_run(&plant, 0.5, 1.0);
	plant_run(&plant, 5.0, 0.5);
	CU_ASSERT_TRUE(admitted(&plant.overload) < 0.25);
}

static void end_of_load_lets_all_in_within_a_second_and_a_half(void)
{
	struct plant plant;

	plant_open(&plant, 0.001);
	plant_run(&plant, 9.0, 3.0);
	CU_ASSERT_TRUE(admitted(&plant.overload) < 0.15);
	plant_run(&plant, 0.5, 1.5);
	CU_ASSERT_EQUAL(plant.overload.word, 0);
	CU_ASSERT_TRUE(plant.overload.pressure_percent <= 84);
}

/* Up to three times in ten seconds and down again: refused is what is too much, at any moment. */
static void ramp_is_followed(void)
{
	struct plant plant;
	double used_s;

	plant_open(&plant, 0.005);
	plant_run(&plant, 1.0, 1.0);
	used_s = plant.served_s;
	for (unsigned i = 0; i < 100; i++) {
		double offered = 1.0 + (i < 50 ? i : 100 - i) * 0.04;

		plant_run(&plant, offered, 0.1);
		if (i > 10 && i < 90)
			CU_ASSERT_TRUE(admitted(&plant.overload) * offered < 1.5 &&
			               admitted(&plant.overload) * offered > 0.7);
	}
	CU_ASSERT_TRUE((plant.served_s - used_s) / 10.0 > 0.94);
}

/* What a queue may hold for a moment is no overload: at most a small part of what follows is refused. */
static void burst_is_queued_not_refused(void)
{
	struct plant plant;
	double least = 1.0;

	plant_open(&plant, 0.001);
	for (unsigned i = 0; i < 50; i++) {
		plant_run(&plant, 4.0, 0.002); /* 6 ms of work too much, */
		plant_run(&plant, 0.5, 0.098); /* worked off within the next steps */
		least = HZ_MIN(least, admitted(&plant.overload));
	}
	CU_ASSERT_TRUE(least > 0.9);
}

/* A worker whose core is taken away for 8 ms now and then, at half load. */
static void stalls_at_half_load_refuse_little(void)
{
	struct plant plant;
	double least = 1.0;

	plant_open(&plant, 0.001);
	for (unsigned i = 0; i < 50; i++) {
		plant.stalled_until = plant.tick + 80;
		plant_run(&plant, 0.5, 0.1);
		least = HZ_MIN(least, admitted(&plant.overload));
	}
	CU_ASSERT_TRUE(least > 0.9);
}

/* More than max_permille can keep out: requests get 503 then, and the worker still serves. */
static void load_beyond_max_permille_goes_on_with_503(void)
{
	struct plant plant;

	plant_open(&plant, 0.001);
	plant.conf.max_permille = 500;
	plant_run(&plant, 4.0, 6.0);
	CU_ASSERT_EQUAL(hz_shed_field(plant.overload.word, HZ_SHED_BULK), 500);
	CU_ASSERT_TRUE(plant.overload.refuse_permille > 300 &&
	               plant.overload.refuse_permille < 900);
	CU_ASSERT_TRUE(plant.overload.pressure_percent >= 92 &&
	               plant.overload.pressure_percent <= 97);
	CU_ASSERT_EQUAL(hz_shed_field(plant.overload.word, HZ_SHED_SHUT), 0);
	CU_ASSERT_EQUAL(plant.overload.close_permille, 0);
	CU_ASSERT_FALSE(plant.overload.evicts);
}

static void worker_that_slept_comes_to_rest(void)
{
	struct plant plant;
	struct hz_overload_sample later = { .queue_ns = 0 };

	plant_open(&plant, 0.001);
	plant_run(&plant, 4.0, 2.0);
	CU_ASSERT_NOT_EQUAL(plant.overload.word, 0);
	later.now_ns = plant.tick * TICK_NS + 1000000000u;
	hz_overload_step(&plant.overload, &later);
	CU_ASSERT_EQUAL(plant.overload.word, 0);
	CU_ASSERT_EQUAL(plant.overload.pressure_percent, 0);
}

/* A turn of many steps, all of it work: the queue it makes counts for each of them. */
static void turn_longer_than_steps_is_no_rest(void)
{
	struct hz_overload_conf conf = { .mode = HZ_OVERLOAD_ADAPTIVE,
		                         .start_percent = 85,
		                         .max_permille = 900 };
	struct hz_overload o = { .conf = &conf };
	struct hz_overload_sample sample = { .queue_ns = 50000000, .busy_percent = 100 };

	for (unsigned i = 1; i <= 40; i++) {
		sample.now_ns = i * 5ull * HZ_OVERLOAD_STEP_NS;
		hz_overload_step(&o, &sample);
	}
	CU_ASSERT_EQUAL(hz_shed_field(o.word, HZ_SHED_BULK), 900);
}

/* While flows are refused a first request may have waited for two targets, each as long as a request at least. */
static void wait_that_is_too_long_follows_the_work_of_a_request(void)
{
	struct hz_overload_conf conf = { .mode = HZ_OVERLOAD_ADAPTIVE,
		                         .start_percent = 85,
		                         .max_permille = 900 };
	struct hz_overload o = { .conf = &conf };
	struct hz_overload_sample sample = { .busy_percent = 100, .work_ns = 10000000 };

	for (unsigned i = 1; i <= 400; i++) {
		bool is_slow = i > 100;

		sample.now_ns = (uint64_t)i * HZ_OVERLOAD_STEP_NS;
		sample.queue_ns = i % 100 > 90 ? 50000000 : 0;
		sample.served = is_slow ? 2 : 100;
		hz_overload_step(&o, &sample);
		if (i == 99) /* a burst, so far */
			CU_ASSERT_EQUAL(o.late_ns, 0);
		if (i == 100)
			CU_ASSERT_EQUAL(o.late_ns, 2ull * HZ_OVERLOAD_TARGET_NS);
	}
	CU_ASSERT_TRUE(o.late_ns > 9450000 && o.late_ns <= 9500000);
	conf.mode = HZ_OVERLOAD_OFF;
	hz_overload_step(&o, &sample);
	CU_ASSERT_EQUAL(o.late_ns, 0);
}

/* Three of four requests came too late, for ten steps, while frames wait for so long at least: refused of bulk. */
static uint32_t refused_when_late(uint64_t queue_ns)
{
	struct hz_overload_conf conf = { .mode = HZ_OVERLOAD_ADAPTIVE,
		                         .start_percent = 85,
		                         .max_permille = 900 };
	struct hz_overload o = { .conf = &conf };
	struct hz_overload_sample sample = {
		.queue_ns = queue_ns, .busy_percent = 100, .served = 10, .late = 30
	};

	for (unsigned i = 1; i <= 10; i++) {
		sample.now_ns = (uint64_t)i * HZ_OVERLOAD_STEP_NS;
		hz_overload_step(&o, &sample);
	}
	return hz_shed_field(o.word, HZ_SHED_BULK);
}

/* Flows too many; but where the queue is gone in between, the core was. */
static void late_requests_make_xdp_refuse_where_a_queue_stays(void)
{
	CU_ASSERT_TRUE(refused_when_late(HZ_OVERLOAD_TARGET_NS) > 700);
	CU_ASSERT_TRUE(refused_when_late(HZ_OVERLOAD_TARGET_NS / 4) > 400);
	CU_ASSERT_EQUAL(refused_when_late(0), 0);
}

HZ_SUITE(overload_plant, CASE(load_below_capacity_refuses_nothing),
         CASE(step_settles_at_capacity_without_swinging), CASE(step_does_not_oscillate),
         CASE(step_is_met_within_half_a_second),
         CASE(end_of_load_lets_all_in_within_a_second_and_a_half), CASE(ramp_is_followed),
         CASE(burst_is_queued_not_refused), CASE(stalls_at_half_load_refuse_little),
         CASE(load_beyond_max_permille_goes_on_with_503), CASE(worker_that_slept_comes_to_rest),
         CASE(turn_longer_than_steps_is_no_rest),
         CASE(wait_that_is_too_long_follows_the_work_of_a_request),
         CASE(late_requests_make_xdp_refuse_where_a_queue_stays));
