/* Topics: names and sizes, who is woken, and what becomes of those that a reload leaves out. */
#include "handlers/topic.h"

#include "hz_test.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned rings[HZ_WORKERS_MAX];

static void ring(void *ctx, uint32_t worker)
{
	(void)ctx;
	__atomic_fetch_add(&rings[worker], 1, __ATOMIC_RELAXED);
}

static struct hz_topics *topics_open(void)
{
	const struct hz_topics_conf conf = { .worker_count = 2, .ring = ring };
	struct hz_topics *topics = NULL;

	memset(rings, 0, sizeof(rings));
	CU_ASSERT_EQUAL_FATAL(hz_topics_open(&conf, &topics), 0);
	return topics;
}

static struct hz_topic *get(struct hz_topics *topics, const char *name)
{
	const struct hz_topic_conf conf = { .name = name, .keep = 8, .bytes = 65536 };
	struct hz_topic *topic = NULL;

	CU_ASSERT_EQUAL_FATAL(hz_topics_get(topics, &conf, &topic), 0);
	return topic;
}

static int publish(struct hz_topic *topic, const char *text)
{
	struct hz_span part = { (const uint8_t *)text, strlen(text) };
	uint64_t seq;

	return hz_topic_publish(topic, &part, 1, &seq);
}

static void topic_of_the_same_name_is_the_same_topic(void)
{
	struct hz_topics *topics = topics_open();
	struct hz_topic *news = get(topics, "news"), *again;

	CU_ASSERT_EQUAL(publish(news, "stays"), 0);
	again = get(topics, "news");
	CU_ASSERT_PTR_EQUAL(again, news);
	hz_topic_put(news); /* as the configuration before goes */
	CU_ASSERT_PTR_EQUAL(hz_topics_find(topics, "news"), again);
	CU_ASSERT_EQUAL(hz_msg_ring_next(hz_topic_ring(again)), 2);
	hz_topic_put(again);
	CU_ASSERT_PTR_NULL(hz_topics_find(topics, "news"));
	news = get(topics, "news");
	CU_ASSERT_EQUAL(hz_msg_ring_next(hz_topic_ring(news)), 3); /* no number twice */
	CU_ASSERT_EQUAL(hz_msg_ring_oldest(hz_topic_ring(news)), 3);
	hz_topic_put(news);
	hz_topics_close(topics);
}

static uint64_t first_at(struct hz_topics *topics, uint64_t unix_s)
{
	const struct hz_topic_conf conf = {
		.name = "clock", .keep = 8, .bytes = 65536, .unix_s = unix_s
	};
	struct hz_topic *topic;
	uint64_t first;

	CU_ASSERT_EQUAL_FATAL(hz_topics_get(topics, &conf, &topic), 0);
	first = hz_msg_ring_next(hz_topic_ring(topic));
	CU_ASSERT_EQUAL(publish(topic, "one"), 0);
	hz_topic_put(topic);
	return first;
}

static void numbers_begin_at_the_time_and_never_go_back(void)
{
	struct hz_topics *topics = topics_open();
	uint64_t now = 1800000000, first = first_at(topics, now);

	CU_ASSERT_EQUAL(first, now << 20);
	CU_ASSERT(first < 1ull << 53);                     /* exact in JavaScript, in 2242 still */
	CU_ASSERT_EQUAL(first_at(topics, now), first + 2); /* within the same second */
	CU_ASSERT_EQUAL(first_at(topics, now - 7), first + 4); /* the clock was set back */
	CU_ASSERT_EQUAL(first_at(topics, now + 1), (now + 1) << 20);
	hz_topics_close(topics);
}

static void topic_of_another_size_is_refused(void)
{
	struct hz_topic_conf conf = { .name = "news", .keep = 9, .bytes = 65536 };
	struct hz_topics *topics = topics_open();
	struct hz_topic *news = get(topics, "news"), *other = NULL;

	CU_ASSERT_EQUAL(hz_topics_get(topics, &conf, &other), -EBUSY);
	conf.keep = 8;
	conf.bytes = 65544;
	CU_ASSERT_EQUAL(hz_topics_get(topics, &conf, &other), -EBUSY);
	CU_ASSERT_PTR_NULL(other);
	hz_topic_put(news);
	hz_topics_close(topics);
}

static void topics_beyond_their_number_or_memory_are_refused(void)
{
	struct hz_topic_conf big = { .name = "big",
		                     .keep = 1,
		                     .bytes = HZ_LIMIT_topics_bytes_max - 65536 + 1 };
	struct hz_topic *held[HZ_LIMIT_topics_max], *more = NULL;
	struct hz_topics *topics = topics_open();
	const struct hz_topic_conf one_more = { .name = "more", .keep = 8, .bytes = 65536 };
	char name[16];

	held[0] = get(topics, "t0");
	CU_ASSERT_EQUAL(hz_topics_get(topics, &big, &more), -ENOSPC);
	big.bytes--;
	CU_ASSERT_EQUAL(hz_topics_get(topics, &big, &more), 0);
	hz_topic_put(more);
	for (unsigned i = 1; i < HZ_LIMIT_topics_max; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		held[i] = get(topics, name);
	}
	CU_ASSERT_EQUAL(hz_topics_get(topics, &one_more, &more), -ENOSPC);
	for (unsigned i = 0; i < HZ_LIMIT_topics_max; i++)
		hz_topic_put(held[i]);
	hz_topics_close(topics);
}

static void topic_that_a_switch_leaves_out_is_closed_and_may_come_back(void)
{
	struct hz_topics *topics = topics_open();
	struct hz_topic *news = get(topics, "news"), *other = get(topics, "other");

	hz_topics_switch(topics, &other, 1, 0);
	CU_ASSERT(hz_topic_is_over(news, 1));
	CU_ASSERT(!hz_topic_is_over(other, 1));
	CU_ASSERT_EQUAL(publish(news, "x"), -ESHUTDOWN);
	CU_ASSERT_PTR_NULL(hz_topics_find(topics, "news"));
	CU_ASSERT_PTR_EQUAL(hz_topics_at(topics, 0), other);
	CU_ASSERT_PTR_NULL(hz_topics_at(topics, 1));
	hz_topics_switch(topics, &news, 1, 5);
	CU_ASSERT(!hz_topic_is_over(news, 5));
	CU_ASSERT(hz_topic_is_over(news, 4));
	CU_ASSERT_EQUAL(publish(news, "x"), 0);
	hz_topic_put(news);
	hz_topic_put(other);
	hz_topics_close(topics);
}

static void message_rings_workers_with_readers_once(void)
{
	struct hz_topics *topics = topics_open();
	struct hz_topic *news = get(topics, "news"), *other = get(topics, "other");
	struct hz_env env = { .worker_index = 1 };
	struct hz_http_req *req = calloc(1, sizeof(*req));
	struct hz_topic_reader reader = { 0 };

	req->env = &env;
	CU_ASSERT_EQUAL(publish(news, "nobody reads"), 0);
	CU_ASSERT(hz_topic_join(news, &reader, req, 1));
	CU_ASSERT_EQUAL(rings[0] + rings[1], 0);
	CU_ASSERT_EQUAL(publish(other, "nobody reads this"), 0);
	CU_ASSERT_EQUAL(rings[0] + rings[1], 0);
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(publish(news, "x"), 0);
	CU_ASSERT_EQUAL(rings[0], 0);
	CU_ASSERT_EQUAL(rings[1], 1);
	CU_ASSERT_EQUAL(hz_topics_turn(topics, 1), 0); /* it does not wait */
	CU_ASSERT_EQUAL(publish(news, "x"), 0);
	CU_ASSERT_EQUAL(rings[1], 2);
	hz_topic_leave(&reader);
	CU_ASSERT_EQUAL(hz_topics_turn(topics, 1), 0);
	CU_ASSERT_EQUAL(publish(news, "x"), 0);
	CU_ASSERT_EQUAL(rings[1], 2);
	free(req);
	hz_topic_put(news);
	hz_topic_put(other);
	hz_topics_close(topics);
}

static void readers_beyond_the_limit_are_refused_and_counted(void)
{
	struct hz_topics *topics = topics_open();
	struct hz_topic *news = get(topics, "news");
	struct hz_topic_reader reader[3] = { 0 };
	struct hz_http_req *req = calloc(1, sizeof(*req));
	struct hz_topic_info info;
	struct hz_env env = { .worker_index = 0 };

	req->env = &env;
	CU_ASSERT(hz_topic_join(news, &reader[0], req, 2));
	CU_ASSERT(hz_topic_join(news, &reader[1], req, 2));
	CU_ASSERT(!hz_topic_join(news, &reader[2], req, 2));
	hz_topic_leave(&reader[0]);
	CU_ASSERT(hz_topic_join(news, &reader[2], req, 2));
	hz_topic_info(news, &info);
	CU_ASSERT_EQUAL(info.readers, 2);
	CU_ASSERT_EQUAL(info.refused, 1);
	hz_topic_leave(&reader[1]);
	hz_topic_leave(&reader[2]);
	free(req);
	hz_topic_put(news);
	hz_topics_close(topics);
}

#define EACH 20000u

struct publisher {
	struct hz_topic *topic;
	uint64_t last; /* its own numbers grow */
	bool is_wrong;
};

static void *publish_many(void *ctx)
{
	struct publisher *own = ctx;

	for (unsigned i = 0; i < EACH;) {
		struct hz_span part = { (const uint8_t *)"message", 7 };
		uint64_t seq = 0;

		if (hz_topic_publish(own->topic, &part, 1, &seq) == -EAGAIN) {
			sched_yield();
			continue;
		}
		own->is_wrong |= seq <= own->last;
		own->last = seq;
		i++;
	}
	return NULL;
}

static void publishers_on_several_threads_lose_and_double_no_number(void)
{
	struct hz_topics *topics = topics_open();
	struct publisher publisher[3] = { 0 };
	pthread_t thread[3];
	struct hz_topic *news = get(topics, "news");

	for (unsigned i = 0; i < 3; i++) {
		publisher[i].topic = news;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, publish_many, &publisher[i]),
		                      0);
	}
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		CU_ASSERT(!publisher[i].is_wrong);
	}
	CU_ASSERT_EQUAL(hz_msg_ring_next(hz_topic_ring(news)), 3 * EACH + 1);
	hz_topic_put(news);
	hz_topics_close(topics);
}

HZ_SUITE(topic, CASE(topic_of_the_same_name_is_the_same_topic),
         CASE(numbers_begin_at_the_time_and_never_go_back), CASE(topic_of_another_size_is_refused),
         CASE(topics_beyond_their_number_or_memory_are_refused),
         CASE(topic_that_a_switch_leaves_out_is_closed_and_may_come_back),
         CASE(message_rings_workers_with_readers_once),
         CASE(readers_beyond_the_limit_are_refused_and_counted),
         CASE(publishers_on_several_threads_lose_and_double_no_number));
