/* Streams of a topic over http: who gets what, in which order, and how each ends. */
#include "handlers/topic_priv.h"
#include "stream_rig.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: a.example\r\n" fields "\r\n"
#define RETRY             "retry: 3000\n\n"

static char news[1 << 20];

#define NEWS(i, want) CU_ASSERT_STRING_EQUAL(stream_rig_news(rig, i, news, sizeof(news)), want)

static bool has(const struct stream_rig *rig, unsigned i, const char *text)
{
	const struct fake_stream *fs = &rig->fs[i];

	return memmem(fs->out, fs->out_len, text, strlen(text)) != NULL;
}

static void stream_begins_with_the_next_message(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_publish(rig, "before");
	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	stream_rig_ask(rig, 1, GET("/lines", ""), RIG_WINDOW);
	CU_ASSERT(has(rig, 0, "Content-Type: text/event-stream\r\n"));
	CU_ASSERT(has(rig, 0, "Cache-Control: no-cache\r\n"));
	CU_ASSERT(has(rig, 0, "Transfer-Encoding: chunked\r\n"));
	CU_ASSERT(has(rig, 1, "Content-Type: application/x-ndjson\r\n"));
	NEWS(0, RETRY);
	NEWS(1, "");
	stream_rig_publish(rig, "first");
	stream_rig_publish(rig, "{\"n\":\n2}");
	NEWS(0, "id: 2\ndata: first\n\nid: 3\ndata: {\"n\":\ndata: 2}\n\n");
	NEWS(1, "first\n{\"n\": 2}\n");
	stream_rig_close(rig);
}

static void last_event_id_resumes_behind_it(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	for (unsigned i = 1; i <= 4; i++)
		stream_rig_publish(rig, "m");
	stream_rig_ask(rig, 0, GET("/events", "Last-Event-ID: 2\r\n"), RIG_WINDOW);
	stream_rig_ask(rig, 1, GET("/events", "Last-Event-ID: 4\r\n"), RIG_WINDOW);
	stream_rig_ask(rig, 2, GET("/events", "Last-Event-ID: x4\r\n"), RIG_WINDOW);
	stream_rig_ask(rig, 3, GET("/lines", "Last-Event-ID: 0\r\n"), RIG_WINDOW);
	NEWS(0, RETRY "id: 3\ndata: m\n\nid: 4\ndata: m\n\n");
	NEWS(1, RETRY);
	NEWS(2, RETRY);
	NEWS(3, "m\nm\nm\nm\n");
	stream_rig_close(rig);
}

/* It is of a run of hz before, when the clock was ahead. */
static void last_event_id_of_the_future_gets_all_there_is(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_publish(rig, "a");
	stream_rig_publish(rig, "b");
	stream_rig_ask(rig, 0, GET("/events", "Last-Event-ID: 3\r\n"), RIG_WINDOW);
	NEWS(0, RETRY "event: gap\ndata: 0\n\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n");
	stream_rig_close(rig);
}

static void last_event_id_of_another_life_is_told_and_gets_all_there_is(void)
{
	struct stream_rig *rig = stream_rig_open_at(1, 1800000000);
	char want[256];
	uint64_t seq = stream_rig_publish(rig, "a");

	CU_ASSERT_EQUAL(seq, 1800000000ull << 20);
	snprintf(want, sizeof(want), "id: %" PRIu64 "\ndata: a\n\n", seq);
	stream_rig_ask(rig, 0, GET("/events", "Last-Event-ID: 0\r\n"), RIG_WINDOW);
	CU_ASSERT_STRING_EQUAL(stream_rig_news(rig, 0, news, sizeof(news)) + strlen(RETRY), want);
	snprintf(want, sizeof(want), "event: gap\ndata: 0\n\nid: %" PRIu64 "\ndata: a\n\n", seq);
	stream_rig_ask(rig, 1, GET("/events", "Last-Event-ID: 3\r\n"), RIG_WINDOW);
	CU_ASSERT_STRING_EQUAL(stream_rig_news(rig, 1, news, sizeof(news)) + strlen(RETRY), want);
	stream_rig_ask(rig, 2, GET("/lines", "Last-Event-ID: 3\r\n"), RIG_WINDOW);
	NEWS(2, "{\"gap\":0}\na\n");
	for (unsigned i = 0; i < RIG_KEEP; i++) /* what this life lost is not known to be all */
		stream_rig_publish(rig, "b");
	snprintf(want, sizeof(want), "event: gap\ndata: 0\n\nid: %" PRIu64 "\n", seq + 1);
	stream_rig_ask(rig, 3, GET("/events", "Last-Event-ID: 3\r\n"), RIG_WINDOW);
	CU_ASSERT_PTR_NOT_NULL(strstr(stream_rig_news(rig, 3, news, sizeof(news)), want));
	snprintf(want, sizeof(want), "event: gap\ndata: 1\n\nid: %" PRIu64 "\n", seq + 1);
	stream_rig_ask(rig, 4, GET("/events", "Last-Event-ID: 0\r\n"), RIG_WINDOW);
	CU_ASSERT_PTR_NOT_NULL(strstr(stream_rig_news(rig, 4, news, sizeof(news)), want));
	stream_rig_close(rig);
}

static void last_event_id_too_old_is_told_the_gap_whatever_the_policy(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	for (unsigned i = 1; i <= RIG_KEEP + 3; i++)
		stream_rig_publish(rig, "m");
	stream_rig_ask(rig, 0, GET("/close", "Last-Event-ID: 1\r\n"), RIG_WINDOW);
	CU_ASSERT_PTR_NOT_NULL(strstr(stream_rig_news(rig, 0, news, sizeof(news)),
	                              RETRY "event: gap\ndata: 2\n\nid: 4\n"));
	CU_ASSERT(rig->fs[0].is_open && !rig->fs[0].is_shutdown);
	stream_rig_close(rig);
}

static void quiet_stream_beats_once_per_interval(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	stream_rig_ask(rig, 1, GET("/lines", ""), RIG_WINDOW);
	NEWS(0, RETRY);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned ms = 0; ms < 14900; ms += 100) {
			for (unsigned i = 0; i < 2; i++)
				fake_stream_settle(&rig->fs[i], 4);
			rig->env.now_ns += 100 * HZ_NS_PER_MS;
		}
		NEWS(0, "");
		NEWS(1, "");
		rig->env.now_ns += 100 * HZ_NS_PER_MS;
		for (unsigned i = 0; i < 2; i++)
			fake_stream_settle(&rig->fs[i], 4);
		NEWS(0, ":\n\n");
		NEWS(1, "\n");
	}
	stream_rig_close(rig);
}

static void message_puts_the_beat_off(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	for (unsigned s = 0; s < 100; s++) {
		rig->env.now_ns += HZ_NS_PER_S;
		fake_stream_settle(&rig->fs[0], 4);
		if (s % 10 == 0)
			stream_rig_publish(rig, "m");
	}
	CU_ASSERT_PTR_NULL(strstr(stream_rig_news(rig, 0, news, sizeof(news)), "\n:\n"));
	stream_rig_close(rig);
}

/* Its window is full, and the ring goes on without it. */
static void slow_reader_is_told_how_much_it_lost(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	struct hz_topic_info info;
	char text[8], want[64];
	const char *at;
	uint64_t seq = 0, lost;

	stream_rig_ask(rig, 0, GET("/events", ""), 600);
	for (unsigned i = 1; i <= 100; i++) {
		snprintf(text, sizeof(text), "m%u", i);
		seq = stream_rig_publish(rig, text);
	}
	at = stream_rig_news(rig, 0, news, sizeof(news));
	/* Everything in order, one gap, and what it says is what is missing. */
	at = strstr(at, RETRY) + strlen(RETRY);
	for (seq = 1;; seq++) {
		int bytes = snprintf(want, sizeof(want), "id: %u\ndata: m%u\n\n", (unsigned)seq,
		                     (unsigned)seq);

		if (strncmp(at, want, (size_t)bytes) != 0)
			break;
		at += bytes;
	}
	CU_ASSERT(seq > 3);
	CU_ASSERT_EQUAL_FATAL(strncmp(at, "event: gap\ndata: ", 17), 0);
	lost = strtoull(at + 17, NULL, 10);
	CU_ASSERT_EQUAL(seq + lost, 100 - RIG_KEEP + 1);
	snprintf(want, sizeof(want), "\n\nid: %u\n", 100 - RIG_KEEP + 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(at, want));
	CU_ASSERT_PTR_NOT_NULL(strstr(at, "id: 100\ndata: m100\n\n"));
	hz_topic_info(rig->topic, &info);
	CU_ASSERT_EQUAL(info.skipped, lost);
	CU_ASSERT_EQUAL(info.closed, 0);
	stream_rig_close(rig);
}

static void slow_reader_is_closed_where_the_route_says_so(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	struct hz_topic_info info;

	stream_rig_ask(rig, 0, GET("/close", ""), 600);
	stream_rig_ask(rig, 1, GET("/close", ""), RIG_WINDOW);
	for (unsigned i = 1; i <= 100; i++)
		stream_rig_publish(rig, "message");
	(void)stream_rig_news(rig, 0, news, sizeof(news));
	CU_ASSERT_PTR_NULL(strstr(news, "gap"));
	CU_ASSERT_PTR_NOT_NULL(strstr(news, "data: message\n\n: end\n\n"));
	CU_ASSERT(has(rig, 0, "\r\n0\r\n\r\n")); /* in order: the client comes again */
	(void)stream_rig_news(rig, 1, news, sizeof(news));
	CU_ASSERT_PTR_NOT_NULL(strstr(news, "id: 100\n"));
	hz_topic_info(rig->topic, &info);
	CU_ASSERT_EQUAL(info.closed, 1);
	CU_ASSERT_EQUAL(info.readers, 1);
	stream_rig_close(rig);
}

/* In a room that takes no whole message, of one that is overwritten meanwhile. */
static void message_begun_is_finished_when_it_fits_the_copy(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	static char text[HZ_LIMIT_stream_piece_bytes + 1];
	char want[64];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 2] = 'E';
	stream_rig_ask(rig, 0, GET("/events", ""), 1000);
	stream_rig_publish(rig, text);
	for (unsigned i = 0; i < 2 * RIG_KEEP; i++)
		stream_rig_publish(rig, "m");
	(void)stream_rig_news(rig, 0, news, sizeof(news));
	CU_ASSERT_PTR_NOT_NULL(strstr(news, RETRY "id: 1\ndata: xxxx"));
	snprintf(want, sizeof(want), "xE\n\nevent: gap\ndata: %u\n\nid: %u\n", RIG_KEEP,
	         RIG_KEEP + 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(news, want));
	stream_rig_close(rig);
}

static void message_begun_that_is_gone_resets_the_connection(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	char *text = calloc(1, 60001);

	memset(text, 'x', 60000);
	stream_rig_ask(rig, 0, GET("/events", ""), 1000);
	stream_rig_publish(rig, text);
	for (unsigned i = 0; i < RIG_KEEP; i++)
		stream_rig_publish(rig, "m");
	(void)stream_rig_news(rig, 0, news, sizeof(news));
	CU_ASSERT(rig->fs[0].is_aborted);
	CU_ASSERT_PTR_NULL(strstr(news, "x\n"));
	free(text);
	stream_rig_close(rig);
}

static void long_message_arrives_whole(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	char *text = calloc(1, HZ_LIMIT_message_bytes_max + 1);
	const char *at;

	for (size_t i = 0; i < HZ_LIMIT_message_bytes_max; i++)
		text[i] = (char)('a' + i % 23);
	stream_rig_ask(rig, 0, GET("/lines", ""), 1000);
	stream_rig_publish(rig, text);
	at = stream_rig_news(rig, 0, news, sizeof(news));
	CU_ASSERT_EQUAL(strlen(at), HZ_LIMIT_message_bytes_max + 1);
	CU_ASSERT_EQUAL(memcmp(at, text, HZ_LIMIT_message_bytes_max), 0);
	free(text);
	stream_rig_close(rig);
}

static void one_turn_resumes_so_many_and_none_is_forgotten(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	struct hz_span part = { (const uint8_t *)"m", 1 };
	uint64_t seq;

	for (unsigned i = 0; i < RIG_READERS; i++) {
		stream_rig_ask(rig, i, GET("/events", ""), RIG_WINDOW);
		NEWS(i, RETRY);
	}
	CU_ASSERT_EQUAL(hz_topic_publish(rig->topic, &part, 1, &seq), 0);
	CU_ASSERT_EQUAL(hz_topic_publish(rig->topic, &part, 1, &seq), 0);
	CU_ASSERT_EQUAL(rig->rings, 1);
	CU_ASSERT_EQUAL(hz_topics_turn_due_ns(rig->topics, 0), UINT64_MAX); /* it was rung */
	CU_ASSERT_EQUAL(hz_topics_turn(rig->topics, 0), HZ_LIMIT_stream_wakes_per_turn);
	CU_ASSERT_EQUAL(hz_topics_turn_due_ns(rig->topics, 0), 0); /* the others wait */
	stream_rig_turn(rig);
	CU_ASSERT_EQUAL(hz_topics_turn_due_ns(rig->topics, 0), UINT64_MAX);
	for (unsigned i = 0; i < RIG_READERS; i++)
		NEWS(i, "id: 1\ndata: m\n\nid: 2\ndata: m\n\n");
	/* All wait again. */
	stream_rig_publish(rig, "n");
	for (unsigned i = 0; i < RIG_READERS; i++)
		NEWS(i, "id: 3\ndata: n\n\n");
	stream_rig_close(rig);
}

static void reader_beyond_the_limit_is_503(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	for (unsigned i = 0; i < RIG_READERS; i++)
		stream_rig_ask(rig, i, GET("/events", ""), RIG_WINDOW);
	stream_rig_ask(rig, RIG_READERS, GET("/lines", ""), RIG_WINDOW);
	CU_ASSERT(has(rig, RIG_READERS, "HTTP/1.1 503 "));
	fake_stream_close(&rig->fs[0], HZ_CLOSE_RESET); /* who goes makes room */
	stream_rig_ask(rig, RIG_READERS, GET("/lines", ""), RIG_WINDOW);
	CU_ASSERT(has(rig, RIG_READERS, "application/x-ndjson"));
	stream_rig_close(rig);
}

static void head_is_the_same_and_begins_no_stream(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	struct hz_topic_info info;

	stream_rig_ask(rig, 0, "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n", RIG_WINDOW);
	CU_ASSERT(has(rig, 0, "Content-Type: text/event-stream\r\n"));
	CU_ASSERT(!has(rig, 0, "retry"));
	hz_topic_info(rig->topic, &info);
	CU_ASSERT_EQUAL(info.readers, 0);
	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW); /* the connection goes on */
	hz_topic_info(rig->topic, &info);
	CU_ASSERT_EQUAL(info.readers, 1);
	stream_rig_close(rig);
}

static void http_1_0_client_reads_until_the_end(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_ask(rig, 0, "GET /events HTTP/1.0\r\n\r\n", RIG_WINDOW);
	stream_rig_publish(rig, "m");
	CU_ASSERT(has(rig, 0, "Connection: close\r\n"));
	CU_ASSERT(!has(rig, 0, "chunked"));
	CU_ASSERT(has(rig, 0, "\r\n\r\n" RETRY "id: 1\ndata: m\n\n"));
	hz_topics_switch(rig->topics, NULL, 0, 0);
	stream_rig_turn(rig);
	CU_ASSERT(has(rig, 0, ": end\n\n"));
	CU_ASSERT(rig->fs[0].is_shutdown);
	stream_rig_close(rig);
}

static void drain_ends_streams_after_what_is_there(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	struct hz_span part = { (const uint8_t *)"last", 4 };
	uint64_t seq;

	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	stream_rig_ask(rig, 1, GET("/lines", ""), RIG_WINDOW);
	CU_ASSERT_EQUAL(hz_topic_publish(rig->topic, &part, 1, &seq), 0);
	hz_http_worker_drain(rig->http);
	hz_topics_stir(rig->topics);
	stream_rig_turn(rig);
	NEWS(0, RETRY "id: 1\ndata: last\n\n: end\n\n");
	NEWS(1, "last\n");
	CU_ASSERT(has(rig, 0, "\r\n0\r\n\r\n"));
	CU_ASSERT(has(rig, 1, "\r\n0\r\n\r\n"));
	stream_rig_close(rig);
}

static void stream_of_an_old_generation_ends(void)
{
	struct stream_rig *rig = stream_rig_open(5);

	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	NEWS(0, RETRY);
	hz_topics_switch(rig->topics, &rig->topic, 1, 5);
	stream_rig_turn(rig);
	NEWS(0, "");
	hz_topics_switch(rig->topics, &rig->topic, 1, 6);
	stream_rig_turn(rig);
	NEWS(0, ": end\n\n");
	stream_rig_close(rig);
}

/* Nothing is timed against a client to whom nothing is owed: neither the answer nor its rate. */
static void stream_outlives_every_deadline(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	for (unsigned s = 0; s < 4000; s++) {
		rig->env.now_ns += HZ_NS_PER_S;
		fake_stream_settle(&rig->fs[0], 4);
		fake_stream_take_all(&rig->fs[0], 4096);
	}
	CU_ASSERT(rig->fs[0].is_open && !rig->fs[0].is_aborted && !rig->fs[0].is_shutdown);
	stream_rig_close(rig);
}

static void reader_that_is_gone_leaves_nothing(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	struct hz_topic_info info;

	stream_rig_ask(rig, 0, GET("/events", ""), RIG_WINDOW);
	stream_rig_ask(rig, 1, GET("/events", ""), RIG_WINDOW);
	fake_stream_close(&rig->fs[0], HZ_CLOSE_RESET);
	fake_stream_eof(&rig->fs[1]);
	hz_topic_info(rig->topic, &info);
	CU_ASSERT_EQUAL(info.readers, 0);
	stream_rig_publish(rig, "m");
	CU_ASSERT_EQUAL(rig->rings, 0);
	/* Also between the message and the turn that would have resumed it. */
	stream_rig_ask(rig, 2, GET("/events", ""), RIG_WINDOW);
	(void)stream_rig_publish(rig, "m");
	fake_stream_close(&rig->fs[2], HZ_CLOSE_RESET);
	stream_rig_turn(rig);
	stream_rig_close(rig);
}

static void post(struct stream_rig *rig, unsigned i, const char *body, size_t cut)
{
	char head[128];
	size_t bytes = strlen(body);

	snprintf(head, sizeof(head),
	         "POST /publish HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", bytes);
	stream_rig_ask(rig, i, head, RIG_WINDOW);
	fake_stream_feed(&rig->fs[i], body, HZ_MIN(cut, bytes));
	if (cut < bytes)
		fake_stream_feed(&rig->fs[i], body + cut, bytes - cut);
}

static void body_becomes_a_message(void)
{
	struct stream_rig *rig = stream_rig_open(1);
	char *text = calloc(1, HZ_LIMIT_message_bytes_max + 2);

	stream_rig_ask(rig, 0, GET("/lines", ""), RIG_WINDOW);
	post(rig, 1, "whole", 100);
	post(rig, 2, "in two", 2);
	stream_rig_turn(rig);
	CU_ASSERT(has(rig, 1, "HTTP/1.1 204 "));
	CU_ASSERT(has(rig, 2, "HTTP/1.1 204 "));
	NEWS(0, "whole\nin two\n");
	memset(text, 'y', HZ_LIMIT_message_bytes_max);
	post(rig, 3, text, 40000);
	stream_rig_turn(rig);
	CU_ASSERT_EQUAL(strlen(stream_rig_news(rig, 0, news, sizeof(news))),
	                HZ_LIMIT_message_bytes_max + 1);
	text[HZ_LIMIT_message_bytes_max] = 'y';
	post(rig, 4, text, 40000);
	CU_ASSERT(has(rig, 4, "HTTP/1.1 413 "));
	post(rig, 5, "", 0);
	CU_ASSERT(has(rig, 5, "HTTP/1.1 400 "));
	stream_rig_turn(rig);
	NEWS(0, "");
	free(text);
	stream_rig_close(rig);
}

/* The worker does not wait for the other thread: the request does, and keeps its body. */
static void publish_beside_another_publisher_comes_later(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	stream_rig_ask(rig, 0, GET("/lines", ""), RIG_WINDOW);
	rig->topic->is_taken = true;
	post(rig, 1, "mine", 100);
	CU_ASSERT(fake_stream_advance(&rig->fs[1], HZ_NS_PER_MS));
	CU_ASSERT(fake_stream_advance(&rig->fs[1], HZ_NS_PER_MS));
	CU_ASSERT_EQUAL(rig->fs[1].out_len, 0);
	rig->topic->is_taken = false;
	CU_ASSERT(fake_stream_advance(&rig->fs[1], HZ_NS_PER_MS));
	CU_ASSERT(has(rig, 1, "HTTP/1.1 204 "));
	stream_rig_turn(rig);
	NEWS(0, "mine\n");
	stream_rig_close(rig);
}

static void publish_to_a_closed_topic_is_503(void)
{
	struct stream_rig *rig = stream_rig_open(1);

	hz_topics_switch(rig->topics, NULL, 0, 0);
	post(rig, 0, "late", 100);
	CU_ASSERT(has(rig, 0, "HTTP/1.1 503 "));
	stream_rig_close(rig);
}

HZ_SUITE(event_stream, CASE(stream_begins_with_the_next_message),
         CASE(last_event_id_resumes_behind_it), CASE(last_event_id_of_the_future_gets_all_there_is),
         CASE(last_event_id_of_another_life_is_told_and_gets_all_there_is),
         CASE(last_event_id_too_old_is_told_the_gap_whatever_the_policy),
         CASE(quiet_stream_beats_once_per_interval), CASE(message_puts_the_beat_off),
         CASE(slow_reader_is_told_how_much_it_lost),
         CASE(slow_reader_is_closed_where_the_route_says_so),
         CASE(message_begun_is_finished_when_it_fits_the_copy),
         CASE(message_begun_that_is_gone_resets_the_connection), CASE(long_message_arrives_whole),
         CASE(one_turn_resumes_so_many_and_none_is_forgotten), CASE(reader_beyond_the_limit_is_503),
         CASE(head_is_the_same_and_begins_no_stream), CASE(http_1_0_client_reads_until_the_end),
         CASE(drain_ends_streams_after_what_is_there), CASE(stream_of_an_old_generation_ends),
         CASE(stream_outlives_every_deadline), CASE(reader_that_is_gone_leaves_nothing),
         CASE(body_becomes_a_message), CASE(publish_to_a_closed_topic_is_503),
         CASE(publish_beside_another_publisher_comes_later));
