/* hzctl latency show: percentiles of every stage, or the histogram of one. */
#include "commands.h"
#include "figures.h"
#include "latency_json.h"
#include "telemetry_view.h"
#include <string.h>
#include <time.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

struct query {
	uint32_t first_stage, last_stage;
	bool is_one_stage;
	int worker; /* -1: all */
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
		} else if (hz_words_take(words, "worker")) {
			status = hz_words_number(words, "worker", 0, HZ_WORKERS_MAX - 1, &number,
			                         err);
			if (status == 0)
				query->worker = (int)number;
		} else if (hz_words_take(words, "last")) {
			status = hz_words_number(words, "last", 1, 3600, &query->last_s, err);
		} else {
			status = hz_words_unknown(words, "stage worker last", err);
		}
	}
	return status;
}

static int hists_read(const struct hz_telemetry_view *view, const struct query *query,
                      struct hz_hist out[HZ_STAGE_COUNT], struct hz_err *err)
{
	int status = 0;

	for (uint32_t i = query->first_stage; i <= query->last_stage && status == 0; i++)
		status =
			hz_telemetry_view_hist(view, (enum hz_stage)i, query->worker, &out[i], err);
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
	for (uint32_t i = query->first_stage; i <= query->last_stage && status == 0; i++) {
		hz_hist_since(&gained, &now[i], &then[i]);
		now[i] = gained;
	}
	return status;
}

int hz_cmd_latency_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_hist hists[HZ_STAGE_COUNT];
	struct hz_telemetry_view view;
	struct query query;
	json_t *result, *stages;
	int status;

	status = query_parse(words, &query, err);
	if (status == 0)
		status = hz_telemetry_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	status = query.last_s > 0 ? interval_read(&view, &query, hists, err)
	                          : hists_read(&view, &query, hists, err);
	hz_telemetry_view_close(&view);
	if (status != 0)
		return status;
	stages = json_array();
	for (uint32_t i = query.first_stage; i <= query.last_stage; i++)
		json_array_append_new(stages, hz_latency_json_make(stage_names[i], &hists[i],
		                                                   query.is_one_stage));
	result = json_pack("{s:o, s:o, s:o}", "last_s",
	                   query.last_s > 0 ? json_integer((json_int_t)query.last_s) : json_null(),
	                   "worker", query.worker >= 0 ? json_integer(query.worker) : json_null(),
	                   "stages", stages);
	return hz_out_result(&opts->out, result, hz_latency_json_text, err);
}
