/* Settings over the control socket: `set` changes several or none, `get` reads. */
#include "config/nearest.h"
#include "core/hint.h"
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

static int value_refuse(const struct hz_server *server, struct hz_err *err, int status,
                        const char *why)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), server->conf->instance, "get");
	return hz_err_set(err, status, 2, "setting", hint, "%s", why);
}

static int boot_refuse(const struct hz_server *server, const char *path, const char *value,
                       struct hz_err *err)
{
	const char *instance = server->conf->instance;
	char hint[sizeof(err->hint)];

	snprintf(hint, sizeof(hint), "restart hzd%s%s with -o %s=%.100s", instance ? " -i " : "",
	         instance ? instance : "", path, value);
	return hz_err_set(err, -EROFS, 1, "needs_restart", hint, "%s changes only when hzd starts",
	                  path);
}

/* A setting that nobody looks at here would be a promise that is not kept. */
static bool is_absent(const struct hz_server *server, const struct hz_tune_attr *attr,
                      const struct hz_tune *after)
{
	bool has_path = server->conf->tune.boot_io != HZ_IO_SOCKET;
	bool has_xdp = hz_server_has_xdp(server);

	if (attr->when == HZ_TUNE_WHEN_XDP)
		return !has_xdp;
	if (attr->offset == offsetof(struct hz_tune, shed_mode) &&
	    after->shed_mode == HZ_OVERLOAD_FIXED)
		return !has_xdp;
	return attr->when == HZ_TUNE_WHEN_PATH && !has_path;
}

static int value_set(const struct hz_server *server, struct hz_tune *tune, const char *path,
                     const json_t *value, struct hz_err *err)
{
	const struct hz_tune_attr *attr = hz_tune_find(path);
	const char *text = json_string_value(value);
	char why[200] = "values are texts", hint[sizeof(err->hint)];
	int status = -EINVAL;

	/* No setting of a start: it is kept over restarts. */
	if (strcmp(path, "health/maintenance") == 0) {
		hz_hint_write(hint, sizeof(hint), server->conf->instance,
		              "health maintenance on|off");
		return hz_err_set(err, -EINVAL, 2, "setting", hint,
		                  "health/maintenance has a command of its own");
	}
	if (text != NULL)
		status = hz_tune_set(tune, path, text, why, sizeof(why));
	if (status != 0 || attr == NULL)
		return value_refuse(server, err, status, why);
	if (attr->when == HZ_TUNE_WHEN_BOOT)
		return boot_refuse(server, path, text, err);
	if (!is_absent(server, attr, tune))
		return 0;
	hz_hint_write(hint, sizeof(hint), server->conf->instance, "status");
	return hz_err_set(err, -EOPNOTSUPP, 1, "not_supported", hint,
	                  "%s=%.32s: Operation not supported: %s", path, text,
	                  attr->when == HZ_TUNE_WHEN_XDP || server->sock == NULL
	                          ? "it is XDP's, which is not there"
	                          : "the kernel's TCP serves (boot/io=socket)");
}

/* To XDP first, which may fail, then to the workers, which cannot. */
static int settings_apply(struct hz_server *server, struct hz_err *err)
{
	int status = hz_server_health_apply(server, err);

	if (status == 0)
		status = hz_server_sources_rate(server, err);
	if (status == 0)
		hz_server_shed_apply(server);
	if (status == 0)
		hz_server_slow_apply(server);
	return status;
}

static void changes_log(const struct hz_tune *before, const struct hz_tune *after)
{
	char was[HZ_TUNE_TEXT_MAX], is[HZ_TUNE_TEXT_MAX];

	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];

		hz_tune_print(before, attr, was);
		hz_tune_print(after, attr, is);
		if (strcmp(was, is) != 0)
			hz_log(HZ_LOG_INFO, "set %s %s -> %s%s", attr->path, was, is,
			       attr->when == HZ_TUNE_WHEN_RELOAD ? " (at the next reload)" : "");
	}
}

/* Those of values that count later. */
static json_t *later_list(const json_t *values)
{
	json_t *later = json_array();

	for (size_t i = 0; i < hz_tune_attr_count; i++)
		if (hz_tune_attrs[i].when == HZ_TUNE_WHEN_RELOAD &&
		    json_object_get(values, hz_tune_attrs[i].path) != NULL)
			json_array_append_new(later, json_string(hz_tune_attrs[i].path));
	return later;
}

/* All or none: on failure the settings are what they were. */
int hz_control_set(struct hz_server *server, const json_t *request, json_t **result,
                   struct hz_err *err)
{
	json_t *values = json_object_get(request, "values");
	struct hz_tune before = server->conf->tune, after = before;
	const char *path;
	json_t *value;
	int status = 0;

	if (json_object_size(values) == 0)
		return value_refuse(server, err, -EINVAL, "'values' is {\"PATH\": \"VALUE\", ...}");
	json_object_foreach (values, path, value) {
		status = value_set(server, &after, path, value, err);
		if (status != 0)
			return status;
	}
	server->conf->tune = after;
	status = settings_apply(server, err);
	if (status != 0) {
		struct hz_err ignored = { 0 };

		server->conf->tune = before; /* what was written of it, is written back */
		(void)settings_apply(server, &ignored);
		return status;
	}
	changes_log(&before, &after);
	*result = json_pack("{s:O, s:o}", "values", values, "at_reload", later_list(values));
	return 0;
}

static void count_add(json_t *to, const char *path, uint64_t count)
{
	json_object_set_new(to, path, json_sprintf("%llu", (unsigned long long)count));
}

static void attributes_add(const struct hz_server *server, json_t *to)
{
	const struct hz_server_shed shed = hz_server_shed_now(server);
	char text[HZ_TUNE_TEXT_MAX];

	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		hz_tune_print(&server->conf->tune, &hz_tune_attrs[i], text);
		json_object_set_new(to, hz_tune_attrs[i].path, json_string(text));
	}
	count_add(to, "health/maintenance", server->in_maintenance);
	count_add(to, "health/answered_200", shed.answered_200);
	count_add(to, "health/answered_503", shed.answered_503);
	count_add(to, "shed/pressure_percent", shed.pressure_percent);
	count_add(to, "shed/level_permille", shed.level_permille);
	count_add(to, "shed/refused", shed.refused);
	count_add(to, "shed/cookies_sent", shed.cookies_sent);
	count_add(to, "telemetry/slow_told", server->slow.told);
	count_add(to, "telemetry/slow_refused", server->slow.refused);
}

static struct hz_span span_of(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static int path_unknown(const struct hz_server *server, json_t *all, const char *name,
                        struct hz_err *err)
{
	struct hz_nearest nearest = { 0 };
	char hint[sizeof(err->hint)];
	const char *path;
	json_t *value;

	json_object_foreach (all, path, value)
		hz_nearest_offer(&nearest, span_of(name), span_of(path));
	hz_hint_write(hint, sizeof(hint), server->conf->instance, "get%s%.*s",
	              nearest.word.len > 0 ? " " : "", (int)nearest.word.len,
	              nearest.word.len > 0 ? (const char *)nearest.word.data : "");
	if (nearest.word.len == 0)
		return hz_err_set(err, -ENOENT, 2, "setting", hint, "there is no setting '%.48s'",
		                  name);
	return hz_err_set(err, -ENOENT, 2, "setting", hint,
	                  "there is no setting '%.48s', did you mean '%.*s'?", name,
	                  (int)nearest.word.len, (const char *)nearest.word.data);
}

int hz_control_get(const struct hz_server *server, const json_t *request, json_t **result,
                   struct hz_err *err)
{
	json_t *all = json_object(), *asked = json_object_get(request, "paths"), *path, *some;
	int status = 0;
	size_t i;

	attributes_add(server, all);
	if (json_array_size(asked) == 0) {
		*result = json_pack("{s:o}", "values", all);
		return 0;
	}
	some = json_object();
	json_array_foreach (asked, i, path) {
		const char *name = json_string_value(path) != NULL ? json_string_value(path) : "";
		json_t *value = json_object_get(all, name);

		if (value == NULL) {
			status = path_unknown(server, all, name, err);
			break;
		}
		json_object_set(some, name, value);
	}
	json_decref(all);
	if (status == 0)
		*result = json_pack("{s:o}", "values", some);
	else
		json_decref(some);
	return status;
}
