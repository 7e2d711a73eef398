/* Requests that outlive a call: bodies in pieces, blocked output, ends at any moment; and that the answer never depends on how bytes and space came. */
#include "http_bench.h"
#include <stdlib.h>

static bool answer_nth(const struct bench *b, unsigned n, struct http_answer *answer)
{
	struct hz_span out = { b->fs.out, b->fs.out_len };

	do {
		if (!http_answer_next(&out, false, answer))
			return false;
	} while (n-- > 0);
	return true;
}

/* --- the same answer however it comes ---------------------------------------------------------------------- */

static const char *const dialogues[] = {
	"GET /any?x=%20 HTTP/1.1\r\n" H "X-Field:  some value \r\nY:\r\n" END,
	"\r\nGET / HTTP/1.1\r\n" H END "\r\nGET /b HTTP/1.1\r\n" H END,
	"POST /echo HTTP/1.1\r\n" H "Content-Type: a/b\r\nContent-Length: 11\r\n" END
	"hello worldGET /next HTTP/1.1\r\n" H END,
	"POST /x HTTP/1.1\r\n" H "X-Kept: through the move\r\nTransfer-Encoding: chunked\r\n" END
	"5;e=\"x\"\r\nhello\r\n6\r\n world\r\n0\r\nT: v\r\n\r\nGET /next HTTP/1.0\r\n" H
	"Connection: keep-alive\r\n" END "GET /last HTTP/1.0\r\n" END,
	"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Type: t\r\n" END
	"3\r\nabc\r\n0\r\n\r\n",
	"POST /missing HTTP/1.1\r\n" H "Content-Length: 4\r\n" END "drop"
	"POST /method HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
	"2\r\nxy\r\n0\r\n\r\nGET /next HTTP/1.1\r\n" H END,
	"POST /small HTTP/1.1\r\n" H "Content-Length: 10\r\n" END "0123456789"
	"POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n" END "0123456789a",
	"POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
	"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
	"POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "5\r\nhelloX",
	"POST /missing HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "z",
	"GET /long HTTP/1.1\r\n" H END "HEAD /long HTTP/1.1\r\n" H "Connection: close\r\n" END,
	"GET /bytes/3000 HTTP/1.1\r\n" H END "GET / HTTP/1.1\r\n" H END "X / HTTP/1.1\r\n" H END,
	"HEAD /bytes/3000 HTTP/1.1\r\n" H END "GET /none HTTP/1.1\r\n" H END,
	"GET / HTTP/1.1\r\n" H END "GET /b\x01 HTTP/1.1\r\n" H END,
	"POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\n" END "abcOPTIONS * HTTP/1.1\r\n" H END,
};

struct outcome {
	uint8_t out[16384];
	size_t len;
	bool is_shutdown;
};

/* Feeds the dialogue in two parts, the second in pieces of step; the peer takes `take` at a time
 * whenever output is blocked. */
static void play(const char *text, size_t first, size_t step, size_t window, size_t take,
                 struct outcome *outcome)
{
	size_t len = strlen(text);
	size_t at = 0;
	struct bench b;

	bench_open(&b, window);
	while (at < len) {
		size_t piece = at < first ? first - at : HZ_MIN(step, len - at);

		fake_stream_feed(&b.fs, text + at, piece);
		at += piece;
		if (take != 0)
			fake_stream_take_all(&b.fs, take);
		fake_stream_settle(&b.fs, 10);
	}
	CU_ASSERT_FATAL(b.fs.out_len <= sizeof(outcome->out));
	memcpy(outcome->out, b.fs.out, b.fs.out_len);
	outcome->len = b.fs.out_len;
	outcome->is_shutdown = b.fs.is_shutdown;
	bench_close(&b);
}

static struct outcome whole;
static struct outcome other;

static void outcome_check(size_t dialogue, const char *how, size_t value)
{
	if (whole.len == other.len && whole.is_shutdown == other.is_shutdown &&
	    memcmp(whole.out, other.out, whole.len) == 0)
		return;
	printf("# dialogue %zu %s %zu:\n# \"%.*s\"\n# instead of \"%.*s\"\n", dialogue, how, value,
	       (int)other.len, other.out, (int)whole.len, whole.out);
	CU_FAIL("an answer that depends on how bytes came");
}

static void dialogues_split_anywhere_end_the_same(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(dialogues); i++) {
		play(dialogues[i], 0, SIZE_MAX, WINDOW_WIDE, 0, &whole);
		CU_ASSERT_FATAL(whole.len != 0);
		for (size_t at = 1; at < strlen(dialogues[i]); at++) {
			play(dialogues[i], at, SIZE_MAX, WINDOW_WIDE, 0, &other);
			outcome_check(i, "split at", at);
		}
	}
}

static void dialogues_in_small_pieces_end_the_same(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(dialogues); i++) {
		play(dialogues[i], 0, SIZE_MAX, WINDOW_WIDE, 0, &whole);
		for (size_t step = 1; step <= 7; step++) {
			play(dialogues[i], 0, step, WINDOW_WIDE, 0, &other);
			outcome_check(i, "in pieces of", step);
		}
	}
}

static void dialogues_with_blocked_output_end_the_same(void)
{
	static const size_t takes[] = { 1, 3, 100, 1024, 5000 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(dialogues); i++) {
		play(dialogues[i], 0, SIZE_MAX, WINDOW_WIDE, 0, &whole);
		for (size_t t = 0; t < HZ_ARRAY_LEN(takes); t++) {
			play(dialogues[i], 0, SIZE_MAX, HZ_RESERVE_MAX, takes[t], &other);
			outcome_check(i, "taken by", takes[t]);
			play(dialogues[i], 0, 1, HZ_RESERVE_MAX, takes[t], &other);
			outcome_check(i, "byte by byte, taken by", takes[t]);
		}
	}
}

/* --- bodies -------------------------------------------------------------------------------------------------- */

static char *post_make(const char *path, size_t body, bool is_chunked, size_t *len)
{
	char *bytes = malloc(body + 512);
	int head;

	if (is_chunked)
		head = snprintf(bytes, 512,
		                "POST %s HTTP/1.1\r\n" H
		                "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
		                path, body);
	else
		head = snprintf(bytes, 512, "POST %s HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n",
		                path, body);
	*len = (size_t)head;
	for (size_t i = 0; i < body; i++)
		bytes[(*len)++] = (char)http_rig_byte(i * 7);
	if (is_chunked) {
		memcpy(bytes + *len, "\r\n0\r\n\r\n", 7);
		*len += 7;
	}
	return bytes;
}

static bool is_pattern(struct hz_span body)
{
	for (size_t i = 0; i < body.len; i++) {
		if (body.data[i] != http_rig_byte(i * 7))
			return false;
	}
	return true;
}

#define BODY_MAX 20000u

/* Sends a body in pieces where BODY_MAX is the limit; it is answered 200, or 413 and the end of the connection. */
static void body_judged(struct bench *b, const char *path, size_t body, bool chunked,
                        struct http_answer *answer)
{
	size_t len;
	char *bytes = post_make(path, body, chunked, &len);

	bench_open(b, WINDOW_WIDE);
	b->rig->limits.body_bytes = BODY_MAX;
	for (size_t at = 0; at < len; at += 1000)
		fake_stream_feed(&b->fs, bytes + at, HZ_MIN(len - at, 1000u));
	free(bytes);
	CU_ASSERT_FATAL(answer_nth(b, 0, answer));
	CU_ASSERT_EQUAL(answer->status, body <= BODY_MAX ? 200 : 413);
	CU_ASSERT_EQUAL(b->fs.is_shutdown, body > BODY_MAX);
	CU_ASSERT_EQUAL(b->rig->worker.counters[HZ_COUNTER_http_too_large], body > BODY_MAX);
}

static void body_at_its_limit_is_taken_one_more_is_413(void)
{
	for (unsigned chunked = 0; chunked <= 1; chunked++) {
		for (size_t body = BODY_MAX - 1; body <= BODY_MAX + 1; body++) {
			struct http_answer answer;
			struct bench b;

			body_judged(&b, "/echo", body, chunked != 0, &answer);
			CU_ASSERT(body > BODY_MAX ||
			          (answer.body.len == body && is_pattern(answer.body)));
			bench_close(&b);
		}
	}
}

/* What nobody looks at must not take the blocks of those who do. */
static void body_that_no_handler_takes_is_counted_and_dropped(void)
{
	for (unsigned chunked = 0; chunked <= 1; chunked++) {
		for (size_t body = BODY_MAX; body <= BODY_MAX + 1; body++) {
			struct http_answer answer;
			struct bench b;

			body_judged(&b, "/drop", body, chunked != 0, &answer);
			CU_ASSERT_EQUAL(b.rig->http->blocks.touched, 0);
			CU_ASSERT(body > BODY_MAX ||
			          memmem(answer.body.data, answer.body.len, "body 0 ", 7) != NULL);
			bench_close(&b);
		}
	}
}

static void short_body_that_no_handler_takes_is_dropped_too(void)
{
	struct http_answer answer;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /drop HTTP/1.1\r\n" H "Content-Length: 5\r\n" END "hello"
	         "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_FATAL(answer_nth(&b, 0, &answer));
	CU_ASSERT_PTR_NOT_NULL(memmem(answer.body.data, answer.body.len, "body 0 ", 7));
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 200);
	bench_close(&b);
}

/* What http says itself on a route is an answer of the route: its application adds what it adds to others. */
static void refusal_of_a_routed_request_asks_the_application(void)
{
	static const struct {
		const char *text;
		unsigned seconds, status;
		bool is_routed;
	} rows[] = {
		{ "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n" END, 0, 413, true },
		{ "POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
		  "b\r\n01234567890\r\n",
		  0, 413, true },
		{ "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "z", 0, 400, true },
		{ "POST /x HTTP/1.1\r\n" H "Content-Length: 11\r\n" END, 20, 408, true },
		{ "GET /later HTTP/1.1\r\n" H END, 20, 503, true },
		{ "GET /gate HTTP/1.1\r\n" H END, 20, 503, false },
		{ "GET / HTTP/1.1\r\n" END, 0, 400, false },
		{ "GET / HTTP", 20, 408, false },
		{ "CONNECT a:1 HTTP/1.1\r\n" H END, 0, 501, false },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct http_answer answer;
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		b.rig->limits.answer_timeout_ns = 8 * HZ_NS_PER_S;
		feed(&b, rows[i].text);
		for (unsigned s = 0; s < rows[i].seconds; s++)
			fake_stream_advance(&b.fs, HZ_NS_PER_S);
		CU_ASSERT_FATAL(answer_nth(&b, 0, &answer));
		CU_ASSERT_EQUAL(answer.status, rows[i].status);
		CU_ASSERT_EQUAL(b.rig->refusals, 1);
		CU_ASSERT_EQUAL(http_answer_has_field(&answer, "X-Refused: 1\r\n"),
		                rows[i].is_routed);
		bench_close(&b);
	}
}

static void body_that_comes_with_its_head_is_not_copied(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n" END "hello");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	CU_ASSERT_EQUAL(b.rig->http->blocks.touched, 0);
	CU_ASSERT_EQUAL(b.rig->http->flights.touched, 1);
	bench_close(&b);
}

static void echo_through_any_window_is_exact(void)
{
	static const size_t sizes[] = { 1, 1000, 16383, 16384, 40000 };
	static const size_t takes[] = { 1, 1460, 100000 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(sizes) * HZ_ARRAY_LEN(takes) * 4; i++) {
		size_t body = sizes[i / 4 % HZ_ARRAY_LEN(sizes)];
		size_t take = takes[i / 4 / HZ_ARRAY_LEN(sizes)];
		size_t step = (i & 1) != 0 ? SIZE_MAX : 1460;
		struct http_answer answer;
		struct bench b;
		size_t len;
		char *bytes = post_make("/echo", body, (i & 2) != 0, &len);

		bench_open(&b, 2000);
		for (size_t at = 0; at < len; at += HZ_MIN(step, len - at))
			fake_stream_feed(&b.fs, bytes + at, HZ_MIN(len - at, step));
		fake_stream_take_all(&b.fs, take);
		CU_ASSERT_FATAL(answer_nth(&b, 0, &answer));
		CU_ASSERT(answer.body.len == body && is_pattern(answer.body));
		bench_close(&b);
		free(bytes);
	}
}

static void generated_body_through_any_window_is_exact(void)
{
	static const size_t takes[] = { 1, 7, 1460, 70000 };

	for (size_t t = 0; t < HZ_ARRAY_LEN(takes); t++) {
		struct http_answer answer;
		struct bench b;
		bool ok = true;

		bench_open(&b, 1100 + t);
		b.fs.reserve_max = takes[t];
		feed(&b, "GET /bytes/70001 HTTP/1.1\r\n" H END "GET / HTTP/1.1\r\n" H END);
		CU_ASSERT(b.fs.held_len != 0); /* not read while blocked */
		fake_stream_take_all(&b.fs, takes[t]);
		CU_ASSERT_FATAL(answer_nth(&b, 0, &answer));
		CU_ASSERT_EQUAL_FATAL(answer.body.len, 70001);
		for (size_t i = 0; i < answer.body.len; i++)
			ok = ok && answer.body.data[i] == http_rig_byte(i);
		CU_ASSERT(ok);
		CU_ASSERT(answer_nth(&b, 1, &answer) && answer.status == 200);
		bench_close(&b);
	}
}

static void big_head_waits_for_its_body_in_a_buffer_of_its_own(void)
{
	static char head[70000];
	struct http_answer answer;
	struct bench b;
	size_t len;

	len = (size_t)snprintf(head, sizeof(head),
	                       "POST /any HTTP/1.1\r\n" H "Content-Length: 3\r\n");
	for (unsigned i = 0; i < 7; i++) {
		len += (size_t)snprintf(head + len, sizeof(head) - len, "X-%u: ", i);
		memset(head + len, 'v', 8000);
		len += 8000;
		len += (size_t)snprintf(head + len, sizeof(head) - len, "\r\n");
	}
	len += (size_t)snprintf(head + len, sizeof(head) - len, "\r\nab");
	bench_open(&b, WINDOW_WIDE);
	fake_stream_feed(&b.fs, head, len);
	CU_ASSERT_EQUAL(b.rig->http->big_heads.in_use, 1);
	CU_ASSERT_EQUAL(b.fs.held_len, 0);
	feed(&b, "c");
	CU_ASSERT_FATAL(answer_nth(&b, 0, &answer));
	CU_ASSERT(memmem(answer.body.data, answer.body.len, "X-0=vvvv", 8) != NULL);
	CU_ASSERT(memmem(answer.body.data, answer.body.len, "\n/any\n", 6) != NULL);
	CU_ASSERT_EQUAL(b.rig->http->big_heads.in_use, 0);
	bench_close(&b);
}

static void body_without_blocks_left_is_503(void)
{
	struct bench b;
	unsigned taken = 0;
	void *blocks[HZ_LIMIT_body_blocks];

	bench_open(&b, WINDOW_WIDE);
	while ((blocks[taken] = hz_pool_get(&b.rig->http->blocks)) != NULL)
		if (++taken == HZ_LIMIT_body_blocks)
			break;
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 1500\r\n" END "hel");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 0);
	for (unsigned i = 0; i < 1020; i++)
		feed(&b, "x");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_no_memory], 1);
	while (taken > 0)
		hz_pool_put(&b.rig->http->blocks, blocks[--taken]);
	bench_close(&b);
}

/* Told before its head says 200: what might have to wait has no place to. Short answers need none. */
static void answer_without_a_place_to_wait_in_is_503(void)
{
	static const char *const waits[] = { "GET /source/20 HTTP/1.1\r\n" H END,
		                             "GET /exact/20 HTTP/1.1\r\n" H END,
		                             "GET /bytes/100000 HTTP/1.1\r\n" H END };
	struct hz_pool *pool;
	void *flights[64];
	struct bench b;
	unsigned taken;

	for (size_t i = 0; i < HZ_ARRAY_LEN(waits); i++) {
		bench_open(&b, WINDOW_WIDE);
		pool = &b.rig->http->flights;
		CU_ASSERT_FATAL(pool->capacity <= HZ_ARRAY_LEN(flights));
		for (taken = 0; (flights[taken] = hz_pool_get(pool)) != NULL; taken++)
			;
		feed(&b, "GET /bytes/3000 HTTP/1.1\r\n" H END);
		feed(&b, "HEAD /bytes/100000 HTTP/1.1\r\n" H END);
		feed(&b, waits[i]);
		CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
		CU_ASSERT_PTR_NOT_NULL(memmem(b.fs.out, b.fs.out_len, "HTTP/1.1 503 ", 13));
		CU_ASSERT(b.fs.is_shutdown);
		CU_ASSERT(!b.fs.is_aborted);
		CU_ASSERT_EQUAL(b.rig->releases, i < 2);
		CU_ASSERT_EQUAL(b.rig->finishes, 3);
		CU_ASSERT_EQUAL(b.rig->outcome.status, 503);
		CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_http_no_memory], 1);
		while (taken > 0)
			hz_pool_put(pool, flights[--taken]);
		bench_close(&b);
	}
}

/* Content of a body byte by byte; the blocks that are taken when so many have come. */
static uint32_t blocks_after(struct bench *b, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		fake_stream_feed(&b->fs, &(uint8_t){ http_rig_byte(i) }, 1);
	return b->rig->http->blocks.in_use;
}

static void body_that_drips_takes_no_block(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 2000\r\n" END);
	CU_ASSERT_EQUAL(blocks_after(&b, 1000), 0);
	CU_ASSERT_EQUAL(blocks_after(&b, 999), 1);
	bench_close(&b);
}

/* Whatever the first block holds, the second goes on where it ends. */
static void body_over_two_kinds_of_blocks_is_exact(void)
{
	struct http_answer answer;
	char head[96];

	for (unsigned bytes = 1000; bytes <= 1030; bytes++) {
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		(void)snprintf(head, sizeof(head),
		               "POST /echo HTTP/1.1\r\n" H "Content-Length: %u\r\n" END, bytes);
		feed(&b, head);
		(void)blocks_after(&b, bytes);
		CU_ASSERT_FATAL(answer_nth(&b, 0, &answer));
		CU_ASSERT_EQUAL(answer.body.len, bytes);
		for (size_t i = 0; i < answer.body.len; i++)
			CU_ASSERT_FATAL(answer.body.data[i] == http_rig_byte(i));
		bench_close(&b);
	}
}

static void requests_that_wait_are_as_many_as_connections_ask_for(void)
{
	static const uint32_t rows[][2] = {
		{ 4, 4 }, { 2048, 2048 }, { 4096, 2048 }, { 131072, 16384 }, { 1u << 20, 65536 }
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct http_rig *rig = http_rig_open(rows[i][0]);

		CU_ASSERT_EQUAL(rig->http->flights.capacity, rows[i][1] + 1);
		http_rig_free(rig);
	}
}

/* With no flight to spare, a body is 503 and a blocked answer resets; nothing leaks. */
static void request_without_flights_left_is_refused(void)
{
	struct bench b;
	unsigned taken = 0;
	void *flights[16];

	bench_open(&b, 1100);
	while (taken < 16 && (flights[taken] = hz_pool_get(&b.rig->http->flights)) != NULL)
		taken++;
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n" END);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 503);
	fake_stream_free(&b.fs);
	http_rig_connect(b.rig, &b.fs, 1100);
	feed(&b, "GET /bytes/5000 HTTP/1.1\r\n" H END);
	CU_ASSERT(b.fs.is_aborted);
	while (taken > 0)
		hz_pool_put(&b.rig->http->flights, flights[--taken]);
	bench_close(&b);
}

/* --- Expect: 100-continue -------------------------------------------------------------------------------- */

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static void expectation_is_met_once_before_the_body(void)
{
	struct http_answer answer;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n" END);
	CU_ASSERT(b.fs.out_len == 25 && memcmp(b.fs.out, CONTINUE, 25) == 0);
	b.fs.wants_writable = true; /* a transport may say so once too often */
	fake_stream_take(&b.fs, 0);
	CU_ASSERT_EQUAL(b.fs.out_len, 25);
	feed(&b, "he");
	CU_ASSERT_EQUAL(b.fs.out_len, 25);
	feed(&b, "llo");
	CU_ASSERT(answer_nth(&b, 1, &answer) && answer.status == 200 && answer.body.len == 5);
	bench_close(&b);
}

static void expectation_is_not_met_when_it_need_not_be(void)
{
	static const struct {
		const char *bytes;
		unsigned status;
		bool closes;
	} cases[] = {
		{ "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n" END
		  "hello",
		  200, false },
		{ "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 0\r\n" END,
		  200, false },
		{ "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n" END, 200, false },
		{ "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" END
		  "hello",
		  200, true },
		{ "POST /small HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 11\r\n" END,
		  413, true },
		{ "POST /missing HTTP/1.1\r\n" H
		  "Expect: 100-continue\r\nContent-Length: 5\r\n" END,
		  404, true },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(cases); i++) {
		struct bench b;

		bench_open(&b, WINDOW_WIDE);
		feed(&b, cases[i].bytes);
		CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), cases[i].status);
		CU_ASSERT_EQUAL(b.fs.is_shutdown, cases[i].closes);
		bench_close(&b);
	}
}

static void expectation_blocked_on_output_is_met_later(void)
{
	struct bench b;

	bench_open(&b, 1100);
	feed(&b, "GET /bytes/900 HTTP/1.1\r\n" H END "POST /echo HTTP/1.1\r\n" H
	         "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n" END);
	CU_ASSERT_EQUAL(http_rig_count(&b.fs), 2);
	fake_stream_take_all(&b.fs, 100);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 1), 100);
	feed(&b, "0\r\n\r\n");
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 2), 200);
	bench_close(&b);
}

/* --- ends --------------------------------------------------------------------------------------------------- */

static void end_of_input_in_any_state_ends_the_connection(void)
{
	static const struct {
		const char *bytes;
		unsigned answers;
	} cases[] = {
		{ "", 0 },
		{ "GET / HT", 0 },
		{ "GET / HTTP/1.1\r\n" H END, 1 },
		{ "GET / HTTP/1.1\r\n" H END "GET / HT", 1 },
		{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n" END "he", 0 },
		{ "GET /bytes/5000 HTTP/1.1\r\n" H END, 1 },
		{ "GET /bytes/5000 HTTP/1.1\r\n" H END "GET / HTTP/1.1\r\n" H END, 2 },
		{ "GET /bytes/5000 HTTP/1.1\r\n" H END "GET / HT", 1 },
		{ "BAD\r\n", 1 },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(cases); i++) {
		struct bench b;

		bench_open(&b, 1100);
		feed(&b, cases[i].bytes);
		fake_stream_eof(&b.fs);
		fake_stream_take_all(&b.fs, 500);
		CU_ASSERT(b.fs.is_shutdown);
		CU_ASSERT_EQUAL(http_rig_count(&b.fs), cases[i].answers);
		bench_close(&b);
	}
}

/* Whatever has been fed and taken, a close gives everything back. */
static void close_at_any_byte_leaves_nothing(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(dialogues); i++) {
		for (size_t at = 0; at <= strlen(dialogues[i]); at++) {
			for (size_t take = 0; take <= 2000; take += 1000) {
				struct bench b;

				bench_open(&b, HZ_RESERVE_MAX);
				fake_stream_feed(&b.fs, dialogues[i], at);
				if (take != 0)
					fake_stream_take(&b.fs, take);
				fake_stream_close(&b.fs, HZ_CLOSE_RESET);
				bench_close(&b);
			}
		}
	}
}

/* How many bytes are copied of a request that arrives in two parts, the first of `first` bytes. */
static uint64_t copied_of(const char *text, size_t first, size_t window)
{
	struct bench b;
	uint64_t copied;

	bench_open(&b, window);
	fake_stream_feed(&b.fs, text, first);
	if (first < strlen(text))
		fake_stream_feed(&b.fs, text + first, strlen(text) - first);
	copied = b.rig->worker.counters[HZ_COUNTER_input_copied_bytes];
	bench_close(&b);
	return copied;
}

static void request_in_one_piece_is_not_copied(void)
{
	static const char get[] = "GET /any?x=1 HTTP/1.1\r\n" H END;
	static const char post[] =
		"POST /echo HTTP/1.1\r\n" H "Content-Length: 11\r\n" END "hello world";
	static const size_t head = sizeof(post) - 1 - 11;

	CU_ASSERT_EQUAL(copied_of(get, sizeof(get) - 1, WINDOW_WIDE), 0);
	CU_ASSERT_EQUAL(copied_of(get, 5, WINDOW_WIDE), 0); /* that is the transport's to keep */
	CU_ASSERT_EQUAL(copied_of(post, sizeof(post) - 1, WINDOW_WIDE), 0);
	/* The head outlives its piece, and the body is kept as it comes. */
	CU_ASSERT_EQUAL(copied_of(post, head, WINDOW_WIDE), head + 11);
	CU_ASSERT_EQUAL(copied_of(post, head + 4, WINDOW_WIDE), head + 11);
}

HZ_SUITE(h1_flow, CASE(request_in_one_piece_is_not_copied),
         CASE(dialogues_split_anywhere_end_the_same), CASE(dialogues_in_small_pieces_end_the_same),
         CASE(dialogues_with_blocked_output_end_the_same),
         CASE(body_at_its_limit_is_taken_one_more_is_413),
         CASE(body_that_no_handler_takes_is_counted_and_dropped),
         CASE(short_body_that_no_handler_takes_is_dropped_too),
         CASE(refusal_of_a_routed_request_asks_the_application),
         CASE(body_that_comes_with_its_head_is_not_copied), CASE(echo_through_any_window_is_exact),
         CASE(generated_body_through_any_window_is_exact),
         CASE(big_head_waits_for_its_body_in_a_buffer_of_its_own),
         CASE(body_without_blocks_left_is_503), CASE(answer_without_a_place_to_wait_in_is_503),
         CASE(body_that_drips_takes_no_block), CASE(body_over_two_kinds_of_blocks_is_exact),
         CASE(requests_that_wait_are_as_many_as_connections_ask_for),
         CASE(request_without_flights_left_is_refused),
         CASE(expectation_is_met_once_before_the_body),
         CASE(expectation_is_not_met_when_it_need_not_be),
         CASE(expectation_blocked_on_output_is_met_later),
         CASE(end_of_input_in_any_state_ends_the_connection),
         CASE(close_at_any_byte_leaves_nothing));
