/* hzctl conf check: the same parser as hzd's, on a file nobody serves yet, and hzd's word on what it names. */
#include "commands.h"
#include "config/site.h"
#include "core/endpoint.h"
#include "ctl_client.h"
#include "hzd_check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *span_json(struct hz_span span)
{
	json_t *text = json_stringn((const char *)span.data, span.len);

	return text != NULL ? text : json_null();
}

static json_t *route_json(const struct hz_site_route *route)
{
	json_t *methods = json_array(), *hosts = json_array();

	for (uint32_t left = route->methods; left != 0; left &= left - 1)
		json_array_append_new(methods, json_string(hz_site_method_name(left)));
	for (uint32_t i = 0; i < route->host_count; i++)
		json_array_append_new(hosts, span_json(route->host[i]));
	return json_pack("{s:s, s:o, s:o, s:o, s:i}", "name", route->name, "methods", methods,
	                 "hosts", hosts, "pattern", span_json(route->pattern), "line",
	                 (int)route->line);
}

static json_t *sources_json(const struct hz_site *site)
{
	static const char *const lists[] = HZ_SOURCE_LIST_NAMES;
	json_t *sources = json_object();
	int count[HZ_SOURCE_LISTS] = { 0 };

	for (uint32_t i = 0; i < site->sources.rule_count; i++)
		count[site->sources.rule[i].list]++;
	for (int list = HZ_SOURCE_DENY; list < HZ_SOURCE_LISTS; list++)
		json_object_set_new(sources, lists[list], json_integer(count[list]));
	return sources;
}

static json_t *site_json(const char *path, const struct hz_site *site, bool is_known)
{
	static const char *const classes[] = HZ_SHED_CLASS_NAMES;
	json_t *listens = json_array(), *healths = json_array(), *routes = json_array();
	char text[HZ_ENDPOINT_TEXT_MAX];

	for (uint32_t i = 0; i < site->listen_count; i++) {
		hz_endpoint_print(&site->listen[i].endpoint, text);
		json_array_append_new(listens,
		                      json_pack("{s:s, s:s, s:s}", "interface",
		                                site->listen[i].interface, "address", text, "class",
		                                classes[site->listen[i].shed_class]));
	}
	for (uint32_t i = 0; i < site->health_count; i++)
		json_array_append_new(healths, json_pack("{s:i, s:s}", "port", site->health[i].port,
		                                         "path", site->health[i].path));
	for (uint32_t i = 0; i < site->route_count; i++)
		json_array_append_new(routes, route_json(&site->route[i]));
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "file", path, "files_checked", is_known,
	                 "listens", listens, "health", healths, "sources", sources_json(site),
	                 "routes", routes);
}

static void list_text(FILE *to, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		fprintf(to, "%s%s", i == 0 ? "" : ",", json_string_value(item));
}

static void site_text(FILE *to, const json_t *result)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(result, "listens"), i, item)
		fprintf(to, "listen  %s on %s, class %s\n", hz_out_string(item, "address"),
		        hz_out_string(item, "interface"), hz_out_string(item, "class"));
	json_array_foreach (json_object_get(result, "health"), i, item)
		fprintf(to, "health  port %llu, path %s\n",
		        (unsigned long long)hz_out_u64(item, "port"), hz_out_string(item, "path"));
	item = json_object_get(result, "sources");
	if (hz_out_u64(item, "deny") + hz_out_u64(item, "allow") + hz_out_u64(item, "probe") > 0)
		fprintf(to, "sources %llu to deny, %llu to allow, %llu that probe\n",
		        (unsigned long long)hz_out_u64(item, "deny"),
		        (unsigned long long)hz_out_u64(item, "allow"),
		        (unsigned long long)hz_out_u64(item, "probe"));
	json_array_foreach (json_object_get(result, "routes"), i, item) {
		fprintf(to, "route   %-16s ", hz_out_string(item, "name"));
		list_text(to, json_object_get(item, "methods"));
		fprintf(to, " %s", hz_out_string(item, "pattern"));
		if (json_array_size(json_object_get(item, "hosts")) > 0)
			fputs("  at ", to);
		list_text(to, json_object_get(item, "hosts"));
		fputc('\n', to);
	}
	fprintf(to, "%s: ok\n", hz_out_string(result, "file"));
}

/* path: of the site, whose lines they are unless an error names another file. */
static json_t *errors_json(const char *path, const struct hz_site_errors *errors)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < errors->count && i < HZ_SITE_ERRORS_MAX; i++) {
		const struct hz_site_error *error = &errors->error[i];

		json_array_append_new(list,
		                      json_pack("{s:s, s:i, s:i, s:s, s:s}", "file",
		                                error->file[0] != '\0' ? error->file : path, "line",
		                                (int)error->line, "column", (int)error->column,
		                                "text", error->text, "hint", error->hint));
	}
	return list;
}

/* ", the running configuration was not touched (generation 7)" where one runs. */
static void running_note(const struct hz_opts *opts, char *out, size_t bytes)
{
	struct hz_err ignored = { 0 };
	json_t *status = NULL;

	out[0] = '\0';
	if (hz_ctl_client_call(opts->instance, "status", &status, &ignored) != 0)
		return;
	snprintf(out, bytes, "; the running configuration was not touched (generation %llu)",
	         (unsigned long long)hz_out_u64(status, "generation"));
	json_decref(status);
}

static void errors_report(const struct hz_opts *opts, const char *path, struct hz_span text,
                          const struct hz_site_errors *errors, struct hz_err *err)
{
	char note[96];

	running_note(opts, note, sizeof(note));
	(void)hz_err_set(err, -EINVAL, 2, "bad_config", "", "%s: %u error%s%s", path, errors->count,
	                 errors->count == 1 ? "" : "s", note);
	if (opts->out.is_json) {
		hz_out_error(&opts->out, err, errors_json(path, errors));
		return;
	}
	hz_site_errors_print(stderr, path, text, errors);
	fprintf(stderr, "%s\n", err->why);
}

/* Of an hzd that runs: how much it has workers and places for, which a limit of the site may be beyond. */
struct machine {
	char text[2][64];
	const char *settings[HZ_HZD_SETTINGS_MAX];
};

static void machine_ask(const struct hz_opts *opts, struct machine *machine)
{
	struct hz_err ignored = { 0 };
	json_t *status = NULL;
	const json_t *limit;
	size_t i;

	if (hz_ctl_client_call(opts->instance, "status", &status, &ignored) != 0)
		return;
	snprintf(machine->text[0], sizeof(machine->text[0]), "boot/workers=%zu",
	         json_array_size(json_object_get(status, "workers")));
	machine->settings[0] = machine->text[0];
	json_array_foreach (json_object_get(status, "limits"), i, limit) {
		if (strcmp(hz_out_string(limit, "name"), "connections") != 0)
			continue;
		snprintf(machine->text[1], sizeof(machine->text[1]), "boot/connections_max=%llu",
		         (unsigned long long)hz_out_u64(limit, "limit"));
		machine->settings[1] = machine->text[1];
	}
	json_decref(status);
}

static int warnings_report(const struct hz_opts *opts, const char *path, struct hz_span text,
                           const struct hz_site_errors *warnings, json_t *result,
                           struct hz_err *err)
{
	if (opts->out.is_json)
		json_object_set_new(result, "warnings", errors_json(path, warnings));
	else
		hz_site_errors_print(stderr, path, text, warnings);
	return hz_out_result(&opts->out, result, site_text, err);
}

/* What the text says is good; then whether hzd could begin with it. */
static int site_tell(const struct hz_opts *opts, const char *path, const struct hz_site *site,
                     struct hz_span text, struct hz_site_errors *errors, struct hz_err *err)
{
	struct hz_site_errors *warnings = calloc(1, sizeof(*warnings));
	struct machine machine = { 0 };
	int status;

	if (warnings == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	machine_ask(opts, &machine);
	status = hz_hzd_check(path, machine.settings, errors, warnings, err);
	if (status == -ENOENT)
		fputs("hzctl: no hzd beside it or in PATH: files, keys and modules that the site "
		      "names were not looked at\n",
		      stderr);
	if (errors->count > 0) {
		errors_report(opts, path, text, errors, err);
		status = 2;
	} else if (status == 0 || status == -ENOENT) {
		status = warnings_report(opts, path, text, warnings,
		                         site_json(path, site, status == 0), err);
	}
	free(warnings);
	return status;
}

int hz_cmd_conf_check(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_span text = { NULL, 0 };
	struct hz_site *site = NULL;
	const char *path;
	int status;

	if (errors == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	status = hz_words_value(words, "check", &path, err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0) {
		status = hz_site_load(path, &site, &text, errors);
		if (status == 0) {
			status = site_tell(opts, path, site, text, errors, err);
		} else if (errors->count > 0) {
			errors_report(opts, path, text, errors, err);
			status = 2;
		} else {
			(void)hz_site_load_explain(path, status, 2, err);
		}
	}
	hz_site_free(site);
	free((void *)(uintptr_t)text.data);
	free(errors);
	return status;
}
