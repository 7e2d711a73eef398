/* hzctl status: one screen. hzd's own answer, with latency and rates from the maps; when hzd does not answer,
 * what the maps still say. Exit 0 when it serves, 1 when it runs but is not ready, 3 when it does not run, 6
 * when it does not answer in time. */
#include "commands.h"
#include "core/clock.h"
#include "ctl_client.h"
#include "figures.h"
#include "latency_json.h"
#include "shed_figures.h"
#include "status_text.h"
#include "telemetry/server_view.h"
#include "telemetry/stream_lost.h"
#include "worker_json.h"
#include "xdp_json.h"
#include <errno.h>
#include <string.h>

/* Probes answered in the kernel; false where there is none to answer. */
static bool health_read(const struct hz_telemetry_view *view, uint64_t *answers)
{
	struct hz_verdicts verdicts;

	if (view->is_shared || hz_xdp_verdicts_read(&view->maps, &verdicts) != 0)
		return false;
	*answers = hz_server_view_probes(&verdicts);
	return true;
}

/* Records that the stream lost for good; null: none is made here, or it cannot be read. */
static json_t *lost_json(const struct hz_telemetry_view *view)
{
	struct hz_stream_stats stats;

	if (view->is_shared || hz_xdp_stream_stats_read(&view->maps, &stats) != 0)
		return json_null();
	return json_integer((json_int_t)hz_stream_lost_sum(&stats));
}

/* total and health as the latency command has them, and the rate of requests. */
static void figures_add(json_t *result, const struct hz_telemetry_view *view)
{
	static const struct {
		const char *key;
		enum hz_stage stage;
	} stages[] = { { "total", HZ_STAGE_TOTAL }, { "health", HZ_STAGE_HEALTH } };
	struct hz_shed_figures shed;
	struct hz_err ignored;
	struct hz_hist hist;
	uint64_t answers;

	for (size_t i = 0; i < HZ_ARRAY_LEN(stages); i++)
		if (hz_telemetry_view_hist(view, stages[i].stage, -1, &hist, &ignored) == 0)
			json_object_set_new(result, stages[i].key,
			                    hz_latency_json_make(stages[i].key, &hist, false));
	if (health_read(view, &answers))
		json_object_set_new(result, "health_answers", json_integer((json_int_t)answers));
	json_object_set_new(result, "events_lost", lost_json(view));
	if (hz_shed_figures_read(view, &shed) != 0)
		return;
	json_object_set_new(result, "shed_permille", json_integer((json_int_t)shed.level_permille));
	json_object_set_new(result, "shed_refused",
	                    json_integer((json_int_t)hz_shed_figures_refused(&shed)));
}

static uint64_t sum_of(const json_t *workers, const char *key)
{
	const json_t *worker;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach (workers, i, worker)
		sum += hz_out_u64(worker, key);
	return sum;
}

/* Nothing when the counters were made anew meanwhile. */
static void per_s_add(json_t *result, const char *key, uint64_t before, uint64_t now,
                      uint64_t began_ns)
{
	uint64_t passed_ns = hz_clock_monotonic_ns() - began_ns;

	if (now >= before && passed_ns > 0)
		json_object_set_new(
			result, key,
			json_integer((json_int_t)((now - before) * HZ_NS_PER_S / passed_ns)));
}

static void rate_add(json_t *result, const struct hz_telemetry_view *view)
{
	uint64_t began_ns = hz_clock_monotonic_ns(), before = 0, now = 0;
	bool has_health = health_read(view, &before);
	struct hz_shed_figures shed_before, shed;
	bool has_shed = hz_shed_figures_read(view, &shed_before) == 0;
	struct hz_err ignored;
	json_t *workers = NULL;

	if (hz_worker_json_sample(view, -1, &workers, &ignored) != 0)
		return;
	json_object_set_new(result, "requests_per_s",
	                    json_integer((json_int_t)sum_of(workers, "requests_per_s")));
	json_object_set_new(result, "errors_per_s",
	                    json_integer((json_int_t)sum_of(workers, "errors_per_s")));
	if (has_health && health_read(view, &now))
		per_s_add(result, "health_per_s", before, now, began_ns);
	if (has_shed && hz_shed_figures_read(view, &shed) == 0)
		per_s_add(result, "shed_per_s", hz_shed_figures_refused(&shed_before),
		          hz_shed_figures_refused(&shed), began_ns);
	json_decref(workers);
}

/* hzd knows its interfaces; which program sits there now is the pins' to say. */
static void programs_add(const struct hz_opts *opts, const json_t *interfaces)
{
	json_t *pinned = NULL, *interface;
	struct hz_err ignored = { 0 };
	const json_t *pin;
	size_t i, k;

	if (hz_xdp_json_interfaces(opts->instance, NULL, &pinned, &ignored) != 0)
		return;
	json_array_foreach (interfaces, i, interface) {
		json_array_foreach (pinned, k, pin) {
			if (strcmp(hz_out_string(pin, "ifname"),
			           hz_out_string(interface, "ifname")) == 0)
				json_object_set(interface, "program_id",
				                json_object_get(pin, "program_id"));
		}
	}
	json_decref(pinned);
}

static int status_up(const struct hz_opts *opts, json_t *result, struct hz_err *err)
{
	bool is_ready = strcmp(hz_out_string(result, "state"), "ready") == 0;
	struct hz_telemetry_view view;
	struct hz_err ignored = { 0 };
	int status;

	programs_add(opts, json_object_get(result, "interfaces"));
	/* Latency is an extra here: the maps may be closed to this user. */
	if (hz_telemetry_view_open(opts->instance, &view, &ignored) == 0) {
		figures_add(result, &view);
		rate_add(result, &view);
		hz_telemetry_view_close(&view);
	}
	status = hz_out_result(&opts->out, result, hz_status_text, err);
	if (status != 0)
		return status;
	return is_ready ? 0 : 1;
}

/* The keys of hzd's answer, as far as the maps know them. */
static json_t *down_json(const struct hz_opts *opts, const char *state)
{
	json_t *result = json_pack("{s:s, s:[], s:[]}", "state", state, "interfaces", "workers");
	json_t *interfaces = NULL, *workers = NULL;
	struct hz_telemetry_view view;
	struct hz_err ignored = { 0 };

	if (hz_xdp_json_interfaces(opts->instance, NULL, &interfaces, &ignored) == 0)
		json_object_set_new(result, "interfaces", interfaces);
	if (hz_telemetry_view_open(opts->instance, &view, &ignored) != 0)
		return result;
	figures_add(result, &view);
	if (hz_worker_json_sample(&view, -1, &workers, &ignored) == 0) {
		json_object_set_new(result, "requests",
		                    json_integer((json_int_t)sum_of(workers, "requests")));
		json_object_set_new(result, "errors",
		                    json_integer((json_int_t)sum_of(workers, "errors")));
		json_object_set_new(result, "workers", workers);
	}
	hz_telemetry_view_close(&view);
	return result;
}

static int status_down(const struct hz_opts *opts, struct hz_err *err)
{
	int exit_code = err->exit_code;
	json_t *result = down_json(opts, exit_code == 6 ? "not_answering" : "down");
	struct hz_err write_err = { 0 };

	if (opts->out.is_json)
		json_object_set_new(result, "error",
		                    json_pack("{s:s, s:s, s:s, s:s}", "code", err->code, "message",
		                              err->what, "why", err->why, "hint", err->hint));
	else
		hz_out_error(&opts->out, err, NULL);
	if (hz_out_result(&opts->out, result, hz_status_text, &write_err) != 0)
		return 1;
	return exit_code;
}

int hz_cmd_status(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	json_t *result = NULL;
	int status;

	status = hz_words_end(words, err);
	if (status != 0)
		return status;
	status = hz_ctl_client_call(opts->instance, "status", &result, err);
	if (status == 0)
		return status_up(opts, result, err);
	return err->exit_code == 3 || err->exit_code == 6 ? status_down(opts, err) : status;
}
