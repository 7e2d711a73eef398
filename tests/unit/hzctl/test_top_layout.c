/* Figures of hzctl top from samples, and where they stand on screens of any size. */
#include "../../../tools/hzctl/top_json.h"
#include "../../../tools/hzctl/top_layout.h"
#include "core/rng.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include <stdlib.h>
#include <string.h>

struct rig {
	struct hz_top_sample sample[3]; /* now, a second ago, ten seconds ago */
	struct hz_top_model model;
	struct hz_top_heat heat;
	struct hz_top_slow_list slow;
	struct hz_top_state state;
	struct hz_top_grid grid;
	char *text;
};

static void route_set(struct hz_top_sample *sample, unsigned slot, const char *name,
                      uint64_t answers, uint64_t ns)
{
	struct hz_top_route *route = &sample->route[slot];

	snprintf(route->name.name, sizeof(route->name.name), "%s", name);
	route->hist.answers[1] = answers;
	route->hist.answers[4] = answers / 10;
	route->hist.bucket[hz_hist_bucket(ns) >> 2] = answers + answers / 10;
	route->hist.max_ns = ns;
}

/* 1000 requests a second of 8 us, on one worker, ten seconds long. */
static struct rig *rig_open(void)
{
	static const uint64_t seconds[] = { 10, 9, 0 };
	struct rig *rig = calloc(1, sizeof(*rig));

	for (unsigned i = 0; rig != NULL && i < 3; i++) {
		struct hz_top_sample *sample = &rig->sample[i];

		sample->time_ns = (100 + seconds[i]) * HZ_NS_PER_S;
		sample->beat_timeout_ns = HZ_NS_PER_S / 2;
		sample->has_kernel = sample->has_routes = true;
		sample->cfg.state = HZ_STATE_READY;
		sample->cfg.generation = 7;
		sample->workers.beat[0].state = HZ_STATE_READY;
		sample->workers.beat[0].beat_ns = sample->time_ns;
		sample->workers.worker[0].started_ns = 50 * HZ_NS_PER_S;
		sample->workers.worker[0].requests = 1000 * seconds[i];
		sample->workers.worker[0].busy_ns = seconds[i] * HZ_NS_PER_S / 4;
		sample->workers.worker[0].connections = 4096;
		sample->verdicts.steer = 2000 * seconds[i];
		for (uint64_t k = 0; k < 1000 * seconds[i]; k++)
			hz_hist_record(&sample->stage[HZ_STAGE_TOTAL], 8000);
		route_set(sample, 1, "users", 1000 * seconds[i], 8000);
		route_set(sample, 2, "orders", 5 * seconds[i], 900000);
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	rig->state = (struct hz_top_state){ .model = &rig->model,
		                            .heat = &rig->heat,
		                            .slow = &rig->slow,
		                            .instance = "t",
		                            .problem = "",
		                            .is_live = true,
		                            .is_utf8 = true };
	return rig;
}

static void rig_close(struct rig *rig)
{
	hz_top_grid_close(&rig->grid);
	free(rig->text);
	free(rig);
}

static const char *screen(struct rig *rig, unsigned rows, unsigned cols)
{
	size_t len = 0;
	FILE *to;

	hz_top_grid_close(&rig->grid);
	free(rig->text);
	CU_ASSERT_FATAL(hz_top_grid_open(rows, cols, &rig->grid) == 0);
	hz_top_layout_draw(&rig->state, &rig->grid);
	to = open_memstream(&rig->text, &len);
	hz_top_grid_plain(to, &rig->grid);
	fclose(to);
	return rig->text;
}

static bool has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fprintf(stderr, "# no '%s' in:\n%s", part, text);
	return strstr(text, part) != NULL;
}

/* --- figures ------------------------------------------------------------------------------------------- */

static void model_rates_are_of_the_last_second_and_percentiles_of_ten(void)
{
	struct rig *rig = rig_open();
	const struct hz_top_model *model = &rig->model;

	CU_ASSERT(model->is_alive && strcmp(model->state, "ready") == 0);
	CU_ASSERT_EQUAL(model->total[HZ_TOP_SERVED].per_s, 1000);
	CU_ASSERT_EQUAL(model->total[HZ_TOP_SERVED].total, 10000);
	CU_ASSERT_EQUAL(model->stage[HZ_STAGE_TOTAL].count, 10000);
	CU_ASSERT(model->stage[HZ_STAGE_TOTAL].p99_ns * 64 >= 8000 * 63 &&
	          model->stage[HZ_STAGE_TOTAL].p99_ns <= 8000);
	CU_ASSERT_EQUAL(model->worker_count, 1);
	CU_ASSERT_EQUAL(model->worker[0].busy_permille, 250);
	CU_ASSERT_EQUAL(model->uptime_s, 60);
	CU_ASSERT_EQUAL(model->route_count, 2);
	CU_ASSERT_EQUAL(model->route[0].per_s, 1100); /* with its errors */
	CU_ASSERT_EQUAL(model->route[1].latency.count, 55);
	CU_ASSERT_EQUAL(model->verdict_count, 1);
	CU_ASSERT_EQUAL(model->verdict[0].per_s, 2000);
	rig_close(rig);
}

static void model_one_sample_has_no_rates(void)
{
	struct rig *rig = rig_open();
	json_t *json;

	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[0], &rig->sample[0]);
	CU_ASSERT_EQUAL(rig->model.total[HZ_TOP_SERVED].per_s, HZ_TOP_UNKNOWN);
	CU_ASSERT_EQUAL(rig->model.worker[0].busy_permille, HZ_TOP_UNKNOWN);
	CU_ASSERT_EQUAL(rig->model.stage[HZ_STAGE_TOTAL].count, 10000); /* since the start */
	CU_ASSERT(has(screen(rig, 24, 80), "served               -"));
	json = hz_top_json_make(&rig->model, NULL);
	CU_ASSERT(json_is_null(
		json_object_get(json_array_get(json_object_get(json, "totals"), 1), "per_s")));
	json_decref(json);
	rig_close(rig);
}

static void model_maps_made_anew_give_no_negative_rates(void)
{
	struct rig *rig = rig_open();

	rig->sample[1].workers.worker[0].requests = 1u << 30;
	rig->sample[1].verdicts.steer = 1u << 30;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT_EQUAL(rig->model.total[HZ_TOP_SERVED].per_s, 0);
	CU_ASSERT_EQUAL(rig->model.verdict[0].per_s, 0);
	rig_close(rig);
}

static void model_slot_with_another_name_starts_anew(void)
{
	struct rig *rig = rig_open();

	snprintf(rig->sample[0].route[1].name.name, HZ_ROUTE_NAME_BYTES, "other");
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT_EQUAL(rig->model.route[0].per_s, HZ_TOP_UNKNOWN);
	rig_close(rig);
}

static void model_old_beat_is_down_and_says_stale(void)
{
	struct rig *rig = rig_open();

	rig->sample[0].workers.beat[0].beat_ns -= HZ_NS_PER_S;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT(!rig->model.is_alive);
	CU_ASSERT_STRING_EQUAL(rig->model.state, "down");
	CU_ASSERT_STRING_EQUAL(rig->model.worker[0].state, "stale");
	CU_ASSERT_EQUAL(hz_top_model_mark(&rig->sample[0], &rig->sample[1]), HZ_TOP_MARK_DOWN);
	CU_ASSERT(has(screen(rig, 24, 80), "hzd is not running"));
	rig_close(rig);
}

static void model_marks_tell_what_changed(void)
{
	struct rig *rig = rig_open();
	struct hz_top_sample *now = &rig->sample[0];

	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_NONE);
	now->cfg.generation++;
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_RELOAD);
	now->workers.worker[0].shed_permille = 1;
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_SHED);
	now->workers.worker[0].started_ns++;
	CU_ASSERT_EQUAL(hz_top_model_mark(now, &rig->sample[1]), HZ_TOP_MARK_RESTART);
	rig_close(rig);
}

/* --- heat ---------------------------------------------------------------------------------------------- */

static void heat_rows_are_ascending_and_hold_their_values(void)
{
	unsigned wrong = 0;

	for (unsigned row = 0; row < HZ_TOP_HEAT_ROWS; row++) {
		wrong += hz_top_heat_row(hz_top_heat_low_ns(row)) != row;
		wrong += row > 0 && hz_top_heat_row(hz_top_heat_low_ns(row) - 1) != row - 1;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(hz_top_heat_low_ns(0), 256);
	CU_ASSERT_EQUAL(hz_top_heat_row(0), 0);
	CU_ASSERT_EQUAL(hz_top_heat_row(UINT64_MAX), HZ_TOP_HEAT_ROWS - 1);
}

static void heat_column_holds_every_sample_once(void)
{
	struct hz_top_heat *heat = calloc(1, sizeof(*heat));
	struct hz_hist hist = { 0 };
	uint64_t sum = 0;
	unsigned first, last;
	struct hz_rng rng;

	hz_rng_seed(&rng, 3);
	for (unsigned i = 0; i < 5000; i++)
		hz_hist_record(&hist, hz_rng_below(&rng, 1ull << (8 + i % 30)));
	CU_ASSERT(!hz_top_heat_range(heat, &first, &last));
	hz_top_heat_add(heat, &hist, HZ_TOP_MARK_RELOAD);
	hz_top_heat_add(heat, NULL, HZ_TOP_MARK_NONE);
	for (unsigned row = 0; row < HZ_TOP_HEAT_ROWS; row++)
		sum += hz_top_heat_at(heat, 1)->count[row];
	CU_ASSERT_EQUAL(sum, 5000);
	CU_ASSERT(hz_top_heat_at(heat, 1)->is_known && !hz_top_heat_at(heat, 0)->is_known);
	CU_ASSERT(hz_top_heat_range(heat, &first, &last) && first == 0 && last > 80);
	for (unsigned i = 0; i < HZ_TOP_HEAT_COLUMNS; i++)
		hz_top_heat_add(heat, NULL, HZ_TOP_MARK_NONE);
	CU_ASSERT(!hz_top_heat_range(heat, &first, &last)); /* two minutes are over */
	free(heat);
}

/* The newest second is the column at the right end, and its latency at the right height. */
static void heat_cell_stands_where_time_and_latency_say(void)
{
	struct rig *rig = rig_open();
	struct hz_hist slow = { 0 }, fast = { 0 };
	unsigned top = 0, bottom = 0, right = 0;

	hz_hist_record(&fast, 1000);
	hz_hist_record(&slow, 1000000);
	for (unsigned i = 0; i < HZ_TOP_HEAT_COLUMNS; i++)
		hz_top_heat_add(&rig->heat, i + 1 < HZ_TOP_HEAT_COLUMNS ? &fast : &slow,
		                HZ_TOP_MARK_NONE);
	rig->state.view = HZ_TOP_VIEW_LATENCY;
	rig->state.is_utf8 = false; /* one row per cell, by its background */
	(void)screen(rig, 33, 140);
	for (unsigned row = 2; row < 22; row++) {
		for (unsigned col = 9; col < 129; col++) {
			if (rig->grid.cell[row * 140 + col].style.bg == HZ_TOP_COLOUR_NONE)
				continue;
			if (col == 128) {
				top = row;
				right++;
			} else {
				bottom = row;
			}
		}
	}
	CU_ASSERT_EQUAL(right, 1); /* one cell of that second */
	/* 41 rows from 1 us to 1 ms, three in a line of 20: the range begins at 256 ns */
	CU_ASSERT_EQUAL(top, 2 + 19 - hz_top_heat_row(1000000) / 3);
	CU_ASSERT_EQUAL(bottom, 2 + 19 - hz_top_heat_row(1000) / 3);
	rig_close(rig);
}

/* --- screens ------------------------------------------------------------------------------------------- */

static void layout_80x24_has_all_of_the_overview(void)
{
	struct rig *rig = rig_open();
	const char *text = screen(rig, 24, 80);

	CU_ASSERT(has(text, "hz t  ready  up 1 min  generation 7  conns 4096"));
	CU_ASSERT(has(text, "served           1 000            10 000    8.0 us"));
	CU_ASSERT(has(text, "total latency, 2 min"));
	CU_ASSERT(has(text, "queue      not measured"));
	CU_ASSERT(has(text, "total            10 000"));
	CU_ASSERT(has(text, "q quit"));
	rig_close(rig);
}

static void layout_every_view_and_size_keeps_lost_events_on_the_first_line(void)
{
	static const unsigned sizes[][2] = { { 24, 80 },  { 60, 200 }, { 10, 40 }, { 5, 30 },
		                             { 400, 20 }, { 2, 18 },   { 1, 18 } };
	struct rig *rig = rig_open();
	unsigned missing = 0;

	rig->sample[0].stream.slow_lost = 12300;
	rig->sample[0].stream.state_lost = 45;
	rig->sample[0].stream.refused = 999999; /* what comes later is not lost */
	for (unsigned view = 0; view < HZ_TOP_VIEWS; view++) {
		for (size_t i = 0; i < HZ_ARRAY_LEN(sizes); i++) {
			const char *text, *end, *at;

			rig->state.view = (enum hz_top_view)view;
			text = screen(rig, sizes[i][0], sizes[i][1]);
			end = strchr(text, '\n');
			at = strstr(text, "events lost 12");
			missing += at == NULL || at > end;
		}
	}
	CU_ASSERT_EQUAL(missing, 0);
	rig_close(rig);
}

static void layout_any_size_with_anything_in_it_stays_in_its_grid(void)
{
	struct rig *rig = rig_open();
	struct hz_top_slow slow = { .total_ns = UINT64_MAX, .status = 999, .worker = 999 };
	struct hz_rng rng;
	unsigned unprintable = 0;

	memset(slow.path, 0x9b, sizeof(slow.path) - 1);
	memset(slow.route, '\033', sizeof(slow.route) - 1);
	memset(rig->sample[0].route[1].name.name, 0xe6, HZ_ROUTE_NAME_BYTES - 1);
	memset(&rig->sample[0].workers.worker[0], 0xff, sizeof(struct hz_worker));
	memset(&rig->sample[0].verdicts, 0xff, sizeof(rig->sample[0].verdicts));
	rig->sample[0].has_sources = true;
	rig->sample[0].source_count = HZ_TOP_SOURCES_MAX;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	hz_top_slow_add(&rig->slow, &slow);
	hz_rng_seed(&rng, 9);
	for (unsigned i = 0; i < 600; i++) {
		rig->state.view = (enum hz_top_view)(i % HZ_TOP_VIEWS);
		rig->state.scroll = (unsigned)hz_rng_below(&rng, 300);
		rig->state.route_sort = i;
		rig->state.source_sort = i;
		rig->state.is_reversed = i % 2 == 0;
		rig->state.is_live = i % 5 != 0;
		rig->state.is_utf8 = i % 3 != 0;
		(void)screen(rig, 1 + (unsigned)hz_rng_below(&rng, i % 4 == 0 ? 8 : 70),
		             1 + (unsigned)hz_rng_below(&rng, i % 7 == 0 ? 12 : 220));
		for (size_t k = 0; k < (size_t)rig->grid.rows * rig->grid.cols; k++) {
			uint16_t code = rig->grid.cell[k].code;

			unprintable += (code < 0x20 || code > 0x7e) && code != 0x2580;
		}
	}
	CU_ASSERT_EQUAL(unprintable, 0);
	rig_close(rig);
}

static void layout_nothing_read_yet_says_why(void)
{
	struct rig *rig = rig_open();

	memset(&rig->model, 0, sizeof(rig->model));
	rig->state.problem = "nothing newer: nothing is attached";
	CU_ASSERT(has(screen(rig, 24, 80), "nothing newer: nothing is attached"));
	CU_ASSERT(has(rig->text, "events lost -"));
	rig_close(rig);
}

static void layout_routes_are_sorted_by_the_column_that_stands_out(void)
{
	struct rig *rig = rig_open();
	const char *text, *first;

	rig->state.view = HZ_TOP_VIEW_ROUTES;
	text = screen(rig, 24, 80);
	first = strstr(text, "users");
	CU_ASSERT(first != NULL && strstr(first, "orders") != NULL); /* by rate */
	rig->state.is_reversed = true;
	text = screen(rig, 24, 80);
	first = strstr(text, "orders");
	CU_ASSERT(first != NULL && strstr(first, "users") != NULL);
	rig->state.is_reversed = false;
	rig->state.route_sort = 1; /* by p99 */
	text = screen(rig, 24, 80);
	first = strstr(text, "orders");
	CU_ASSERT(first != NULL && strstr(first, "users") != NULL);
	rig_close(rig);
}

static void layout_scrolled_beyond_the_end_shows_the_last_row(void)
{
	struct rig *rig = rig_open();

	rig->state.view = HZ_TOP_VIEW_ROUTES;
	rig->state.scroll = 250;
	CU_ASSERT(has(screen(rig, 24, 80), "orders"));
	CU_ASSERT_PTR_NULL(strstr(rig->text, "users"));
	rig_close(rig);
}

static void layout_without_kernel_plane_shows_dashes_not_zeros(void)
{
	struct rig *rig = rig_open();

	for (unsigned i = 0; i < 3; i++)
		rig->sample[i].has_kernel = rig->sample[i].has_routes = false;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT_STRING_EQUAL(rig->model.state, "ready"); /* by the workers' own word */
	CU_ASSERT(has(screen(rig, 60, 80), "health               -                 -"));
	CU_ASSERT(has(rig->text, "events lost -"));
	CU_ASSERT(has(rig->text, "no XDP program here"));
	CU_ASSERT(has(rig->text, "keeps no latency by route"));
	rig_close(rig);
}

/* --- slow answers --------------------------------------------------------------------------------------- */

static void slow_list_keeps_the_slowest_in_order(void)
{
	struct hz_top_slow_list list = { 0 };
	struct hz_rng rng;
	unsigned wrong = 0;

	hz_rng_seed(&rng, 4);
	for (unsigned i = 1; i <= 1000; i++) {
		struct hz_top_slow slow = { .total_ns = (uint64_t)i * 7919 % 1009 + 1,
			                    .time_unix_ms = i };

		hz_top_slow_add(&list, &slow);
	}
	CU_ASSERT_EQUAL(list.count, HZ_TOP_SLOW_MAX);
	CU_ASSERT_EQUAL(list.slow[0].total_ns, 1009);
	for (unsigned i = 1; i < list.count; i++)
		wrong += list.slow[i].total_ns > list.slow[i - 1].total_ns;
	CU_ASSERT_EQUAL(wrong, 0);
	hz_top_slow_age(&list, 500 + HZ_TOP_SLOW_AGE_MS);
	for (unsigned i = 0; i < list.count; i++)
		wrong += list.slow[i].time_unix_ms < 500;
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(list.count < HZ_TOP_SLOW_MAX);
}

static void slow_object_of_wrong_types_is_no_record_or_an_empty_one(void)
{
	static const char *const bad[] = { "{}", "{\"kind\":\"shed\",\"total_ns\":5}",
		                           "{\"kind\":\"slow\",\"total_ns\":-5}",
		                           "{\"kind\":\"slow\",\"total_ns\":\"x\"}" };
	struct hz_top_slow slow;
	json_t *object;

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		object = json_loads(bad[i], 0, NULL);
		CU_ASSERT(!hz_top_slow_parse(object, &slow));
		json_decref(object);
	}
	object = json_loads(
		"{\"kind\":\"slow\",\"total_ns\":5,\"stages_ns\":[],\"worker\":99999999999,"
		"\"path\":7,\"route\":\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnop\"}",
		0, NULL);
	CU_ASSERT(hz_top_slow_parse(object, &slow));
	CU_ASSERT(slow.worker == 999 && strlen(slow.route) == HZ_ROUTE_NAME_BYTES - 1);
	json_decref(object);
}

HZ_SUITE(top_layout, CASE(model_rates_are_of_the_last_second_and_percentiles_of_ten),
         CASE(model_one_sample_has_no_rates), CASE(model_maps_made_anew_give_no_negative_rates),
         CASE(model_slot_with_another_name_starts_anew),
         CASE(model_old_beat_is_down_and_says_stale), CASE(model_marks_tell_what_changed),
         CASE(heat_rows_are_ascending_and_hold_their_values),
         CASE(heat_column_holds_every_sample_once),
         CASE(heat_cell_stands_where_time_and_latency_say),
         CASE(layout_80x24_has_all_of_the_overview),
         CASE(layout_every_view_and_size_keeps_lost_events_on_the_first_line),
         CASE(layout_any_size_with_anything_in_it_stays_in_its_grid),
         CASE(layout_nothing_read_yet_says_why),
         CASE(layout_routes_are_sorted_by_the_column_that_stands_out),
         CASE(layout_scrolled_beyond_the_end_shows_the_last_row),
         CASE(layout_without_kernel_plane_shows_dashes_not_zeros),
         CASE(slow_list_keeps_the_slowest_in_order),
         CASE(slow_object_of_wrong_types_is_no_record_or_an_empty_one));
