/* What bounds the HTTP server: connections, bodies, and the documents that are kept. */
#include "abi/hist_bucket.h"
#include "collector/hist_pack.h"
#include "collector/time_doc.h"
#include "collector/web_conns.h"
#include "collector/web_doc.h"
#include "hz_test.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAY_END_S 1000000

static bool is_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

struct crowd {
	struct hz_web_conns conns;
	struct hz_web_conn *conn[HZ_WEB_CONNS_MAX];
	int server[HZ_WEB_CONNS_MAX], client[HZ_WEB_CONNS_MAX];
};

static void crowd_join(struct crowd *crowd, uint32_t i, uint64_t now_ns)
{
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	crowd->server[i] = pair[0];
	crowd->client[i] = pair[1];
	crowd->conn[i] = hz_web_conns_add(&crowd->conns, pair[0], now_ns);
	CU_ASSERT_PTR_NOT_NULL_FATAL(crowd->conn[i]);
}

static void crowd_close(struct crowd *crowd, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		close(crowd->server[i]);
		close(crowd->client[i]);
	}
}

static void connection_that_comes_late_takes_the_place_of_who_asked_nothing(void)
{
	const uint32_t most = HZ_WEB_CONNS_MAX - HZ_WEB_CONNS_RESERVE;
	struct crowd crowd = { 0 };

	for (uint32_t i = 0; i < most; i++)
		crowd_join(&crowd, i, i);
	hz_web_conns_move(crowd.conn[0], HZ_WEB_CONN_STREAM, 0);
	hz_web_conns_move(crowd.conn[1], HZ_WEB_CONN_ANSWER, 0);
	for (uint32_t i = 0; i < most; i++)
		CU_ASSERT_FALSE(is_ended(crowd.client[i]));
	CU_ASSERT_FALSE(hz_web_conns_are_ending(&crowd.conns));
	crowd_join(&crowd, most, 1000);
	CU_ASSERT_TRUE(hz_web_conns_are_ending(&crowd.conns));
	for (uint32_t i = 0; i <= most; i++)
		CU_ASSERT_EQUAL(is_ended(crowd.client[i]), i == 1);
	/* One that goes by itself makes room as well. */
	hz_web_conns_remove(crowd.conn[1]);
	hz_web_conns_remove(crowd.conn[5]);
	crowd_join(&crowd, most + 1, 1001);
	CU_ASSERT_FALSE(is_ended(crowd.client[2]));
	for (uint32_t i = 3; i <= most + 1; i++)
		hz_web_conns_move(crowd.conn[i], HZ_WEB_CONN_STREAM, 0);
	crowd_join(&crowd, most + 2, 1002);
	CU_ASSERT_TRUE(is_ended(crowd.client[2]));
	CU_ASSERT_FALSE(is_ended(crowd.client[0]));
	crowd_close(&crowd, most + 3);
}

static void more_connections_than_places_are_refused_a_place(void)
{
	struct crowd crowd = { 0 };

	for (uint32_t i = 0; i < HZ_WEB_CONNS_MAX; i++)
		crowd_join(&crowd, i, i);
	CU_ASSERT_PTR_NULL(hz_web_conns_add(&crowd.conns, crowd.server[0], 100));
	crowd_close(&crowd, HZ_WEB_CONNS_MAX);
}

static void head_and_answer_have_their_time_and_a_stream_all_of_it(void)
{
	struct crowd crowd = { 0 };

	for (uint32_t i = 0; i < 4; i++)
		crowd_join(&crowd, i, 0);
	hz_web_conns_move(crowd.conn[1], HZ_WEB_CONN_ANSWER, 0);
	hz_web_conns_move(crowd.conn[2], HZ_WEB_CONN_STREAM, 0);
	hz_web_conns_tick(&crowd.conns, 10 * HZ_NS_PER_S);
	CU_ASSERT_FALSE(is_ended(crowd.client[0]));
	hz_web_conns_move(crowd.conn[3], HZ_WEB_CONN_ANSWER, 9 * HZ_NS_PER_S);
	hz_web_conns_move(crowd.conn[3], HZ_WEB_CONN_HEAD, 10 * HZ_NS_PER_S);
	hz_web_conns_tick(&crowd.conns, 10 * HZ_NS_PER_S + 1);
	CU_ASSERT_TRUE(is_ended(crowd.client[0]));
	CU_ASSERT_FALSE(is_ended(crowd.client[3])); /* another request may come */
	hz_web_conns_tick(&crowd.conns, 30 * HZ_NS_PER_S);
	CU_ASSERT_TRUE(is_ended(crowd.client[3]));
	CU_ASSERT_FALSE(is_ended(crowd.client[1]));
	hz_web_conns_tick(&crowd.conns, 30 * HZ_NS_PER_S + 1);
	CU_ASSERT_TRUE(is_ended(crowd.client[1]));
	hz_web_conns_move(crowd.conn[1], HZ_WEB_CONN_HEAD, 31 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(crowd.conn[1]->state, HZ_WEB_CONN_ENDED);
	hz_web_conns_tick(&crowd.conns, 100000 * HZ_NS_PER_S);
	CU_ASSERT_FALSE(is_ended(crowd.client[2]));
	crowd_close(&crowd, 4);
}

static struct MHD_Response *body_of(struct hz_web_bodies *bodies, size_t bytes)
{
	struct hz_doc doc = { .data = calloc(1, bytes), .bytes = bytes, .size = bytes };
	struct MHD_Response *response = hz_web_body_make(bodies, &doc, "text/plain");

	CU_ASSERT_PTR_NULL(doc.data);
	return response;
}

static void large_bodies_are_bounded_and_small_ones_are_made_all_the_same(void)
{
	struct MHD_Response *large[64] = { NULL }, *small;
	struct hz_web_bodies bodies = { 0 };
	struct hz_doc failed = { .is_failed = true };
	uint32_t made = 0;

	for (uint32_t i = 0; i < HZ_ARRAY_LEN(large); i++) {
		large[i] = body_of(&bodies, 1u << 20);
		made += large[i] != NULL;
	}
	CU_ASSERT_EQUAL(made, HZ_WEB_BODIES_MAX >> 20);
	CU_ASSERT_EQUAL(bodies.bytes, HZ_WEB_BODIES_MAX);
	small = body_of(&bodies, HZ_WEB_BODY_SMALL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(small);
	MHD_destroy_response(small);
	for (uint32_t i = 0; i < made; i++)
		MHD_destroy_response(large[i]);
	CU_ASSERT_EQUAL(bodies.bytes, 0);
	CU_ASSERT_PTR_NULL(hz_web_body_make(&bodies, &failed, "text/plain"));
}

/* A day in which each column has 3 samples in total and 5 in tx, but one hour is unknown. */
static struct hz_feed *day_open(uint64_t *samples)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct hz_hist *stage = calloc(HZ_STAGE_COUNT, sizeof(*stage));
	uint8_t *packed = malloc(HZ_HIST_PACK_MAX);
	size_t bytes;

	CU_ASSERT_EQUAL_FATAL(hz_series_open(&feed->series, NULL, NULL), 0);
	stage[HZ_STAGE_TOTAL].bucket[300] = 2;
	stage[HZ_STAGE_TOTAL].bucket[400] = 1;
	stage[HZ_STAGE_TX].bucket[200] = 5;
	bytes = hz_hist_pack(stage, packed);
	*samples = 0;
	for (int64_t t = DAY_END_S - 86400; t < DAY_END_S; t += HZ_SERIES_FAR_STEP_S) {
		if (t >= DAY_END_S - 7200 && t < DAY_END_S - 3600)
			continue;
		CU_ASSERT_EQUAL_FATAL(hz_tier_put(&feed->series.far, t, packed, bytes), 0);
		*samples += 3;
	}
	feed->series.open_s = DAY_END_S + 3;
	free(packed);
	free(stage);
	return feed;
}

static void day_close(struct hz_feed *feed)
{
	hz_series_close(&feed->series);
	free(feed);
}

static void heatmap_check(const json_t *heatmap, uint64_t samples)
{
	const json_t *columns = json_object_get(heatmap, "columns"), *column, *count;
	size_t i, j, unknown = 0;
	uint64_t sum = 0;

	CU_ASSERT_EQUAL(json_integer_value(json_object_get(heatmap, "step_s")), 120);
	CU_ASSERT(json_array_size(columns) >= HZ_TIME_DOC_COLUMNS);
	CU_ASSERT(json_array_size(columns) <= HZ_TIME_DOC_COLUMNS + 1);
	json_array_foreach (columns, i, column) {
		const json_t *counts = json_object_get(column, "counts");

		CU_ASSERT_EQUAL(json_integer_value(json_object_get(column, "t")) % 120, 0);
		unknown += json_is_null(counts);
		json_array_foreach (counts, j, count)
			sum += (uint64_t)json_integer_value(count);
	}
	CU_ASSERT_EQUAL(sum, samples);
	/* 3600 s of no columns: 30 steps, or 29 and two that are known in part. */
	CU_ASSERT(unknown == 29 || unknown == 30);
}

static void day_is_shown_in_few_columns_with_every_sample(void)
{
	struct hz_doc doc = { 0 };
	uint64_t samples;
	struct hz_feed *feed = day_open(&samples);
	json_t *heatmap;

	hz_time_doc_heatmap(feed, HZ_STAGE_TOTAL, HZ_TIME_DOC_LAST_S, &doc);
	heatmap = json_loadb(doc.data, doc.bytes, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(heatmap);
	heatmap_check(heatmap, samples);
	json_decref(heatmap);
	hz_doc_text_clear(&doc);
	hz_time_doc_heatmap(feed, HZ_STAGE_TOTAL, 7200, &doc);
	heatmap = json_loadb(doc.data, doc.bytes, 0, NULL);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(heatmap, "step_s")), 10);
	json_decref(heatmap);
	hz_doc_text_close(&doc);
	day_close(feed);
}

static void question_is_answered_anew_when_its_answer_is_stale(void)
{
	const struct hz_web_query day = { HZ_STAGE_COUNT, 86400, 0 }, other = { 0, 86399, 0 };
	const struct hz_web_query near = { HZ_STAGE_COUNT, 60, 0 };
	struct hz_web_bodies bodies = { 0 };
	struct hz_web_docs docs = { .bodies = &bodies };
	uint64_t samples;
	struct hz_feed *feed = day_open(&samples);

	for (uint32_t i = 0; i < 3; i++) {
		CU_ASSERT_PTR_NOT_NULL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &day));
		CU_ASSERT_PTR_NOT_NULL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &other));
		CU_ASSERT_PTR_NOT_NULL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &near));
	}
	CU_ASSERT_EQUAL(docs.made, 3);
	for (uint32_t i = 0; i < HZ_SERIES_FAR_STEP_S - 1; i++)
		hz_web_doc_expire(&docs);
	(void)hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &day);
	CU_ASSERT_EQUAL(docs.made, 3);
	(void)hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &near);
	CU_ASSERT_EQUAL(docs.made, 4);
	hz_web_doc_expire(&docs);
	CU_ASSERT_EQUAL(bodies.bytes, 0); /* nobody reads them: they are gone */
	hz_web_doc_close(&docs);
	CU_ASSERT_EQUAL(bodies.bytes, 0);
	day_close(feed);
}

static void days_asked_for_in_one_second_are_few(void)
{
	struct hz_web_bodies bodies = { 0 };
	struct hz_web_docs docs = { .bodies = &bodies };
	uint64_t samples;
	struct hz_feed *feed = day_open(&samples);

	for (uint32_t i = 0; i < 100; i++) {
		const struct hz_web_query each = { HZ_STAGE_TX, 86400 - i, 0 };
		const struct hz_web_query near = { HZ_STAGE_TX, 60 + i, 0 };

		CU_ASSERT_EQUAL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_HEATMAP, &each) != NULL,
		                i < HZ_WEB_DOCS_SLOW);
		if (i >= HZ_WEB_DOCS_SLOW)
			CU_ASSERT_PTR_NOT_NULL(
				hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &near));
	}
	CU_ASSERT(bodies.bytes < HZ_WEB_DOCS_KEPT * (400u << 10));
	hz_web_doc_expire(&docs);
	CU_ASSERT_PTR_NOT_NULL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_HEATMAP,
	                                      &(struct hz_web_query){ HZ_STAGE_TX, 80000, 0 }));
	hz_web_doc_close(&docs);
	CU_ASSERT_EQUAL(bodies.bytes, 0);
	day_close(feed);
}

/* The tier of an hour is as large as that of a day. */
static void hours_asked_for_in_one_second_are_few_and_status_is_one_for_all(void)
{
	struct hz_web_bodies bodies = { 0 };
	struct hz_web_docs docs = { .bodies = &bodies };
	uint64_t samples;
	struct hz_feed *feed = day_open(&samples);

	for (uint32_t i = 0; i < 20; i++) {
		const struct hz_web_query each = { HZ_STAGE_COUNT, 3600 - i, 0 };

		CU_ASSERT_EQUAL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_LATENCY, &each) != NULL,
		                i < HZ_WEB_DOCS_SLOW);
	}
	docs.made = 0;
	for (uint32_t i = 0; i < 20; i++) {
		const struct hz_web_query each = { i % HZ_STAGE_COUNT, 1 + i * 4000, 0 };

		CU_ASSERT_PTR_NOT_NULL(hz_web_doc_get(&docs, feed, HZ_WEB_DOC_STATUS, &each));
	}
	CU_ASSERT_EQUAL(docs.made, 1);
	hz_web_doc_close(&docs);
	day_close(feed);
}

HZ_SUITE(web_parts, CASE(hours_asked_for_in_one_second_are_few_and_status_is_one_for_all),
         CASE(days_asked_for_in_one_second_are_few),
         CASE(connection_that_comes_late_takes_the_place_of_who_asked_nothing),
         CASE(more_connections_than_places_are_refused_a_place),
         CASE(head_and_answer_have_their_time_and_a_stream_all_of_it),
         CASE(large_bodies_are_bounded_and_small_ones_are_made_all_the_same),
         CASE(day_is_shown_in_few_columns_with_every_sample),
         CASE(question_is_answered_anew_when_its_answer_is_stale));
