/* Settings over the control socket: `set` changes several or none, `get` reads. */
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

static int value_refuse(struct hz_err *err, int status, const char *why)
{
	return hz_err_set(err, status, 2, "setting", "hzd -h lists them", "%s", why);
}

static int value_set(struct hz_tune *tune, const char *path, const json_t *value,
                     struct hz_err *err)
{
	char why[200] = "values are texts";
	int status = -EINVAL;

	if (json_is_string(value))
		status = hz_tune_set(tune, path, json_string_value(value), why, sizeof(why));
	if (status != 0)
		return value_refuse(err, status, why);
	if (hz_tune_is_live(path))
		return 0;
	return hz_err_set(err, -EROFS, 2, "needs_restart", "hzd -o PATH=VALUE, then restart",
	                  "%s changes only when hzd starts", path);
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
		return value_refuse(err, -EINVAL, "'values' is {\"PATH\": \"VALUE\", ...}");
	json_object_foreach (values, path, value) {
		status = value_set(&after, path, value, err);
		if (status != 0)
			return status;
	}
	server->conf->tune = after;
	status = hz_server_shed_apply(server, err);
	if (status != 0) {
		server->conf->tune = before;
		return status;
	}
	*result = json_pack("{s:O}", "values", values);
	return 0;
}

static void attributes_add(const struct hz_server *server, json_t *to)
{
	const struct hz_server_shed shed = hz_server_shed_now(server);
	char text[HZ_TUNE_TEXT_MAX];

	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];

		if (attr->kind == HZ_TUNE_CPUS || attr->kind == HZ_TUNE_DEVICES)
			continue; /* lists: not one value */
		hz_tune_print(&server->conf->tune, attr, text);
		json_object_set_new(to, attr->path, json_string(text));
	}
	json_object_set_new(to, "shed/pressure_percent",
	                    json_sprintf("%llu", (unsigned long long)shed.pressure_percent));
	json_object_set_new(to, "shed/level_permille",
	                    json_sprintf("%llu", (unsigned long long)shed.level_permille));
	json_object_set_new(to, "shed/refused",
	                    json_sprintf("%llu", (unsigned long long)shed.refused));
}

int hz_control_get(const struct hz_server *server, const json_t *request, json_t **result,
                   struct hz_err *err)
{
	json_t *all = json_object(), *asked = json_object_get(request, "paths"), *path, *some;
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
			json_decref(some);
			json_decref(all);
			return hz_err_set(err, -ENOENT, 2, "setting", "hzctl get lists them",
			                  "there is no setting '%.48s'", name);
		}
		json_object_set(some, name, value);
	}
	json_decref(all);
	*result = json_pack("{s:o}", "values", some);
	return 0;
}
