/* traceparent, tracestate, and what `trace` makes of them. */
#include "core/span_ops.h"
#include "core/text_put.h"
#include "middleware/traceparent.h"
#include "mw_rig.h"
#include <stdio.h>
#include <string.h>

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define GOOD   "00-" TRACE "-" PARENT "-01"

static struct mw_rig *rig_open(bool accepts)
{
	static const struct hz_mw_trace_conf confs[2] = { { false }, { true } };

	return mw_rig_with(&(struct hz_mw_set){ .trace = &confs[accepts] });
}

static bool is_hex(struct hz_span text, size_t len)
{
	bool is_zeros = true;

	for (size_t i = 0; i < text.len; i++) {
		if (strchr("0123456789abcdef", text.data[i]) == NULL)
			return false;
		is_zeros &= text.data[i] == '0';
	}
	return text.len == len && !is_zeros;
}

static void hex_is_what_printf_writes(void)
{
	uint64_t value = 0x0123456789abcdef;
	char want[17], have[17] = "";

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(want, sizeof(want), "%016llx", (unsigned long long)value);
		CU_ASSERT_PTR_EQUAL(hz_put_hex((uint8_t *)have, value), have + 16);
		CU_ASSERT_STRING_EQUAL(have, want);
		value = value * 0x9e3779b97f4a7c15 + i;
	}
}

static void traceparent_is_read_strictly(void)
{
	static const struct {
		const char *field;
		bool is_valid, is_sampled;
	} rows[] = {
		{ GOOD, true, true },
		{ "00-" TRACE "-" PARENT "-00", true, false },
		{ "00-" TRACE "-" PARENT "-02", true, false },
		{ "00-" TRACE "-" PARENT "-ff", true, true },
		{ "01-" TRACE "-" PARENT "-01", true, true },
		{ "cc-" TRACE "-" PARENT "-01-what-comes", true, true },
		{ "fe-" TRACE "-" PARENT "-01-", true, true },
		{ "", false, false },
		{ "00", false, false },
		{ "ff-" TRACE "-" PARENT "-01", false, false },
		{ "00-" TRACE "-" PARENT "-0", false, false },
		{ "00-" TRACE "-" PARENT "-011", false, false },
		{ "00-" TRACE "-" PARENT "-01-", false, false },
		{ "cc-" TRACE "-" PARENT "-01.what", false, false },
		{ "cc-" TRACE "-" PARENT "-011", false, false },
		{ "0-" TRACE "-" PARENT "-01 ", false, false },
		{ "0g-" TRACE "-" PARENT "-01", false, false },
		{ "0A-" TRACE "-" PARENT "-01", false, false },
		{ "00_" TRACE "-" PARENT "-01", false, false },
		{ "00-" TRACE "_" PARENT "-01", false, false },
		{ "00-" TRACE "-" PARENT "_01", false, false },
		{ "00-" TRACE "-" PARENT "-0G", false, false },
		{ "00-" TRACE "-" PARENT "-0A", false, false },
		{ "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", false, false },
		{ "00-" TRACE "-00F067AA0BA902B7-01", false, false },
		{ "00-00000000000000000000000000000000-" PARENT "-01", false, false },
		{ "00-" TRACE "-0000000000000000-01", false, false },
		{ "00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-010", false, false },
		{ "00-4bf92f3577b34da6a3ce929d0e0e473x-" PARENT "-01", false, false },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_traceparent out = { 0 };

		CU_ASSERT_EQUAL(hz_traceparent_parse(hz_span_text(rows[i].field), &out),
		                rows[i].is_valid);
		CU_ASSERT_EQUAL(out.is_sampled, rows[i].is_sampled);
		CU_ASSERT_EQUAL(out.trace_id.len, rows[i].is_valid ? 32 : 0);
		if (hz_traceparent_parse(hz_span_text(rows[i].field), &out) != rows[i].is_valid)
			fprintf(stderr, "row %zu: %s\n", i, rows[i].field);
	}
}

static bool is_lower_hex(unsigned c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Places are the format's: two digits, 32, 16 and two, with dashes between. */
static void traceparent_with_any_byte_at_any_place_is_what_the_grammar_says(void)
{
	for (size_t at = 0; at < sizeof(GOOD) - 1; at++) {
		for (unsigned c = 0; c < 256; c++) {
			char field[] = GOOD;
			bool is_dash = at == 2 || at == 35 || at == 52, want;
			struct hz_traceparent out = { 0 };

			field[at] = (char)c;
			want = is_dash ? c == '-' : is_lower_hex(c);
			if (hz_traceparent_parse(
				    (struct hz_span){ (uint8_t *)field, sizeof(GOOD) - 1 }, &out) !=
			    want)
				CU_FAIL("a byte");
			if (want && at == sizeof(GOOD) - 2)
				CU_ASSERT_EQUAL(out.is_sampled, c <= '9' ? c % 2 : c % 2 == 0);
		}
	}
}

static void tracestate_is_a_list_of_members(void)
{
	static const char *const good[] = { "",      "a=1",       "rojo=00f067aa0ba902b7,congo=t61",
		                            "a=1, ", "a=1 , b=2", "1t@v/e*n_d-or=~!\"#",
		                            ",,a=b" };
	static const char *const bad[] = { "a",     "=1",   "a=",     "A=1",        "a=1;b=2,c",
		                           "a=b=c", "_a=1", "a=\x7f", "a=\xc3\xa4", "a b=1" };
	char many[33 * 4 + 1] = "";
	char text[520];

	for (size_t i = 0; i < HZ_ARRAY_LEN(good); i++)
		CU_ASSERT_TRUE(hz_tracestate_is_valid(hz_span_text(good[i])));
	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(hz_tracestate_is_valid(hz_span_text(bad[i])));
	for (size_t i = 0; i < 33; i++)
		memcpy(many + 4 * i, i == 0 ? "aa=b" : ",a=b", 4);
	CU_ASSERT_TRUE(hz_tracestate_is_valid((struct hz_span){ (uint8_t *)many, 32 * 4 }));
	CU_ASSERT_FALSE(hz_tracestate_is_valid((struct hz_span){ (uint8_t *)many, 33 * 4 }));
	memset(text, 'v', sizeof(text));
	memcpy(text, "a=", 2);
	text[257] = ',';
	memcpy(text + 258, "b=", 2);
	CU_ASSERT_TRUE(hz_tracestate_is_valid((struct hz_span){ (uint8_t *)text, 512 }));
	CU_ASSERT_FALSE(hz_tracestate_is_valid((struct hz_span){ (uint8_t *)text, 513 }));
}

static void trace_of_the_caller_goes_on_with_a_span_of_ours(void)
{
	struct mw_rig *rig = rig_open(true);
	const struct hz_mw_trace *trace;
	char want[80];

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "TraceParent: " GOOD "\nTraceState: a=1\n"
	                                     "tracestate: b=2\nX-Request-ID: req.7_~-A\n"),
	                200);
	trace = mw_rig_call(rig)->trace;
	CU_ASSERT_TRUE(hz_span_equals(trace->trace_id, hz_span_text(TRACE)));
	CU_ASSERT_TRUE(hz_span_equals(trace->parent_id, hz_span_text(PARENT)));
	CU_ASSERT_TRUE(hz_span_equals(trace->request_id, hz_span_text("req.7_~-A")));
	CU_ASSERT_TRUE(hz_span_equals(trace->state, hz_span_text("a=1,b=2")));
	CU_ASSERT_TRUE(trace->is_sampled);
	CU_ASSERT_TRUE(is_hex(trace->span_id, 16));
	CU_ASSERT_FALSE(hz_span_equals(trace->span_id, hz_span_text(PARENT)));
	snprintf(want, sizeof(want), "00-" TRACE "-%.16s-01", (const char *)trace->span_id.data);
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "traceparent"), want);
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "X-Request-Id"), "req.7_~-A");
	CU_ASSERT_STRING_EQUAL(mw_rig_field(rig, "tracestate"), "a=1,b=2");
	mw_rig_close(rig);
}

/* Both ids are new, and nothing of what came is on the answer. */
static void new_trace_check(struct mw_rig *rig, const char *fields)
{
	const struct hz_mw_trace *trace;

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, fields), 200);
	trace = mw_rig_call(rig)->trace;
	CU_ASSERT_TRUE(is_hex(trace->trace_id, 32));
	CU_ASSERT_TRUE(is_hex(trace->span_id, 16));
	CU_ASSERT_FALSE(hz_span_equals(trace->trace_id, hz_span_text(TRACE)));
	CU_ASSERT_EQUAL(trace->parent_id.len, 0);
	CU_ASSERT_EQUAL(trace->state.len, 0);
	CU_ASSERT_FALSE(trace->is_sampled);
	CU_ASSERT_EQUAL(strlen(mw_rig_field(rig, "traceparent")), 55);
	CU_ASSERT_PTR_NULL(mw_rig_field(rig, "tracestate"));
}

static void trace_that_is_not_valid_begins_anew(void)
{
	static const char *const fields[] = {
		"",
		"traceparent: 00-" TRACE "-" PARENT "-01-\ntracestate: a=1\n",
		"traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01\n",
		"traceparent: " GOOD "\ntraceparent: " GOOD "\ntracestate: a=1\n",
		"tracestate: a=1\n",
	};
	struct mw_rig *rig = rig_open(true);

	for (size_t i = 0; i < HZ_ARRAY_LEN(fields); i++)
		new_trace_check(rig, fields[i]);
	mw_rig_close(rig);
}

static void tracestate_that_is_not_valid_is_dropped_alone(void)
{
	struct mw_rig *rig = rig_open(true);

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "traceparent: " GOOD "\ntracestate: a=1\n"
	                                     "tracestate: nothing\n"),
	                200);
	CU_ASSERT_TRUE(hz_span_equals(mw_rig_call(rig)->trace->trace_id, hz_span_text(TRACE)));
	CU_ASSERT_EQUAL(mw_rig_call(rig)->trace->state.len, 0);
	CU_ASSERT_PTR_NULL(mw_rig_field(rig, "tracestate"));
	mw_rig_close(rig);
}

static void request_id_that_is_not_sane_is_replaced(void)
{
	char fields[200] = "x-request-id: ";
	static const char *const bad[] = {
		"x-request-id:\n",          "x-request-id: a b\n",
		"x-request-id: <script>\n", "x-request-id: a/../b\n",
		"x-request-id: \xc3\xa4\n", "x-request-id: a\nx-request-id: a\n",
	};
	struct mw_rig *rig = rig_open(true);

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(mw_rig_exchange(rig, bad[i]), 200);
		CU_ASSERT_TRUE(is_hex(mw_rig_call(rig)->trace->request_id, 32));
	}
	memset(fields + 14, 'i', HZ_LIMIT_request_id_bytes_max);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, fields), 200);
	CU_ASSERT_EQUAL(mw_rig_call(rig)->trace->request_id.len, HZ_LIMIT_request_id_bytes_max);
	memset(fields + 14, 'i', HZ_LIMIT_request_id_bytes_max + 1);
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, fields), 200);
	CU_ASSERT_TRUE(is_hex(mw_rig_call(rig)->trace->request_id, 32));
	mw_rig_close(rig);
}

static void request_id_of_ours_is_that_of_a_trace_of_ours(void)
{
	struct mw_rig *rig = rig_open(true);
	const struct hz_mw_trace *trace;

	CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
	trace = mw_rig_call(rig)->trace;
	CU_ASSERT_TRUE(hz_span_equals(trace->request_id, trace->trace_id));
	CU_ASSERT_EQUAL(mw_rig_exchange(rig, "traceparent: " GOOD "\n"), 200);
	trace = mw_rig_call(rig)->trace;
	CU_ASSERT_TRUE(is_hex(trace->request_id, 32));
	CU_ASSERT_FALSE(hz_span_equals(trace->request_id, trace->trace_id));
	mw_rig_close(rig);
}

static void trace_that_accepts_nothing_takes_nothing(void)
{
	struct mw_rig *rig = rig_open(false);

	new_trace_check(rig, "traceparent: " GOOD "\ntracestate: a=1\nx-request-id: mine\n");
	CU_ASSERT_TRUE(is_hex(mw_rig_call(rig)->trace->request_id, 32));
	mw_rig_close(rig);
}

static void trace_ids_differ_from_request_to_request(void)
{
	char seen[100][56];
	struct mw_rig *rig = rig_open(true);

	for (unsigned i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(mw_rig_exchange(rig, ""), 200);
		snprintf(seen[i], sizeof(seen[i]), "%s", mw_rig_field(rig, "traceparent"));
		for (unsigned k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(memcmp(seen[i] + 3, seen[k] + 3, 32), 0);
	}
	mw_rig_close(rig);
}

static void trace_without_room_lets_the_request_pass(void)
{
	struct mw_rig *rig = rig_open(true);

	mw_rig_ask(rig, HZ_HTTP_GET, "");
	rig->flight.arena.size = sizeof(struct hz_mw_call) + 64;
	CU_ASSERT_EQUAL(mw_rig_before(rig), HZ_MW_NEXT);
	mw_rig_answer(rig, 200);
	CU_ASSERT_PTR_NULL(mw_rig_field(rig, "traceparent"));
	mw_rig_close(rig);
}

HZ_SUITE(trace, CASE(hex_is_what_printf_writes), CASE(traceparent_is_read_strictly),
         CASE(traceparent_with_any_byte_at_any_place_is_what_the_grammar_says),
         CASE(tracestate_is_a_list_of_members),
         CASE(trace_of_the_caller_goes_on_with_a_span_of_ours),
         CASE(trace_that_is_not_valid_begins_anew),
         CASE(tracestate_that_is_not_valid_is_dropped_alone),
         CASE(request_id_that_is_not_sane_is_replaced),
         CASE(request_id_of_ours_is_that_of_a_trace_of_ours),
         CASE(trace_that_accepts_nothing_takes_nothing),
         CASE(trace_ids_differ_from_request_to_request),
         CASE(trace_without_room_lets_the_request_pass));
