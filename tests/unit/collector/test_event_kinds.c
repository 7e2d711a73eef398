/* Slow answers, refused sources and changes of state as JSON lines. */
#include "collector/event_json.h"
#include "hz_test.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_MINUS_NS 1700000000000000000ull

static int render(const void *record, size_t bytes, char out[HZ_EVENT_JSON_BYTES])
{
	void *copy = malloc(bytes > 0 ? bytes : 1); /* as long as it is, for the sanitizer */
	int len;

	memcpy(copy, record, bytes);
	len = hz_event_json_line(copy, bytes, UNIX_MINUS_NS, out);
	free(copy);
	return len;
}

/* A new reference; fails the test unless it is one object of one line. */
static json_t *parsed(const void *record, size_t bytes)
{
	char line[HZ_EVENT_JSON_BYTES];
	int len = render(record, bytes, line);
	json_t *root;

	CU_ASSERT_FATAL(len > 0);
	CU_ASSERT_PTR_EQUAL(memchr(line, '\n', (size_t)len), line + len - 1);
	root = json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
	CU_ASSERT_FATAL(json_is_object(root));
	return root;
}

static const char *text_of(const json_t *root, const char *key)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text != NULL ? text : "";
}

static json_int_t number_of(const json_t *root, const char *key)
{
	return json_integer_value(json_object_get(root, key));
}

/* Of a record cut short anywhere nothing is read. */
static void cut_is_bad(void *record, size_t bytes)
{
	struct hz_event *header = record;
	char line[HZ_EVENT_JSON_BYTES];

	for (size_t cut = 0; cut < bytes; cut++) {
		header->bytes = (__u32)bytes;
		CU_ASSERT_EQUAL(render(record, cut, line), -EBADMSG);
		header->bytes = (__u32)cut;
		CU_ASSERT_EQUAL(render(record, bytes, line), -EBADMSG);
	}
	header->bytes = (__u32)bytes;
	CU_ASSERT(render(record, bytes, line) > 0);
}

static struct hz_event_shed shed_make(void)
{
	return (struct hz_event_shed){
		.header = { .kind = HZ_EVENT_SHED,
		            .worker = 1,
		            .bytes = sizeof(struct hz_event_shed),
		            .sequence = 9,
		            .time_ns = 77000000 },
		.reason = HZ_REASON_shed_drop,
		.prefix_bits = 24,
		.prefix = { { [10] = 0xff, [11] = 0xff, 10, 7, 3, 0 } },
		.count = 2118,
		.span_ns = 1000000000,
	};
}

static void refused_prefix_is_text_of_its_family(void)
{
	struct hz_event_shed shed = shed_make();
	json_t *root = parsed(&shed, sizeof(shed));

	CU_ASSERT_STRING_EQUAL(text_of(root, "kind"), "shed");
	CU_ASSERT_STRING_EQUAL(text_of(root, "prefix"), "10.7.3.0/24");
	CU_ASSERT_STRING_EQUAL(text_of(root, "reason"), "shed_drop");
	CU_ASSERT_PTR_NULL(json_object_get(root, "cpu")); /* a sum of all */
	CU_ASSERT_EQUAL(number_of(root, "prefix_bits"), 24);
	CU_ASSERT_EQUAL(number_of(root, "count"), 2118);
	CU_ASSERT_EQUAL(number_of(root, "span_ns"), 1000000000);
	CU_ASSERT_EQUAL(number_of(root, "time_ns"), 77000000);
	CU_ASSERT_EQUAL(number_of(root, "time_unix_ms"), 1700000000077);
	json_decref(root);
	shed.prefix = (struct hz_addr){ { 0x20, 0x01, 0x0d, 0xb8, 0, 7 } };
	shed.prefix_bits = 64;
	shed.span_ns = 0;
	root = parsed(&shed, sizeof(shed));
	CU_ASSERT_EQUAL(number_of(root, "cpu"), 1);
	CU_ASSERT_STRING_EQUAL(text_of(root, "prefix"), "2001:db8:7::/64");
	json_decref(root);
}

static void sources_without_a_record_of_their_own_have_no_prefix(void)
{
	struct hz_event_shed shed = shed_make();
	json_t *root;

	shed.prefix = (struct hz_addr){ { 0 } };
	shed.prefix_bits = 0;
	root = parsed(&shed, sizeof(shed));
	CU_ASSERT(json_is_null(json_object_get(root, "prefix")));
	CU_ASSERT_EQUAL(number_of(root, "count"), 2118);
	json_decref(root);
}

static void refusal_that_lies_is_bad(void)
{
	struct hz_event_shed shed = shed_make();
	char line[HZ_EVENT_JSON_BYTES];

	cut_is_bad(&shed, sizeof(shed));
	shed.reason = HZ_REASON_COUNT;
	CU_ASSERT_EQUAL(render(&shed, sizeof(shed), line), -EBADMSG);
	shed = shed_make();
	shed.prefix_bits = 33; /* of an IPv4 address */
	CU_ASSERT_EQUAL(render(&shed, sizeof(shed), line), -EBADMSG);
	shed.prefix.byte[0] = 1;
	shed.prefix_bits = 129;
	CU_ASSERT_EQUAL(render(&shed, sizeof(shed), line), -EBADMSG);
}

static struct hz_event_state state_make(enum hz_state_what what, uint64_t before, uint64_t now)
{
	return (struct hz_event_state){
		.header = { .kind = HZ_EVENT_STATE,
		            .worker = 3,
		            .bytes = sizeof(struct hz_event_state) },
		.what = what,
		.before = before,
		.now = now,
	};
}

static void states_have_names_and_all_else_numbers(void)
{
	struct hz_event_state state = state_make(HZ_STATE_OF_WORKER, HZ_STATE_READY, HZ_STATE_DOWN);
	json_t *root = parsed(&state, sizeof(state));

	CU_ASSERT_STRING_EQUAL(text_of(root, "what"), "worker");
	CU_ASSERT_STRING_EQUAL(text_of(root, "before"), "ready");
	CU_ASSERT_STRING_EQUAL(text_of(root, "now"), "down");
	CU_ASSERT_EQUAL(number_of(root, "worker"), 3);
	CU_ASSERT(json_is_null(json_object_get(root, "name")));
	json_decref(root);
	state = state_make(HZ_STATE_OF_SITE, 7, 8);
	root = parsed(&state, sizeof(state));
	CU_ASSERT_STRING_EQUAL(text_of(root, "what"), "site");
	CU_ASSERT_EQUAL(number_of(root, "before"), 7);
	CU_ASSERT_EQUAL(number_of(root, "now"), 8);
	json_decref(root);
	state = state_make(HZ_STATE_OF_DAEMON, HZ_STATE_READY, 99); /* of a newer version */
	root = parsed(&state, sizeof(state));
	CU_ASSERT_EQUAL(number_of(root, "now"), 99);
	json_decref(root);
}

static void names_are_plain_text_even_when_hostile(void)
{
	struct hz_event_state state = state_make(HZ_STATE_OF_XDP, 0, 643);
	json_t *root;

	memset(state.name, 'x', sizeof(state.name)); /* not terminated */
	memcpy(state.name, "e\"\\\n\x80\x1b", 6);
	root = parsed(&state, sizeof(state));
	CU_ASSERT_EQUAL(strlen(text_of(root, "name")), sizeof(state.name));
	CU_ASSERT_EQUAL(strncmp(text_of(root, "name"), "e\"\\???xxx", 8), 0);
	json_decref(root);
}

static void state_that_lies_is_bad(void)
{
	struct hz_event_state state = state_make(HZ_STATE_OF_SHED, 0, 500);
	char line[HZ_EVENT_JSON_BYTES];

	cut_is_bad(&state, sizeof(state));
	state.what = 0;
	CU_ASSERT_EQUAL(render(&state, sizeof(state), line), -EBADMSG);
	state.what = HZ_STATE_OF_UPSTREAM + 1;
	CU_ASSERT_EQUAL(render(&state, sizeof(state), line), -EBADMSG);
}

static void slow_answer_names_request_and_stages(void)
{
	struct hz_event_slow slow = {
		.header = { .kind = HZ_EVENT_SLOW, .worker = 1, .bytes = sizeof(slow) },
		.connection = 9,
		.stage_ns = { [HZ_STAGE_TOTAL] = 641000, [HZ_STAGE_HANDLER] = 640000 },
		.trace_id = { 0x4b, 0xf9 },
		.status = 200,
		.method = "GET",
		.route_name = "app",
		.path = "/users/\"812",
	};
	const json_t *stages;
	json_t *root = parsed(&slow, sizeof(slow));

	CU_ASSERT_STRING_EQUAL(text_of(root, "route"), "app");
	CU_ASSERT_STRING_EQUAL(text_of(root, "method"), "GET");
	CU_ASSERT_STRING_EQUAL(text_of(root, "path"), "/users/\"812");
	CU_ASSERT_STRING_EQUAL(text_of(root, "trace_id"), "4bf90000000000000000000000000000");
	CU_ASSERT(json_is_null(json_object_get(root, "span_id")));
	CU_ASSERT(json_is_false(json_object_get(root, "is_example")));
	CU_ASSERT_EQUAL(number_of(root, "total_ns"), 641000);
	CU_ASSERT_EQUAL(number_of(root, "status"), 200);
	stages = json_object_get(root, "stages_ns");
	CU_ASSERT_EQUAL(number_of(stages, "handler"), 640000);
	CU_ASSERT(json_is_null(json_object_get(stages, "queue")));
	CU_ASSERT_PTR_NULL(json_object_get(stages, "total"));
	CU_ASSERT_PTR_NULL(json_object_get(stages, "health"));
	json_decref(root);
	cut_is_bad(&slow, sizeof(slow));
}

HZ_SUITE(event_kinds, CASE(refused_prefix_is_text_of_its_family),
         CASE(sources_without_a_record_of_their_own_have_no_prefix), CASE(refusal_that_lies_is_bad),
         CASE(states_have_names_and_all_else_numbers), CASE(names_are_plain_text_even_when_hostile),
         CASE(state_that_lies_is_bad), CASE(slow_answer_names_request_and_stages));
