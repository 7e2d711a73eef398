/* Answers that come later and bodies that come piece by piece: what waits is resumed or ended, nothing is lost or
 * given twice, and whoever holds a ticket of a request that is gone learns it. */
#include "http/http_wait.h"
#include "http_bench.h"
#include <stdlib.h>

/* The up-call that a wake promises. */
static void settle(struct bench *b)
{
	(void)fake_stream_take(&b->fs, 0);
}

static bool body_is(const struct bench *b, struct hz_span body, uint64_t bytes)
{
	(void)b;
	if (body.len != bytes)
		return false;
	for (size_t i = 0; i < body.len; i++) {
		if (body.data[i] != http_rig_byte(i))
			return false;
	}
	return true;
}

static void handler_that_waits_answers_when_resumed(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /later HTTP/1.1\r\n" H END "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	CU_ASSERT_EQUAL(b.rig->waits, 1);
	CU_ASSERT_NOT_EQUAL(b.rig->ticket, 0);
	/* Called again for no reason: it waits on. */
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_EQUAL(b.rig->waits, 2);
	b.rig->is_ready = true;
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 2); /* the one behind it was not lost */
	CU_ASSERT_EQUAL(b.rig->finishes, 2);
	CU_ASSERT(!http_rig_resume(b.rig));
	bench_close(&b);
}

/* The flight is the same one. */
static void second_request_that_waits_has_a_ticket_of_its_own(void)
{
	struct bench b;
	uint64_t first;

	bench_open(&b, WINDOW_WIDE);
	for (unsigned i = 0; i < 5; i++) {
		first = b.rig->ticket;
		b.rig->is_ready = false;
		feed(&b, "GET /later HTTP/1.1\r\n" H END);
		CU_ASSERT_NOT_EQUAL(b.rig->ticket, first);
		CU_ASSERT_PTR_NULL(hz_http_waiting(b.rig->http, first));
		b.rig->is_ready = true;
		CU_ASSERT(http_rig_resume(b.rig));
		settle(&b);
		CU_ASSERT_EQUAL(http_rig_count(&b.fs), i + 1);
	}
	bench_close(&b);
}

/* Also where the one before never had to wait. */
static void ticket_that_was_not_needed_is_not_given_again(void)
{
	struct bench b;
	uint64_t first;

	bench_open(&b, WINDOW_WIDE);
	b.rig->source_ready = UINT64_MAX;
	feed(&b, "GET /source/5 HTTP/1.1\r\n" H END);
	first = b.rig->ticket;
	feed(&b, "GET /later HTTP/1.1\r\n" H END);
	CU_ASSERT_NOT_EQUAL(b.rig->ticket, first);
	CU_ASSERT_PTR_NULL(hz_http_waiting(b.rig->http, first));
	CU_ASSERT(http_rig_resume(b.rig));
	bench_close(&b);
}

static void time_to_wake_counts_once(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /doze HTTP/1.1\r\n" H END);
	CU_ASSERT(fake_stream_advance(&b.fs, 50 * HZ_NS_PER_MS));
	CU_ASSERT_EQUAL(b.rig->waits, 1);
	for (unsigned s = 0; s < 5; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b.rig->waits, 1);
	bench_close(&b);
}

static void route_that_waits_sees_the_same_request_again(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b,
	     "POST /gate?q HTTP/1.1\r\n" H "X-Kept: through the move\r\nContent-Length: 4\r\n" END
	     "bodyGET /next HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	b.rig->is_ready = true;
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 2);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT_PTR_NOT_NULL(
		memmem(answer.body.data, answer.body.len, "/gate?q\n/gate\nq\n", 16));
	CU_ASSERT_PTR_NOT_NULL(
		memmem(answer.body.data, answer.body.len, "X-Kept=through the move\n", 24));
	CU_ASSERT_PTR_NOT_NULL(memmem(answer.body.data, answer.body.len, "body 4 ", 7));
	bench_close(&b);
}

/* The client waits for 100 Continue, and gets it once the route said yes. */
static void route_that_waits_owes_continue_after(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /gate HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n" END);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	b.rig->is_ready = true;
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_PTR_NOT_NULL(memmem(b.fs.out, b.fs.out_len, "100 Continue", 12));
	feed(&b, "ok");
	CU_ASSERT_PTR_NOT_NULL(memmem(b.fs.out, b.fs.out_len, "200 OK", 6));
	bench_close(&b);
}

static void waiting_request_is_503_at_its_deadline(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->limits.answer_timeout_ns = 300 * HZ_NS_PER_MS;
	feed(&b, "GET /later HTTP/1.1\r\n" H END);
	CU_ASSERT(!fake_stream_advance(&b.fs, 299 * HZ_NS_PER_MS));
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	CU_ASSERT(fake_stream_advance(&b.fs, HZ_NS_PER_MS));
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_answer_late], 1);
	CU_ASSERT_EQUAL(b.rig->outcome.status, 503);
	CU_ASSERT(!http_rig_resume(b.rig));
	bench_close(&b);
}

/* Six seconds, 1,000 bytes each. */
static void body_feed_slowly(struct bench *b)
{
	static const char piece[1000] = { 'x' };

	for (unsigned s = 0; s < 6; s++) {
		fake_stream_advance(&b->fs, HZ_NS_PER_S);
		fake_stream_feed(&b->fs, piece, sizeof(piece));
	}
}

static void time_of_the_body_is_not_the_answers(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->limits.answer_timeout_ns = 3 * HZ_NS_PER_S;
	feed(&b, "POST /later HTTP/1.1\r\n" H "Content-Length: 6000\r\n" END);
	body_feed_slowly(&b);
	CU_ASSERT_EQUAL(b.rig->waits, 1);
	for (unsigned s = 0; s < 2; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	bench_close(&b);
}

/* Of a streaming route the application's pauses count, together, and the client's do not. */
static void time_of_a_streamed_body_counts_while_the_application_has_it(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->limits.answer_timeout_ns = 3 * HZ_NS_PER_S;
	feed(&b, "POST /upload HTTP/1.1\r\n" H "Content-Length: 9000\r\n" END);
	body_feed_slowly(&b);
	b.rig->body_waits = true;
	feed(&b, "x");
	fake_stream_advance(&b.fs, 2 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	b.rig->body_waits = false;
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	fake_stream_advance(&b.fs, 2 * HZ_NS_PER_S);
	b.rig->body_waits = true;
	feed(&b, "x");
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	fake_stream_advance(&b.fs, 999 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(b.fs.out_len, 0);
	fake_stream_advance(&b.fs, HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	bench_close(&b);
}

static void request_with_a_time_to_wake_is_called_then(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /nap HTTP/1.1\r\n" H END);
	CU_ASSERT(!fake_stream_advance(&b.fs, 49 * HZ_NS_PER_MS));
	CU_ASSERT_EQUAL(b.rig->handled, 0);
	CU_ASSERT(fake_stream_advance(&b.fs, HZ_NS_PER_MS));
	CU_ASSERT_EQUAL(b.rig->handled, 1);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	bench_close(&b);
}

/* Also when it came in one packet with its head, where it is read without a copy. */
static void handler_that_waits_sees_the_same_body_again(void)
{
	struct bench plain, late;
	const uint8_t *line;

	bench_open(&plain, WINDOW_WIDE);
	bench_open(&late, WINDOW_WIDE);
	feed(&plain, "POST /soon HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "some body");
	line = memmem(plain.fs.out, plain.fs.out_len, "body 9 sum", 10);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	feed(&late, "POST /nap HTTP/1.1\r\n" H "Content-Length: 9\r\n" END
	            "some bodyGET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(late.fs.out_len, 0);
	CU_ASSERT(fake_stream_advance(&late.fs, 50 * HZ_NS_PER_MS));
	CU_ASSERT_PTR_NOT_NULL(memmem(late.fs.out, late.fs.out_len, line,
	                              (size_t)(plain.fs.out + plain.fs.out_len - line)));
	CU_ASSERT_EQUAL(http_rig_count(&late.fs), 2);
	bench_close(&late);
	bench_close(&plain);
}

static void connection_that_ends_while_waiting_takes_its_ticket_with_it(void)
{
	struct fake_stream second;
	struct bench b;
	uint64_t old;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /later HTTP/1.1\r\n" H END);
	old = b.rig->ticket;
	fake_stream_close(&b.fs, HZ_CLOSE_RESET);
	CU_ASSERT_EQUAL(b.rig->finishes, 1);
	CU_ASSERT_EQUAL(b.rig->outcome.status, 0);
	CU_ASSERT(!b.rig->outcome.is_complete);
	/* The next request has the same flight, and another ticket. */
	http_rig_connect(b.rig, &second, WINDOW_WIDE);
	fake_stream_feed(&second, "GET /later HTTP/1.1\r\n" H END,
	                 strlen("GET /later HTTP/1.1\r\n" H END));
	CU_ASSERT_NOT_EQUAL(b.rig->ticket, old);
	CU_ASSERT_PTR_NULL(hz_http_waiting(b.rig->http, old));
	CU_ASSERT_PTR_NOT_NULL(hz_http_waiting(b.rig->http, b.rig->ticket));
	CU_ASSERT_PTR_NULL(hz_http_waiting(b.rig->http, 0));
	CU_ASSERT_PTR_NULL(hz_http_waiting(b.rig->http, UINT64_MAX));
	fake_stream_close(&second, HZ_CLOSE_DONE);
	fake_stream_free(&second);
	bench_close(&b);
}

static void peer_that_sends_fin_while_waiting_gets_its_answer(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /later HTTP/1.1\r\n" H END);
	fake_stream_eof(&b.fs);
	CU_ASSERT(!b.fs.is_shutdown);
	b.rig->is_ready = true;
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

/* --- sources ----------------------------------------------------------------------------------------------- */

/* Decodes a chunked body in place; false when it is not one, or not whole. */
static bool dechunk(struct hz_span in, uint8_t *out, size_t *bytes)
{
	size_t at = 0;

	*bytes = 0;
	for (;;) {
		size_t size = 0, digits = 0;

		while (at < in.len && in.data[at] != '\r') {
			uint8_t c = in.data[at++];

			size = size * 16 + (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
			digits++;
		}
		if (digits == 0 || in.len - at < size + 4)
			return false;
		at += 2;
		memcpy(out + *bytes, in.data + at, size);
		*bytes += size;
		at += size + 2;
		if (size == 0)
			return at == in.len;
	}
}

static bool chunks_are(const struct bench *b, uint64_t bytes)
{
	const uint8_t *end = memmem(b->fs.out, b->fs.out_len, "\r\n\r\n", 4);
	uint8_t *body = malloc(b->fs.out_len + 1);
	size_t have = 0;
	bool is_good;

	is_good =
		end != NULL &&
		memmem(b->fs.out, b->fs.out_len, "Transfer-Encoding: chunked\r\n", 28) != NULL &&
		memmem(b->fs.out, b->fs.out_len, "Content-Length", 14) == NULL &&
		dechunk((struct hz_span){ end + 4, (size_t)(b->fs.out + b->fs.out_len - end) - 4 },
	                body, &have) &&
		body_is(b, (struct hz_span){ body, have }, bytes);
	free(body);
	return is_good;
}

static void source_of_unknown_length_is_sent_in_chunks(void)
{
	static const uint64_t sizes[] = { 0, 1, 100, 1451, 1452, 5000, 200000 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(sizes); i++) {
		char request[80];
		struct bench b;

		bench_open(&b, 3000);
		b.rig->source_ready = UINT64_MAX;
		snprintf(request, sizeof(request), "GET /source/%llu HTTP/1.1\r\n" H END,
		         (unsigned long long)sizes[i]);
		feed(&b, request);
		fake_stream_take_all(&b.fs, 700);
		CU_ASSERT(chunks_are(&b, sizes[i]));
		CU_ASSERT_EQUAL(b.rig->releases, 1);
		CU_ASSERT_EQUAL(b.rig->source_ends, 1);
		CU_ASSERT_EQUAL(b.rig->outcome.sent_bytes, sizes[i]);
		CU_ASSERT(b.rig->outcome.is_complete);
		CU_ASSERT(!b.fs.is_shutdown);
		bench_close(&b);
	}
}

/* RFC 9112 7: not to a client that knows no chunks. */
static void source_of_unknown_length_ends_an_http_1_0_connection(void)
{
	struct bench b;
	const uint8_t *end;

	bench_open(&b, WINDOW_WIDE);
	b.rig->source_ready = UINT64_MAX;
	feed(&b, "GET /source/3000 HTTP/1.0\r\nConnection: keep-alive\r\n" H END);
	end = memmem(b.fs.out, b.fs.out_len, "\r\n\r\n", 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(end);
	CU_ASSERT_PTR_NULL(memmem(b.fs.out, b.fs.out_len, "chunked", 7));
	CU_ASSERT_PTR_NOT_NULL(memmem(b.fs.out, b.fs.out_len, "Connection: close\r\n", 19));
	CU_ASSERT(body_is(&b,
	                  (struct hz_span){ end + 4, (size_t)(b.fs.out + b.fs.out_len - end) - 4 },
	                  3000));
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

static void source_of_known_length_has_it_in_the_head(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, 2000);
	b.rig->source_ready = UINT64_MAX;
	feed(&b, "GET /exact/70000 HTTP/1.1\r\n" H END "HEAD /exact/70000 HTTP/1.1\r\n" H END);
	fake_stream_take_all(&b.fs, 900);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
	CU_ASSERT(answer.has_length && body_is(&b, answer.body, 70000));
	CU_ASSERT_FATAL(http_answer_next(&out, true, &answer));
	CU_ASSERT_EQUAL(answer.body.len, 0);
	CU_ASSERT_EQUAL(out.len, 0);
	CU_ASSERT_EQUAL(b.rig->releases, 2);
	bench_close(&b);
}

static void source_that_has_nothing_yet_goes_on_when_resumed(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /source/1000 HTTP/1.1\r\n" H END);
	CU_ASSERT_PTR_NOT_NULL(
		memmem(b.fs.out, b.fs.out_len, "200 OK", 6)); /* the head goes first */
	for (unsigned s = 0; s < 100; s++)                    /* its client is not slow */
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT(!b.fs.is_aborted);
	for (uint64_t ready = 10; ready <= 1000; ready += 10) {
		b.rig->source_ready = ready;
		CU_ASSERT(http_rig_resume(b.rig));
		settle(&b);
	}
	CU_ASSERT(chunks_are(&b, 1000));
	bench_close(&b);
}

static void source_with_a_time_to_wake_is_asked_then(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->source_beat_ns = 2500 * HZ_NS_PER_MS;
	feed(&b, "GET /source/1000 HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.rig->pulls, 1);
	for (unsigned round = 2; round < 6; round++) {
		for (unsigned i = 0; i < 24; i++)
			fake_stream_advance(&b.fs, 100 * HZ_NS_PER_MS);
		CU_ASSERT_EQUAL(b.rig->pulls, round - 1);
		fake_stream_advance(&b.fs, 100 * HZ_NS_PER_MS);
		CU_ASSERT_EQUAL(b.rig->pulls, round);
	}
	b.rig->source_beat_ns = 0; /* the time counts once */
	for (unsigned s = 0; s < 20; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b.rig->pulls, 6);
	bench_close(&b);
}

static void reader_of_a_source_that_is_too_slow_is_reset(void)
{
	struct bench b;

	bench_open(&b, 2000);
	b.rig->source_ready = UINT64_MAX;
	feed(&b, "GET /source/9000 HTTP/1.1\r\n" H END);
	for (unsigned s = 0; s < 60 && !b.fs.is_aborted; s++)
		fake_stream_advance(&b.fs, HZ_NS_PER_S);
	CU_ASSERT(b.fs.is_aborted);
	CU_ASSERT_EQUAL(b.rig->releases, 1);
	CU_ASSERT(!b.rig->outcome.is_complete);
	bench_close(&b);
}

static void source_that_fails_resets_the_connection(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->source_ready = UINT64_MAX;
	feed(&b, "GET /broken/5000 HTTP/1.1\r\n" H END);
	CU_ASSERT(b.fs.is_aborted);
	CU_ASSERT_EQUAL(b.rig->releases, 1);
	CU_ASSERT(!b.rig->outcome.is_complete);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_broken], 1);
	bench_close(&b);
}

/* Wherever output is blocked, the end is asked for once. */
static void source_that_ends_is_not_asked_again(void)
{
	for (size_t window = 400; window < 700; window++) {
		struct bench b;

		bench_open(&b, window);
		b.fs.reserve_max = window;
		b.rig->source_ready = UINT64_MAX;
		feed(&b, "GET /source/300 HTTP/1.1\r\n" H END);
		fake_stream_take_all(&b.fs, 1);
		CU_ASSERT(chunks_are(&b, 300));
		CU_ASSERT_EQUAL(b.rig->source_ends, 1);
		bench_close(&b);
	}
}

static void source_that_ends_early_resets_the_connection(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->source_ready = UINT64_MAX;
	feed(&b, "GET /short/5000 HTTP/1.1\r\n" H END);
	CU_ASSERT(b.fs.is_aborted);
	CU_ASSERT(!b.rig->outcome.is_complete);
	bench_close(&b);
}

static void fin_of_who_reads_events_ends_a_source_that_has_none(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /events/1000 HTTP/1.1\r\n" H END);
	fake_stream_eof(&b.fs);
	CU_ASSERT(b.fs.is_aborted);
	CU_ASSERT_EQUAL(b.rig->releases, 1);
	bench_close(&b);
}

/* The FIN comes while there is something to send; then there is nothing. */
static void fin_of_who_reads_events_ends_the_source_when_it_has_none(void)
{
	struct bench b;

	bench_open(&b, 400);
	b.rig->source_ready = 900;
	feed(&b, "GET /events/1000 HTTP/1.1\r\n" H END);
	fake_stream_eof(&b.fs);
	CU_ASSERT(!b.fs.is_aborted);
	fake_stream_take_all(&b.fs, 100);
	CU_ASSERT(b.fs.is_aborted);
	CU_ASSERT_EQUAL(b.rig->source_at, 900);
	CU_ASSERT_EQUAL(b.rig->releases, 1);
	bench_close(&b);
}

/* A file that is being read, or what another thread makes: it has an end, and the client waits for it. */
static void fin_of_who_reads_a_source_with_an_end_waits_for_it(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /source/1000 HTTP/1.1\r\n" H END);
	fake_stream_eof(&b.fs);
	CU_ASSERT(!b.fs.is_aborted);
	b.rig->source_ready = 1000;
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT(chunks_are(&b, 1000));
	CU_ASSERT(b.rig->outcome.is_complete);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

/* --- bodies as they come ------------------------------------------------------------------------------------- */

static void streaming_route_takes_a_body_larger_than_any_buffer(void)
{
	static char piece[10000];
	struct bench b;

	memset(piece, 'x', sizeof(piece));
	bench_open(&b, WINDOW_WIDE);
	b.rig->limits.body_bytes = 3000000;
	feed(&b, "POST /upload HTTP/1.1\r\n" H "Content-Length: 3000000\r\n" END);
	for (unsigned i = 0; i < 300; i++) {
		fake_stream_feed(&b.fs, piece, sizeof(piece));
		CU_ASSERT_EQUAL(b.rig->http->blocks.in_use, 0);
	}
	CU_ASSERT_EQUAL(b.rig->upload_bytes, 3000000);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 2);
	bench_close(&b);
}

/* However it is cut, with and without pauses, the same bytes arrive once and in order. */
static void streaming_route_sees_each_byte_once_at_every_split(void)
{
	static const char *const requests[] = {
		"POST /upload HTTP/1.1\r\n" H "Content-Length: 26\r\n" END
		"abcdefghijklmnopqrstuvwxyzGET / HTTP/1.1\r\n" H END,
		"POST /upload HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
		"5;x=y\r\nabcde\r\n14\r\nfghijklmnopqrstuvwxy\r\n1\r\nz\r\n0\r\nT: v\r\n\r\n"
		"GET / HTTP/1.1\r\n" H END,
	};
	uint64_t want = 0;

	for (char c = 'a'; c <= 'z'; c++)
		want = want * 31 + (uint8_t)c;
	for (unsigned i = 0; i < 2 * HZ_ARRAY_LEN(requests); i++) {
		const char *request = requests[i / 2];

		for (size_t cut = 1; cut < strlen(request); cut++) {
			struct bench b;

			bench_open(&b, WINDOW_WIDE);
			b.rig->body_waits = i % 2 == 1;
			fake_stream_feed(&b.fs, request, cut);
			for (unsigned n = 0; n < 9 && http_rig_resume(b.rig); n++)
				settle(&b);
			fake_stream_feed(&b.fs, request + cut, strlen(request) - cut);
			for (unsigned n = 0; n < 9 && http_rig_resume(b.rig); n++)
				settle(&b);
			if (b.rig->upload_bytes != 26 || b.rig->upload_sum != want ||
			    http_rig_count(&b.fs) != 2) {
				printf("# request %u cut at %zu\n", i, cut);
				CU_FAIL("a byte is missing, or there twice");
			}
			bench_close(&b);
		}
	}
}

static void streaming_route_that_waits_takes_no_more(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->body_waits = true;
	feed(&b, "POST /upload HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "abc");
	feed(&b, "def");
	CU_ASSERT_EQUAL(b.rig->upload_bytes, 3);
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_EQUAL(b.rig->upload_bytes, 6);
	b.rig->body_waits = false;
	feed(&b, "ghi");
	CU_ASSERT_EQUAL(b.rig->upload_bytes, 6);
	CU_ASSERT(http_rig_resume(b.rig));
	settle(&b);
	CU_ASSERT_EQUAL(b.rig->upload_bytes, 9);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	bench_close(&b);
}

/* The FIN comes while the application waits, behind bytes that it has seen or not; then it has seen all there are. */
static void fin_before_the_end_of_a_body_ends_it_when_the_route_goes_on(void)
{
	for (int has_more = 0; has_more < 2; has_more++) {
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		b.rig->body_waits = true;
		feed(&b, "POST /upload HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "abc");
		if (has_more)
			feed(&b, "def");
		fake_stream_eof(&b.fs);
		CU_ASSERT(!b.fs.is_shutdown);
		b.rig->body_waits = false;
		CU_ASSERT(http_rig_resume(b.rig));
		settle(&b);
		CU_ASSERT_EQUAL(b.rig->upload_bytes, has_more ? 6 : 3);
		CU_ASSERT(b.fs.is_shutdown);
		CU_ASSERT_EQUAL(b.rig->finishes, 1);
		CU_ASSERT_EQUAL(b.fs.out_len, 0);
		bench_close(&b);
	}
}

static void streaming_route_that_has_enough_ends_the_connection(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /upload HTTP/1.1\r\n" H "Content-Length: 9\r\n" END "!bc");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 403);
	CU_ASSERT(b.fs.is_shutdown);
	bench_close(&b);
}

static void added_fields_follow_a_prepared_head_up_to_the_limit(void)
{
	struct bench b;
	unsigned count = 0;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET /fields HTTP/1.1\r\n" H END);
	for (size_t i = 0; i + 8 <= b.fs.out_len; i++)
		count += memcmp(b.fs.out + i, "X-Long: ", 8) == 0;
	CU_ASSERT_EQUAL(count, HZ_HTTP_RESP_FIELDS_MAX);
	CU_ASSERT_EQUAL(b.rig->waits, 1); /* one too many */
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	bench_close(&b);
}

static void head_that_does_not_parse_is_finished_without_a_route(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END "nonsense\r\n\r\n");
	CU_ASSERT_EQUAL(b.rig->finishes, 2);
	CU_ASSERT_EQUAL(b.rig->outcome.status, 400);
	CU_ASSERT_EQUAL(b.rig->finished_route, -1);
	bench_close(&b);
}

HZ_SUITE(h1_wait, CASE(handler_that_waits_answers_when_resumed),
         CASE(second_request_that_waits_has_a_ticket_of_its_own), CASE(time_to_wake_counts_once),
         CASE(ticket_that_was_not_needed_is_not_given_again),
         CASE(source_that_ends_is_not_asked_again),
         CASE(source_that_ends_early_resets_the_connection),
         CASE(route_that_waits_sees_the_same_request_again),
         CASE(route_that_waits_owes_continue_after), CASE(waiting_request_is_503_at_its_deadline),
         CASE(time_of_the_body_is_not_the_answers),
         CASE(time_of_a_streamed_body_counts_while_the_application_has_it),
         CASE(request_with_a_time_to_wake_is_called_then),
         CASE(handler_that_waits_sees_the_same_body_again),
         CASE(source_with_a_time_to_wake_is_asked_then),
         CASE(connection_that_ends_while_waiting_takes_its_ticket_with_it),
         CASE(peer_that_sends_fin_while_waiting_gets_its_answer),
         CASE(source_of_unknown_length_is_sent_in_chunks),
         CASE(source_of_unknown_length_ends_an_http_1_0_connection),
         CASE(source_of_known_length_has_it_in_the_head),
         CASE(source_that_has_nothing_yet_goes_on_when_resumed),
         CASE(reader_of_a_source_that_is_too_slow_is_reset),
         CASE(source_that_fails_resets_the_connection),
         CASE(fin_of_who_reads_events_ends_a_source_that_has_none),
         CASE(fin_of_who_reads_events_ends_the_source_when_it_has_none),
         CASE(fin_of_who_reads_a_source_with_an_end_waits_for_it),
         CASE(streaming_route_takes_a_body_larger_than_any_buffer),
         CASE(streaming_route_sees_each_byte_once_at_every_split),
         CASE(streaming_route_that_waits_takes_no_more),
         CASE(fin_before_the_end_of_a_body_ends_it_when_the_route_goes_on),
         CASE(streaming_route_that_has_enough_ends_the_connection),
         CASE(added_fields_follow_a_prepared_head_up_to_the_limit),
         CASE(head_that_does_not_parse_is_finished_without_a_route));
