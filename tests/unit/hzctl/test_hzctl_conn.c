/* Tables of connections and of counters. */
#include "../../../tools/hzctl/conn_text.h"
#include "../../../tools/hzctl/figures.h"
#include "../../../tools/hzctl/worker_counters.h"
#include "core/base.h"
#include "hz_test.h"
#include <stdlib.h>
#include <string.h>

static json_t *conn(const char *state, const char *remote, json_t *srtt_us, int figure)
{
	return json_pack("{s:i, s:s, s:s, s:o, s:i, s:i, s:i, s:I}", "worker", 63, "state", state,
	                 "remote", remote, "srtt_us", srtt_us, "cwnd_bytes", figure,
	                 "in_flight_bytes", figure, "retransmits", 65535, "age_ms",
	                 (json_int_t)(23ll * 3600 + 59 * 60) * 1000);
}

static char *render(json_t *conns, int matched, int seen, bool is_partial, json_t *silent)
{
	json_t *result = json_pack("{s:o, s:i, s:i, s:s, s:b, s:o}", "connections", conns,
	                           "matched", matched, "seen", seen, "sort", "age", "is_partial",
	                           is_partial, "silent_workers", silent);
	char *out = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&out, &bytes);

	hz_conn_text(to, result);
	fclose(to);
	json_decref(result);
	return out;
}

static void conn_rows_of_widest_ipv4_fit_80_columns(void)
{
	char *text = render(json_pack("[o, o]",
	                              conn("established", "255.255.255.255:65535",
	                                   json_integer(99900), 99999999),
	                              conn("syn_rcvd", "10.7.0.1:80", json_null(), 0)),
	                    2, 2, false, json_array());
	char *line = text, *end;
	unsigned lines = 0;

	while ((end = strchr(line, '\n')) != NULL) {
		CU_ASSERT(end - line <= 80);
		lines++;
		line = end + 1;
	}
	CU_ASSERT_EQUAL(lines, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " - ")); /* no sample yet */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "99.9 ms"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n2 connections\n"));
	free(text);
}

static void conn_last_line_tells_what_is_not_shown(void)
{
	char *text = render(json_pack("[o]", conn("closing", "[::1]:1", json_null(), 1)), 12, 3456,
	                    false, json_array());

	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "3 456 connections, 12 match, the first 1 by age shown\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "incomplete"));
	free(text);
	text = render(json_array(), 0, 0, true, json_pack("[i, i]", 1, 3));
	CU_ASSERT_STRING_EQUAL(text,
	                       "0 connections\nincomplete: worker 1, worker 3 did not answer\n");
	free(text);
	text = render(json_array(), 0, 5, true, json_array());
	CU_ASSERT_STRING_EQUAL(text, "5 connections, 0 match\n"
	                             "incomplete: not all workers were through in time\n");
	free(text);
}

static void short_counts_take_six_characters(void)
{
	static const struct {
		uint64_t count;
		const char *text;
	} rows[] = {
		{ 0, "0" },          { 9999, "9999" },      { 10000, "10.0k" },
		{ 99999, "99.9k" },  { 100000, "100k" },    { 999999, "999k" },
		{ 1000000, "1.0M" }, { 25000000, "25.0M" }, { UINT64_MAX, "18.4E" },
	};
	char text[HZ_FIGURES_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		hz_figures_short(rows[i].count, text);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
}

static void counters_are_all_there_with_value_rate_and_help_in_80_columns(void)
{
	struct hz_worker before = { .rx_bytes = 1000 }, now = { .rx_bytes = 999999001000ull };
	json_t *counters, *counter;
	char *text = NULL, *line, *end;
	size_t bytes, i, named = 0;
	FILE *to;

	for (unsigned c = 0; c < HZ_COUNTER_COUNT; c++)
		now.counters[c] = 7 + c;
	counters = hz_worker_counters_make(&before, &now, HZ_NS_PER_S / 4);
	json_array_foreach (counters, i, counter) {
		const char *name = json_string_value(json_object_get(counter, "name"));

		CU_ASSERT(json_string_length(json_object_get(counter, "help")) > 0);
		if (strcmp(name, "rx_bytes") == 0)
			CU_ASSERT_EQUAL(json_integer_value(json_object_get(counter, "per_s")),
			                3999996000000);
		if (strcmp(name, "pressure") == 0)
			CU_ASSERT(json_is_null(json_object_get(counter, "per_s")));
		for (unsigned c = 0; c < HZ_COUNTER_COUNT; c++) {
			if (strcmp(name, hz_slot_counter_name((enum hz_counter)c)) != 0)
				continue;
			named++;
			CU_ASSERT_EQUAL(json_integer_value(json_object_get(counter, "value")),
			                7 + c);
		}
	}
	CU_ASSERT_EQUAL(named, HZ_COUNTER_COUNT);
	to = open_memstream(&text, &bytes);
	hz_worker_counters_text(to, counters);
	fclose(to);
	for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1)
		CU_ASSERT(end - line <= 80);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "rx_bytes              999 999 001 000   3.9T  bytes"));
	free(text);
	json_decref(counters);
}

HZ_SUITE(hzctl_conn, CASE(short_counts_take_six_characters),
         CASE(counters_are_all_there_with_value_rate_and_help_in_80_columns),
         CASE(conn_rows_of_widest_ipv4_fit_80_columns),
         CASE(conn_last_line_tells_what_is_not_shown));
