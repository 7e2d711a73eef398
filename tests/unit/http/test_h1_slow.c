/* Answers that are told about one by one, and answers by route. */
#include "http_bench.h"

#define SLOW_NS 10000u

static void open_telling(struct bench *b)
{
	bench_open(b, WINDOW_WIDE);
	hz_rng_seed(&b->rig->env.rng, 1);
	b->rig->slow_conf.over_ns = SLOW_NS;
	(void)hz_h1_proto_ops.on_turn(b->rig->http); /* the second begins */
}

static const struct hz_event_slow *told(struct bench *b)
{
	return hz_slow_ring_first(&b->rig->slow);
}

static void slow_answer_is_told_with_its_stages_and_route(void)
{
	const struct hz_event_slow *record;
	struct bench b;

	open_telling(&b);
	feed(&b, "GET /quick HTTP/1.1\r\n" H END);
	CU_ASSERT_PTR_NULL(told(&b));
	b.rig->handle_ns = 9900;
	b.rig->route_ns = 60;
	b.rig->env.worker_index = 3;
	b.rig->env.rx_ns = b.rig->env.now_ns - 40;
	feed(&b, "POST /with%20a/path?query HTTP/1.1\r\n" H END);
	record = told(&b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_EQUAL(record->header.kind, HZ_EVENT_SLOW);
	CU_ASSERT_EQUAL(record->header.worker, 3);
	CU_ASSERT_EQUAL(record->header.bytes, sizeof(*record));
	CU_ASSERT_EQUAL(record->header.time_ns, b.rig->env.now_ns);
	CU_ASSERT_EQUAL(record->stage_ns[HZ_STAGE_TOTAL], 10000);
	CU_ASSERT_EQUAL(record->stage_ns[HZ_STAGE_QUEUE], 40);
	CU_ASSERT_EQUAL(record->stage_ns[HZ_STAGE_ROUTE], 60);
	CU_ASSERT_EQUAL(record->stage_ns[HZ_STAGE_HANDLER], 9900);
	CU_ASSERT_EQUAL(record->status, 200);
	CU_ASSERT_EQUAL(record->is_example, 0);
	CU_ASSERT_EQUAL(record->route, RIG_SLOT);
	CU_ASSERT_STRING_EQUAL(record->route_name, RIG_ROUTE);
	CU_ASSERT_STRING_EQUAL(record->method, "POST");
	CU_ASSERT_STRING_EQUAL(record->path, "/with%20a/path");
	CU_ASSERT_EQUAL(record->trace_id[0], 0xab);
	bench_close(&b);
}

/* CONNECT and OPTIONS have seven letters and more than fit none; a path is cut, and need not end. */
static void text_of_a_record_is_cut_and_harmless(void)
{
	const struct hz_event_slow *record;
	char path[HZ_SLOW_PATH_BYTES + 20], request[200];
	struct bench b;

	open_telling(&b);
	b.rig->handle_ns = SLOW_NS;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	snprintf(request, sizeof(request), "OPTIONS %s HTTP/1.1\r\n" H END, path);
	feed(&b, request);
	record = told(&b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_STRING_EQUAL(record->method, "OPTIONS");
	CU_ASSERT_EQUAL(memcmp(record->path, path, HZ_SLOW_PATH_BYTES), 0);
	bench_close(&b);
}

static void head_that_was_refused_is_told_without_method_and_route(void)
{
	const struct hz_event_slow *record;
	struct bench b;

	open_telling(&b);
	b.rig->handle_ns = 1;
	feed(&b, "GET / HTTP/1.1\r\n" H END); /* whose route the next must not have */
	b.rig->parse_ns = SLOW_NS;
	feed(&b, "nonsense\r\n\r\n");
	record = told(&b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_EQUAL(record->status, 400);
	CU_ASSERT_EQUAL(record->route, 0);
	CU_ASSERT_EQUAL(record->route_name[0], '\0');
	CU_ASSERT_EQUAL(record->method[0], '\0');
	CU_ASSERT_EQUAL(record->path[0], '\0');
	bench_close(&b);
}

static void example_of_a_second_is_told_when_it_is_over(void)
{
	const struct hz_event_slow *record;
	struct bench b;

	open_telling(&b);
	feed(&b, "GET /quick HTTP/1.1\r\n" H END);
	b.rig->env.now_ns += HZ_NS_PER_S;
	CU_ASSERT_PTR_NULL(told(&b));
	(void)hz_h1_proto_ops.on_turn(b.rig->http);
	record = told(&b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_EQUAL(record->is_example, 1);
	CU_ASSERT_STRING_EQUAL(record->path, "/quick");
	bench_close(&b);
}

static void slow_answer_that_finds_the_ring_full_is_counted(void)
{
	struct bench b;

	open_telling(&b);
	b.rig->handle_ns = SLOW_NS;
	for (unsigned i = 0; i < HZ_SLOW_SLOTS + 3; i++)
		feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(b.rig->worker.counters[HZ_COUNTER_slow_lost], 3);
	bench_close(&b);
}

static void answers_are_counted_by_route_and_class(void)
{
	const struct hz_route_hist *none, *route;
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	route = &b.rig->routes[RIG_SLOT];
	none = &b.rig->routes[0];
	b.rig->handle_ns = 5000;
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	feed(&b, "GET /missing HTTP/1.1\r\n" H END);
	feed(&b, "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n" END);
	CU_ASSERT_EQUAL(route->answers[1], 1);
	CU_ASSERT_EQUAL(route->answers[3], 2);
	CU_ASSERT_EQUAL(route->sum_ns, 5000);
	CU_ASSERT_EQUAL(route->max_ns, 5000);
	CU_ASSERT_EQUAL(route->bucket[hz_hist_bucket(5000) >> 2], 1);
	CU_ASSERT_EQUAL(route->bucket[0], 2);
	CU_ASSERT_EQUAL(none->answers[1] + none->answers[3], 0);
	bench_close(&b);
	bench_open(&b, WINDOW_WIDE);
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	feed(&b, "nonsense\r\n\r\n");
	CU_ASSERT_EQUAL(b.rig->routes[RIG_SLOT].answers[1], 1);
	CU_ASSERT_EQUAL(b.rig->routes[0].answers[3], 1); /* of no route, also behind one */
	bench_close(&b);
}

static void worker_without_room_for_routes_serves_on(void)
{
	struct bench b;

	bench_open(&b, WINDOW_WIDE);
	b.rig->slot.routes = NULL;
	feed(&b, "GET / HTTP/1.1\r\n" H END);
	CU_ASSERT_EQUAL(http_rig_status(&b.fs, 0), 200);
	CU_ASSERT_EQUAL(hz_hist_count(&b.rig->hist[HZ_STAGE_TOTAL]), 1);
	bench_close(&b);
}

HZ_SUITE(h1_slow, MEASURED(slow_answer_is_told_with_its_stages_and_route),
         MEASURED(text_of_a_record_is_cut_and_harmless),
         MEASURED(head_that_was_refused_is_told_without_method_and_route),
         MEASURED(example_of_a_second_is_told_when_it_is_over),
         MEASURED(slow_answer_that_finds_the_ring_full_is_counted),
         MEASURED(answers_are_counted_by_route_and_class),
         MEASURED(worker_without_room_for_routes_serves_on));
