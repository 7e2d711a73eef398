/* Glitches are counted per connection, and a hundred of them end it without losing an answer. */
#include "http_bench.h"

static uint64_t counted(const struct bench *b, enum hz_counter counter)
{
	return b->rig->worker.counters[counter];
}

/* One of each; beside them what is not odd at all. */
static void each_glitch_counts_once(void)
{
	static const struct {
		const char *text;
		unsigned glitches;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n" H END, 0 },
		{ "\r\nGET / HTTP/1.1\r\n" H END, 1 },
		{ "GET http://a.example/ HTTP/1.1\r\n" H END, 0 },
		{ "GET http://b.example/ HTTP/1.1\r\n" H END, 1 },
		{ "GET http://A.EXAMPLE/ HTTP/1.1\r\n" H END, 0 },
		{ "OPTIONS * HTTP/1.1\r\n" H END, 0 },
		{ "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n" END, 1 },
		{ "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n" END
		  "x",
		  0 },
		{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
		  "1\r\nx\r\n0\r\nT: v\r\n\r\n",
		  0 },
		{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
		  "1;a=b;c\r\nx\r\n0;d=\"e\"\r\n\r\n",
		  3 },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		for (unsigned way = 0; way < 2; way++) {
			struct bench b;

			bench_open(&b, WINDOW_WIDE);
			if (way == 0)
				feed(&b, rows[i].text);
			for (const char *at = rows[i].text; way == 1 && *at != '\0'; at++)
				fake_stream_feed(&b.fs, at, 1);
			CU_ASSERT(http_rig_count(&b.fs) > 0);
			CU_ASSERT_NOT_EQUAL(http_rig_status(&b.fs, 0), 400);
			CU_ASSERT(!b.fs.is_shutdown);
			CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch), rows[i].glitches);
			CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch_warn), 0);
			bench_close(&b);
		}
	}
}

static void hundredth_request_with_a_glitch_is_answered_and_the_last(void)
{
	struct http_answer answer;
	struct hz_span out;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	for (unsigned i = 0; i < HZ_LIMIT_glitches_max; i++) {
		CU_ASSERT(!b.fs.is_shutdown);
		CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch_warn),
		                i >= HZ_LIMIT_glitches_warn);
		feed(&b, "\r\n"); /* alone, as some clients send it behind a request */
		feed(&b, "GET / HTTP/1.1\r\n" H END);
	}
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT(!b.fs.is_aborted);
	CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch), HZ_LIMIT_glitches_max);
	CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch_close), 1);
	out = (struct hz_span){ b.fs.out, b.fs.out_len };
	for (unsigned i = 0; i < HZ_LIMIT_glitches_max; i++) {
		CU_ASSERT_FATAL(http_answer_next(&out, false, &answer));
		CU_ASSERT_EQUAL(answer.status, 200);
		CU_ASSERT_EQUAL(answer.says_close, i == HZ_LIMIT_glitches_max - 1);
	}
	bench_close(&b);
}

static void body_with_a_hundred_extensions_is_400(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	feed(&b, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END);
	for (unsigned i = 0; i < HZ_LIMIT_glitches_max; i++) {
		CU_ASSERT_EQUAL(b.fs.out_len, 0);
		feed(&b, "1;x\r\n-\r\n");
	}
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 400);
	CU_ASSERT(b.fs.is_shutdown);
	CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch_close), 1);
	CU_ASSERT_EQUAL(counted(&b, HZ_COUNTER_http_glitch_warn), 1);
	bench_close(&b);
}

HZ_SUITE(h1_glitch, CASE(each_glitch_counts_once),
         CASE(hundredth_request_with_a_glitch_is_answered_and_the_last),
         CASE(body_with_a_hundred_extensions_is_400));
