/* hzctl health show: what a probe would be told right now, and by whose fault. The rule is XDP's
 * (bpf/beats.h): 200 only while the daemon is ready and every worker's beat is fresh and ready.
 * hzctl health maintenance: 503 to probes, by the operator's will. */
#include "commands.h"
#include "core/clock.h"
#include "ctl_client.h"
#include "figures.h"
#include "telemetry_view.h"
#include <errno.h>
#include <string.h>

static const char *const state_names[] = HZ_STATE_NAMES;
static const char *const on_dead_names[] = { "answer503", "pass", "drop" };

#define NAME_OF(names, index) ((index) < HZ_ARRAY_LEN(names) ? (names)[index] : "unknown")

/* "" when a probe gets 200, else why not. */
static void verdict_find(const struct hz_cfg *cfg, const struct hz_beat *beats, char *why,
                         size_t bytes)
{
	uint64_t now_ns = hz_clock_monotonic_ns();

	why[0] = '\0';
	if (cfg->workers == 0)
		snprintf(why, bytes, "no server ever started");
	else if (cfg->state == HZ_STATE_MAINTENANCE)
		snprintf(why, bytes, "the server is in maintenance");
	else if (cfg->state != HZ_STATE_READY)
		snprintf(why, bytes, "the server is %s", NAME_OF(state_names, cfg->state));
	for (uint32_t i = 0; i < cfg->workers && i < HZ_WORKERS_MAX; i++) {
		uint64_t age_ns = now_ns > beats[i].beat_ns ? now_ns - beats[i].beat_ns : 0;

		if (age_ns > cfg->beat_timeout_ns) {
			snprintf(why, bytes, "worker %u has not moved for %llu ms", i,
			         (unsigned long long)(age_ns / HZ_NS_PER_MS));
			return;
		}
		if (why[0] == '\0' && beats[i].state != HZ_STATE_READY)
			snprintf(why, bytes, "worker %u is %s", i,
			         NAME_OF(state_names, beats[i].state));
	}
}

static const char *word_on_off(const json_t *result, const char *key)
{
	return json_is_true(json_object_get(result, key)) ? "on" : "off";
}

static void health_text(FILE *to, const json_t *result)
{
	char ok[HZ_FIGURES_MAX], fail[HZ_FIGURES_MAX], missing[HZ_FIGURES_MAX];
	const char *why = hz_out_string(result, "why");

	hz_figures_count(hz_out_u64(result, "answered_200"), ok);
	hz_figures_count(hz_out_u64(result, "answered_503"), fail);
	hz_figures_count(hz_out_u64(result, "answered_404"), missing);
	fprintf(to, "probes get %llu%s%s\n", (unsigned long long)hz_out_u64(result, "answer"),
	        strcmp(why, "-") != 0 ? ": " : "", strcmp(why, "-") != 0 ? why : "");
	if (!json_is_true(json_object_get(result, "in_kernel")))
		fputs("but not in the kernel: health/in_kernel is off\n", to);
	fprintf(to, "answered in the kernel: 200 %s   503 %s   404 %s\n", ok, fail, missing);
	hz_figures_count(hz_out_u64(result, "answered_udp"), ok);
	hz_figures_count(hz_out_u64(result, "answered_ping"), fail);
	hz_figures_count(hz_out_u64(result, "dropped_ping"), missing);
	fprintf(to, "                        udp %s   ping %s (too many: %s)\n", ok, fail, missing);
	fprintf(to, "maintenance %s   keep-alive %s   ping %s\n",
	        word_on_off(result, "maintenance"), word_on_off(result, "keep_alive"),
	        word_on_off(result, "icmp_echo"));
	fprintf(to, "a beat older than %llu ms counts as dead; traffic then: %s\n",
	        (unsigned long long)hz_out_u64(result, "beat_timeout_ms"),
	        hz_out_string(result, "on_dead"));
}

static int maps_read(const struct hz_telemetry_view *view, struct hz_cfg *cfg,
                     struct hz_beat beats[HZ_WORKERS_MAX], struct hz_verdicts *verdicts,
                     struct hz_err *err)
{
	int status = hz_xdp_cfg_read(&view->maps, cfg);

	if (status == 0)
		status = hz_xdp_beats_read(&view->maps, beats);
	if (status == 0)
		status = hz_xdp_verdicts_read(&view->maps, verdicts);
	if (status != 0)
		return hz_err_set(err, status, 1, "map", "hzctl doctor", "cannot read the maps: %s",
		                  strerror(-status));
	return 0;
}

static json_t *health_json(const struct hz_cfg *cfg, const struct hz_verdicts *verdicts,
                           const char *why)
{
	return json_pack(
		"{s:i, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:b, s:b, s:b}",
		"answer", why[0] == '\0' ? 200 : 503, "why",
		why[0] == '\0' ? json_null() : json_string(why), "state",
		NAME_OF(state_names, cfg->state), "answered_200", (json_int_t)verdicts->health_200,
		"answered_503", (json_int_t)verdicts->health_503, "answered_404",
		(json_int_t)verdicts->health_404, "answered_udp", (json_int_t)verdicts->health_udp,
		"answered_ping", (json_int_t)verdicts->icmp_echo, "dropped_ping",
		(json_int_t)verdicts->drop_echo_rate, "beat_timeout_ms",
		(json_int_t)(cfg->beat_timeout_ns / HZ_NS_PER_MS), "on_dead",
		NAME_OF(on_dead_names, cfg->on_dead), "maintenance", cfg->maintenance != 0,
		"in_kernel", cfg->health_off == 0, "keep_alive", cfg->keep_alive != 0, "icmp_echo",
		cfg->icmp_echo != 0);
}

int hz_cmd_health_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_beat beats[HZ_WORKERS_MAX] = { 0 };
	struct hz_verdicts verdicts = { 0 };
	struct hz_telemetry_view view;
	struct hz_cfg cfg = { 0 };
	char why[96];
	int status;

	status = hz_words_end(words, err);
	if (status == 0)
		status = hz_telemetry_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	status = hz_telemetry_view_kernel_plane(&view, "answers probes", err);
	if (status == 0)
		status = maps_read(&view, &cfg, beats, &verdicts, err);
	if (status == 0)
		verdict_find(&cfg, beats, why, sizeof(why));
	hz_telemetry_view_close(&view);
	if (status != 0)
		return status;
	return hz_out_result(&opts->out, health_json(&cfg, &verdicts, why), health_text, err);
}

static void maintenance_text(FILE *to, const json_t *result)
{
	fputs(json_is_true(json_object_get(result, "maintenance"))
	              ? "maintenance on: probes get 503, traffic goes on\n"
	              : "maintenance off\n",
	      to);
}

/* Without hzd: the setting lies in a pinned map, where the next hzd finds it. */
static int maintenance_leave(const struct hz_opts *opts, bool is_on, json_t **result,
                             struct hz_err *err)
{
	struct hz_err before = *err;
	int status = hz_xdp_maintenance_write(opts->instance, is_on);

	if (status == -ENOENT) {
		*err = before; /* nothing is attached either */
		return -ENOENT;
	}
	if (status == -EACCES || status == -EPERM)
		return hz_err_set(err, status, 4, "not_permitted", "sudo",
		                  "hzd is not running, and the pinned settings may not be written");
	if (status != 0)
		return hz_err_set(err, status, 1, "map", "hzctl doctor",
		                  "cannot write the maps: %s", strerror(-status));
	fputs("hzctl: hzd is not running; the next one finds it so\n", stderr);
	*result = json_pack("{s:b}", "maintenance", is_on);
	return 0;
}

int hz_cmd_health_maintenance(const struct hz_opts *opts, struct hz_words *words,
                              struct hz_err *err)
{
	static const char *const choice[] = { "off", "on" };
	json_t *request, *result = NULL;
	uint32_t is_on = 0;
	int status =
		hz_words_choice(words, "maintenance", choice, HZ_ARRAY_LEN(choice), &is_on, err);

	if (status == 0)
		status = hz_words_end(words, err);
	if (status != 0)
		return status;
	request = json_pack("{s:s, s:b}", "cmd", "maintenance", "on", (int)is_on);
	status = hz_ctl_client_ask(opts->instance, request, &result, err);
	json_decref(request);
	if (status != 0 && err->exit_code == 3)
		status = maintenance_leave(opts, is_on != 0, &result, err);
	return status == 0 ? hz_out_result(&opts->out, result, maintenance_text, err) : status;
}
