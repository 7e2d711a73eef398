/* hzctl health show: what a probe meets right now, and by whose fault.
 * hzctl health maintenance: 503 to probes, by the operator's will. */
#include "commands.h"
#include "core/clock.h"
#include "ctl_client.h"
#include "figures.h"
#include "probe_fate.h"
#include "telemetry/names.h"
#include "telemetry_view.h"
#include <errno.h>
#include <string.h>

static const char *const on_dead_names[] = { "answer503", "pass", "drop" };
static const char *const fate_names[] = { [HZ_PROBE_ANSWERED] = "answered",
	                                  [HZ_PROBE_PASSED] = "passed to the kernel",
	                                  [HZ_PROBE_DROPPED] = "dropped" };

struct look { /* at what XDP decides from */
	uint64_t time_ns;
	struct hz_cfg cfg;
	struct hz_beat beat[HZ_WORKERS_MAX];
	struct hz_verdicts verdicts;
};

static const char *word_on_off(const json_t *result, const char *key)
{
	return json_is_true(json_object_get(result, key)) ? "on" : "off";
}

/* UDP has a line of its own where it fares otherwise: a port of the kernel's is closed. */
static void fate_text(FILE *to, const json_t *result)
{
	const char *why = hz_out_string(result, "why");
	const char *tcp = hz_out_string(result, "tcp"), *udp = hz_out_string(result, "udp");
	char status[16];

	snprintf(status, sizeof(status), "get %u", (unsigned)hz_out_u64(result, "answer"));
	fprintf(to, "probes %s%s%s%s\n",
	        strcmp(tcp, fate_names[HZ_PROBE_ANSWERED]) == 0 ? status : "are ",
	        strcmp(tcp, fate_names[HZ_PROBE_ANSWERED]) == 0 ? "" : tcp,
	        strcmp(why, "-") != 0 ? ": " : "", strcmp(why, "-") != 0 ? why : "");
	if (strcmp(tcp, udp) != 0)
		fprintf(to, "UDP probes are %s\n", udp);
}

static void health_text(FILE *to, const json_t *result)
{
	char ok[HZ_FIGURES_MAX], fail[HZ_FIGURES_MAX], missing[HZ_FIGURES_MAX];

	hz_figures_count(hz_out_u64(result, "answered_200"), ok);
	hz_figures_count(hz_out_u64(result, "answered_503"), fail);
	hz_figures_count(hz_out_u64(result, "answered_404"), missing);
	fate_text(to, result);
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

/* The time first: whoever is held up in between finds beats newer than that, not old ones. */
static int look_take(const struct hz_telemetry_view *view, struct look *out, struct hz_err *err)
{
	int status = hz_xdp_cfg_read(&view->maps, &out->cfg);

	out->time_ns = hz_clock_monotonic_ns();
	if (status == 0)
		status = hz_xdp_beats_read(&view->maps, out->beat);
	if (status == 0)
		status = hz_xdp_verdicts_read(&view->maps, &out->verdicts);
	if (status != 0)
		return hz_err_set(err, status, 1, "map", "hzctl doctor", "cannot read the maps: %s",
		                  strerror(-status));
	return 0;
}

static json_t *health_json(const struct look *look)
{
	const struct hz_cfg *cfg = &look->cfg;
	const struct hz_verdicts *verdicts = &look->verdicts;
	struct hz_probe_fate fate;

	hz_probe_fate_find(cfg, look->beat, look->time_ns, &fate);
	return json_pack(
		"{s:o, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:b, s:b, "
		"s:b}",
		"answer", fate.tcp == HZ_PROBE_ANSWERED ? json_integer(fate.status) : json_null(),
		"tcp", fate_names[fate.tcp], "udp", fate_names[fate.udp], "why",
		fate.why[0] == '\0' ? json_null() : json_string(fate.why), "state",
		hz_names_state(cfg->state), "answered_200", (json_int_t)verdicts->health_200,
		"answered_503", (json_int_t)verdicts->health_503, "answered_404",
		(json_int_t)verdicts->health_404, "answered_udp", (json_int_t)verdicts->health_udp,
		"answered_ping", (json_int_t)verdicts->icmp_echo, "dropped_ping",
		(json_int_t)verdicts->drop_echo_rate, "beat_timeout_ms",
		(json_int_t)(cfg->beat_timeout_ns / HZ_NS_PER_MS), "on_dead",
		cfg->on_dead < HZ_ARRAY_LEN(on_dead_names) ? on_dead_names[cfg->on_dead] : "?",
		"maintenance", cfg->maintenance != 0, "in_kernel", cfg->health_off == 0,
		"keep_alive", cfg->keep_alive != 0, "icmp_echo", cfg->icmp_echo != 0);
}

int hz_cmd_health_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_telemetry_view view;
	struct look look = { 0 };
	int status;

	status = hz_words_end(words, err);
	if (status == 0)
		status = hz_telemetry_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	status = hz_telemetry_view_kernel_plane(&view, "answers probes", err);
	if (status == 0)
		status = look_take(&view, &look, err);
	hz_telemetry_view_close(&view);
	if (status != 0)
		return status;
	return hz_out_result(&opts->out, health_json(&look), health_text, err);
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
