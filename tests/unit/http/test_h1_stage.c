/* Where a request's time goes, to the nanosecond: each is in one stage and in the total once, the time in which the
 * client's body is awaited in none. */
#include "http_bench.h"
#include <stdlib.h>

/* A step of the application, and of the parser. */
#define PARSE_NS  20u
#define ROUTE_NS  300u
#define HANDLE_NS 4000u
#define BODY_NS   50000u

#define NONE      UINT64_MAX /* no sample */

static void open_timed(struct bench *b, size_t window)
{
	bench_open(b, window);
	b->rig->parse_ns = PARSE_NS;
	b->rig->route_ns = ROUTE_NS;
	b->rig->handle_ns = HANDLE_NS;
	b->rig->body_ns = BODY_NS;
}

/* A packet that XDP saw waited_ns ago. */
static void feed_seen(struct bench *b, uint64_t waited_ns, const char *text)
{
	b->rig->env.rx_ns = b->rig->env.now_ns - waited_ns;
	feed(b, text);
	b->rig->env.rx_ns = 0;
}

static void resume(struct bench *b)
{
	b->rig->is_ready = true;
	CU_ASSERT(http_rig_resume(b->rig));
	(void)fake_stream_take(&b->fs, 0);
}

/* What was recorded since the last look is one request of these times. */
struct want {
	uint64_t queue, parse, route, handler, tx;
};

static bool stage_is(struct http_rig *rig, enum hz_stage stage, uint64_t want_ns)
{
	const struct hz_hist *hist = &rig->hist[stage];
	uint64_t count = hz_hist_count(hist);

	if (want_ns == NONE)
		return count == 0 && hist->sum_ns == 0;
	if (count == 1 && hist->sum_ns == want_ns)
		return true;
	printf("# stage %d: %llu samples, %llu ns instead of %llu\n", (int)stage,
	       (unsigned long long)count, (unsigned long long)hist->sum_ns,
	       (unsigned long long)want_ns);
	return false;
}

static bool took(struct bench *b, struct want want)
{
	const uint64_t want_ns[HZ_STAGE_COUNT] = {
		[HZ_STAGE_QUEUE] = want.queue, [HZ_STAGE_PARSE] = want.parse,
		[HZ_STAGE_ROUTE] = want.route, [HZ_STAGE_HANDLER] = want.handler,
		[HZ_STAGE_UPSTREAM] = NONE,    [HZ_STAGE_TX] = want.tx,
		[HZ_STAGE_HEALTH] = NONE,
	};
	uint64_t total_ns = 0;
	bool is_so = true;

	for (enum hz_stage stage = HZ_STAGE_QUEUE; stage < HZ_STAGE_COUNT; stage++) {
		is_so &= stage_is(b->rig, stage, want_ns[stage]);
		total_ns += want_ns[stage] == NONE ? 0 : want_ns[stage];
	}
	is_so &= stage_is(b->rig, HZ_STAGE_TOTAL, total_ns);
	memset(b->rig->hist, 0, sizeof(b->rig->hist));
	return is_so;
}

static bool took_nothing(struct bench *b)
{
	for (enum hz_stage stage = HZ_STAGE_TOTAL; stage < HZ_STAGE_COUNT; stage++) {
		if (hz_hist_count(&b->rig->hist[stage]) != 0)
			return false;
	}
	return true;
}

static void request_seen_by_xdp_has_each_stage_once(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	for (unsigned i = 0; i < 3; i++) {
		feed_seen(&b, 900, "GET / HTTP/1.1\r\n" H END);
		CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, HANDLE_NS, 0 }));
	}
	bench_close(&b);
}

/* The turn began when its packets were found; http came to it later. */
static void request_without_a_stamp_has_no_queue(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT(took(&b, (struct want){ NONE, PARSE_NS, ROUTE_NS, HANDLE_NS, 0 }));
	bench_close(&b);
}

static void stamp_from_the_future_is_no_wait(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, (uint64_t)-1000, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT(took(&b, (struct want){ 0, PARSE_NS, ROUTE_NS, HANDLE_NS, 0 }));
	bench_close(&b);
}

/* Two in one packet, told apart by their paths: /missing has no handler. */
static void pipelined_request_waits_in_queue_behind_the_one_before(void)
{
	const uint64_t first_ns = PARSE_NS + ROUTE_NS + HANDLE_NS;
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET / HTTP/1.1\r\n" H END "GET /missing HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_QUEUE].sum_ns, 900 + 900 + first_ns);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_QUEUE].max_ns, 900 + first_ns);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_PARSE].sum_ns, 2 * PARSE_NS);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_TOTAL].sum_ns,
	                2 * 900 + 2 * first_ns + PARSE_NS + ROUTE_NS);
	bench_close(&b);
}

static void pipelined_request_without_a_stamp_waits_since_the_turn_began(void)
{
	const uint64_t first_ns = PARSE_NS + ROUTE_NS + HANDLE_NS;
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END "GET /missing HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_QUEUE]), 1);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_QUEUE].sum_ns, first_ns);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_PARSE].sum_ns, 2 * PARSE_NS);
	CU_ASSERT_EQUAL(b.rig->hist[HZ_STAGE_TOTAL].sum_ns, 2 * first_ns + PARSE_NS + ROUTE_NS);
	bench_close(&b);
}

/* Only of the packet that made the head complete. */
static void head_in_two_packets_counts_from_the_second(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET / HTTP/1.1\r\n");
	fake_stream_advance(&b.fs, HZ_NS_PER_MS);
	feed_seen(&b, 70, H END);
	/* The first look pinned the snapshot, and what the rig's parser takes was taken then. */
	CU_ASSERT(took(&b, (struct want){ 70, 0, ROUTE_NS, HANDLE_NS, 0 }));
	bench_close(&b);
}

static void handler_that_waits_is_in_its_stage_meanwhile(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET /later HTTP/1.1\r\n" H END);
	CU_ASSERT(took_nothing(&b));
	fake_stream_advance(&b.fs, 5 * HZ_NS_PER_MS);
	resume(&b);
	CU_ASSERT(took(
		&b, (struct want){ 900, PARSE_NS, ROUTE_NS, 2 * HANDLE_NS + 5 * HZ_NS_PER_MS, 0 }));
	bench_close(&b);
}

static void route_that_waits_is_in_its_stage_meanwhile(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET /gate HTTP/1.1\r\n" H END);
	fake_stream_advance(&b.fs, 5 * HZ_NS_PER_MS);
	resume(&b);
	CU_ASSERT(took(
		&b, (struct want){ 900, PARSE_NS, 2 * ROUTE_NS + 5 * HZ_NS_PER_MS, HANDLE_NS, 0 }));
	bench_close(&b);
}

static void body_that_is_awaited_is_in_no_stage(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "POST /echo HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "abc");
	fake_stream_advance(&b.fs, 3 * HZ_NS_PER_MS);
	feed_seen(&b, 800, "def");
	fake_stream_advance(&b.fs, 3 * HZ_NS_PER_MS);
	feed_seen(&b, 70, "ghi");
	CU_ASSERT(took(&b, (struct want){ 70, PARSE_NS, ROUTE_NS, HANDLE_NS, 0 }));
	feed_seen(&b, 900,
	          "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "3\r\nabc");
	fake_stream_advance(&b.fs, 3 * HZ_NS_PER_MS);
	feed_seen(&b, 60, "\r\n0\r\n\r\n");
	CU_ASSERT(took(&b, (struct want){ 60, PARSE_NS, ROUTE_NS, HANDLE_NS, 0 }));
	bench_close(&b);
}

/* Both packets were there before http came to the first: the second waits only since then. */
static void body_behind_its_head_is_not_counted_twice(void)
{
	struct bench b;
	uint64_t seen_ns;

	open_timed(&b, WINDOW_WIDE);
	seen_ns = b.rig->env.now_ns - 900;
	b.rig->env.rx_ns = seen_ns;
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n" END);
	b.rig->env.now_ns += 40;
	feed(&b, "abc");
	b.rig->env.rx_ns = 0;
	CU_ASSERT(took(&b, (struct want){ 40, PARSE_NS, ROUTE_NS, HANDLE_NS, 0 }));
	bench_close(&b);
}

static void streamed_body_counts_while_the_handler_has_it(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	b.rig->body_waits = true;
	feed_seen(&b, 900, "POST /upload HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "abc");
	fake_stream_advance(&b.fs, HZ_NS_PER_MS); /* the handler has it */
	resume(&b);
	b.rig->body_waits = false;
	fake_stream_advance(&b.fs, 7 * HZ_NS_PER_MS); /* the client has not sent it */
	feed_seen(&b, 80, "def");
	fake_stream_advance(&b.fs, 7 * HZ_NS_PER_MS);
	feed_seen(&b, 70, "ghi");
	/* Three pieces, and once it was asked whether it goes on. */
	CU_ASSERT(took(&b, (struct want){ 70, PARSE_NS, ROUTE_NS,
	                                  4 * BODY_NS + HZ_NS_PER_MS + HANDLE_NS, 0 }));
	bench_close(&b);
}

static void blocked_answer_is_in_tx_until_its_last_byte(void)
{
	struct bench b;

	open_timed(&b, 2000);
	feed_seen(&b, 900, "GET /bytes/5000 HTTP/1.1\r\n" H END);
	CU_ASSERT(took_nothing(&b));
	fake_stream_advance(&b.fs, HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(fake_stream_take(&b.fs, 2000), 2000);
	CU_ASSERT(took_nothing(&b));
	fake_stream_advance(&b.fs, 2 * HZ_NS_PER_MS);
	fake_stream_take_all(&b.fs, 2000);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, HANDLE_NS, 3 * HZ_NS_PER_MS }));
	bench_close(&b);
}

static void source_that_has_nothing_is_in_tx_meanwhile(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	b.rig->source_ready = 3;
	feed_seen(&b, 900, "GET /source/5 HTTP/1.1\r\n" H END);
	fake_stream_advance(&b.fs, 4 * HZ_NS_PER_MS);
	b.rig->source_ready = 5;
	resume(&b);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, HANDLE_NS, 4 * HZ_NS_PER_MS }));
	bench_close(&b);
}

static void refusal_has_the_stages_that_it_came_to(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET /missing HTTP/1.1\r\n" H END);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, NONE, 0 }));
	feed_seen(&b, 900, "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n" END);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 413);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, NONE, 0 }));
	bench_close(&b);
	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "nonsense\r\n\r\n");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 400);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, NONE, NONE, 0 }));
	bench_close(&b);
}

static void shed_request_has_no_route(void)
{
	struct hz_overload overload = { .refuse_permille = 1000 };
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	b.rig->env.overload = &overload;
	hz_rng_seed(&b.rig->env.rng, 1);
	feed_seen(&b, 900, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, NONE, NONE, 0 }));
	bench_close(&b);
}

/* The client's time, not ours: neither the head nor the body that never came is in a stage. */
static void request_that_never_came_whole_took_no_time(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET / HTTP/1.1\r\n");
	fake_stream_advance(&b.fs, 11 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 408);
	CU_ASSERT(took(&b, (struct want){ NONE, NONE, NONE, NONE, 0 }));
	bench_close(&b);
	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "POST /echo HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "abc");
	for (unsigned s = 0; s < 8 && b.fs.out_len == 0; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 408);
	CU_ASSERT(took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, NONE, 0 }));
	bench_close(&b);
}

static void answer_that_is_late_was_in_the_stage_that_waited(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	b.rig->limits.answer_timeout_ns = 2 * HZ_NS_PER_S;
	feed_seen(&b, 900, "GET /later HTTP/1.1\r\n" H END);
	fake_stream_advance(&b.fs, 2 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	CU_ASSERT(
		took(&b, (struct want){ 900, PARSE_NS, ROUTE_NS, HANDLE_NS + 2 * HZ_NS_PER_S, 0 }));
	bench_close(&b);
}

static void answer_that_never_went_out_is_not_recorded(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	feed_seen(&b, 900, "GET /later HTTP/1.1\r\n" H END);
	fake_stream_close(&b.fs, HZ_CLOSE_RESET);
	CU_ASSERT(took_nothing(&b));
	bench_close(&b);
}

/* A flight comes again: nothing of the request before is left in it. */
static void request_after_one_that_waited_begins_from_nothing(void)
{
	struct bench b;

	open_timed(&b, WINDOW_WIDE);
	for (unsigned i = 0; i < 4; i++) {
		b.rig->is_ready = false;
		feed_seen(&b, 900, "GET /later HTTP/1.1\r\n" H END);
		fake_stream_advance(&b.fs, 5 * HZ_NS_PER_MS);
		resume(&b);
		memset(b.rig->hist, 0, sizeof(b.rig->hist));
		feed_seen(&b, 10, "GET /missing HTTP/1.1\r\n" H END);
		CU_ASSERT(took(&b, (struct want){ 10, PARSE_NS, ROUTE_NS, NONE, 0 }));
	}
	bench_close(&b);
}

HZ_SUITE(h1_stage, MEASURED(request_seen_by_xdp_has_each_stage_once),
         MEASURED(request_without_a_stamp_has_no_queue), MEASURED(stamp_from_the_future_is_no_wait),
         MEASURED(pipelined_request_waits_in_queue_behind_the_one_before),
         MEASURED(pipelined_request_without_a_stamp_waits_since_the_turn_began),
         MEASURED(head_in_two_packets_counts_from_the_second),
         MEASURED(handler_that_waits_is_in_its_stage_meanwhile),
         MEASURED(route_that_waits_is_in_its_stage_meanwhile),
         MEASURED(body_that_is_awaited_is_in_no_stage),
         MEASURED(body_behind_its_head_is_not_counted_twice),
         MEASURED(streamed_body_counts_while_the_handler_has_it),
         MEASURED(blocked_answer_is_in_tx_until_its_last_byte),
         MEASURED(source_that_has_nothing_is_in_tx_meanwhile),
         MEASURED(refusal_has_the_stages_that_it_came_to), MEASURED(shed_request_has_no_route),
         MEASURED(request_that_never_came_whole_took_no_time),
         MEASURED(answer_that_is_late_was_in_the_stage_that_waited),
         CASE(answer_that_never_went_out_is_not_recorded),
         MEASURED(request_after_one_that_waited_begins_from_nothing));
