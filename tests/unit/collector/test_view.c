/* Views of the maps: routes of all workers together, who lives, and what is worth a mark. */
#include "abi/hist_bucket.h"
#include "collector/map_view.h"
#include "collector/marks.h"
#include "collector/status_doc.h"
#include "core/clock.h"
#include "hz_test.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 2u

static void source_close(struct hz_map_source *source)
{
	hz_map_source_close(source);
}

static bool source_make(struct hz_map_source *source)
{
	static const struct {
		enum bpf_map_type type;
		uint32_t value_bytes, entries;
	} rows[HZ_STREAM_MAPS] = {
		[HZ_STREAM_events] = { BPF_MAP_TYPE_RINGBUF, 0, 4096 },
		[HZ_STREAM_cfg] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_cfg), 1 },
		[HZ_STREAM_beat] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_beat), HZ_WORKERS_MAX },
		[HZ_STREAM_workers] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_worker),
		                        HZ_WORKERS_MAX },
		[HZ_STREAM_connections] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_connections),
		                            HZ_WORKERS_MAX },
		[HZ_STREAM_verdicts] = { BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct hz_verdicts), 1 },
		[HZ_STREAM_latency] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_hist), 16 },
		[HZ_STREAM_stream_stats] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_stream_stats),
		                             1 },
		[HZ_STREAM_route_names] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_route_name),
		                            HZ_ROUTE_SLOTS },
		[HZ_STREAM_route_latency] = { BPF_MAP_TYPE_ARRAY, sizeof(struct hz_route_hist),
		                              WORKERS * HZ_ROUTE_SLOTS },
	};

	memset(source, 0, sizeof(*source));
	memset(source->fd, 0xff, sizeof(source->fd));
	for (uint32_t i = 0; i < HZ_STREAM_MAPS; i++) {
		uint32_t key_bytes = i == HZ_STREAM_events ? 0 : 4;

		source->entries[i] = rows[i].entries;
		source->fd[i] = bpf_map_create(rows[i].type, "unit", key_bytes, rows[i].value_bytes,
		                               rows[i].entries, NULL);
		if (source->fd[i] < 0) {
			source_close(source);
			return false;
		}
	}
	return true;
}

static void put(const struct hz_map_source *source, enum hz_stream_map map, uint32_t key,
                const void *value)
{
	CU_ASSERT_EQUAL_FATAL(bpf_map_update_elem(source->fd[map], &key, value, BPF_ANY), 0);
}

static void routes_put(const struct hz_map_source *source)
{
	struct hz_route_name name = { .name = "api" }, hostile = { .generation = 1 };
	struct hz_route_hist hist = { .answers = { 0, 10, 0, 2, 1 }, .sum_ns = 500, .max_ns = 40 };

	memset(hostile.name, 'x', sizeof(hostile.name)); /* not terminated */
	hostile.name[0] = (char)0xff;
	put(source, HZ_STREAM_route_names, 5, &name);
	put(source, HZ_STREAM_route_names, 9, &hostile);
	hist.bucket[10] = 13;
	put(source, HZ_STREAM_route_latency, 5, &hist);
	hist.max_ns = 70;
	put(source, HZ_STREAM_route_latency, HZ_ROUTE_SLOTS + 5, &hist);
	put(source, HZ_STREAM_route_latency, 7, &hist); /* of no name */
}

static void state_put(const struct hz_map_source *source, uint64_t now_ns)
{
	struct hz_cfg cfg = { .beat_timeout_ns = 500000000,
		              .workers = WORKERS,
		              .state = HZ_STATE_READY };
	struct hz_beat beat = { .state = HZ_STATE_READY, .beat_ns = now_ns };
	struct hz_connections conns = { .syn_rcvd = 3, .established = 4 };

	put(source, HZ_STREAM_cfg, 0, &cfg);
	put(source, HZ_STREAM_beat, 0, &beat);
	beat.beat_ns = now_ns - 5000000000; /* died */
	put(source, HZ_STREAM_beat, 1, &beat);
	put(source, HZ_STREAM_connections, 0, &conns);
	put(source, HZ_STREAM_connections, 1, &conns);
}

static void verdicts_put(const struct hz_map_source *source)
{
	size_t cpus = (size_t)libbpf_num_possible_cpus();
	struct hz_verdicts *of_cpu = calloc(cpus, sizeof(*of_cpu));

	for (size_t i = 0; i < cpus; i++)
		of_cpu[i].steer = i + 1;
	put(source, HZ_STREAM_verdicts, 0, of_cpu);
	free(of_cpu);
}

static void maps_are_added_up_over_workers_and_cpus(void)
{
	struct hz_map_view *view = calloc(1, sizeof(*view));
	struct hz_server_view server;
	struct hz_map_source source;
	uint64_t cpus = (uint64_t)libbpf_num_possible_cpus();

	if (!source_make(&source)) {
		free(view);
		HZ_SKIP("needs root");
	}
	routes_put(&source);
	state_put(&source, hz_clock_monotonic_ns());
	verdicts_put(&source);
	CU_ASSERT_EQUAL_FATAL(hz_map_view_read(&source, view), 0);
	CU_ASSERT_EQUAL(view->routes, 10);
	CU_ASSERT_STRING_EQUAL(view->route[0].name, "-");
	CU_ASSERT_STRING_EQUAL(view->route[5].name, "api");
	CU_ASSERT_EQUAL(view->route[5].hist.answers[1], 20);
	CU_ASSERT_EQUAL(view->route[5].hist.bucket[10], 26);
	CU_ASSERT_EQUAL(view->route[5].hist.max_ns, 70);
	CU_ASSERT_EQUAL(view->route[7].name[0], '\0');
	CU_ASSERT_EQUAL(strlen(view->route[9].name), HZ_ROUTE_NAME_BYTES);
	CU_ASSERT_EQUAL(view->verdicts[HZ_REASON_steer], cpus * (cpus + 1) / 2);
	CU_ASSERT_TRUE(view->is_alive);
	server = hz_map_view_server(view);
	CU_ASSERT_STRING_EQUAL(hz_server_view_state(&server, view->cfg.state), "ready");
	CU_ASSERT_STRING_EQUAL(hz_server_view_worker_state(&server, 1), "stale");
	CU_ASSERT_EQUAL(view->conns[1], 4); /* of the one that lives */
	source_close(&source);
	free(view);
}

static const json_t *row_of(const json_t *doc, const char *list, size_t index)
{
	return json_array_get(json_object_get(doc, list), index);
}

static void route_that_is_hostile_or_new_is_json_and_unknown(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	const json_t *api, *hostile;
	json_t *doc;

	feed->now.is_alive = true;
	feed->now.routes = 3;
	feed->now.time_ns = 20 * HZ_NS_PER_S;
	feed->base_ns[0] = 5 * HZ_NS_PER_S;
	feed->base_ns[1] = 15 * HZ_NS_PER_S;
	memcpy(feed->now.route[1].name, "api", 4);
	memcpy(feed->base[0][1].name, "api", 4);
	feed->now.route[1].hist.answers[1] = 300;
	feed->now.route[1].hist.answers[4] = 30;
	feed->base[0][1].hist.answers[1] = 180;
	feed->now.route[1].hist.bucket[40] = 9;
	feed->now.route[1].hist.max_ns = UINT64_MAX;
	feed->base[0][1].hist.bucket[40] = 9;   /* nothing since */
	feed->now.route[2].hist.bucket[40] = 7; /* whenever that was */
	memcpy(feed->now.route[2].name, "\xff<script>", 10);
	feed->now.route[2].hist.answers[1] = 7;
	doc = hz_status_doc(feed);
	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	api = row_of(doc, "routes", 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(api, "requests")), 330);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(api, "errors")), 30);
	CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_object_get(api, "per_s")), 10, 1e-9);
	CU_ASSERT_TRUE(json_is_null(json_object_get(api, "p99_ns")));
	hostile = row_of(doc, "routes", 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(hostile, "name")), "?<script>");
	CU_ASSERT_TRUE(json_is_null(json_object_get(hostile, "per_s")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(hostile, "p50_ns")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(hostile, "window_s")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(api, "window_s")), 15);
	CU_ASSERT_TRUE(json_is_null(json_object_get(doc, "uptime_s")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(row_of(doc, "totals", 1), "per_s")));
	json_decref(doc);
	free(feed);
}

/* Slot 1 got its name between the two baselines; its slowest answer was before the newer one. */
static void route_figures_are_of_their_window_alone(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct hz_route_view *now = &feed->now.route[1], *base = &feed->base[1][1];
	const json_t *route;
	json_t *doc;

	feed->now.routes = 2;
	feed->now.is_alive = true;
	feed->now.time_ns = 20 * HZ_NS_PER_S;
	feed->base_ns[0] = 5 * HZ_NS_PER_S;
	feed->base_ns[1] = 16 * HZ_NS_PER_S;
	memcpy(feed->base[0][1].name, "old", 4);
	memcpy(base->name, "api", 4);
	base->hist.answers[1] = base->hist.bucket[200] = 1;
	base->hist.max_ns = 5000000000;
	*now = *base;
	now->hist.answers[1] += 8;
	now->hist.bucket[60] = 8;
	doc = hz_status_doc(feed);
	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	route = row_of(doc, "routes", 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(route, "window_s")), 4);
	CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_object_get(route, "per_s")), 2, 1e-9);
	/* eight of the 60th of the coarse buckets, wherever in it */
	CU_ASSERT(json_integer_value(json_object_get(route, "p99_ns")) >=
	          (json_int_t)hz_hist_bucket_low(240));
	CU_ASSERT(json_integer_value(json_object_get(route, "p99_ns")) <
	          (json_int_t)hz_hist_bucket_low(244));
	json_decref(doc);
	free(feed);
}

static void stage_of_no_samples_beside_requests_is_null_and_not_zero(void)
{
	struct hz_hist none = { 0 }, some = { .sum_ns = 80, .max_ns = 40 };
	json_t *row;

	some.bucket[40] = 2;
	row = hz_status_doc_stage(HZ_STAGE_QUEUE, &none, 10, 5);
	CU_ASSERT_TRUE(json_is_null(json_object_get(row, "count")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(row, "per_s")));
	json_decref(row);
	row = hz_status_doc_stage(HZ_STAGE_QUEUE, &none, 10, 0); /* nobody asked anything */
	CU_ASSERT_TRUE(json_is_integer(json_object_get(row, "count")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "count")), 0);
	CU_ASSERT_TRUE(json_is_real(json_object_get(row, "per_s")));
	json_decref(row);
	row = hz_status_doc_stage(HZ_STAGE_QUEUE, &some, 10, 5);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "count")), 2);
	json_decref(row);
	row = hz_status_doc_stage(HZ_STAGE_HEALTH, &none, 10, 5); /* XDP's own: no probe came */
	CU_ASSERT_TRUE(json_is_integer(json_object_get(row, "count")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "count")), 0);
	json_decref(row);
}

struct marking {
	struct hz_marks marks;
	struct hz_event_log log;
	struct hz_map_view view;
	int64_t unix_s;
	char kinds[128]; /* of the marks so far, with a space behind each */
};

static struct marking *marking_open(void)
{
	struct marking *marking = calloc(1, sizeof(*marking));

	CU_ASSERT_PTR_NOT_NULL_FATAL(marking);
	marking->view.is_alive = true;
	marking->view.cfg.state = HZ_STATE_READY;
	marking->unix_s = 1000;
	return marking;
}

static const char *kinds_of(struct marking *marking)
{
	size_t at = 0;

	marking->kinds[0] = '\0';
	for (uint64_t i = 0; i < marking->log.mark_count; i++)
		at += (size_t)snprintf(marking->kinds + at, sizeof(marking->kinds) - at, "%s ",
		                       marking->log.mark[i].kind);
	return marking->kinds;
}

static void tell(struct marking *marking, uint32_t what, uint64_t before, uint64_t now)
{
	const struct hz_event_state state = {
		.header = { .worker = 3 }, .what = what, .before = before, .now = now
	};

	hz_marks_take(&marking->marks, &marking->log, marking->unix_s, &state);
}

static void look(struct marking *marking, bool is_alive)
{
	marking->unix_s++;
	marking->view.is_alive = is_alive;
	hz_marks_look(&marking->marks, &marking->log, marking->unix_s, &marking->view);
}

static void change_that_is_told_is_marked_once(void)
{
	struct marking *marking = marking_open();

	look(marking, true);
	tell(marking, HZ_STATE_OF_DAEMON, HZ_STATE_DOWN, HZ_STATE_READY);
	tell(marking, HZ_STATE_OF_SITE, 1, 2);
	marking->view.cfg.generation = 2; /* the map says it too: no second mark */
	look(marking, true);
	tell(marking, HZ_STATE_OF_SHED, 0, 300);
	tell(marking, HZ_STATE_OF_SHED, 300, 500);
	tell(marking, HZ_STATE_OF_SHED, 500, 0);
	tell(marking, HZ_STATE_OF_WORKER, HZ_STATE_READY, HZ_STATE_DOWN);
	tell(marking, HZ_STATE_OF_WORKER, HZ_STATE_DOWN, HZ_STATE_READY);
	tell(marking, HZ_STATE_OF_XDP, 0, 7);
	tell(marking, HZ_STATE_OF_XDP, 7, 8);
	tell(marking, HZ_STATE_OF_XDP, 8, 0);
	tell(marking, HZ_STATE_OF_DAEMON, HZ_STATE_READY, HZ_STATE_MAINTENANCE);
	tell(marking, HZ_STATE_OF_DAEMON, HZ_STATE_READY, HZ_STATE_DRAINING);
	tell(marking, 99, 0, 1);
	look(marking, true);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking),
	                       "restart reload shed_on shed_off stall xdp xdp xdp drain ");
	CU_ASSERT_STRING_EQUAL(marking->log.mark[4].text, "worker 3 does not turn");
	CU_ASSERT_PTR_NOT_NULL(strstr(marking->log.mark[6].text, "updated"));
	free(marking);
}

static void death_that_nobody_tells_is_marked_when_it_began(void)
{
	struct marking *marking = marking_open();

	look(marking, true);
	look(marking, false);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), ""); /* housekeeping may still tell */
	look(marking, false);
	look(marking, false);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), "stall ");
	CU_ASSERT_EQUAL(marking->log.mark[0].unix_s, 1002);
	/* it stood still as a whole, and tells when it goes on */
	tell(marking, HZ_STATE_OF_WORKER, HZ_STATE_READY, HZ_STATE_DOWN);
	tell(marking, HZ_STATE_OF_WORKER, HZ_STATE_DOWN, HZ_STATE_READY);
	look(marking, true);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), "stall ");
	look(marking, false);
	look(marking, false);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), "stall stall ");
	free(marking);
}

static void stall_that_was_told_and_an_end_in_order_are_no_death(void)
{
	struct marking *marking = marking_open();

	look(marking, false); /* before it began to look */
	look(marking, false);
	look(marking, false);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), "");
	look(marking, true);
	tell(marking, HZ_STATE_OF_WORKER, HZ_STATE_READY, HZ_STATE_DOWN);
	look(marking, false);
	look(marking, false);
	look(marking, false);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), "stall ");
	tell(marking, HZ_STATE_OF_WORKER, HZ_STATE_DOWN, HZ_STATE_READY);
	look(marking, true);
	marking->view.cfg.state = HZ_STATE_DOWN;
	look(marking, false);
	look(marking, false);
	look(marking, false);
	CU_ASSERT_STRING_EQUAL(kinds_of(marking), "stall ");
	free(marking);
}

static void another_run_is_none_that_lives_on(void)
{
	struct hz_map_view *before = calloc(1, sizeof(*before)), *now = calloc(1, sizeof(*now));

	before->workers = 2;
	before->is_alive = true;
	before->worker[0].started_ns = before->worker[1].started_ns = 100;
	*now = *before;
	CU_ASSERT_TRUE(hz_map_view_is_same_run(before, now));
	now->worker[1].started_ns = 200;
	CU_ASSERT_FALSE(hz_map_view_is_same_run(before, now));
	*now = *before;
	now->workers = 1;
	CU_ASSERT_FALSE(hz_map_view_is_same_run(before, now));
	*now = *before;
	now->is_alive = false;
	CU_ASSERT_FALSE(hz_map_view_is_same_run(before, now));
	CU_ASSERT_FALSE(hz_map_view_is_same_run(now, before));
	free(before);
	free(now);
}

HZ_SUITE(view, CASE(maps_are_added_up_over_workers_and_cpus),
         CASE(route_that_is_hostile_or_new_is_json_and_unknown),
         CASE(route_figures_are_of_their_window_alone),
         CASE(stage_of_no_samples_beside_requests_is_null_and_not_zero),
         CASE(another_run_is_none_that_lives_on), CASE(change_that_is_told_is_marked_once),
         CASE(death_that_nobody_tells_is_marked_when_it_began),
         CASE(stall_that_was_told_and_an_end_in_order_are_no_death));
