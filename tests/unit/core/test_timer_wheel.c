/* The wheel beside a model that only knows a deadline per timer, and the corners by hand. */
#include "core/base.h"
#include "core/rng.h"
#include "core/timer_wheel.h"
#include <hz_test.h>
#include <stdio.h>
#include <string.h>

#define TICK_NS       (1ULL << HZ_WHEEL_TICK_SHIFT)
#define TIMERS        256
#define OPS_PER_START 400000u

struct model {
	struct hz_wheel wheel;
	struct hz_timer timer[TIMERS];
	uint64_t due_tick[TIMERS]; /* the tick that must fire it; UINT64_MAX: not armed */
	uint64_t armed_at[TIMERS]; /* which advance, 0: outside of one */
	uint64_t now_ns;
	uint64_t last_tick; /* fired last in this advance */
	uint64_t advances;
	bool in_advance;
	struct hz_rng rng;
	unsigned fired;
	const char *wrong; /* the first thing that went wrong */
};

static void expect(struct model *m, bool is_true, const char *what)
{
	if (!is_true && m->wrong == NULL)
		m->wrong = what;
}

static uint64_t random_deadline_ns(struct model *m)
{
	uint64_t span_ns = 1ULL << (10 + hz_rng_below(&m->rng, 46));
	uint64_t back_ns;

	switch (hz_rng_below(&m->rng, 16)) {
	case 0:
		return UINT64_MAX;
	case 1:
		back_ns = hz_rng_below(&m->rng, span_ns);
		return m->now_ns > back_ns ? m->now_ns - back_ns : 0;
	case 2:
		return m->now_ns;
	case 3: /* the edges of slots and levels */
		return (m->now_ns & ~(span_ns - 1)) + span_ns;
	default:
		back_ns = hz_rng_below(&m->rng, span_ns);
		return back_ns > UINT64_MAX - m->now_ns ? UINT64_MAX : m->now_ns + back_ns;
	}
}

static void model_arm(struct model *m, size_t i)
{
	uint64_t deadline_ns = random_deadline_ns(m);
	uint64_t tick = deadline_ns / TICK_NS + (deadline_ns % TICK_NS != 0);

	hz_wheel_arm(&m->wheel, &m->timer[i], deadline_ns);
	m->due_tick[i] = HZ_MIN(tick, UINT64_MAX >> HZ_WHEEL_TICK_SHIFT);
	m->armed_at[i] = m->in_advance ? m->advances : 0;
}

static void model_cancel(struct model *m, size_t i)
{
	hz_wheel_cancel(&m->wheel, &m->timer[i]);
	m->due_tick[i] = UINT64_MAX;
}

static void model_fire(void *ctx, struct hz_timer *timer)
{
	struct model *m = ctx;
	size_t i = (size_t)(timer - m->timer);

	m->fired++;
	expect(m, m->due_tick[i] != UINT64_MAX, "fired a timer that is not armed");
	expect(m, !hz_timer_is_armed(timer), "still armed while it fires");
	expect(m, m->due_tick[i] <= m->now_ns / TICK_NS, "fired early");
	expect(m, m->due_tick[i] >= m->last_tick || m->due_tick[i] <= m->wheel.now_tick,
	       "fired out of order");
	m->last_tick = HZ_MAX(m->last_tick, m->due_tick[i]);
	m->due_tick[i] = UINT64_MAX;
	if (hz_rng_below(&m->rng, 4) == 0)
		model_arm(m, i);
	if (hz_rng_below(&m->rng, 8) == 0)
		model_arm(m, hz_rng_below(&m->rng, TIMERS));
	if (hz_rng_below(&m->rng, 8) == 0)
		model_cancel(m, hz_rng_below(&m->rng, TIMERS));
}

static void model_advance(struct model *m)
{
	uint64_t step_ns = hz_rng_below(&m->rng, 1ULL << (8 + hz_rng_below(&m->rng, 24)));
	unsigned budget = (unsigned)hz_rng_below(&m->rng, 64);
	unsigned fired;

	if (hz_rng_below(&m->rng, 4096) == 0)
		step_ns = hz_rng_below(&m->rng, 1ULL << 52);
	m->now_ns = step_ns > UINT64_MAX - m->now_ns ? UINT64_MAX : m->now_ns + step_ns;
	m->fired = 0;
	m->last_tick = 0;
	m->advances++;
	m->in_advance = true;
	fired = hz_wheel_advance(&m->wheel, m->now_ns, budget, model_fire, m);
	m->in_advance = false;
	expect(m, fired == m->fired, "count returned");
	expect(m, fired <= budget, "budget exceeded");
	if (fired == budget)
		return;
	expect(m, m->wheel.now_tick == m->now_ns / TICK_NS, "not at now");
	for (size_t i = 0; i < TIMERS; i++)
		expect(m, m->due_tick[i] > m->wheel.now_tick || m->armed_at[i] == m->advances,
		       "due but did not fire");
}

static void model_check(struct model *m)
{
	uint64_t nearest = UINT64_MAX;
	uint64_t next_ns = hz_wheel_next_ns(&m->wheel);
	uint32_t armed = 0;

	for (size_t i = 0; i < TIMERS; i++) {
		bool is_armed = m->due_tick[i] != UINT64_MAX;

		expect(m, is_armed == hz_timer_is_armed(&m->timer[i]), "armed or not");
		armed += is_armed;
		nearest = HZ_MIN(nearest, m->due_tick[i]);
	}
	expect(m, armed == m->wheel.armed, "number armed");
	if (nearest == UINT64_MAX)
		expect(m, next_ns == UINT64_MAX, "next of none");
	else
		expect(m, next_ns <= HZ_MAX(nearest, m->wheel.now_tick) << HZ_WHEEL_TICK_SHIFT,
		       "next is too late");
	if (nearest != UINT64_MAX && nearest > m->wheel.now_tick)
		expect(m, next_ns / TICK_NS > m->wheel.now_tick, "next makes no progress");
}

static void model_run(uint64_t start_ns, uint64_t seed)
{
	static struct model m;

	memset(&m, 0, sizeof(m));
	memset(m.due_tick, 0xff, sizeof(m.due_tick));
	hz_rng_seed(&m.rng, seed);
	m.now_ns = start_ns;
	hz_wheel_init(&m.wheel, start_ns);
	for (unsigned op = 0; op < OPS_PER_START && m.wrong == NULL; op++) {
		switch (hz_rng_below(&m.rng, 8)) {
		case 0:
			model_cancel(&m, hz_rng_below(&m.rng, TIMERS));
			break;
		case 1:
		case 2:
			model_advance(&m);
			break;
		default:
			model_arm(&m, hz_rng_below(&m.rng, TIMERS));
			break;
		}
		if (op % 4 == 0)
			model_check(&m);
		if (m.wrong != NULL)
			printf("seed %llu start %llu operation %u: %s\n", (unsigned long long)seed,
			       (unsigned long long)start_ns, op, m.wrong);
	}
	CU_ASSERT_PTR_NULL(m.wrong);
}

static void wheel_random_operations_match_model(void)
{
	model_run(0, 1);
	model_run(123456789123456789ULL, 2);
}

static void wheel_random_operations_across_level_wraps_match_model(void)
{
	model_run(((1ULL << 36) - 70) << HZ_WHEEL_TICK_SHIFT, 3);
	model_run(((1ULL << 30) - 1) << HZ_WHEEL_TICK_SHIFT, 4);
}

static void wheel_random_operations_at_end_of_time_match_model(void)
{
	model_run(UINT64_MAX - (1ULL << 50), 5);
}

struct counting {
	struct hz_wheel wheel;
	struct hz_timer timer[8];
	unsigned fired;
	uint64_t rearm_ns; /* 0: do not */
};

static void count_fire(void *ctx, struct hz_timer *timer)
{
	struct counting *c = ctx;

	c->fired++;
	if (c->rearm_ns != 0)
		hz_wheel_arm(&c->wheel, timer, c->rearm_ns);
}

static unsigned advance(struct counting *c, uint64_t now_ns, unsigned budget)
{
	c->fired = 0;
	return hz_wheel_advance(&c->wheel, now_ns, budget, count_fire, c);
}

static void wheel_deadline_in_past_fires_at_next_advance_of_same_tick(void)
{
	struct counting c = { 0 };

	hz_wheel_init(&c.wheel, 10 * TICK_NS);
	hz_wheel_arm(&c.wheel, &c.timer[0], 3);
	CU_ASSERT_EQUAL(hz_wheel_next_ns(&c.wheel), 10 * TICK_NS);
	CU_ASSERT_EQUAL(advance(&c, 10 * TICK_NS, 8), 1);
}

static void wheel_rearm_in_past_from_fire_waits_for_next_advance(void)
{
	struct counting c = { .rearm_ns = 1 };

	hz_wheel_init(&c.wheel, 10 * TICK_NS);
	hz_wheel_arm(&c.wheel, &c.timer[0], 11 * TICK_NS);
	CU_ASSERT_EQUAL(advance(&c, 12 * TICK_NS, 1000), 1);
	CU_ASSERT_EQUAL(advance(&c, 12 * TICK_NS, 1000), 1);
}

static void wheel_deadline_inside_tick_fires_after_it_and_within_one_tick(void)
{
	struct counting c = { 0 };

	hz_wheel_init(&c.wheel, 0);
	hz_wheel_arm(&c.wheel, &c.timer[0], 5 * TICK_NS + 1);
	CU_ASSERT_EQUAL(advance(&c, 5 * TICK_NS + 1, 8), 0);
	CU_ASSERT_EQUAL(advance(&c, 6 * TICK_NS - 1, 8), 0);
	CU_ASSERT_EQUAL(advance(&c, 6 * TICK_NS, 8), 1);
}

static void wheel_budget_leaves_rest_for_next_turn(void)
{
	struct counting c = { 0 };

	hz_wheel_init(&c.wheel, 0);
	for (size_t i = 0; i < 8; i++)
		hz_wheel_arm(&c.wheel, &c.timer[i], 100 * TICK_NS);
	CU_ASSERT_EQUAL(advance(&c, 500 * TICK_NS, 0), 0);
	CU_ASSERT_EQUAL(advance(&c, 500 * TICK_NS, 5), 5);
	hz_wheel_cancel(&c.wheel, c.wheel.due); /* one that is already being served */
	CU_ASSERT_EQUAL(c.wheel.armed, 2);
	CU_ASSERT_EQUAL(advance(&c, 500 * TICK_NS, 5), 2);
	CU_ASSERT_EQUAL(c.wheel.armed, 0);
	CU_ASSERT_EQUAL(hz_wheel_next_ns(&c.wheel), UINT64_MAX);
}

static void wheel_cancel_of_timer_not_armed_does_nothing(void)
{
	struct counting c = { 0 };

	hz_wheel_init(&c.wheel, 0);
	hz_wheel_cancel(&c.wheel, &c.timer[0]);
	hz_wheel_arm(&c.wheel, &c.timer[0], 7 * TICK_NS);
	hz_wheel_cancel(&c.wheel, &c.timer[0]);
	hz_wheel_cancel(&c.wheel, &c.timer[0]);
	CU_ASSERT_EQUAL(c.wheel.armed, 0);
	CU_ASSERT_EQUAL(advance(&c, 1000 * TICK_NS, 8), 0);
}

static void wheel_next_after_cancel_is_that_of_the_remaining_timer(void)
{
	struct counting c = { 0 };

	hz_wheel_init(&c.wheel, 0);
	hz_wheel_arm(&c.wheel, &c.timer[0], 7 * TICK_NS);
	hz_wheel_arm(&c.wheel, &c.timer[1], 40 * TICK_NS);
	CU_ASSERT_EQUAL(hz_wheel_next_ns(&c.wheel), 7 * TICK_NS);
	hz_wheel_cancel(&c.wheel, &c.timer[0]);
	CU_ASSERT_EQUAL(hz_wheel_next_ns(&c.wheel), 40 * TICK_NS);
}

static void wheel_time_going_backwards_fires_nothing(void)
{
	struct counting c = { 0 };

	hz_wheel_init(&c.wheel, 1000 * TICK_NS);
	hz_wheel_arm(&c.wheel, &c.timer[0], 1001 * TICK_NS);
	CU_ASSERT_EQUAL(advance(&c, 5 * TICK_NS, 8), 0);
	CU_ASSERT_EQUAL(c.wheel.now_tick, 1000);
	CU_ASSERT_EQUAL(advance(&c, 1001 * TICK_NS, 8), 1);
}

static void wheel_deadline_beyond_reach_fires_at_its_time(void)
{
	struct counting c = { 0 };
	uint64_t far_ns = (3ULL << 36) * TICK_NS + 5 * TICK_NS;
	unsigned steps = 0;

	hz_wheel_init(&c.wheel, 0);
	hz_wheel_arm(&c.wheel, &c.timer[0], far_ns);
	CU_ASSERT_EQUAL(advance(&c, far_ns - TICK_NS, 8), 0);
	CU_ASSERT_EQUAL(advance(&c, far_ns, 8), 1);

	/* Following next_ns gets there too, in few steps. */
	hz_wheel_init(&c.wheel, 0);
	hz_wheel_arm(&c.wheel, &c.timer[0], far_ns);
	while (steps++ < 100 && advance(&c, hz_wheel_next_ns(&c.wheel), 8) == 0)
		;
	CU_ASSERT_TRUE(steps < 20);
	CU_ASSERT_EQUAL(c.wheel.now_tick, far_ns / TICK_NS);
}

HZ_SUITE(wheel, CASE(wheel_random_operations_match_model),
         CASE(wheel_random_operations_across_level_wraps_match_model),
         CASE(wheel_random_operations_at_end_of_time_match_model),
         CASE(wheel_deadline_in_past_fires_at_next_advance_of_same_tick),
         CASE(wheel_rearm_in_past_from_fire_waits_for_next_advance),
         CASE(wheel_deadline_inside_tick_fires_after_it_and_within_one_tick),
         CASE(wheel_budget_leaves_rest_for_next_turn),
         CASE(wheel_cancel_of_timer_not_armed_does_nothing),
         CASE(wheel_next_after_cancel_is_that_of_the_remaining_timer),
         CASE(wheel_time_going_backwards_fires_nothing),
         CASE(wheel_deadline_beyond_reach_fires_at_its_time));
