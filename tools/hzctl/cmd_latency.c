/* hzctl latency show: percentiles of every stage, or the histogram of one, or of a route. */
#include "commands.h"
#include "config/route_name.h"
#include "core/span_ops.h"
#include "figures.h"
#include "latency_json.h"
#include "route_view.h"
#include "telemetry_view.h"
#include <errno.h>
#include <string.h>
#include <time.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

struct query {
	uint32_t first_stage, last_stage;
	bool is_one_stage;
	const char *route; /* NULL: no route in particular */
	int worker;        /* -1: all */
	uint64_t last_s;
};

static int query_parse(struct hz_words *words, struct query *query, struct hz_err *err)
{
	uint64_t number;
	int status = 0;

	*query = (struct query){ .last_stage = HZ_STAGE_COUNT - 1, .worker = -1 };
	while (status == 0 && hz_words_peek(words) != NULL) {
		if (hz_words_take(words, "stage")) {
			status = hz_words_choice(words, "stage", stage_names, HZ_STAGE_COUNT,
			                         &query->first_stage, err);
			query->last_stage = query->first_stage;
			query->is_one_stage = true;
		} else if (hz_words_take(words, "route")) {
			status = hz_words_value(words, "route", &query->route, err);
		} else if (hz_words_take(words, "worker")) {
			status = hz_words_number(words, "worker", 0, HZ_WORKERS_MAX - 1, &number,
			                         err);
			if (status == 0)
				query->worker = (int)number;
		} else if (hz_words_take(words, "last")) {
			status = hz_words_number(words, "last", 1, 3600, &query->last_s, err);
		} else {
			status = hz_words_unknown(words, "stage route worker last", err);
		}
	}
	if (status == 0 && query->route != NULL && query->is_one_stage)
		status = hz_err_set(
			err, -EINVAL, 2, "usage", "hzctl latency show route NAME",
			"a route has its total only: stage and route do not go together");
	return status;
}

_Static_assert(HZ_STAGE_TOTAL == 0, "the first one is always read");

/* With total always: beside no request a stage without samples means nothing. */
static bool is_read(const struct query *query, uint32_t stage)
{
	return stage == HZ_STAGE_TOTAL ||
	       (stage >= query->first_stage && stage <= query->last_stage);
}

static int hists_read(const struct hz_telemetry_view *view, const struct query *query,
                      struct hz_hist out[HZ_STAGE_COUNT], struct hz_err *err)
{
	int status = 0;

	for (uint32_t i = 0; i < HZ_STAGE_COUNT && status == 0; i++)
		if (is_read(query, i))
			status = hz_telemetry_view_hist(view, (enum hz_stage)i, query->worker,
			                                &out[i], err);
	return status;
}

/* The last N seconds are what comes from now on: nobody keeps the past but hz-collector. */
static int interval_read(const struct hz_telemetry_view *view, const struct query *query,
                         struct hz_hist now[HZ_STAGE_COUNT], struct hz_err *err)
{
	struct timespec wait = { .tv_sec = (time_t)query->last_s };
	struct hz_hist then[HZ_STAGE_COUNT], gained;
	int status = hists_read(view, query, then, err);

	if (status != 0)
		return status;
	nanosleep(&wait, NULL);
	status = hists_read(view, query, now, err);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT && status == 0; i++) {
		if (!is_read(query, i))
			continue;
		hz_hist_since(&gained, &now[i], &then[i]);
		now[i] = gained;
	}
	return status;
}

/* --- of a route --------------------------------------------------------------------------------------- */

/* By its name, or by the match that a route without one is called by, however long that is. */
static int route_find(const struct hz_route_view *view, const char *name, uint32_t *slot,
                      struct hz_err *err)
{
	struct hz_route_name entry;
	char wanted[HZ_SITE_NAME_MAX];
	int status;

	hz_route_name_make(hz_span_text(name), (struct hz_span){ NULL, 0 }, wanted);
	for (uint32_t i = 0; i < HZ_ROUTE_SLOTS; i++) {
		status = hz_route_view_name(view, i, &entry);
		if (status != 0)
			return hz_err_set(err, status, 1, "telemetry", "hzctl status",
			                  "cannot read route_names: %s", strerror(-status));
		if (strcmp(entry.name, wanted) == 0 && wanted[0] != '\0') {
			*slot = i;
			return 0;
		}
	}
	return hz_err_set(err, -ENOENT, 1, "no_route", "hzctl -j top",
	                  "no route '%.40s' ever answered", name);
}

static int route_read(const struct hz_route_view *routes, const struct query *query,
                      struct hz_route_hist *out, struct hz_err *err)
{
	struct timespec wait = { .tv_sec = (time_t)query->last_s };
	struct hz_route_hist then;
	uint32_t slot = 0;
	int status = route_find(routes, query->route, &slot, err);

	if (status != 0)
		return status;
	status = hz_route_view_hist(routes, slot, query->worker, &then);
	*out = then;
	if (status == 0 && query->last_s > 0) {
		nanosleep(&wait, NULL);
		status = hz_route_view_hist(routes, slot, query->worker, out);
		hz_route_hist_since(out, out, &then);
	}
	if (status != 0)
		return hz_err_set(err, status, 1, "telemetry", "hzctl status",
		                  "cannot read route_latency: %s", strerror(-status));
	return 0;
}

static json_t *query_json(const struct query *query, json_t *stages)
{
	return json_pack("{s:o, s:o, s:s?, s:o}", "last_s",
	                 query->last_s > 0 ? json_integer((json_int_t)query->last_s) : json_null(),
	                 "worker", query->worker >= 0 ? json_integer(query->worker) : json_null(),
	                 "route", query->route, "stages", stages);
}

static int route_show(const struct hz_opts *opts, const struct hz_telemetry_view *view,
                      const struct query *query, struct hz_err *err)
{
	struct hz_route_view routes;
	struct hz_route_hist hist;
	int status = hz_route_view_open(opts->instance, view->is_shared, &routes);

	if (status == -EACCES || status == -EPERM)
		return hz_err_set(err, status, 4, "not_permitted", "sudo, or join group hz",
		                  "latency by route: %s", strerror(-status));
	if (status != 0)
		return hz_err_set(err, status, 1, "no_routes", "hzctl latency",
		                  "this hzd keeps no latency by route: %s", strerror(-status));
	status = route_read(&routes, query, &hist, err);
	hz_route_view_close(&routes);
	if (status != 0)
		return status;
	return hz_out_result(&opts->out,
	                     query_json(query, json_pack("[o]", hz_latency_json_route(&hist))),
	                     hz_latency_json_text, err);
}

/* --- of stages ---------------------------------------------------------------------------------------- */

static int stages_show(const struct hz_opts *opts, const struct hz_telemetry_view *view,
                       const struct query *query, struct hz_err *err)
{
	struct hz_hist hists[HZ_STAGE_COUNT];
	json_t *stages;
	int status = query->last_s > 0 ? interval_read(view, query, hists, err)
	                               : hists_read(view, query, hists, err);

	if (status != 0)
		return status;
	stages = json_array();
	for (uint32_t i = query->first_stage; i <= query->last_stage; i++)
		json_array_append_new(stages,
		                      hz_latency_json_stage(i, &hists[i], hz_hist_count(&hists[0]),
		                                            query->is_one_stage));
	return hz_out_result(&opts->out, query_json(query, stages), hz_latency_json_text, err);
}

int hz_cmd_latency_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_telemetry_view view;
	struct query query;
	int status;

	status = query_parse(words, &query, err);
	if (status == 0)
		status = hz_telemetry_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	status = query.route != NULL ? route_show(opts, &view, &query, err)
	                             : stages_show(opts, &view, &query, err);
	hz_telemetry_view_close(&view);
	return status;
}
