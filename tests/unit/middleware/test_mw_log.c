/* `log`: which requests get a line, what is in it, and what happens when there is no room for one. */
#include "core/limits.h"
#include "http/field.h"
#include "http/h1_worker.h"
#include "hz_test.h"
#include "middleware/chain.h"
#include "middleware/log_record.h"
#include "middleware/log_sink.h"
#include <stdlib.h>
#include <string.h>

#define RING_BYTES 32768u

struct rig {
	struct hz_h1_flight flight; /* what a request lies in */
	struct hz_stream stream;
	struct hz_env env;
	struct hz_worker gauges;
	struct hz_slot slot;
	struct hz_mw_worker worker;
	struct hz_chain chain;
	struct hz_mw_call call;
	struct hz_http_outcome outcome;
	struct hz_log_lane lane;
	int64_t wall_offset_ns; /* of the writer */
	struct hz_log_stamp stamp;
	char text[1 << 15]; /* the line that lines_take made last */
	struct hz_log_sink sink;
	struct hz_mw_log_conf conf;
	struct hz_mw mw;
};

static void peer_get(const struct hz_stream *stream, uint8_t addr[16], uint16_t *port)
{
	static const uint8_t client[16] = { [10] = 0xff, 0xff, 10, 7, 0, 1 };

	(void)stream;
	memcpy(addr, client, sizeof(client));
	*port = 4000;
}

static const struct hz_stream_ops stream_ops = { .peer = peer_get };

static void rig_open(struct rig *rig, uint32_t ring_bytes)
{
	struct hz_http_req *req = &rig->flight.req;

	memset(rig, 0, sizeof(*rig));
	rig->stream.ops = &stream_ops;
	rig->flight.stream = &rig->stream;
	hz_rng_seed(&rig->env.rng, 1);
	req->env = &rig->env;
	req->minor = 1;
	req->method = HZ_HTTP_GET;
	req->target = HZ_SPAN_LITERAL("/");
	rig->slot.worker = &rig->gauges;
	rig->worker = (struct hz_mw_worker){ .env = &rig->env, .slot = &rig->slot };
	rig->chain.route = HZ_SPAN_LITERAL("root");
	rig->call = (struct hz_mw_call){ .chain = &rig->chain, .worker = &rig->worker, .req = req };
	rig->outcome = (struct hz_http_outcome){ .status = 200, .is_complete = true };
	if (ring_bytes != 0)
		CU_ASSERT_EQUAL_FATAL(hz_byte_ring_open(&rig->lane.ring, ring_bytes), 0);
	rig->sink = (struct hz_log_sink){ .lane_count = 1, .lane = &rig->lane };
	rig->conf = (struct hz_mw_log_conf){ .error_one_in = 1, .rest_one_in = 1 };
	rig->conf.sink = ring_bytes != 0 ? &rig->sink : NULL;
	CU_ASSERT_EQUAL_FATAL(hz_mw_log_build(&rig->conf, &rig->mw), 0);
}

static void rig_close(struct rig *rig)
{
	hz_byte_ring_close(&rig->lane.ring);
}

static void finish(struct rig *rig, uint16_t status)
{
	rig->outcome.status = status;
	rig->mw.ops->finish(rig->mw.conf, &rig->call, &rig->outcome);
}

/* As the writer does: lines since the last call, of which rig->text is the last. */
static unsigned lines_take(struct rig *rig, uint64_t *shares)
{
	struct hz_span left = hz_byte_ring_peek(&rig->lane.ring);
	unsigned count = 0;

	rig->text[0] = '\0';
	for (; left.len > 0; count++) {
		const struct hz_log_record *record = hz_log_record_at(left);
		struct hz_log_entry entry;
		uint8_t *end;

		hz_log_record_read(record, 0, rig->wall_offset_ns, &rig->stamp, &entry);
		CU_ASSERT_FATAL(hz_log_line_bound(&entry) < sizeof(rig->text));
		end = hz_log_line_write((enum hz_log_format)record->format, &rig->stamp, &entry,
		                        (uint8_t *)rig->text);
		*end = '\0';
		left.data += record->bytes;
		left.len -= record->bytes;
		hz_byte_ring_consume(&rig->lane.ring, record->bytes);
	}
	if (shares != NULL) {
		const char *at = strstr(rig->text, "\"one_in\":");

		*shares = at != NULL ? strtoull(at + 9, NULL, 10) : 1;
	}
	return count;
}

static void request_gets_a_line_of_its_own(void)
{
	static const char want[] =
		"{\"time\":\"1970-01-01T00:01:40.250Z\",\"client\":\"10.7.0.1\",\"port\":4000,"
		"\"worker\":0,\"method\":\"GET\",\"target\":\"/\",\"version\":\"1.1\","
		"\"host\":\"h\",\"route\":\"root\",\"status\":404,\"bytes\":9,\"answer_us\":2,"
		"\"total_us\":5,\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"id\":\"r\","
		"\"subject\":\"alice\",\"referer\":\"x\",\"agent\":\"y\"}\n";
	const struct hz_mw_trace trace = {
		.trace_id = HZ_SPAN_LITERAL("4bf92f3577b34da6a3ce929d0e0e4736"),
		.request_id = HZ_SPAN_LITERAL("r"),
	};
	struct rig rig;

	rig_open(&rig, RING_BYTES);
	rig.wall_offset_ns = (int64_t)(100 * HZ_NS_PER_S);
	rig.outcome = (struct hz_http_outcome){ .is_complete = true,
		                                .sent_bytes = 9,
		                                .arrived_ns = 249995 * HZ_NS_PER_US,
		                                .answered_ns = 249997 * HZ_NS_PER_US,
		                                .now_ns = 250 * HZ_NS_PER_MS };
	rig.call.subject = HZ_SPAN_LITERAL("alice");
	rig.call.trace = &trace;
	rig.flight.req.host = HZ_SPAN_LITERAL("h");
	rig.flight.req.header_count = 2;
	rig.flight.req.header[0] =
		(struct hz_http_header){ HZ_SPAN_LITERAL("User-Agent"), HZ_SPAN_LITERAL("y") };
	rig.flight.req.header[1] =
		(struct hz_http_header){ HZ_SPAN_LITERAL("REFERER"), HZ_SPAN_LITERAL("x") };
	hz_http_field_note(&rig.flight.req, 0);
	hz_http_field_note(&rig.flight.req, 1);
	finish(&rig, 404);
	CU_ASSERT_EQUAL(lines_take(&rig, NULL), 1);
	CU_ASSERT_STRING_EQUAL(rig.text, want);
	rig_close(&rig);
}

static void time_of_day_goes_on_over_seconds(void)
{
	static const uint64_t moments_ms[] = { 1999, 2000, 61999, 62000 };
	struct rig rig;

	rig_open(&rig, RING_BYTES);
	for (unsigned i = 0; i < 4; i++) {
		char want[32];

		rig.outcome.now_ns = moments_ms[i] * HZ_NS_PER_MS;
		finish(&rig, 200);
		lines_take(&rig, NULL);
		snprintf(want, sizeof(want), "00:%02u:%02u.%03uZ",
		         (unsigned)(moments_ms[i] / 60000), (unsigned)(moments_ms[i] / 1000 % 60),
		         (unsigned)(moments_ms[i] % 1000));
		CU_ASSERT_PTR_NOT_NULL(strstr(rig.text, want));
	}
	rig_close(&rig);
}

static void shares_are_by_class_of_status(void)
{
	static const struct {
		uint16_t status;
		unsigned one_in;
	} rows[] = { { 500, 1 }, { 503, 1 },  { 404, 10 }, { 400, 10 },
		     { 0, 10 },  { 200, 50 }, { 301, 50 } };
	const unsigned count = 20000;
	struct rig rig;

	rig_open(&rig, RING_BYTES);
	rig.conf.error_one_in = 10;
	rig.conf.rest_one_in = 50;
	for (unsigned i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		unsigned lines = 0, want = count / rows[i].one_in;
		uint64_t share = 0;

		for (unsigned k = 0; k < count; k++) {
			finish(&rig, rows[i].status);
			lines += lines_take(&rig, lines == 0 ? &share : NULL);
		}
		/* 5 standard deviations of a binomial; the seed is fixed. */
		CU_ASSERT(lines >= want - want / 5 && lines <= want + want / 5);
		if (rows[i].one_in == 1)
			CU_ASSERT_EQUAL(lines, count);
	}
	rig_close(&rig);
}

static void share_is_in_the_line(void)
{
	uint64_t share = 0;
	struct rig rig;

	rig_open(&rig, RING_BYTES);
	rig.conf.rest_one_in = 4;
	while (lines_take(&rig, &share) == 0)
		finish(&rig, 200);
	CU_ASSERT_EQUAL(share, 4);
	finish(&rig, 500);
	CU_ASSERT_EQUAL(lines_take(&rig, &share), 1);
	CU_ASSERT_EQUAL(share, 1);
	rig_close(&rig);
}

/* Of the last 56 bits the upper 1/N are kept; every service with the same N decides alike, and who keeps one in 8 keeps
 * all that who keeps one in 64 does. */
static void trace_id_decides_where_there_is_one(void)
{
	static const struct {
		const char *id;
		unsigned one_in;
		unsigned lines;
	} rows[] = {
		{ "4bf92f3577b34da6a3ffffffffffffff", 1000000000, 1 },
		{ "4bf92f3577b34da6a300000000000000", 2, 0 },
		{ "ffffffffffffffffff7fffffffffffff", 2, 0 },
		{ "00000000000000000080000000000000", 2, 1 },
		{ "000000000000000000e0000000000000", 8, 1 },
		{ "000000000000000000dfffffffffffff", 8, 0 },
		{ "000000000000000000fc000000000000", 64, 1 },
		{ "000000000000000000fbffffffffffff", 64, 0 },
		{ "000000000000000000fc000000000000", 8, 1 },
	};
	struct rig rig;

	rig_open(&rig, RING_BYTES);
	for (unsigned i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		rig.conf.rest_one_in = rows[i].one_in;
		const struct hz_mw_trace trace = {
			.trace_id = { (const uint8_t *)rows[i].id, 32 },
		};

		rig.call.trace = &trace;
		for (unsigned k = 0; k < 5; k++) {
			finish(&rig, 200);
			CU_ASSERT_EQUAL(lines_take(&rig, NULL), rows[i].lines);
		}
		finish(&rig, 500); /* whatever the trace */
		CU_ASSERT_EQUAL(lines_take(&rig, NULL), 1);
	}
	rig_close(&rig);
}

static void full_ring_drops_and_counts_each(void)
{
	const uint64_t requests = 10 * RING_BYTES / sizeof(struct hz_log_record);
	struct rig rig;
	uint64_t dropped;

	rig_open(&rig, RING_BYTES);
	for (uint64_t i = 0; i < requests; i++)
		finish(&rig, 200);
	dropped = rig.lane.dropped;
	CU_ASSERT(dropped > 0 && dropped < requests);
	CU_ASSERT_EQUAL(lines_take(&rig, NULL) + dropped, requests);
	CU_ASSERT_EQUAL(rig.gauges.counters[HZ_COUNTER_log_dropped], dropped);
	finish(&rig, 200);
	CU_ASSERT_EQUAL(lines_take(&rig, NULL), 1);
	CU_ASSERT_EQUAL(rig.lane.dropped, dropped);
	rig_close(&rig);
}

/* As http leaves it: no target, and a method only where that could be told. */
static void refused_head_gets_a_line(void)
{
	struct rig rig;

	rig_open(&rig, RING_BYTES);
	hz_chain_add(&rig.chain, rig.mw);
	rig.chain.route.len = 0;
	rig.flight.req.method = HZ_HTTP_OTHER;
	rig.flight.req.target.len = 0;
	rig.outcome.status = 400;
	hz_chain_refused(&rig.call, &rig.outcome);
	CU_ASSERT_EQUAL(lines_take(&rig, NULL), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.text, "\"worker\":0,\"status\":400,"));
	rig.flight.req.method = HZ_HTTP_HEAD;
	hz_chain_refused(&rig.call, &rig.outcome);
	CU_ASSERT_EQUAL(lines_take(&rig, NULL), 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(rig.text, "\"worker\":0,\"method\":\"HEAD\",\"status\":400,"));
	rig_close(&rig);
}

static void log_without_a_sink_does_nothing(void)
{
	struct rig rig;

	rig_open(&rig, 0);
	finish(&rig, 200);
	CU_ASSERT_EQUAL(rig.lane.dropped, 0);
}

HZ_SUITE(mw_log, CASE(request_gets_a_line_of_its_own), CASE(time_of_day_goes_on_over_seconds),
         CASE(shares_are_by_class_of_status), CASE(share_is_in_the_line),
         CASE(trace_id_decides_where_there_is_one), CASE(full_ring_drops_and_counts_each),
         CASE(refused_head_gets_a_line), CASE(log_without_a_sink_does_nothing));
