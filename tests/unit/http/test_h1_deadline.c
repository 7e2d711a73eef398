/* Deadlines: what is silent or slow is ended in time, what is steady is not. */
#include "http_bench.h"

/* Seconds until the connection ends, feeding one byte per second when there are any. */
static unsigned seconds_to_end(struct bench *b, const char *trickle)
{
	unsigned s;

	for (s = 0; s < 200 && !b->fs.is_shutdown && !b->fs.is_aborted; s++) {
		if (trickle != NULL && *trickle != '\0')
			fake_stream_feed(&b->fs, trickle++, 1);
		fake_stream_advance(&b->fs, HZ_NS_PER_S);
	}
	return s;
}

static void head_that_trickles_is_408_at_its_deadline(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	CU_ASSERT_EQUAL(seconds_to_end(&b, "GET /very-long-path HTTP/1.1"), 10);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 408);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_timeout], 1);
	bench_close(&b);
}

static void second_head_has_a_deadline_of_its_own(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	for (unsigned s = 0; s < 30; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT(!b.fs.is_shutdown);
	CU_ASSERT_EQUAL(seconds_to_end(&b, "GET /very-long-path HTTP/1.1"), 10);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 408);
	bench_close(&b);
}

/* RFC 9112 2.2: what some clients send behind a body begins no request. */
static void empty_line_leaves_a_connection_idle(void)
{
	for (unsigned pieces = 0; pieces <= 1; pieces++) {
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n" END "hello");
		feed(&b, pieces ? "\r" : "\r\n");
		if (pieces)
			feed(&b, "\n");
		CU_ASSERT_EQUAL(b.fs.held_len, 0);
		CU_ASSERT_EQUAL(b.rig->pins, b.rig->unpins);
		CU_ASSERT(hz_h1_proto_ops.is_idle(&b.fs.s));
		CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 60);
		CU_ASSERT_EQUAL(http_rig_count(&b.fs), 1);
		CU_ASSERT(b.fs.is_shutdown);
		bench_close(&b);
	}
}

static void empty_line_is_spent_once(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "\r\n");
	feed(&b, "GET / HTTP/1.1\r\n" H END "\r\n");
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 200);
	feed(&b, "\r\n");
	feed(&b, "\r");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 2), 400);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

/* RFC 9110 9.3.2, also of what is refused: the next bytes would be taken for the next answer. */
static void refused_head_has_an_answer_without_content(void)
{
	static const struct {
		const char *text;
		unsigned status; /* 0: none before its deadline */
		bool has_content;
	} rows[] = {
		{ "HEAD / HTTP/1.1\r\n\r\n", 400, false },
		{ "\r\nHEAD / HTTP/1.1\r\n\r\n", 400, false },
		{ "HEAD / HTTP/1.1\r\n" H "X : y\r\n", 400, false },
		{ "HEAD \x01", 400, false },
		{ "HEAD / HTTP/3.0\r\n", 505, false },
		{ "HEAD / HTTP/1.1\r\n" H "Expect: x\r\n" END, 417, false },
		{ "HEAD / HT", 0, false },
		{ "HEAD / HTTP/1.1\r\n" H, 0, false },
		{ "HEAD", 0, true }, /* or HEADER */
		{ "HEADS / HTTP/1.1\r\n" H END, 501, true },
		{ "head / HTTP/1.1\r\n" H END, 501, true },
		{ "GET / HTTP/1.1\r\n\r\n", 400, true },
	};

	for (size_t i = 0; i < 2 * HZ_ARRAY_LEN(rows); i++) {
		const char *text = rows[i / 2].text;
		unsigned status = rows[i / 2].status;
		struct http_answer answer;
		struct hz_span out;
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		for (; i % 2 == 1 && *text != '\0' && !b.fs.is_shutdown; text++)
			fake_stream_feed(&b.fs, text, 1);
		if (i % 2 == 0)
			feed(&b, text);
		if (status == 0)
			CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 10);
		out = (struct hz_span){ b.fs.out, b.fs.out_len };
		CU_ASSERT_FATAL(http_answer_next(&out, !rows[i / 2].has_content, &answer));
		CU_ASSERT_EQUAL(answer.status, status != 0 ? status : 408);
		CU_ASSERT_EQUAL(out.len, 0);
		bench_close(&b);
	}
}

static void silent_connection_is_closed_without_a_word(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 10);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	bench_close(&b);
}

static void idle_connection_is_closed_after_idle_timeout(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 60);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 1);
	bench_close(&b);
}

static void short_timeouts_are_kept_to_the_tick(void)
{
	struct bench b;

	b.rig = http_rig_open(1);
	b.rig->limits.header_timeout_ns = 5 * HZ_NS_PER_MS;
	b.rig->limits.idle_timeout_ns = 3 * HZ_NS_PER_MS;
	http_rig_connect(b.rig, &b.fs, WINDOW_WIDE);
	CU_ASSERT_EQUAL(b.fs.deadline_ns, b.rig->env.now_ns + 5 * HZ_NS_PER_MS);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.fs.deadline_ns, b.rig->env.now_ns + 3 * HZ_NS_PER_MS);
	fake_stream_advance(&b.fs, 3 * HZ_NS_PER_MS);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

static void slow_body_is_408_and_a_steady_one_is_not(void)
{
	static const char post[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 60000\r\n" END;
	static char piece[600];
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, post);
	CU_ASSERT_EQUAL(seconds_to_end(&b, "slow, slow, slow"), 6);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 408);
	bench_close(&b);
	bench_open(&b, WINDOW_WIDE);
	feed(&b, post);
	for (unsigned s = 0; s < 100; s++) {
		fake_stream_feed(&b.fs, piece, sizeof(piece));
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	}
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	bench_close(&b);
}

/* Far ahead of the least rate, but for no longer than 30 s. */
static void body_that_stalls_after_a_burst_is_408_in_time(void)
{
	static char burst[50000];
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 60000\r\n" END);
	fake_stream_feed(&b.fs, burst, sizeof(burst));
	CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 32);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 408);
	bench_close(&b);
}

static void reader_that_stalls_after_a_burst_is_reset_in_time(void)
{
	struct bench b;

	bench_open(&b, 1100);
	feed(&b, "GET /bytes/1000000 HTTP/1.1\r\n" H END);
	for (unsigned i = 0; i < 100; i++)
		fake_stream_take(&b.fs, 1000);
	CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 32);
	CU_ASSERT(b.fs.is_aborted);
	bench_close(&b);
}

static void reader_that_takes_nothing_is_reset(void)
{
	struct bench b;

	bench_open(&b, 1100);
	feed(&b, "GET /bytes/5000 HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(seconds_to_end(&b, NULL), 8);
	CU_ASSERT(b.fs.is_aborted);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_timeout], 1);
	bench_close(&b);
}

/* Spread over a fifth of the lifetime; the last answer says so, and who is silent is closed. */
static void connection_ends_after_its_lifetime_give_or_take_a_tenth(void)
{
	unsigned least = 1000, most = 0;

	for (unsigned seed = 1; seed <= 200; seed++) {
		struct http_answer answer = { 0 };
		struct hz_span out;
		struct bench b;
		unsigned s = 0;

		b.rig = http_rig_open(4);
		hz_rng_seed(&b.rig->env.rng, seed);
		b.rig->limits.lifetime_ns = 100 * HZ_NS_PER_S;
		http_rig_connect(b.rig, &b.fs, WINDOW_WIDE);
		while (!b.fs.is_shutdown && s < 200) {
			s++;
			fake_stream_advance(&b.fs, HZ_NS_PER_S);
			if (seed % 2 == 0 && !b.fs.is_shutdown)
				feed(&b, "GET / HTTP/1.1\r\n" H END);
			else if (s % 50 == 1)
				feed(&b, "GET / HTTP/1.1\r\n" H END);
		}
		least = s < least ? s : least;
		most = s > most ? s : most;
		out = (struct hz_span){ b.fs.out, b.fs.out_len };
		while (http_answer_next(&out, false, &answer))
			CU_ASSERT(!answer.says_close || out.len == 0);
		CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
		bench_close(&b);
	}
	printf("# ended after %u to %u s\n", least, most);
	CU_ASSERT(least >= 90 && least < 95);
	CU_ASSERT(most > 105 && most <= 111);
}

HZ_SUITE(h1_deadline, CASE(connection_ends_after_its_lifetime_give_or_take_a_tenth),
         CASE(head_that_trickles_is_408_at_its_deadline),
         CASE(second_head_has_a_deadline_of_its_own), CASE(empty_line_leaves_a_connection_idle),
         CASE(empty_line_is_spent_once), CASE(refused_head_has_an_answer_without_content),
         CASE(silent_connection_is_closed_without_a_word),
         CASE(idle_connection_is_closed_after_idle_timeout),
         CASE(short_timeouts_are_kept_to_the_tick), CASE(slow_body_is_408_and_a_steady_one_is_not),
         CASE(body_that_stalls_after_a_burst_is_408_in_time),
         CASE(reader_that_stalls_after_a_burst_is_reset_in_time),
         CASE(reader_that_takes_nothing_is_reset));
