/* What http sheds of what the overload ladder says, and nothing without it. */
#include "http_bench.h"
#include <string.h>

#define GET   "GET / HTTP/1.1\r\n" H END
#define TRIES 300u

static void overload_is(struct bench *b, const struct hz_overload *overload)
{
	hz_rng_seed(&b->rig->env.rng, 1);
	b->rig->env.overload = overload;
}

static bool answer_at(const struct fake_stream *fs, unsigned n, struct http_answer *out)
{
	struct hz_span bytes = { fs->out, fs->out_len };

	for (unsigned i = 0; i <= n; i++)
		if (!http_answer_next(&bytes, false, out))
			return false;
	return true;
}

static void request_at_full_pressure_gets_503_and_retry_after(void)
{
	const struct hz_overload full = { .refuse_permille = 1000 };
	struct http_answer answer;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	overload_is(&b, &full);
	feed(&b, GET);
	CU_ASSERT_FATAL(answer_at(&b.fs, 0, &answer));
	CU_ASSERT_EQUAL(answer.status, 503);
	CU_ASSERT(http_answer_has_field(&answer, "Retry-After: 1"));
	CU_ASSERT(answer.says_close);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT_EQUAL(b.rig->handled, 0);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_shed_request], 1);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_no_memory], 0);
	bench_close(&b);
}

/* A body that comes with the head, or later, is dropped; the refused request leaves nothing behind. */
static void request_with_body_is_refused_as_well(void)
{
	const struct hz_overload full = { .refuse_permille = 1000 };
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	overload_is(&b, &full);
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n" END "hello");
	feed(&b, "world");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 1);
	bench_close(&b);
}

static void requests_are_refused_by_their_share(void)
{
	const struct hz_overload third = { .refuse_permille = 333 };
	unsigned refused = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		overload_is(&b, &third);
		hz_rng_seed(&b.rig->env.rng, i);
		feed(&b, GET);
		refused += http_rig_status(&b.fs, 0) == 503;
		bench_close(&b);
	}
	CU_ASSERT_TRUE(refused > TRIES / 4 && refused < TRIES / 2);
}

/* A queue refuses who is new; who is served goes on being served until room runs out. */
static void later_requests_are_refused_for_room_only(void)
{
	const struct hz_overload queue = { .refuse_permille = 1000 };
	const struct hz_overload room = { .refuse_permille = 1000, .kept_permille = 1000 };
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, GET);
	overload_is(&b, &queue);
	feed(&b, GET);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 200);
	CU_ASSERT_FALSE(b.fs.is_shutdown);
	overload_is(&b, &room);
	feed(&b, GET);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 2), 503);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

static void answer_ends_its_connection_to_make_room(void)
{
	const struct hz_overload full = { .close_permille = 1000 };
	struct http_answer answer;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, GET);
	overload_is(&b, &full);
	feed(&b, GET);
	CU_ASSERT_FATAL(answer_at(&b.fs, 1, &answer));
	CU_ASSERT_EQUAL(answer.status, 200);
	CU_ASSERT(answer.says_close);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_shed_connection], 1);
	bench_close(&b);
}

static unsigned idle_seconds_of(const struct hz_overload *overload, bool is_exempt)
{
	bool is_cut = !is_exempt && overload != NULL && overload->idle_permille != 0;
	struct bench b;
	unsigned s;

	bench_open(&b, WINDOW_WIDE);
	b.fs.is_exempt = is_exempt;
	overload_is(&b, overload);
	feed(&b, GET);
	for (s = 0; s < 100 && !b.fs.is_shutdown; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_shed_idle], is_cut);
	bench_close(&b);
	return s;
}

static unsigned idle_seconds(const struct hz_overload *overload)
{
	return idle_seconds_of(overload, false);
}

/* Who looks after the server gets in when nobody else does. */
static void control_is_exempt_on_every_rung(void)
{
	const struct hz_overload all = { .refuse_permille = 1000,
		                         .kept_permille = 1000,
		                         .close_permille = 1000,
		                         .idle_permille = 1000 };
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.fs.is_exempt = true;
	overload_is(&b, &all);
	feed(&b, GET GET);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 200);
	CU_ASSERT_FALSE(b.fs.is_shutdown);
	bench_close(&b);
	CU_ASSERT_EQUAL(idle_seconds_of(&all, true), 60);
}

static void idle_time_shrinks_in_proportion_down_to_a_second(void)
{
	const struct hz_overload rest = { 0 }, half = { .idle_permille = 500 };
	const struct hz_overload full = { .idle_permille = 1000 };

	CU_ASSERT_EQUAL(idle_seconds(NULL), 60);
	CU_ASSERT_EQUAL(idle_seconds(&rest), 60);
	CU_ASSERT_EQUAL(idle_seconds(&half), 31); /* (60 - 1) / 2 less, looked at each second */
	CU_ASSERT_EQUAL(idle_seconds(&full), 1);
}

/* A new connection has its time for a head, and one in the middle of a head as well. */
static void heads_keep_their_time(void)
{
	const struct hz_overload full = { .idle_permille = 1000 };
	struct bench b;
	unsigned s;

	for (unsigned has_begun = 0; has_begun <= 1; has_begun++) {
		bench_open(&b, WINDOW_WIDE);
		overload_is(&b, &full);
		if (has_begun) {
			feed(&b, GET);
			feed(&b, "GET / HT");
		}
		for (s = 0; s < 100 && !b.fs.is_shutdown; s++)
			fake_stream_advance(&b.fs, HZ_NS_PER_S);
		CU_ASSERT_EQUAL(s, 10);
		CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_shed_idle], 0);
		bench_close(&b);
	}
}

/* What it gets when it waited so long, in a ladder that serves none that waited 4 ms. */
static unsigned status_after_ms(struct bench *b, uint64_t ms, bool is_exempt)
{
	struct hz_overload overload = { .late_ns = 4 * HZ_NS_PER_MS };
	unsigned status;

	bench_open(b, WINDOW_WIDE);
	overload.came_ns = ms == 0 ? 0 : b->rig->env.now_ns - ms * HZ_NS_PER_MS;
	b->fs.is_exempt = is_exempt;
	overload_is(b, &overload);
	feed(b, GET GET);
	status = (unsigned)http_rig_status(&b->fs, 0);
	CU_ASSERT_EQUAL(b->rig->worker.counters[HZ_COUNTER_shed_late], status == 503);
	CU_ASSERT_EQUAL(http_rig_count(&b->fs), status == 503 ? 1 : 2);
	overload_is(b, NULL);
	bench_close(b);
	return status;
}

static void first_request_that_waited_too_long_gets_503(void)
{
	struct bench b;

	CU_ASSERT_EQUAL(status_after_ms(&b, 5, false), 503);
	CU_ASSERT_EQUAL(status_after_ms(&b, 4, false), 200);
	CU_ASSERT_EQUAL(status_after_ms(&b, 5, true), 200);
	CU_ASSERT_EQUAL(status_after_ms(&b, 0, false), 200); /* nobody knows since when */
}

/* Who is served already is served, however late. */
static void later_requests_are_not_late(void)
{
	struct hz_overload overload = { .late_ns = 4 * HZ_NS_PER_MS };
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, GET);
	overload.came_ns = b.rig->env.now_ns - HZ_NS_PER_S / 2;
	overload_is(&b, &overload);
	feed(&b, GET);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 200);
	overload_is(&b, NULL);
	bench_close(&b);
}

HZ_SUITE(h1_shed, CASE(request_at_full_pressure_gets_503_and_retry_after),
         CASE(request_with_body_is_refused_as_well), CASE(requests_are_refused_by_their_share),
         CASE(later_requests_are_refused_for_room_only),
         CASE(answer_ends_its_connection_to_make_room),
         CASE(idle_time_shrinks_in_proportion_down_to_a_second), CASE(heads_keep_their_time),
         CASE(control_is_exempt_on_every_rung), CASE(first_request_that_waited_too_long_gets_503),
         CASE(later_requests_are_not_late));
