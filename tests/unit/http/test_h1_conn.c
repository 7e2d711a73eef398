/* The request machine as a client sees it: what is answered, what goes on, what ends. */
#include "http_bench.h"
#include <stdlib.h>

static bool out_is(const struct bench *b, const char *want)
{
	if (b->fs.out_len == strlen(want) && memcmp(b->fs.out, want, b->fs.out_len) == 0)
		return true;
	printf("# got %zu bytes \"%.*s\"\n", b->fs.out_len, (int)b->fs.out_len, b->fs.out);
	return false;
}

#define DATE  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n" DATE "hello\n"

static void get_is_answered_and_kept(void)
{
	const unsigned timed = HZ_TELEMETRY ? 1 : 0;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT(out_is(&b, HELLO));
	CU_ASSERT(!b.fs.is_shutdown);
	CU_ASSERT_EQUAL(b.rig->pins, b.rig->unpins);
	CU_ASSERT_EQUAL(b.rig->worker.requests, 1);
	CU_ASSERT_EQUAL(b.rig->worker.responses_2xx, 1);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_TOTAL]), timed);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_PARSE]), timed);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_ROUTE]), timed);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_HANDLER]), timed);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_TX]), timed);
	bench_close(&b);
}

static void get_is_one_reserve_and_one_commit(void)
{
	struct bench b;
	unsigned timers;

	bench_open(&b, WINDOW_WIDE);
	timers = b.fs.timers;
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.fs.reserves, 2);
	CU_ASSERT_EQUAL(b.fs.commits, 2);
	CU_ASSERT_EQUAL(b.fs.writes, 0);
	CU_ASSERT_EQUAL(b.fs.timers, timers);
	bench_close(&b);
}

static void pipelined_gets_share_reserved_space(void)
{
	struct bench b;
	char bytes[1024] = "";

	bench_open(&b, WINDOW_WIDE);
	for (unsigned i = 0; i < 8; i++)
		strncat(bytes, "GET / HTTP/1.1\r\n" H END, sizeof(bytes) - strlen(bytes) - 1);
	feed(&b, bytes);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 8);
	CU_ASSERT_EQUAL(b.fs.commits, 1);
	CU_ASSERT_EQUAL(b.rig->pins, 1 + 8); /* on_open, and each */
	CU_ASSERT_EQUAL(b.rig->unpins, b.rig->pins);
	bench_close(&b);
}

/* Else who always sends the rest of one and the beginning of the next keeps a configuration for ever. */
static void request_that_begins_behind_another_pins_anew(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END "GE");
	for (unsigned n = 1; n < 5; n++) {
		CU_ASSERT_EQUAL(http_rig_count(&b.fs), n);
		CU_ASSERT_EQUAL(b.rig->pins, 1 + n + 1); /* on_open, answered ones, "GE" */
		CU_ASSERT_EQUAL(b.rig->unpins, 1 + n);
		feed(&b, "T / HTTP/1.1\r\n" H END "GE");
	}
	bench_close(&b);
}

static void pipeline_beyond_its_depth_is_resumed_by_timer(void)
{
	struct bench b;
	const unsigned count = 3 * HZ_LIMIT_pipeline_depth_max + 5;

	bench_open(&b, WINDOW_WIDE);
	b.fs.held = malloc(count * 64);
	for (unsigned i = 0; i < count; i++) {
		static const char one[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

		memcpy(b.fs.held + b.fs.held_len, one, sizeof(one) - 1);
		b.fs.held_len += sizeof(one) - 1;
	}
	feed(&b, "GET /last HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), HZ_LIMIT_pipeline_depth_max);
	CU_ASSERT_EQUAL(b.fs.deadline_ns, b.rig->env.now_ns);
	fake_stream_settle(&b.fs, 100);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), count + 1);
	CU_ASSERT_EQUAL(b.fs.held_len, 0);
	CU_ASSERT(b.fs.deadline_ns > b.rig->env.now_ns);
	bench_close(&b);
}

static void half_close_behind_a_deep_pipeline_answers_all_then_shuts_down(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.fs.is_eof_due = true; /* the FIN came with the bytes */
	b.fs.held = malloc(8192);
	for (unsigned i = 0; i < 40; i++) {
		memcpy(b.fs.held + b.fs.held_len, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
		b.fs.held_len += 27;
	}
	feed(&b, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_stream_settle(&b.fs, 100);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 41);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

/* --- keep-alive ----------------------------------------------------------------------------------------- */

static void keep_alive_and_close_follow_the_matrix(void)
{
	static const struct {
		const char *request;
		bool closes, says_close, says_keep;
	} matrix[] = {
		{ "GET / HTTP/1.1\r\n" H END, false, false, false },
		{ "GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\n" END, false, false, false },
		{ "GET / HTTP/1.1\r\n" H "Connection: close\r\n" END, true, true, false },
		{ "GET / HTTP/1.0\r\n" END, true, true, false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n" END, false, false, true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n" END, true, true, false },
		{ "GET /close HTTP/1.1\r\n" H END, true, true, false },
		{ "GET /missing HTTP/1.1\r\n" H END, false, false, false },
		{ "GET /method HTTP/1.1\r\n" H END, false, false, false },
		{ "GET /none HTTP/1.1\r\n" H END, false, false, false },
		{ "CONNECT a:1 HTTP/1.1\r\n" H END, true, true, false },
		{ "GET\r\n", true, true, false },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(matrix); i++) {
		struct http_answer answer;
		struct hz_span out;
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		feed(&b, matrix[i].request);
		out = (struct hz_span){ b.fs.out, b.fs.out_len };
		CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
		CU_ASSERT_EQUAL(out.len, 0);
		CU_ASSERT_EQUAL(answer.says_close, matrix[i].says_close);
		CU_ASSERT_EQUAL(answer.says_keep_alive, matrix[i].says_keep);
		CU_ASSERT_EQUAL(b.fs.is_shutdown, matrix[i].closes);
		if (matrix[i].closes) { /* input is dropped, not answered */
			feed(&b, "GET / HTTP/1.1\r\n" H END);
			CU_ASSERT_EQUAL(b.fs.held_len, 0);
			CU_ASSERT_EQUAL(http_rig_count(&b.fs), 1);
		}
		bench_close(&b);
	}
}

static void requests_per_connection_ends_with_the_last_one(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->limits.requests_per_connection = 3;
	for (unsigned i = 0; i < 4; i++)
		feed(&b, "GET / HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	for (unsigned i = 1; i <= 3; i++) {
		CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
		CU_ASSERT_EQUAL(answer.says_close, i == 3);
	}
	CU_ASSERT_EQUAL(out.len, 0);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

static void drain_closes_answers_at_once_and_idle_within_a_second(void)
{
	struct fake_stream idle;
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	http_rig_connect(b.rig, &idle, WINDOW_WIDE);
	fake_stream_feed(&idle, "GET / HTTP/1.1\r\n" H END, 35);
	CU_ASSERT_EQUAL(http_rig_count(&idle), 1);
	hz_http_worker_drain(b.rig->http);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT(http_answer_next(&out, false, &answer) && answer.says_close);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT(!idle.is_shutdown);
	fake_stream_advance(&idle, HZ_NS_PER_S);
	CU_ASSERT(idle.is_shutdown);
	fake_stream_free(&idle);
	bench_close(&b);
}

/* --- heads of answers ------------------------------------------------------------------------------------ */

static void head_has_length_and_no_body(void)
{
	static const char *const paths[] = { "/", "/echo", "/bytes/5000", "/missing", "/any" };

	for (size_t i = 0; i < HZ_ARRAY_LEN(paths); i++) {
		struct http_answer answer;
		struct hz_span out;
		struct bench b;
		char text[128];

		bench_open(&b, WINDOW_WIDE);
		snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\n" H END, paths[i]);
		feed(&b, text);
		feed(&b, "GET / HTTP/1.1\r\n" H END);
		out = (struct hz_span){ b.fs.out, b.fs.out_len };
		CU_ASSERT_FATAL(http_answer_next(&out, true, &answer));
		CU_ASSERT(answer.has_length);
		CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
		CU_ASSERT_EQUAL(out.len, 0);
		bench_close(&b);
	}
}

static void statuses_without_content_have_none(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /none HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT_EQUAL(answer.status, 204);
	CU_ASSERT(!answer.has_length);
	CU_ASSERT_EQUAL(out.len, 0);
	bench_close(&b);
}

static void refusal_of_route_keeps_its_fields(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /method HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT_EQUAL(answer.status, 405);
	CU_ASSERT(http_answer_has_field(&answer, "Allow: PUT\r\n"));
	CU_ASSERT_EQUAL(b.rig->worker.responses_4xx, 1);
	CU_ASSERT_EQUAL(b.rig->handled, 0);
	bench_close(&b);
}

static void content_type_with_line_break_does_not_split_the_answer(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /split HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT(!http_answer_has_field(&answer, "X-Evil"));
	bench_close(&b);
}

static void head_beyond_a_reservation_is_written_in_pieces(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /long HTTP/1.1\r\n" H END "GET / HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT(answer.head.len > HZ_RESERVE_MAX);
	CU_ASSERT(http_answer_has_field(&answer, "X-Long: 0123"));
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT_EQUAL(out.len, 0);
	bench_close(&b);
}

static void date_follows_the_clock(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	b.rig->env.unix_s += 25;
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT(http_answer_next(&out, false, &answer));
	CU_ASSERT(http_answer_has_field(&answer, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
	CU_ASSERT(http_answer_next(&out, false, &answer));
	CU_ASSERT(http_answer_has_field(&answer, "Date: Sun, 06 Nov 1994 08:50:02 GMT\r\n"));
	bench_close(&b);
}

/* --- refusals --------------------------------------------------------------------------------------------- */

static void bad_request_is_answered_counted_and_closed(void)
{
	static const struct {
		const char *bytes;
		unsigned status;
		enum hz_counter counter;
	} bad[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400, HZ_COUNTER_http_bad },
		{ "BREW / HTTP/1.1\r\n" H END, 501, HZ_COUNTER_http_bad },
		{ "GET / HTTP/3.0\r\n" H END, 505, HZ_COUNTER_http_bad },
		{ "GET / HTTP/1.1\r\n" H "Expect: x\r\n" END, 417, HZ_COUNTER_http_bad },
		{ "\x16\x03\x01", 400, HZ_COUNTER_http_bad },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		feed(&b, bad[i].bytes);
		CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), bad[i].status);
		CU_ASSERT(b.fs.is_shutdown);
		CU_ASSERT_EQUAL(b.rig->worker.bad_requests, 1);
		CU_ASSERT_EQUAL(b.rig->worker.counters[bad[i].counter], 1);
		CU_ASSERT_EQUAL(b.rig->worker.requests, 1);
		CU_ASSERT_EQUAL(b.fs.held_len, 0);
		CU_ASSERT_EQUAL(b.fs.deadline_ns, 0);
		bench_close(&b);
	}
}

static void request_behind_a_bad_one_is_not_answered(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END "GET / HTTP/1.1\r\n" H "X : y\r\n" END
	         "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 2);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 400);
	bench_close(&b);
}

static void target_and_head_beyond_limits_are_414_and_431(void)
{
	static char bytes[12000];
	struct bench b;

	memset(bytes, 'a', sizeof(bytes) - 1);
	memcpy(bytes, "GET /", 5);
	bench_open(&b, WINDOW_WIDE);
	feed(&b, bytes);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 414);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_too_large], 1);
	bench_close(&b);
	memcpy(bytes, "GET / HTTP/1.1\r\nX:", 18);
	bench_open(&b, WINDOW_WIDE);
	feed(&b, bytes);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 431);
	bench_close(&b);
}

static void connections_beyond_the_pool_are_refused(void)
{
	struct http_rig *rig = http_rig_open(2);
	struct fake_stream fs[3];

	http_rig_connect(rig, &fs[0], WINDOW_WIDE);
	http_rig_connect(rig, &fs[1], WINDOW_WIDE);
	CU_ASSERT(fake_stream_open(&fs[2], &rig->env, &hz_h1_proto_ops, rig->http, 1) < 0);
	fake_stream_free(&fs[0]);
	CU_ASSERT_EQUAL(fake_stream_open(&fs[2], &rig->env, &hz_h1_proto_ops, rig->http, 1), 0);
	fake_stream_free(&fs[1]);
	fake_stream_free(&fs[2]);
	CU_ASSERT(http_rig_is_clean(rig));
	http_rig_free(rig);
}

HZ_SUITE(h1_conn, CASE(get_is_answered_and_kept), CASE(get_is_one_reserve_and_one_commit),
         CASE(pipelined_gets_share_reserved_space),
         CASE(request_that_begins_behind_another_pins_anew),
         CASE(pipeline_beyond_its_depth_is_resumed_by_timer),
         CASE(half_close_behind_a_deep_pipeline_answers_all_then_shuts_down),
         CASE(keep_alive_and_close_follow_the_matrix),
         CASE(requests_per_connection_ends_with_the_last_one),
         CASE(drain_closes_answers_at_once_and_idle_within_a_second),
         CASE(head_has_length_and_no_body), CASE(statuses_without_content_have_none),
         CASE(refusal_of_route_keeps_its_fields),
         CASE(content_type_with_line_break_does_not_split_the_answer),
         CASE(head_beyond_a_reservation_is_written_in_pieces), CASE(date_follows_the_clock),
         CASE(bad_request_is_answered_counted_and_closed),
         CASE(request_behind_a_bad_one_is_not_answered),
         CASE(target_and_head_beyond_limits_are_414_and_431),
         CASE(connections_beyond_the_pool_are_refused));
