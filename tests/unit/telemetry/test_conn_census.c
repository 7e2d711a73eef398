/* Questions about connections: what matches, what is kept, who owns the buffer. */
#include "core/endpoint.h"
#include "telemetry/conn_census.h"
#include <errno.h>
#include <hz_test.h>
#include <stdlib.h>
#include <string.h>

static struct hz_conn_info conn(const char *addr, uint16_t port)
{
	struct hz_conn_info info = { .remote.port = port, .state = HZ_CONN_STATE_established };

	CU_ASSERT_EQUAL(hz_addr_parse(addr, &info.remote.addr), 0);
	return info;
}

static void peer_network_matches_by_its_leading_bits(void)
{
	static const struct {
		const char *network, *addr;
		bool matches;
	} rows[] = {
		{ "10.7.0.0/24", "10.7.0.255", true },
		{ "10.7.0.0/24", "10.7.1.0", false },
		{ "10.7.0.0/23", "10.7.1.0", true },
		{ "10.7.0.1", "10.7.0.1", true },
		{ "10.7.0.1", "10.7.0.2", false },
		{ "0.0.0.0/0", "192.0.2.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "10.7.0.1", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::ffff:10.0.0.0/104", "10.200.0.1", true },
		{ "128.0.0.0/1", "129.0.0.1", true },
		{ "128.0.0.0/1", "127.0.0.1", false },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_conn_info info = conn(rows[i].addr, 1);
		struct hz_conn_query query = { 0 };

		CU_ASSERT_EQUAL(hz_conn_peer_parse(rows[i].network, &query), 0);
		CU_ASSERT_EQUAL(hz_conn_query_matches(&query, &info), rows[i].matches);
	}
}

static void peer_that_is_no_network_is_refused(void)
{
	static const char *const rows[] = {
		"",
		"10.7.0",
		"10.7.0.0/33",
		"10.7.0.1/24",
		"10.7.0.0/",
		"10.7.0.0/x",
		"10.7.0.0/-1",
		"::/129",
		"2001:db8::1/64",
		"/24",
		"10.7.0.0/24 ",
		"2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1",
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_conn_query query = { .peer_bits = 7 };

		CU_ASSERT_EQUAL(hz_conn_peer_parse(rows[i], &query), -EINVAL);
		CU_ASSERT_EQUAL(query.peer_bits, 7);
	}
}

static void state_filter_takes_only_its_states(void)
{
	struct hz_conn_query query = { .states = 1u << HZ_CONN_STATE_close_wait };
	struct hz_conn_info info = conn("10.7.0.1", 1);

	CU_ASSERT_FALSE(hz_conn_query_matches(&query, &info));
	info.state = HZ_CONN_STATE_close_wait;
	CU_ASSERT(hz_conn_query_matches(&query, &info));
	query.states = 0;
	CU_ASSERT(hz_conn_query_matches(&query, &info));
}

static struct hz_conn_census census;

static bool open_and_ask(uint32_t limit, enum hz_conn_sort sort)
{
	struct hz_conn_query query = { .limit = limit, .sort = (uint8_t)sort };

	return hz_conn_census_open(&census) == 0 && hz_conn_census_ask(&census, &query);
}

/* The largest limit figures of a shuffled 0..999 stay, whichever figure orders them. */
static void census_keeps_the_first_in_order(void)
{
	for (unsigned sort = 0; sort < HZ_CONN_SORT_COUNT; sort++) {
		bool is_kept[1000] = { false };

		CU_ASSERT_FATAL(open_and_ask(100, (enum hz_conn_sort)sort));
		for (uint32_t i = 0; i < 1000; i++) {
			struct hz_conn_info info = conn("10.7.0.1", (uint16_t)i);
			uint32_t figure = i * 677 % 1000;

			info.age_ns = sort == HZ_CONN_SORT_AGE ? figure : 5;
			info.cwnd_bytes = sort == HZ_CONN_SORT_CWND ? figure : 5;
			info.srtt_us = sort == HZ_CONN_SORT_RTT ? figure : 5;
			info.retransmits = sort == HZ_CONN_SORT_RETRANSMITS ? figure : 5;
			hz_conn_census_offer(&census, &info);
		}
		hz_conn_census_finish(&census, false);
		CU_ASSERT_EQUAL(census.count, 100);
		CU_ASSERT_EQUAL(census.matched, 1000);
		for (uint32_t i = 0; i < census.count; i++)
			is_kept[census.entry[i].remote.port * 677 % 1000] = true;
		for (uint32_t i = 0; i < 1000; i++)
			CU_ASSERT_EQUAL(is_kept[i], i >= 900);
		hz_conn_census_close(&census);
	}
}

static void census_counts_what_does_not_match(void)
{
	struct hz_conn_info in = conn("10.7.0.1", 1), out = conn("10.8.0.1", 1);
	struct hz_conn_query query = { .limit = 4 };

	CU_ASSERT_EQUAL(hz_conn_peer_parse("10.7.0.0/16", &query), 0);
	CU_ASSERT_EQUAL_FATAL(hz_conn_census_open(&census), 0);
	CU_ASSERT(hz_conn_census_ask(&census, &query));
	hz_conn_census_offer(&census, &in);
	hz_conn_census_offer(&census, &out);
	CU_ASSERT_EQUAL(census.seen, 2);
	CU_ASSERT_EQUAL(census.matched, 1);
	CU_ASSERT_EQUAL(census.count, 1);
	hz_conn_census_close(&census);
}

static void census_buffer_belongs_to_one_side_at_a_time(void)
{
	struct hz_conn_query query = { .limit = 1 };

	CU_ASSERT_FATAL(open_and_ask(1, HZ_CONN_SORT_AGE));
	CU_ASSERT(hz_conn_census_is_asked(&census));
	CU_ASSERT_FALSE(hz_conn_census_ask(&census, &query)); /* the worker has it */
	hz_conn_census_withdraw(&census);
	CU_ASSERT(hz_conn_census_is_withdrawn(&census));
	CU_ASSERT_FALSE(hz_conn_census_is_done(&census));
	CU_ASSERT_FALSE(hz_conn_census_ask(&census, &query)); /* still */
	hz_conn_census_finish(&census, true);
	CU_ASSERT(hz_conn_census_is_done(&census));
	CU_ASSERT(census.is_partial);
	CU_ASSERT_FALSE(hz_conn_census_ask(&census, &query)); /* not read yet */
	hz_conn_census_release(&census);
	CU_ASSERT(hz_conn_census_ask(&census, &query));
	CU_ASSERT_FALSE(hz_conn_census_is_withdrawn(&census));
	CU_ASSERT_FALSE(census.is_partial);
	hz_conn_census_close(&census);
}

HZ_SUITE(conn_census, CASE(peer_network_matches_by_its_leading_bits),
         CASE(peer_that_is_no_network_is_refused), CASE(state_filter_takes_only_its_states),
         CASE(census_keeps_the_first_in_order), CASE(census_counts_what_does_not_match),
         CASE(census_buffer_belongs_to_one_side_at_a_time));
