/* The commands of the control socket: one JSON object in, one out. Keys may only grow. */
#include "core/endpoint.h"
#include "server/server_priv.h"
#include "telemetry/names.h"
#include "telemetry/server_view.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const io_names[] = { "af_xdp", "ring", "socket", "memif", "eal" };

/* Messages quote requests and files, and are cut to length: what is not UTF-8 then becomes '?', as JSON
 * could not carry it and the asker would get no answer at all. */
static json_t *text_json(const char *text)
{
	json_t *string = json_string(text);
	char plain[sizeof(((struct hz_err *)0)->why)];
	size_t len;

	if (string != NULL)
		return string;
	len = strnlen(text, sizeof(plain) - 1);
	for (size_t i = 0; i < len; i++)
		plain[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	return json_stringn(plain, len);
}

/* Errors of functions that a start calls as well have hzd's exit codes, whose 3 to 7 mean something else to hzctl. */
static int exit_of(const struct hz_err *err)
{
	static const struct {
		const char *code;
		int exit;
	} own[] = { { "not_permitted", 4 }, { "timeout", 6 } };

	for (size_t i = 0; i < HZ_ARRAY_LEN(own); i++)
		if (err->exit_code == own[i].exit && strcmp(err->code, own[i].code) == 0)
			return err->exit_code;
	return err->exit_code == 2 ? 2 : 1;
}

json_t *hz_control_cmd_error(const struct hz_err *err)
{
	return json_pack("{s:b, s:{s:s, s:o, s:o, s:o, s:i}}", "ok", 0, "error", "code", err->code,
	                 "message", text_json(err->what), "why", text_json(err->why), "hint",
	                 text_json(err->hint), "exit", exit_of(err));
}

json_t *hz_control_cmd_ok(json_t *result)
{
	return json_pack("{s:b, s:o}", "ok", 1, "result", result);
}

/* Workers write these meanwhile. */
static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Does worker i turn no more? One that never turned has not started yet. */
static bool is_stale(const struct hz_server *server, uint32_t i, uint64_t now_ns)
{
	uint64_t beat_ns = load(&server->seats.seat[i].slot.beat->beat_ns);

	return beat_ns != 0 &&
	       hz_server_view_is_old(beat_ns, now_ns,
	                             server->conf->tune.health_beat_timeout_ms * HZ_NS_PER_MS);
}

/* "" when all is well; else why requests may find nobody. */
static void problem_find(const struct hz_server *server, uint64_t now_ns, char *out, size_t bytes)
{
	const struct hz_err *cut_off = &server->cut_off;

	out[0] = '\0';
	if (cut_off->code[0] != '\0')
		snprintf(out, bytes, "%s: %s; try: %s", cut_off->what, cut_off->why, cut_off->hint);
	for (uint32_t i = 0; i < server->seats.count && out[0] == '\0'; i++)
		if (is_stale(server, i, now_ns))
			snprintf(out, bytes, "worker %u does not turn", i);
}

static json_t *status_workers(const struct hz_server *server, uint64_t now_ns)
{
	json_t *workers = json_array();

	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_slot *slot = &server->seats.seat[i].slot;
		uint64_t beat_ns = load(&slot->beat->beat_ns);
		uint32_t state = __atomic_load_n(&slot->beat->state, __ATOMIC_RELAXED);

		json_array_append_new(
			workers,
			json_pack("{s:i, s:i, s:s, s:b, s:I, s:I, s:I}", "id", (int)i, "cpu",
		                  server->seats.conf[i].cpu, "state", hz_names_state(state),
		                  "is_stale", is_stale(server, i, now_ns), "requests",
		                  (json_int_t)load(&slot->worker->requests), "connections",
		                  (json_int_t)load(&slot->worker->connections), "beat_age_ms",
		                  (json_int_t)(now_ns > beat_ns ? (now_ns - beat_ns) / HZ_NS_PER_MS
		                                                : 0)));
	}
	return workers;
}

static const char *mode_name(const struct hz_server *server, uint32_t port)
{
	enum hz_xdp_mode mode;

	if (hz_xdp_served_mode(server->conf->instance, server->port[port].ifname, &mode) != 0)
		return "detached";
	return mode == HZ_XDP_NATIVE ? "native" : "generic";
}

static json_t *status_interfaces(const struct hz_server *server)
{
	json_t *interfaces = json_array();

	for (uint32_t i = 0; i < server->port_count; i++)
		json_array_append_new(interfaces,
		                      json_pack("{s:s, s:i, s:s}", "ifname", server->port[i].ifname,
		                                "queues", (int)server->port[i].queue_count, "mode",
		                                mode_name(server, i)));
	return interfaces;
}

static json_t *status_listens(const struct hz_server *server)
{
	json_t *listens = json_array();
	char text[HZ_ENDPOINT_TEXT_MAX];

	for (uint32_t i = 0; i < server->listen_count; i++) {
		hz_endpoint_print(&server->listen[i], text);
		json_array_append_new(listens, json_string(text));
	}
	return listens;
}

static json_t *status_degraded(const struct hz_server *server)
{
	json_t *degraded = json_array();

	for (uint32_t i = 0; i < server->degraded_count; i++)
		json_array_append_new(degraded, json_string(server->degraded[i]));
	return degraded;
}

static void limit_append(json_t *limits, const char *name, uint64_t used, uint64_t limit)
{
	json_array_append_new(limits, json_pack("{s:s, s:I, s:I}", "name", name, "used",
	                                        (json_int_t)used, "limit", (json_int_t)limit));
}

/* What requests are refused for want of: sized at start, of all workers together. */
static json_t *status_limits(const struct hz_server *server)
{
	struct hz_http_usage usage = { 0 };
	json_t *limits = json_array();
	uint64_t tickets = 0;

	for (uint32_t i = 0; i < server->seats.count; i++) {
		hz_http_worker_usage(server->seats.seat[i].http, &usage);
		tickets += hz_api_tickets(server->api, i);
	}
	limit_append(limits, "connections", usage.connections.used, usage.connections.limit);
	limit_append(limits, "waiting requests", usage.waiting.used, usage.waiting.limit);
	limit_append(limits, "large heads", usage.large_heads.used, usage.large_heads.limit);
	limit_append(limits, "body blocks", usage.body_blocks.used, usage.body_blocks.limit);
	limit_append(limits, "tickets", tickets,
	             (uint64_t)HZ_LIMIT_tickets_per_worker * server->seats.count);
	limit_append(limits, "replaced sites", hz_server_retired_count(server),
	             HZ_LIMIT_retired_snapshots_max);
	return limits;
}

static json_t *cmd_status(struct hz_server *server)
{
	uint64_t now_ns = hz_clock_monotonic_ns();
	uint64_t requests = 0, connections = 0, errors = 0;
	const char *state = hz_names_state(server->state);
	const struct hz_server_shed shed = hz_server_shed_now(server);
	char problem[sizeof(server->cut_off)];

	problem_find(server, now_ns, problem, sizeof(problem));
	if (server->state == HZ_STATE_READY && server->in_maintenance)
		state = hz_names_state(HZ_STATE_MAINTENANCE);
	if (problem[0] != '\0' && server->state == HZ_STATE_READY)
		state = "not_ready";
	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_worker *worker = server->seats.seat[i].slot.worker;

		requests += load(&worker->requests);
		connections += load(&worker->connections);
		errors += load(&worker->responses_5xx) + load(&worker->bad_requests);
	}
	return json_pack(
		"{s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:o}",
		"version", HZ_VERSION, "state", state, "problem", problem, "pid", (int)getpid(),
		"uptime_s", (json_int_t)((now_ns - server->started_ns) / HZ_NS_PER_S), "generation",
		(json_int_t)server->generation, "reloaded_s_ago",
		(json_int_t)((now_ns - server->reloaded_ns) / HZ_NS_PER_S), "io",
		io_names[server->conf->tune.boot_io], "degraded", status_degraded(server),
		"interfaces", status_interfaces(server), "listens", status_listens(server),
		"workers", status_workers(server, now_ns), "requests", (json_int_t)requests,
		"errors", (json_int_t)errors, "connections", (json_int_t)connections,
		"pressure_percent", (json_int_t)shed.pressure_percent, "shed_permille",
		(json_int_t)shed.level_permille, "shed_refused", (json_int_t)shed.refused, "limits",
		status_limits(server));
}

static json_t *cmd_reload(struct hz_server *server)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;

	if (hz_server_reload(server, &result, &err) != 0)
		return hz_control_cmd_error(&err);
	return hz_control_cmd_ok(result);
}

static json_t *cmd_maintenance(struct hz_server *server, const json_t *request)
{
	const json_t *is_on = json_object_get(request, "on");
	struct hz_err err = { 0 };

	hz_err_what(&err, "health maintenance failed");
	if (!json_is_boolean(is_on)) {
		(void)hz_err_set(&err, -EINVAL, 2, "usage", "hzctl health maintenance on|off",
		                 "'on' is true or false");
		return hz_control_cmd_error(&err);
	}
	if (hz_server_maintenance(server, json_is_true(is_on), &err) != 0)
		return hz_control_cmd_error(&err);
	return hz_control_cmd_ok(json_pack("{s:b}", "maintenance", json_is_true(is_on)));
}

static json_t *cmd_trace(struct hz_server *server, const json_t *request)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;

	hz_err_what(&err, "trace failed");
	if (hz_control_trace(server, request, &result, &err) != 0)
		return hz_control_cmd_error(&err);
	return hz_control_cmd_ok(result);
}

static json_t *cmd_topic(const struct hz_server *server, const json_t *request, bool may_change)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;

	hz_err_what(&err, "topic failed");
	if (hz_server_topics_cmd(server, request, may_change, &result, &err) != 0)
		return hz_control_cmd_error(&err);
	return hz_control_cmd_ok(result);
}

static json_t *cmd_settings(struct hz_server *server, const json_t *request, bool changes)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;
	int status;

	hz_err_what(&err, changes ? "set failed" : "get failed");
	status = changes ? hz_control_set(server, request, &result, &err)
	                 : hz_control_get(server, request, &result, &err);
	return status != 0 ? hz_control_cmd_error(&err) : hz_control_cmd_ok(result);
}

json_t *hz_control_cmd_run(struct hz_server *server, const json_t *request, bool may_change)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	struct hz_err err = { 0 };

	if (cmd == NULL)
		cmd = "";
	hz_err_what(&err, "'%.32s' failed", cmd);
	if (strcmp(cmd, "ping") == 0)
		return hz_control_cmd_ok(json_object());
	if (strcmp(cmd, "status") == 0)
		return hz_control_cmd_ok(cmd_status(server));
	if (strcmp(cmd, "topic") == 0)
		return cmd_topic(server, request, may_change);
	if (strcmp(cmd, "get") == 0)
		return cmd_settings(server, request, false);
	if (strcmp(cmd, "reload") != 0 && strcmp(cmd, "drain") != 0 && strcmp(cmd, "trace") != 0 &&
	    strcmp(cmd, "maintenance") != 0 && strcmp(cmd, "set") != 0) {
		hz_err_set(&err, -EINVAL, 2, "unknown_command", "hzctl help", "no command '%.32s'",
		           cmd);
		return hz_control_cmd_error(&err);
	}
	if (!may_change) {
		hz_err_set(&err, -EPERM, 4, "not_permitted", "sudo, or join group hz-admin",
		           "Operation not permitted: only root and group hz-admin change things");
		return hz_control_cmd_error(&err);
	}
	if (strcmp(cmd, "reload") == 0)
		return cmd_reload(server);
	if (strcmp(cmd, "trace") == 0)
		return cmd_trace(server, request);
	if (strcmp(cmd, "maintenance") == 0)
		return cmd_maintenance(server, request);
	if (strcmp(cmd, "set") == 0)
		return cmd_settings(server, request, true);
	hz_server_drain(server);
	return hz_control_cmd_ok(json_pack("{s:s}", "state", hz_names_state(server->state)));
}
