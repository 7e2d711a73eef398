/* Questions, readers of /events, and the log of events. */
#include "abi/hz_abi.h"
#include "collector/event_log.h"
#include "collector/sse_hub.h"
#include "collector/web_query.h"
#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void question_is_read_or_refused_whole(void)
{
	static const struct {
		const char *stage, *last, *kind;
		int status;
	} rows[] = {
		{ NULL, NULL, NULL, 0 },          { "tx", "86400", "slow", 0 },
		{ "tx", "86401", NULL, -EINVAL }, { "tx", "0", NULL, -EINVAL },
		{ "tx", "", NULL, -EINVAL },      { "tx", "1 ", NULL, -EINVAL },
		{ "tx", "+1", NULL, -EINVAL },    { "tx", "99999999999999999999", NULL, -EINVAL },
		{ "", NULL, NULL, -EINVAL },      { "TX", NULL, NULL, -EINVAL },
		{ NULL, NULL, "", -EINVAL },      { NULL, NULL, "hist_delta", -EINVAL },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_web_query query = { HZ_STAGE_COUNT, 10, 0 };
		const char *why = NULL;
		int status = hz_web_query_read(&query, rows[i].stage, rows[i].last, rows[i].kind,
		                               86400, &why);

		CU_ASSERT_EQUAL(status, rows[i].status);
		CU_ASSERT_EQUAL(why != NULL, status != 0);
		if (status != 0 || i == 0) {
			CU_ASSERT_EQUAL(query.stage, HZ_STAGE_COUNT);
			CU_ASSERT_EQUAL(query.last, 10);
		}
	}
}

static void protobuf_is_sent_to_who_asks_for_it_in_full(void)
{
	static const char type[] = "application/vnd.google.protobuf";
	static const struct {
		const char *rest;
		bool is_wanted;
	} rows[] = {
		{ ";proto=io.prometheus.client.MetricFamily;encoding=delimited", true },
		{ "; encoding=delimited ; proto=io.prometheus.client.MetricFamily ;q=0.6, */*",
		  true },
		{ ";proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0", false },
		{ ";proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.000", false },
		{ ";proto=io.prometheus.client.MetricFamily;encoding=text", false },
		{ ";encoding=delimited", false },
		{ ";proto=io.prometheus.client.MetricFamily", false },
		{ "", false },
		{ ",;proto=io.prometheus.client.MetricFamily;encoding=delimited", false },
	};
	char accept[256];

	CU_ASSERT_FALSE(hz_web_query_wants_proto(NULL));
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		snprintf(accept, sizeof(accept), "text/html, %s%s", type, rows[i].rest);
		CU_ASSERT_EQUAL(hz_web_query_wants_proto(accept), rows[i].is_wanted);
	}
}

static void host_of_elsewhere_is_told_from_an_address(void)
{
	static const char *const good[] = { "localhost",   "LOCALHOST:9477", "127.0.0.1",
		                            "10.0.0.1:80", "[::1]:9477",     "[fd07::2]" };
	static const char *const bad[] = { "",
		                           "evil.example",
		                           "127.0.0.1.evil.example",
		                           "localhost.evil.example",
		                           "127.0.0.1:",
		                           "127.0.0.1:x",
		                           "127.0.0.1:99999",
		                           "[::1",
		                           "[::1]x",
		                           "::1",
		                           "[localhost]",
		                           "0x7f.1" };

	CU_ASSERT_TRUE(hz_web_query_is_local_host(NULL));
	for (size_t i = 0; i < HZ_ARRAY_LEN(good); i++)
		CU_ASSERT_TRUE(hz_web_query_is_local_host(good[i]));
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(hz_web_query_is_local_host(bad[i]));
}

static void reader_that_takes_nothing_loses_events_and_no_memory(void)
{
	struct hz_sse_hub hub = { 0 };
	struct MHD_Connection *connection = (struct MHD_Connection *)(void *)&hub; /* never used */
	struct MHD_Response *response[HZ_SSE_READERS_MAX];
	char data[10000];
	uint64_t sent = 100;

	memset(data, 'x', sizeof(data));
	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX; i++) {
		response[i] = hz_sse_hub_join(&hub, connection);
		CU_ASSERT_PTR_NOT_NULL_FATAL(response[i]);
	}
	CU_ASSERT_PTR_NULL(hz_sse_hub_join(&hub, connection));
	for (uint64_t i = 0; i < sent; i++)
		hz_sse_hub_send(&hub, "tick", data, sizeof(data));
	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX; i++) {
		/* each is 10 021 bytes with its frame: 26 of them fit behind the greeting */
		CU_ASSERT_EQUAL(hub.reader[i].lost, sent - 26);
		CU_ASSERT(hub.reader[i].bytes <= HZ_SSE_BACKLOG_MAX);
	}
	CU_ASSERT_EQUAL(hub.lost, HZ_SSE_READERS_MAX * (sent - 26));
	MHD_destroy_response(response[3]);
	CU_ASSERT_FALSE(hub.reader[3].is_used);
	response[3] = hz_sse_hub_join(&hub, connection);
	CU_ASSERT_PTR_NOT_NULL(response[3]);
	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX; i++)
		MHD_destroy_response(response[i]);
	CU_ASSERT_FALSE(hz_sse_hub_has_readers(&hub));
}

static void log_keeps_the_last_of_each_kind_in_order(void)
{
	struct hz_event_log *log = calloc(1, sizeof(*log));
	struct hz_doc doc = { 0 };
	char line[32], too_long[HZ_EVENT_LOG_BYTES + 1];

	for (uint32_t i = 0; i < 1000; i++) {
		int len = snprintf(line, sizeof(line), "{\"n\":%u}", i);

		hz_event_log_put(log, i == 500 ? HZ_EVENT_STATE : HZ_EVENT_DROP, line, (size_t)len);
	}
	memset(too_long, ' ', sizeof(too_long));
	hz_event_log_put(log, HZ_EVENT_DROP, too_long, sizeof(too_long));
	CU_ASSERT_EQUAL(log->refused, 1);
	hz_event_log_write(log, 0, 2, &doc);
	hz_event_log_write(log, HZ_EVENT_STATE, 100, &doc);
	hz_event_log_write(log, HZ_EVENT_SLOW, 100, &doc);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_STRING_EQUAL(doc.data, "[{\"n\":998},{\"n\":999}][{\"n\":500}][]");
	hz_doc_text_clear(&doc);
	hz_event_log_write(log, 0, 10000, &doc);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_EQUAL(strncmp(doc.data, "[{\"n\":500},{\"n\":744},", 21), 0);
	hz_doc_text_close(&doc);
	hz_event_log_close(log);
	free(log);
}

static void mark_is_found_by_its_time_and_is_always_json(void)
{
	struct hz_event_log *log = calloc(1, sizeof(*log));
	struct hz_doc doc = { 0 };

	hz_event_log_mark(log, 9, "stall", "x");
	hz_event_log_mark(log, 10, "reload", "generation %u", 2);
	hz_event_log_mark(log, 11, "xdp", "\"%s\n\\", "eth");
	hz_event_log_marks_write(log, 10, &doc);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_STRING_EQUAL(doc.data,
	                       "[{\"t\":10,\"kind\":\"reload\",\"text\":\"generation 2\"},"
	                       "{\"t\":11,\"kind\":\"xdp\",\"text\":\"?eth??\"}]");
	hz_doc_text_close(&doc);
	free(log);
}

static void mark_of_a_while_ago_is_told_when_it_comes(void)
{
	struct hz_event_log *log = calloc(1, sizeof(*log));
	struct hz_doc doc = { 0 };
	uint64_t told;

	hz_event_log_mark(log, 12, "stall", "a");
	told = log->mark_count;
	hz_event_log_mark(log, 5, "xdp", "b"); /* it waited in the ring */
	hz_event_log_marks_since(log, told, &doc);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_STRING_EQUAL(doc.data, "[{\"t\":5,\"kind\":\"xdp\",\"text\":\"b\"}]");
	hz_doc_text_clear(&doc);
	hz_event_log_marks_since(log, log->mark_count, &doc);
	hz_doc_text_add(&doc, "", 1);
	CU_ASSERT_STRING_EQUAL(doc.data, "[]");
	for (int i = 0; i < HZ_EVENT_LOG_MARKS; i++)
		hz_event_log_mark(log, i, "reload", "c");
	hz_doc_text_clear(&doc);
	hz_event_log_marks_since(log, 0, &doc); /* as many as are kept */
	CU_ASSERT_PTR_NULL(memmem(doc.data, doc.bytes, "xdp", 3));
	CU_ASSERT_PTR_NOT_NULL(memmem(doc.data, doc.bytes, "\"t\":0,", 6));
	hz_doc_text_close(&doc);
	free(log);
}

HZ_SUITE(serving, CASE(question_is_read_or_refused_whole),
         CASE(protobuf_is_sent_to_who_asks_for_it_in_full),
         CASE(host_of_elsewhere_is_told_from_an_address),
         CASE(reader_that_takes_nothing_loses_events_and_no_memory),
         CASE(log_keeps_the_last_of_each_kind_in_order),
         CASE(mark_is_found_by_its_time_and_is_always_json),
         CASE(mark_of_a_while_ago_is_told_when_it_comes));
