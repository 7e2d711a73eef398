/* The breaker's phases, its window, and what counts as a failure. */
#include "middleware/breaker_state.h"
#include "mw_rig.h"
#include <string.h>

static const struct hz_mw_breaker_conf half = {
	.failures_percent = 50,
	.requests_least = 10,
	.probes = 2,
	.late_ns = 100 * HZ_NS_PER_MS,
	.window_ns = 10 * HZ_NS_PER_S,
	.open_ns = 5 * HZ_NS_PER_S,
};

/* A request that the handler answers so, after late_ns; false: the breaker kept it away. */
static bool exchange(struct mw_rig *rig, uint16_t status, uint64_t late_ns)
{
	mw_rig_ask(rig, HZ_HTTP_GET, "");
	if (mw_rig_before(rig) != HZ_MW_NEXT) {
		CU_ASSERT_EQUAL(rig->flight.resp.status, 503);
		mw_rig_finish(rig);
		return false;
	}
	rig->env.now_ns += late_ns;
	if (status != 0)
		mw_rig_answer(rig, status);
	mw_rig_finish(rig);
	return true;
}

static unsigned exchanges(struct mw_rig *rig, unsigned count, uint16_t status)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < count; i++)
		passed += exchange(rig, status, 0);
	return passed;
}

static uint64_t opened(const struct mw_rig *rig)
{
	return rig->gauges.counters[HZ_COUNTER_breaker_opened];
}

static void breaker_opens_at_the_share_and_not_before(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	CU_ASSERT_EQUAL(exchanges(rig, 6, 200), 6);
	CU_ASSERT_EQUAL(exchanges(rig, 5, 500), 5); /* 5 of 11 */
	CU_ASSERT_EQUAL(opened(rig), 0);
	CU_ASSERT_EQUAL(exchanges(rig, 1, 599), 1); /* 6 of 12 */
	CU_ASSERT_EQUAL(opened(rig), 1);
	CU_ASSERT_EQUAL(exchanges(rig, 3, 200), 0);
	CU_ASSERT_EQUAL(rig->gauges.counters[HZ_COUNTER_breaker_refused], 3);
	mw_rig_close(rig);
}

static void breaker_with_too_few_requests_stays_closed(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	CU_ASSERT_EQUAL(exchanges(rig, 9, 503), 9);
	CU_ASSERT_EQUAL(opened(rig), 0);
	CU_ASSERT_EQUAL(exchanges(rig, 1, 503), 1);
	CU_ASSERT_EQUAL(opened(rig), 1);
	mw_rig_close(rig);
}

static void breaker_open_says_how_long(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	exchanges(rig, 10, 500);
	rig->env.now_ns += HZ_NS_PER_S + 1;
	CU_ASSERT_FALSE(exchange(rig, 200, 0));
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "Retry-After"), "4");
	rig->env.now_ns += 4 * HZ_NS_PER_S - 2;
	CU_ASSERT_FALSE(exchange(rig, 200, 0));
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "Retry-After"), "1");
	mw_rig_close(rig);
}

static void breaker_closes_after_its_probes_succeed(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	exchanges(rig, 10, 500);
	rig->env.now_ns += half.open_ns;
	CU_ASSERT_TRUE(exchange(rig, 200, 0));
	CU_ASSERT_TRUE(exchange(rig, 404, 0));
	CU_ASSERT_EQUAL(exchanges(rig, 9, 500), 9); /* closed, and what was before is forgotten */
	CU_ASSERT_EQUAL(opened(rig), 1);
	CU_ASSERT_EQUAL(exchanges(rig, 1, 500), 1);
	CU_ASSERT_EQUAL(opened(rig), 2);
	mw_rig_close(rig);
}

static void breaker_opens_again_when_a_probe_fails(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	exchanges(rig, 10, 500);
	rig->env.now_ns += half.open_ns;
	CU_ASSERT_TRUE(exchange(rig, 200, 0));
	CU_ASSERT_TRUE(exchange(rig, 500, 0));
	CU_ASSERT_EQUAL(opened(rig), 2);
	CU_ASSERT_FALSE(exchange(rig, 200, 0));
	rig->env.now_ns += half.open_ns - 1;
	CU_ASSERT_FALSE(exchange(rig, 200, 0));
	rig->env.now_ns += 1;
	CU_ASSERT_TRUE(exchange(rig, 200, 0));
	mw_rig_close(rig);
}

static void breaker_half_open_lets_no_more_than_its_probes_in(void)
{
	struct hz_breaker_state state = { 0 };
	uint32_t ticket = 0, probe[2];
	uint64_t now_ns = 1000 * HZ_NS_PER_S;

	for (unsigned i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &ticket), 0);
		hz_breaker_leave(&state, &half, now_ns, ticket, HZ_BREAKER_FAILURE);
	}
	CU_ASSERT_EQUAL(state.phase, HZ_BREAKER_OPEN);
	now_ns += half.open_ns;
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &probe[0]), 0);
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &probe[1]), 0);
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &ticket), HZ_NS_PER_S);
	/* one whose client went away gives its place back; one of before counts for nothing */
	hz_breaker_leave(&state, &half, now_ns, probe[0], HZ_BREAKER_NONE);
	hz_breaker_leave(&state, &half, now_ns, ticket, HZ_BREAKER_FAILURE);
	CU_ASSERT_EQUAL(state.phase, HZ_BREAKER_HALF_OPEN);
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &probe[0]), 0);
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &ticket), HZ_NS_PER_S);
	hz_breaker_leave(&state, &half, now_ns, probe[0], HZ_BREAKER_GOOD);
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &ticket), HZ_NS_PER_S);
	hz_breaker_leave(&state, &half, now_ns, probe[1], HZ_BREAKER_GOOD);
	CU_ASSERT_EQUAL(state.phase, HZ_BREAKER_CLOSED);
}

/* A probe that outlives its phase says nothing about the next. */
static void breaker_probe_of_an_earlier_phase_counts_for_nothing(void)
{
	struct hz_breaker_state state = { 0 };
	uint32_t ticket, slow, quick;
	uint64_t now_ns = 1000 * HZ_NS_PER_S;

	for (unsigned i = 0; i < 10; i++) {
		hz_breaker_enter(&state, &half, now_ns, &ticket);
		hz_breaker_leave(&state, &half, now_ns, ticket, HZ_BREAKER_FAILURE);
	}
	now_ns += half.open_ns;
	hz_breaker_enter(&state, &half, now_ns, &slow);
	hz_breaker_enter(&state, &half, now_ns, &quick);
	CU_ASSERT_TRUE(hz_breaker_leave(&state, &half, now_ns, quick, HZ_BREAKER_FAILURE));
	now_ns += half.open_ns;
	CU_ASSERT_EQUAL(hz_breaker_enter(&state, &half, now_ns, &quick), 0);
	CU_ASSERT_FALSE(hz_breaker_leave(&state, &half, now_ns, slow, HZ_BREAKER_FAILURE));
	CU_ASSERT_EQUAL(state.phase, HZ_BREAKER_HALF_OPEN);
	CU_ASSERT_EQUAL(state.probes_under, 1);
}

static void breaker_window_forgets_bucket_by_bucket(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	for (unsigned i = 0; i < 9; i++) { /* a failure per second, beside enough good ones */
		CU_ASSERT_TRUE(exchange(rig, 500, 0));
		CU_ASSERT_EQUAL(exchanges(rig, 2, 200), 2);
		rig->env.now_ns += HZ_NS_PER_S;
	}
	/* 9 of 27; the next eight make 17 of 35, below half */
	CU_ASSERT_EQUAL(exchanges(rig, 8, 500), 8);
	CU_ASSERT_EQUAL(opened(rig), 0);
	rig->env.now_ns += 4 * HZ_NS_PER_S; /* three of the old seconds are past, at least */
	CU_ASSERT_EQUAL(exchanges(rig, 1, 500), 1);
	CU_ASSERT_EQUAL(opened(rig), 1);
	mw_rig_close(rig);
}

static void breaker_window_that_is_past_is_forgotten_as_a_whole(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	for (unsigned i = 0; i < 50; i++) {
		CU_ASSERT_EQUAL(exchanges(rig, 9, 500), 9);
		rig->env.now_ns += 11 * HZ_NS_PER_S + i * 3 * HZ_NS_PER_S;
	}
	CU_ASSERT_EQUAL(opened(rig), 0);
	mw_rig_close(rig);
}

/* The window against the sum of what lies in it, over any steps of time. */
static void breaker_window_holds_what_is_young_enough(void)
{
	enum { STEPS = 3000 };
	static uint64_t at_ns[2][STEPS]; /* of good ones, of failures */
	const struct hz_mw_breaker_conf never = { .failures_percent = 100,
		                                  .requests_least = UINT32_MAX,
		                                  .window_ns = 10 * HZ_NS_PER_S };
	struct hz_breaker_state state = { 0 };
	unsigned count[2] = { 0 };
	uint64_t now_ns = 5; /* just booted */
	struct hz_rng rng;

	hz_rng_seed(&rng, 4);
	for (unsigned i = 0; i < STEPS; i++) {
		bool is_failure = hz_rng_below(&rng, 3) == 0;
		unsigned least[2] = { 0 }, most[2] = { 0 };
		uint32_t ticket;

		now_ns += hz_rng_below(&rng, i % 100 == 0 ? 30 * HZ_NS_PER_S : 400 * HZ_NS_PER_MS);
		at_ns[is_failure][count[is_failure]++] = now_ns;
		hz_breaker_enter(&state, &never, now_ns, &ticket);
		hz_breaker_leave(&state, &never, now_ns, ticket,
		                 is_failure ? HZ_BREAKER_FAILURE : HZ_BREAKER_GOOD);
		for (unsigned kind = 0; kind < 2; kind++) {
			for (unsigned k = 0; k < count[kind]; k++) {
				least[kind] += now_ns - at_ns[kind][k] < 9 * HZ_NS_PER_S;
				most[kind] += now_ns - at_ns[kind][k] <= 10 * HZ_NS_PER_S;
			}
		}
		CU_ASSERT(state.sum.failed >= least[1] && state.sum.failed <= most[1]);
		CU_ASSERT(state.sum.all - state.sum.failed >= least[0] &&
		          state.sum.all - state.sum.failed <= most[0]);
	}
}

static void breaker_counts_late_answers_but_not_those_to_slow_bodies(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	for (unsigned i = 0; i < 20; i++) {
		mw_rig_ask(rig, HZ_HTTP_POST, "");
		rig->flight.req.content_length = i % 2 == 0 ? 5 : 0;
		rig->flight.req.is_chunked = i % 2 != 0;
		CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
		rig->env.now_ns += half.late_ns + 1;
		mw_rig_answer(rig, 200);
		mw_rig_finish(rig);
	}
	CU_ASSERT_EQUAL(opened(rig), 0);
	rig->env.now_ns += 2 * half.window_ns;
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_TRUE(exchange(rig, 200, half.late_ns));
	CU_ASSERT_EQUAL(opened(rig), 0);
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_TRUE(exchange(rig, 200, half.late_ns + 1));
	CU_ASSERT_EQUAL(opened(rig), 1);
	mw_rig_close(rig);
}

static void breaker_without_late_minds_no_time(void)
{
	struct hz_mw_breaker_conf conf = half;
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &conf });

	conf.late_ns = 0;
	for (unsigned i = 0; i < 20; i++)
		CU_ASSERT_TRUE(exchange(rig, 200, HZ_NS_PER_S / 3));
	CU_ASSERT_EQUAL(opened(rig), 0);
	mw_rig_close(rig);
}

static void breaker_takes_no_notice_of_clients_that_went_away(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	CU_ASSERT_EQUAL(exchanges(rig, 50, 0), 50);
	CU_ASSERT_EQUAL(exchanges(rig, 9, 500), 9);
	CU_ASSERT_EQUAL(opened(rig), 0);
	CU_ASSERT_EQUAL(exchanges(rig, 1, 500), 1);
	CU_ASSERT_EQUAL(opened(rig), 1);
	mw_rig_close(rig);
}

/* Streams and slow readers are sent for as long as they like. */
static void breaker_probe_is_over_when_its_answer_has_begun(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	exchanges(rig, 10, 500);
	rig->env.now_ns += half.open_ns;
	for (unsigned i = 0; i < half.probes; i++) {
		mw_rig_ask(rig, HZ_HTTP_GET, "");
		CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
		mw_rig_answer(rig, 200); /* and no finish */
	}
	CU_ASSERT_EQUAL(exchanges(rig, 5, 200), 5);
	rig->env.now_ns += HZ_NS_PER_S; /* the last of them ends late, and that is nobody's fault */
	mw_rig_finish(rig);
	CU_ASSERT_EQUAL(exchanges(rig, 4, 500), 4); /* 4 of 9: that one is not among them */
	CU_ASSERT_EQUAL(opened(rig), 1);
	CU_ASSERT_EQUAL(exchanges(rig, 1, 500), 1);
	CU_ASSERT_EQUAL(opened(rig), 2);
	mw_rig_close(rig);
}

/* A 503 that the handler has not given. */
static void refused_by_http(struct mw_rig *rig, bool is_overdue)
{
	mw_rig_ask(rig, HZ_HTTP_GET, "");
	rig->flight.req.answer_by_ns = rig->env.now_ns + HZ_NS_PER_MS;
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
	rig->env.now_ns += is_overdue ? HZ_NS_PER_MS : 0;
	mw_rig_call(rig)->is_refused = true;
	mw_rig_answer(rig, 503);
	mw_rig_finish(rig);
}

static void breaker_counts_no_answer_in_time_but_not_want_of_memory(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	for (unsigned i = 0; i < 50; i++)
		refused_by_http(rig, false);
	CU_ASSERT_EQUAL(opened(rig), 0);
	for (unsigned i = 0; i < 10; i++)
		refused_by_http(rig, true);
	CU_ASSERT_EQUAL(opened(rig), 1);
	mw_rig_close(rig);
}

static void breaker_of_one_worker_is_its_own(void)
{
	struct mw_rig *rig = mw_rig_with(&(struct hz_mw_set){ .breaker = &half });

	exchanges(rig, 10, 500);
	CU_ASSERT_FALSE(exchange(rig, 200, 0));
	rig->env.worker_index = HZ_WORKERS_MAX - 1;
	CU_ASSERT_TRUE(exchange(rig, 200, 0));
	rig->env.worker_index = 0;
	CU_ASSERT_FALSE(exchange(rig, 200, 0));
	mw_rig_close(rig);
}

HZ_SUITE(breaker, CASE(breaker_opens_at_the_share_and_not_before),
         CASE(breaker_with_too_few_requests_stays_closed), CASE(breaker_open_says_how_long),
         CASE(breaker_closes_after_its_probes_succeed),
         CASE(breaker_opens_again_when_a_probe_fails),
         CASE(breaker_half_open_lets_no_more_than_its_probes_in),
         CASE(breaker_probe_of_an_earlier_phase_counts_for_nothing),
         CASE(breaker_window_forgets_bucket_by_bucket),
         CASE(breaker_window_that_is_past_is_forgotten_as_a_whole),
         CASE(breaker_window_holds_what_is_young_enough),
         CASE(breaker_counts_late_answers_but_not_those_to_slow_bodies),
         CASE(breaker_without_late_minds_no_time),
         CASE(breaker_takes_no_notice_of_clients_that_went_away),
         CASE(breaker_probe_is_over_when_its_answer_has_begun),
         CASE(breaker_counts_no_answer_in_time_but_not_want_of_memory),
         CASE(breaker_of_one_worker_is_its_own));
