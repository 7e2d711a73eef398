/* Where everything of hzctl top stands on screens of any size, and its list of slow answers. */
#include "core/rng.h"
#include "hz_test.h"
#include "telemetry/hist.h"
#include "top_rig.h"
#include <string.h>

static void layout_80x24_has_all_of_the_overview(void)
{
	struct top_rig *rig = top_rig_open();
	const char *text = top_rig_screen(rig, 24, 80);

	CU_ASSERT(top_rig_has(text, "hz t  ready  up 1 min  generation 7  conns 4096"));
	CU_ASSERT(top_rig_has(text, "served           1 000            10 000    8.0 us"));
	CU_ASSERT(top_rig_has(text, "total latency, 2 min"));
	CU_ASSERT(top_rig_has(text, "queue      not measured"));
	CU_ASSERT(top_rig_has(text, "total            10 000"));
	CU_ASSERT(top_rig_has(text, "q quit"));
	top_rig_close(rig);
}

static void layout_every_view_and_size_keeps_lost_events_on_the_first_line(void)
{
	static const unsigned sizes[][2] = { { 24, 80 },  { 60, 200 }, { 10, 40 }, { 5, 30 },
		                             { 400, 20 }, { 2, 18 },   { 1, 18 } };
	struct top_rig *rig = top_rig_open();
	unsigned missing = 0;

	rig->sample[0].stream.slow_lost = 12300;
	rig->sample[0].stream.state_lost = 45;
	rig->sample[0].stream.refused = 999999; /* what comes later is not lost */
	for (unsigned view = 0; view < HZ_TOP_VIEWS; view++) {
		for (size_t i = 0; i < HZ_ARRAY_LEN(sizes); i++) {
			const char *text, *end, *at;

			rig->state.view = (enum hz_top_view)view;
			text = top_rig_screen(rig, sizes[i][0], sizes[i][1]);
			end = strchr(text, '\n');
			at = strstr(text, "events lost 12");
			missing += at == NULL || at > end;
		}
	}
	CU_ASSERT_EQUAL(missing, 0);
	top_rig_close(rig);
}

static void layout_any_size_with_anything_in_it_stays_in_its_grid(void)
{
	struct top_rig *rig = top_rig_open();
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
		(void)top_rig_screen(rig, 1 + (unsigned)hz_rng_below(&rng, i % 4 == 0 ? 8 : 70),
		                     1 + (unsigned)hz_rng_below(&rng, i % 7 == 0 ? 12 : 220));
		for (size_t k = 0; k < (size_t)rig->grid.rows * rig->grid.cols; k++) {
			uint16_t code = rig->grid.cell[k].code;

			unprintable += (code < 0x20 || code > 0x7e) && code != 0x2580;
		}
	}
	CU_ASSERT_EQUAL(unprintable, 0);
	top_rig_close(rig);
}

static void layout_nothing_read_yet_says_why(void)
{
	struct top_rig *rig = top_rig_open();

	memset(&rig->model, 0, sizeof(rig->model));
	rig->state.problem = "nothing newer: nothing is attached";
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 24, 80), "nothing newer: nothing is attached"));
	CU_ASSERT(top_rig_has(rig->text, "events lost -"));
	top_rig_close(rig);
}

static void layout_routes_are_sorted_by_the_column_that_stands_out(void)
{
	struct top_rig *rig = top_rig_open();
	const char *text, *first;

	rig->state.view = HZ_TOP_VIEW_ROUTES;
	text = top_rig_screen(rig, 24, 80);
	first = strstr(text, "users");
	CU_ASSERT(first != NULL && strstr(first, "orders") != NULL); /* by rate */
	rig->state.is_reversed = true;
	text = top_rig_screen(rig, 24, 80);
	first = strstr(text, "orders");
	CU_ASSERT(first != NULL && strstr(first, "users") != NULL);
	rig->state.is_reversed = false;
	rig->state.route_sort = 1; /* by p99 */
	text = top_rig_screen(rig, 24, 80);
	first = strstr(text, "orders");
	CU_ASSERT(first != NULL && strstr(first, "users") != NULL);
	top_rig_close(rig);
}

static void layout_scrolled_beyond_the_end_shows_the_last_row(void)
{
	struct top_rig *rig = top_rig_open();

	rig->state.view = HZ_TOP_VIEW_ROUTES;
	rig->state.scroll = 250;
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 24, 80), "orders"));
	CU_ASSERT_PTR_NULL(strstr(rig->text, "users"));
	top_rig_close(rig);
}

static void layout_without_kernel_plane_shows_dashes_not_zeros(void)
{
	struct top_rig *rig = top_rig_open();

	for (unsigned i = 0; i < 3; i++)
		rig->sample[i].has_kernel = rig->sample[i].has_routes = false;
	hz_top_model_make(&rig->model, &rig->sample[0], &rig->sample[1], &rig->sample[2]);
	CU_ASSERT_STRING_EQUAL(rig->model.state, "ready"); /* by the workers' own word */
	CU_ASSERT(top_rig_has(top_rig_screen(rig, 60, 80),
	                      "health               -                 -"));
	CU_ASSERT(top_rig_has(rig->text, "events lost -"));
	CU_ASSERT(top_rig_has(rig->text, "no XDP program here"));
	CU_ASSERT(top_rig_has(rig->text, "keeps no latency by route"));
	top_rig_close(rig);
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

HZ_SUITE(top_layout, CASE(layout_80x24_has_all_of_the_overview),
         CASE(layout_every_view_and_size_keeps_lost_events_on_the_first_line),
         CASE(layout_any_size_with_anything_in_it_stays_in_its_grid),
         CASE(layout_nothing_read_yet_says_why),
         CASE(layout_routes_are_sorted_by_the_column_that_stands_out),
         CASE(layout_scrolled_beyond_the_end_shows_the_last_row),
         CASE(layout_without_kernel_plane_shows_dashes_not_zeros),
         CASE(slow_list_keeps_the_slowest_in_order),
         CASE(slow_object_of_wrong_types_is_no_record_or_an_empty_one));
