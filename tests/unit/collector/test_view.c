/* Views of the maps: routes of all workers together, who lives, and what is worth a mark. */
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
	CU_ASSERT_STRING_EQUAL(hz_map_view_state(view), "ready");
	CU_ASSERT_STRING_EQUAL(hz_map_view_worker_state(view, 1), "down");
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
	feed->base[0][1].hist.bucket[40] = 9; /* nothing since */
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
	CU_ASSERT_TRUE(json_is_null(json_object_get(doc, "uptime_s")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(row_of(doc, "totals", 1), "per_s")));
	json_decref(doc);
	free(feed);
}

/* Kinds of the marks between two views, with a space behind each. */
static const char *marks_of(const struct hz_map_view *before, const struct hz_map_view *now,
                            char *out, size_t room)
{
	struct hz_event_log *log = calloc(1, sizeof(*log));
	size_t at = 0;

	out[0] = '\0';
	hz_marks_find(log, 7, before, now);
	for (uint64_t i = 0; i < log->mark_count; i++)
		at += (size_t)snprintf(out + at, room - at, "%s ", log->mark[i].kind);
	free(log);
	return out;
}

static void change_between_two_views_is_marked_once(void)
{
	struct hz_map_view *before = calloc(1, sizeof(*before)), *now = calloc(1, sizeof(*now));
	char kinds[128];

	before->workers = 2;
	before->is_alive = true;
	before->cfg.beat_timeout_ns = 500;
	before->cfg.state = HZ_STATE_READY;
	before->time_ns = 10000;
	for (uint32_t i = 0; i < 2; i++) {
		before->beat[i] =
			(struct hz_beat){ .state = HZ_STATE_READY, .beat_ns = 10000, .pid = 5 };
		before->worker[i].started_ns = 100;
	}
	*now = *before;
	CU_ASSERT_STRING_EQUAL(marks_of(before, now, kinds, sizeof(kinds)), "");
	now->cfg.generation = 2;
	now->worker[1].shed_permille = 300;
	CU_ASSERT_STRING_EQUAL(marks_of(before, now, kinds, sizeof(kinds)), "reload shed_on ");
	CU_ASSERT_STRING_EQUAL(marks_of(now, before, kinds, sizeof(kinds)), "reload shed_off ");
	*now = *before;
	now->time_ns = 10600; /* both beats are too old */
	now->beat[0].beat_ns = 10550;
	CU_ASSERT_STRING_EQUAL(marks_of(before, now, kinds, sizeof(kinds)), "stall ");
	now->is_alive = false;
	CU_ASSERT_STRING_EQUAL(marks_of(before, now, kinds, sizeof(kinds)), "stall ");
	now->is_alive = true;
	now->beat[0].pid = now->beat[1].pid = 6;
	now->worker[0].started_ns = 10500;
	now->cfg.generation = 1;
	CU_ASSERT_STRING_EQUAL(marks_of(before, now, kinds, sizeof(kinds)), "restart ");
	*now = *before;
	now->cfg.state = HZ_STATE_DRAINING;
	CU_ASSERT_STRING_EQUAL(marks_of(before, now, kinds, sizeof(kinds)), "drain ");
	free(before);
	free(now);
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
         CASE(another_run_is_none_that_lives_on), CASE(change_between_two_views_is_marked_once));
