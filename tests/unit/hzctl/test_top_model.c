/* Figures of hzctl top from samples. */
#include "../../../tools/hzctl/top_json.h"
#include "hz_test.h"
#include "server_rows.h"
#include "top_rig.h"
#include <stdlib.h>
#include <string.h>

static void model_rates_are_of_the_last_second_and_percentiles_of_ten(void)
{
	struct top_rig *rig = top_rig_open();
	const struct hz_top_model *model = &rig->model;

	CU_ASSERT(model->is_alive && strcmp(model->state, "ready") == 0);
	CU_ASSERT_EQUAL(model->total[HZ_SERVER_SERVED].per_s, 1000);
	CU_ASSERT_EQUAL(model->total[HZ_SERVER_SERVED].total, 10000);
	CU_ASSERT_EQUAL(model->stage[HZ_STAGE_TOTAL].count, 10000);
	CU_ASSERT(model->stage[HZ_STAGE_TOTAL].p99_ns * 64 >= 8000 * 63 &&
	          model->stage[HZ_STAGE_TOTAL].p99_ns <= 8000);
	CU_ASSERT_EQUAL(model->worker_count, 1);
	CU_ASSERT_EQUAL(model->worker[0].busy_permille, 250);
	CU_ASSERT_EQUAL(model->uptime_s, 60);
	CU_ASSERT_EQUAL(model->route_count, 2);
	CU_ASSERT_EQUAL(model->route[0].per_s, 1100); /* with its errors */
	CU_ASSERT_EQUAL(model->route[1].latency.count, 55);
	CU_ASSERT_EQUAL(model->verdict_count, HZ_REASON_COUNT);
	CU_ASSERT_EQUAL(model->verdict[HZ_REASON_steer].per_s, 2000);
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 60, 120), "steer "));
	CU_ASSERT_PTR_NULL(strstr(rig->text, "health_udp")); /* of those that never happened none */
	top_rig_close(rig);
}

static void model_one_sample_has_no_rates(void)
{
	struct top_rig *rig = top_rig_open();
	json_t *json;

	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[0], &rig->sample[0]);
	CU_ASSERT_EQUAL(rig->model.total[HZ_SERVER_SERVED].per_s, HZ_TOP_UNKNOWN);
	CU_ASSERT_EQUAL(rig->model.worker[0].busy_permille, HZ_TOP_UNKNOWN);
	CU_ASSERT_EQUAL(rig->model.stage[HZ_STAGE_TOTAL].count, 10000); /* since the start */
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 24, 80), "served               -"));
	json = hz_top_json_make(&rig->model, NULL);
	CU_ASSERT(json_is_null(
		json_object_get(json_array_get(json_object_get(json, "totals"), 1), "per_s")));
	json_decref(json);
	top_rig_close(rig);
}

static void model_maps_made_anew_give_no_negative_rates(void)
{
	struct top_rig *rig = top_rig_open();

	rig->sample[1].workers.worker[0].requests = 1u << 30;
	rig->sample[1].verdicts.steer = 1u << 30;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT_EQUAL(rig->model.total[HZ_SERVER_SERVED].per_s, 0);
	CU_ASSERT_EQUAL(rig->model.verdict[HZ_REASON_steer].per_s, 0);
	top_rig_close(rig);
}

static void model_slot_with_another_name_starts_anew(void)
{
	struct top_rig *rig = top_rig_open();

	snprintf(rig->sample[0].route[1].name.name, HZ_ROUTE_NAME_BYTES, "other");
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT_EQUAL(rig->model.route[0].per_s, HZ_TOP_UNKNOWN);
	top_rig_close(rig);
}

static void model_old_beat_is_down_and_says_stale(void)
{
	struct top_rig *rig = top_rig_open();

	rig->sample[0].workers.beat[0].beat_ns -= HZ_NS_PER_S;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT(!rig->model.is_alive);
	CU_ASSERT_STRING_EQUAL(rig->model.state, "down");
	CU_ASSERT_STRING_EQUAL(rig->model.worker[0].state, "stale");
	CU_ASSERT_EQUAL(hz_top_model_mark(&rig->sample[0], &rig->sample[1]), HZ_TOP_MARK_DOWN);
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 24, 80), "hzd is not running"));
	top_rig_close(rig);
}

static void model_marks_tell_what_changed(void)
{
	struct top_rig *rig = top_rig_open();
	struct hz_top_sample *now = &rig->sample[0];

	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_NONE);
	now->cfg.generation = 1; /* another server's first */
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_NONE);
	now->cfg.generation = 8;
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_RELOAD);
	now->workers.worker[0].shed_permille = 1;
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_SHED);
	now->workers.worker[0].started_ns++;
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_RESTART);
	top_rig_close(rig);
}

static void model_stage_without_samples_beside_requests_is_not_measured(void)
{
	struct top_rig *rig = top_rig_open();
	const json_t *stages, *queue, *health;
	json_t *json = hz_top_json_make(&rig->model, NULL);

	stages = json_object_get(json, "stages");
	queue = json_array_get(stages, HZ_STAGE_QUEUE);
	health = json_array_get(stages, HZ_STAGE_HEALTH);
	CU_ASSERT(json_is_null(json_object_get(queue, "count")));
	CU_ASSERT(json_is_null(json_object_get(queue, "per_s")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(health, "count")), 0);
	CU_ASSERT(json_is_integer(json_object_get(health, "count")));
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 60, 80), "queue      not measured"));
	CU_ASSERT(top_rig_has(rig->text, "health                0 "));
	json_decref(json);
	rig->sample[0].stage[HZ_STAGE_TOTAL] = rig->sample[2].stage[HZ_STAGE_TOTAL];
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 60, 80), "queue                 0 "));
	top_rig_close(rig);
}

/* As unit_collector has it of /api/v1/status. */
static void server_is_told_as_the_collector_tells_it(void)
{
	struct hz_top_sample *sample = calloc(2, sizeof(*sample)), *now = &sample[1];
	struct hz_top_model *model = calloc(1, sizeof(*model));
	struct server_world *world = calloc(1, sizeof(*world));
	json_t *doc;

	CU_ASSERT_FATAL(sample != NULL && model != NULL && world != NULL);
	for (size_t row = 0; row < server_rows_count(); row++) {
		server_rows_make(row, world);
		now->time_ns = SERVER_ROWS_NOW_NS;
		now->beat_timeout_ns = world->cfg.beat_timeout_ns;
		now->has_kernel = now->has_routes = true;
		now->cfg = world->cfg;
		now->verdicts = world->verdicts;
		memcpy(now->workers.beat, world->beat, sizeof(world->beat));
		memcpy(now->workers.worker, world->worker, sizeof(world->worker));
		now->route[SERVER_ROWS_ROUTE].name = world->route;
		now->route[SERVER_ROWS_ROUTE].hist = world->route_now;
		sample[0] = *now;
		sample[0].time_ns -= SERVER_ROWS_WINDOW_NS;
		sample[0].route[SERVER_ROWS_ROUTE].hist = world->route_then;
		hz_top_model_make(model, now, &sample[0], &sample[0]);
		doc = hz_top_json_make(model, "t");
		CU_ASSERT(server_rows_check(row, doc));
		json_decref(doc);
	}
	free(world);
	free(model);
	free(sample);
}

HZ_SUITE(top_model, CASE(server_is_told_as_the_collector_tells_it),
         CASE(model_rates_are_of_the_last_second_and_percentiles_of_ten),
         CASE(model_one_sample_has_no_rates), CASE(model_maps_made_anew_give_no_negative_rates),
         CASE(model_slot_with_another_name_starts_anew),
         CASE(model_old_beat_is_down_and_says_stale), CASE(model_marks_tell_what_changed),
         CASE(model_stage_without_samples_beside_requests_is_not_measured));
