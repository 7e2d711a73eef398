/* The table of connections. */
#include "../../../tools/hzctl/conn_text.h"
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

HZ_SUITE(hzctl_conn, CASE(conn_rows_of_widest_ipv4_fit_80_columns),
         CASE(conn_last_line_tells_what_is_not_shown));
