/* limits/connections_per_source: how many connections one client address may have on this worker. */
#include "http_bench.h"
#include <errno.h>

#define STREAMS_MAX 8

static const char get[] = "GET / HTTP/1.1\r\n" H END;
static const uint8_t alice[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 };
static const uint8_t bob[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 2 };

static int connect_from(struct http_rig *rig, struct fake_stream *fs, const uint8_t addr[16])
{
	return fake_stream_open_from(fs, &rig->env, &hz_h1_proto_ops, rig->http, WINDOW_WIDE, addr);
}

static struct http_rig *rig_of_limit(uint32_t limit)
{
	struct http_rig *rig = http_rig_open(STREAMS_MAX);

	rig->limits.connections_per_source = limit;
	return rig;
}

static uint64_t full_count(const struct http_rig *rig)
{
	return rig->worker.counters[HZ_COUNTER_http_source_full];
}

static void rig_end(struct http_rig *rig, struct fake_stream *fs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		CU_ASSERT_PTR_NULL(fs[i].broken);
		fake_stream_free(&fs[i]);
	}
	CU_ASSERT(http_rig_is_clean(rig));
	http_rig_free(rig);
}

static void connection_beyond_the_limit_is_refused_and_counted(void)
{
	struct http_rig *rig = rig_of_limit(2);
	struct fake_stream fs[4];

	CU_ASSERT_EQUAL(connect_from(rig, &fs[0], alice), 0);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[1], alice), 0);
	CU_ASSERT_EQUAL(full_count(rig), 0);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[2], alice), -EMFILE);
	CU_ASSERT_PTR_NULL(fs[2].s.owner);
	CU_ASSERT_EQUAL(full_count(rig), 1);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[3], alice), -EMFILE);
	CU_ASSERT_EQUAL(full_count(rig), 2);
	CU_ASSERT_EQUAL(rig->http->conns.in_use, 2);
	CU_ASSERT_EQUAL(rig->pins, rig->unpins); /* idle and refused ones hold no snapshot */
	fake_stream_feed(&fs[1], get, sizeof(get) - 1);
	CU_ASSERT_EQUAL(http_rig_status(&fs[1], 0), 200);
	rig_end(rig, fs, 4);
}

static void close_of_any_kind_frees_a_place(void)
{
	static const enum hz_close_why whys[] = { HZ_CLOSE_DONE, HZ_CLOSE_RESET, HZ_CLOSE_TIMEOUT,
		                                  HZ_CLOSE_ABORT };
	struct http_rig *rig = rig_of_limit(1);
	struct fake_stream fs[2];

	CU_ASSERT_EQUAL(connect_from(rig, &fs[0], alice), 0);
	for (unsigned i = 0; i < HZ_ARRAY_LEN(whys); i++) {
		CU_ASSERT_EQUAL(connect_from(rig, &fs[1], alice), -EMFILE);
		/* In the middle of a head, then as it is. */
		if (i % 2 == 0)
			fake_stream_feed(&fs[0], "GET /", 5);
		fake_stream_close(&fs[0], whys[i]);
		fake_stream_free(&fs[0]);
		CU_ASSERT_EQUAL(connect_from(rig, &fs[0], alice), 0);
	}
	CU_ASSERT_EQUAL(full_count(rig), HZ_ARRAY_LEN(whys));
	rig_end(rig, fs, 2);
}

/* Its output is over, but the connection is there until the transport says it is not. */
static void connection_that_shuts_down_keeps_its_place_until_closed(void)
{
	struct http_rig *rig = rig_of_limit(1);
	struct fake_stream fs[2];

	CU_ASSERT_EQUAL(connect_from(rig, &fs[0], alice), 0);
	fake_stream_feed(&fs[0], "BAD\r\n", 5);
	CU_ASSERT(fs[0].is_shutdown);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[1], alice), -EMFILE);
	rig_end(rig, fs, 2);
}

static void other_address_has_places_of_its_own(void)
{
	struct http_rig *rig = rig_of_limit(1);
	struct fake_stream fs[3];

	CU_ASSERT_EQUAL(connect_from(rig, &fs[0], alice), 0);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[1], bob), 0);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[2], bob), -EMFILE);
	fake_stream_free(&fs[0]); /* Alice's going makes no place for Bob */
	CU_ASSERT_EQUAL(connect_from(rig, &fs[2], bob), -EMFILE);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[0], alice), 0);
	rig_end(rig, fs, 3);
}

static void addresses_of_an_ipv6_prefix_are_one_source(void)
{
	static const uint8_t one[16] = { 0x20, 1, 0x0d, 0xb8, [7] = 1, [15] = 1 };
	static const uint8_t neighbour[16] = { 0x20, 1, 0x0d, 0xb8, [7] = 1, [8] = 9, [15] = 7 };
	static const uint8_t other[16] = { 0x20, 1, 0x0d, 0xb8, [7] = 2, [15] = 1 };
	struct http_rig *rig = rig_of_limit(1);
	struct fake_stream fs[3];

	CU_ASSERT_EQUAL(connect_from(rig, &fs[0], one), 0);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[1], neighbour), -EMFILE);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[2], other), 0);
	rig_end(rig, fs, 3);
}

static void limit_zero_leaves_only_the_pool(void)
{
	struct http_rig *rig = rig_of_limit(0);
	struct fake_stream fs[STREAMS_MAX + 1];

	for (unsigned i = 0; i < STREAMS_MAX; i++)
		CU_ASSERT_EQUAL(connect_from(rig, &fs[i], alice), 0);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[STREAMS_MAX], alice), -ENOMEM);
	CU_ASSERT_EQUAL(full_count(rig), 0);
	rig_end(rig, fs, STREAMS_MAX + 1);
}

/* A snapshot with another limit counts for who comes; who is there stays and is counted. */
static void limit_of_a_new_snapshot_is_for_new_connections(void)
{
	struct http_rig *rig = rig_of_limit(3);
	struct fake_stream fs[4];

	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(connect_from(rig, &fs[i], alice), 0);
	rig->limits.connections_per_source = 2;
	CU_ASSERT_EQUAL(connect_from(rig, &fs[3], alice), -EMFILE);
	fake_stream_feed(&fs[2], get, sizeof(get) - 1);
	CU_ASSERT_EQUAL(http_rig_status(&fs[2], 0), 200);
	CU_ASSERT(!fs[2].is_shutdown);
	fake_stream_free(&fs[2]); /* two are left, which is the limit */
	CU_ASSERT_EQUAL(connect_from(rig, &fs[3], alice), -EMFILE);
	fake_stream_free(&fs[1]);
	CU_ASSERT_EQUAL(connect_from(rig, &fs[3], alice), 0);
	rig->limits.connections_per_source = 0;
	CU_ASSERT_EQUAL(connect_from(rig, &fs[1], alice), 0);
	rig->limits.connections_per_source = 4;
	CU_ASSERT_EQUAL(connect_from(rig, &fs[2], alice), 0);
	fake_stream_free(&fs[3]);
	fake_stream_free(&fs[2]);
	fake_stream_free(&fs[1]);
	rig_end(rig, fs, 1);
}

HZ_SUITE(h1_sources, CASE(connection_beyond_the_limit_is_refused_and_counted),
         CASE(close_of_any_kind_frees_a_place),
         CASE(connection_that_shuts_down_keeps_its_place_until_closed),
         CASE(other_address_has_places_of_its_own),
         CASE(addresses_of_an_ipv6_prefix_are_one_source), CASE(limit_zero_leaves_only_the_pool),
         CASE(limit_of_a_new_snapshot_is_for_new_connections));
