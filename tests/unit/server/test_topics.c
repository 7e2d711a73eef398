/* Topics across reloads, and the control socket's words for them. */
#include "core/rcu.h"
#include "hz_test.h"
#include "server_rig.h"
#include <errno.h>
#include <string.h>

#define LISTEN "listen:\n  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
#define ROUTES "routes: [{ match: GET /, respond: { body: hi } }]\n"

static int reload(struct server_rig *rig, const char *text, struct hz_err *err)
{
	json_t *result = NULL;
	int status = server_rig_site_write(rig, text);

	*err = (struct hz_err){ 0 };
	if (status == 0)
		status = hz_server_reload(&rig->server, &result, err);
	json_decref(result);
	return status;
}

static json_t *ask(const struct server_rig *rig, json_t *request, bool may_change)
{
	json_t *answer = hz_control_cmd_run((struct hz_server *)(uintptr_t)&rig->server, request,
	                                    may_change);

	json_decref(request);
	return answer;
}

static json_t *publish(const char *topic, const char *message)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "cmd", "topic", "do", "publish", "topic", topic,
	                 "message", message);
}

static const char *code_of(const json_t *answer)
{
	return json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
}

static uint64_t published(const struct server_rig *rig, const char *name)
{
	struct hz_topic *topic = hz_topics_find(rig->server.app.topics, name);

	return topic != NULL ? hz_msg_ring_next(hz_topic_ring(topic)) - hz_topic_ring(topic)->first
	                     : 0;
}

static void message_outlives_reloads_that_name_its_topic(void)
{
	struct server_rig *rig = server_rig_open(LISTEN "topics: { news: , old: }\n" ROUTES);
	struct hz_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	json_decref(ask(rig, publish("news", "stays"), true));
	json_decref(ask(rig, publish("old", "goes"), true));
	CU_ASSERT_EQUAL(published(rig, "news"), 1);
	CU_ASSERT_EQUAL(reload(rig, LISTEN "topics: { more: , news: }\n" ROUTES, &err), 0);
	CU_ASSERT_EQUAL(published(rig, "news"), 1);
	CU_ASSERT_PTR_NOT_NULL(hz_topics_find(rig->server.app.topics, "more"));
	CU_ASSERT_PTR_NULL(hz_topics_find(rig->server.app.topics, "old"));
	CU_ASSERT_EQUAL(reload(rig, LISTEN "topics: { old: , news: }\n" ROUTES, &err), 0);
	CU_ASSERT_EQUAL(published(rig, "old"), 0); /* nobody held it meanwhile */
	server_rig_close(rig);
}

static void reload_that_changes_the_size_of_a_topic_is_refused(void)
{
	struct server_rig *rig = server_rig_open(LISTEN "topics: { news: , other: }\n" ROUTES);
	struct hz_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	CU_ASSERT_EQUAL(reload(rig, LISTEN "topics: { more: , news: { keep: 9 } }\n" ROUTES, &err),
	                -EBUSY);
	CU_ASSERT_STRING_EQUAL(err.code, "needs_restart");
	CU_ASSERT_EQUAL(rig->server.generation, 1);
	/* And nothing of it has come or gone. */
	CU_ASSERT_PTR_NOT_NULL(hz_topics_find(rig->server.app.topics, "other"));
	CU_ASSERT_PTR_NULL(hz_topics_find(rig->server.app.topics, "more"));
	server_rig_close(rig);
}

/* As a request does that began before the reload. */
static void topic_that_is_left_out_is_closed_while_it_is_held(void)
{
	struct server_rig *rig = server_rig_open(LISTEN "topics: { news: }\n" ROUTES);
	const struct hz_http_app_ops *ops = &hz_snapshot_app_ops;
	const struct hz_snapshot *held;
	struct hz_topic *topic;
	struct hz_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	held = ops->pin(&rig->server.app, 0);
	topic = held->topic[1];
	CU_ASSERT(!hz_topic_is_over(topic, 1));
	CU_ASSERT_EQUAL(reload(rig, LISTEN ROUTES, &err), 0);
	CU_ASSERT(hz_topic_is_over(topic, 1));
	CU_ASSERT_EQUAL(reload(rig, LISTEN "topics: { news: }\n" ROUTES, &err), 0);
	CU_ASSERT(!hz_topic_is_over(topic, 1));
	CU_ASSERT_PTR_EQUAL(hz_topics_find(rig->server.app.topics, "news"), topic);
	ops->unpin(&rig->server.app, 0, held);
	server_rig_close(rig);
}

static void stream_outlives_so_many_reloads(void)
{
	struct server_rig *rig = server_rig_open(LISTEN "topics: { news: }\n" ROUTES);
	const struct hz_http_app_ops *ops = &hz_snapshot_app_ops;
	const struct hz_snapshot *held;
	struct hz_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	held = ops->pin(&rig->server.app, 0);
	for (unsigned i = 0; i <= HZ_LIMIT_stream_generations; i++) {
		CU_ASSERT(!hz_topic_is_over(held->topic[1], held->generation));
		CU_ASSERT_EQUAL(reload(rig, LISTEN "topics: { news: }\n" ROUTES, &err), 0);
	}
	CU_ASSERT(hz_topic_is_over(held->topic[1], held->generation));
	CU_ASSERT(!hz_topic_is_over(held->topic[1], held->generation + 1));
	ops->unpin(&rig->server.app, 0, held);
	server_rig_close(rig);
}

static void publish_says_what_is_wrong(void)
{
	static const struct {
		const char *topic, *message;
		bool may_change;
		const char *code;
	} rows[] = {
		{ "news", "x", false, "not_permitted" },
		{ "nws", "x", true, "no_topic" },
		{ "news", "", true, "usage" },
		{ "hz.latency", "x", true, "own_topic" },
	};
	struct server_rig *rig = server_rig_open(LISTEN "topics: { news: }\n" ROUTES);
	json_t *answer;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		answer = ask(rig, publish(rows[i].topic, rows[i].message), rows[i].may_change);
		CU_ASSERT_PTR_NOT_NULL_FATAL(code_of(answer));
		CU_ASSERT_STRING_EQUAL(code_of(answer), rows[i].code);
		json_decref(answer);
	}
	answer = ask(rig, json_pack("{s:s, s:s}", "cmd", "topic", "do", "drop"), true);
	CU_ASSERT_STRING_EQUAL(code_of(answer), "usage");
	json_decref(answer);
	CU_ASSERT_EQUAL(published(rig, "news"), 0);
	server_rig_close(rig);
}

static void topics_are_shown_to_everybody(void)
{
	struct server_rig *rig = server_rig_open(LISTEN "topics: { news: { keep: 2 } }\n" ROUTES);
	const json_t *topic;
	json_t *answer;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (unsigned i = 0; i < 3; i++)
		json_decref(ask(rig, publish("news", "x"), true));
	answer = ask(rig, json_pack("{s:s, s:s}", "cmd", "topic", "do", "show"), false);
	topic = json_array_get(json_object_get(json_object_get(answer, "result"), "topics"), 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(topic, "name")), "news");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(topic, "published")), 3);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(topic, "kept")), 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(topic, "readers")), 0);
	json_decref(answer);
	server_rig_close(rig);
}

static void latency_is_valid_json_with_the_largest_figures(void)
{
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct hz_latency_pct pct[HZ_STAGE_COUNT];
	const struct hz_topic *topic;
	uint8_t text[4096];
	uint32_t bytes = 0;
	json_t *message;
	ssize_t got;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	memset(pct, 0x7f, sizeof(pct)); /* what readers of JSON take as a number */
	for (unsigned i = 0; i < HZ_STAGE_COUNT; i++)
		memset(pct[i].stage, 'x', sizeof(pct[i].stage));
	hz_server_topics_latency(&rig->server, pct);
	topic = hz_topics_find(rig->server.app.topics, HZ_SITE_TOPIC_LATENCY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(topic);
	got = hz_msg_ring_read(hz_topic_ring(topic), hz_topic_ring(topic)->first, 0,
	                       (struct hz_wspan){ text, sizeof(text) }, &bytes);
	CU_ASSERT_FATAL(got > 0);
	message = json_loadb((const char *)text, (size_t)got, 0, NULL);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(message, "stages")), HZ_STAGE_COUNT);
	json_decref(message);
	server_rig_close(rig);
}

HZ_SUITE(topics, CASE(message_outlives_reloads_that_name_its_topic),
         CASE(reload_that_changes_the_size_of_a_topic_is_refused),
         CASE(topic_that_is_left_out_is_closed_while_it_is_held),
         CASE(stream_outlives_so_many_reloads), CASE(publish_says_what_is_wrong),
         CASE(topics_are_shown_to_everybody), CASE(latency_is_valid_json_with_the_largest_figures));
