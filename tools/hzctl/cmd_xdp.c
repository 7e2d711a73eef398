/* hzctl xdp: the only one that attaches and detaches. */
#include "claims.h"
#include "commands.h"
#include "core/endpoint.h"
#include "netwait.h"
#include "telemetry_view.h"
#include "xdp_json.h"
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

struct attach_args {
	struct hz_xdp_attach_opts opts;
	struct hz_claims claims;
	char site_path[128];
	bool has_site;
	bool wants_wait;
};

static int ifname_take(struct hz_words *words, const char **out, struct hz_err *err)
{
	int status = hz_words_value(words, "dev", out, err);

	if (status == 0 && (strlen(*out) == 0 || strlen(*out) >= IF_NAMESIZE))
		return hz_err_set(err, -EINVAL, 2, "usage", "ip link",
		                  "'%.40s' is no interface name", *out);
	return status;
}

/* claim A B C: every word with a colon belongs to the list. */
static int list_take(struct hz_words *words, struct hz_claims *claims, enum hz_claim_kind kind,
                     struct hz_err *err)
{
	const char *text;
	int status = hz_words_value(words, kind == HZ_CLAIM_SITE ? "claim" : "health", &text, err);

	while (status == 0) {
		status = hz_claims_add(claims, kind, text, err);
		text = hz_words_peek(words);
		if (text == NULL || strchr(text, ':') == NULL)
			break;
		words->at++;
	}
	return status;
}

static int word_take(struct hz_words *words, struct attach_args *args, struct hz_err *err)
{
	static const char *const modes[] = { "native", "generic" };
	const char *path;
	uint32_t mode;
	int status = 0;

	if (hz_words_take(words, "site")) {
		status = hz_words_value(words, "site", &path, err);
		if (status == 0 && strlen(path) >= sizeof(args->site_path))
			return hz_err_set(err, -ENAMETOOLONG, 2, "usage", "", "path too long");
		if (status == 0)
			snprintf(args->site_path, sizeof(args->site_path), "%s", path);
		args->has_site = true;
	} else if (hz_words_take(words, "claim")) {
		status = list_take(words, &args->claims, HZ_CLAIM_SITE, err);
	} else if (hz_words_take(words, "health")) {
		status = list_take(words, &args->claims, HZ_CLAIM_HEALTH, err);
	} else if (hz_words_take(words, "mode")) {
		status = hz_words_choice(words, "mode", modes, 2, &mode, err);
		if (status == 0)
			args->opts.mode = mode == 0 ? HZ_XDP_NATIVE : HZ_XDP_GENERIC;
	} else if (hz_words_take(words, "ensure")) {
		args->opts.ensure = true;
	} else if (hz_words_take(words, "wait")) {
		args->wants_wait = true;
	} else if (hz_words_take(words, "dry-run")) {
		args->opts.dry_run = true;
	} else if (hz_words_take(words, "yes-this-nic")) {
		args->opts.yes_this_nic = true;
	} else {
		status = hz_words_unknown(
			words, "site claim health mode ensure wait dry-run yes-this-nic", err);
	}
	return status;
}

static int args_parse(struct hz_words *words, struct attach_args *args, struct hz_err *err)
{
	int status = 0;

	if (!hz_words_take(words, "dev"))
		return hz_words_unknown(words, "dev", err);
	status = ifname_take(words, &args->opts.ifname, err);
	while (status == 0 && hz_words_peek(words) != NULL)
		status = word_take(words, args, err);
	if (status != 0)
		return status;
	if (args->has_site && args->claims.claim_count + args->claims.health_count > 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl xdp help",
		                  "site and claim exclude each other");
	if (args->claims.health_count > 0 && args->claims.claim_count == 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl xdp help",
		                  "health needs a claim, or a site with its health ports");
	return 0;
}

/* Without site and claim it is the usual file, and that there is none says that one of them was meant. */
static void site_missing(const struct attach_args *args, int status, struct hz_err *err)
{
	(void)hz_site_load_explain(args->site_path, status, status == -EACCES ? 4 : 2, err);
	if (!args->has_site)
		snprintf(err->hint, sizeof(err->hint),
		         "hzctl xdp attach dev %s site FILE, or claim tcp:ADDR:PORT",
		         args->opts.ifname);
}

static int site_claims(struct attach_args *args, struct hz_err *err)
{
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_span text = { NULL, 0 };
	struct hz_site *site = NULL;
	char hint[160];
	int status;

	if (errors == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	status = hz_site_load(args->site_path, &site, &text, errors);
	snprintf(hint, sizeof(hint), "hzctl conf check %s", args->site_path);
	if (status == 0)
		status = hz_claims_from_site(&args->claims, site, args->opts.ifname, err);
	else if (errors->count > 0)
		(void)hz_err_set(err, status, 2, "bad_config", hint, "%s:%u:%u: %s",
		                 args->site_path, errors->error[0].line, errors->error[0].column,
		                 errors->error[0].text);
	else
		site_missing(args, status, err);
	free((void *)(uintptr_t)text.data);
	free(errors);
	return status;
}

static json_t *attach_json(const struct attach_args *args, const struct hz_xdp_info *info)
{
	json_t *claims = json_array(), *healths = json_array(), *result;
	char text[HZ_ENDPOINT_TEXT_MAX];

	for (uint32_t i = 0; i < args->opts.claim_count; i++) {
		hz_endpoint_print(&args->opts.claims[i], text);
		json_array_append_new(claims, json_string(text));
	}
	for (uint32_t i = 0; i < args->opts.health_count; i++) {
		hz_endpoint_print(&args->opts.healths[i].endpoint, text);
		json_array_append_new(healths, json_string(text));
	}
	result = args->opts.dry_run ? json_pack("{s:s}", "ifname", args->opts.ifname)
	                            : hz_xdp_json_interface(info);
	json_object_set_new(result, "mode",
	                    json_string(args->opts.mode == HZ_XDP_NATIVE ? "native" : "generic"));
	json_object_set_new(result, "dry_run", json_boolean(args->opts.dry_run));
	json_object_set_new(result, "claims", claims);
	json_object_set_new(result, "health", healths);
	return result;
}

static void attach_text(FILE *to, const json_t *result)
{
	bool dry_run = json_is_true(json_object_get(result, "dry_run"));
	const json_t *item;
	size_t i;

	fprintf(to, "%s  xdp %s %s", hz_out_string(result, "ifname"), hz_out_string(result, "mode"),
	        dry_run ? "would be attached" : "attached");
	if (!dry_run)
		fprintf(to, ", program %llu", (unsigned long long)hz_out_u64(result, "program_id"));
	fputs("\n  claims", to);
	json_array_foreach (json_object_get(result, "claims"), i, item)
		fprintf(to, " %s", json_string_value(item));
	if (json_array_size(json_object_get(result, "health")) > 0)
		fputs("\n  health", to);
	json_array_foreach (json_object_get(result, "health"), i, item)
		fprintf(to, " %s", json_string_value(item));
	fputc('\n', to);
}

static int attach(const struct hz_opts *opts, struct attach_args *args, struct hz_err *err)
{
	struct hz_xdp_info info = { 0 };
	int status = 0;

	hz_err_what(err, "xdp attach dev %s failed", args->opts.ifname);
	if (!args->has_site && args->claims.claim_count == 0)
		snprintf(args->site_path, sizeof(args->site_path), "/etc/hz%s%s/site.yaml",
		         opts->instance ? "-" : "", opts->instance ? opts->instance : "");
	if (args->site_path[0] != '\0')
		status = site_claims(args, err);
	if (status == 0 && args->wants_wait)
		status = hz_netwait_interface(args->opts.ifname, err);
	args->opts.size = sizeof(args->opts);
	args->opts.instance = opts->instance;
	args->opts.claim_count = args->claims.claim_count;
	args->opts.claims = args->claims.claim;
	args->opts.health_count = args->claims.health_count;
	args->opts.healths = args->claims.health;
	if (status == 0)
		status = hz_xdp_attach(&args->opts, &info, err);
	if (status == 0)
		status = hz_out_result(&opts->out, attach_json(args, &info), attach_text, err);
	return status;
}

int hz_cmd_xdp_attach(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct attach_args *args = calloc(1, sizeof(*args));
	int status;

	if (args == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	status = args_parse(words, args, err);
	if (status == 0)
		status = attach(opts, args, err);
	hz_claims_free(&args->claims);
	free(args);
	return status;
}

static void detach_text(FILE *to, const json_t *result)
{
	const json_t *ifname;
	size_t i;

	if (json_array_size(json_object_get(result, "interfaces")) == 0)
		fputs("nothing of this instance was attached\n", to);
	json_array_foreach (json_object_get(result, "interfaces"), i, ifname)
		fprintf(to, "%s  detached: the kernel has all its traffic\n",
		        json_string_value(ifname));
	if (json_is_true(json_object_get(result, "hzd_runs")))
		fputs("hzd still runs and gets nothing there any more: attach, then restart it\n",
		      to);
}

/* Names of what is attached and will not be. */
static json_t *detach_names(const char *instance, const char *ifname)
{
	json_t *interfaces = NULL, *names = json_array();
	struct hz_err ignored = { 0 };
	const json_t *interface;
	size_t i;

	if (hz_xdp_json_interfaces(instance, ifname, &interfaces, &ignored) != 0)
		return names;
	json_array_foreach (interfaces, i, interface)
		json_array_append(names, json_object_get(interface, "ifname"));
	json_decref(interfaces);
	return names;
}

/* Does hzd serve by the maps of this instance now? */
static bool is_hzd_live(const char *instance)
{
	struct hz_telemetry_view view;
	struct hz_err ignored = { 0 };
	bool is_live;

	if (hz_telemetry_view_open(instance, &view, &ignored) != 0)
		return false;
	is_live = !view.is_shared && hz_telemetry_view_is_live(&view);
	hz_telemetry_view_close(&view);
	return is_live;
}

static json_t *detach_json(const char *ifname, json_t *names, bool was_live)
{
	if (ifname != NULL && json_array_size(names) == 0)
		json_array_append_new(names, json_string(ifname));
	return json_pack("{s:s, s:b, s:o}", "detached", ifname ? ifname : "all", "hzd_runs",
	                 was_live && json_array_size(names) > 0, "interfaces", names);
}

int hz_cmd_xdp_detach(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	const char *ifname = NULL;
	json_t *names;
	bool was_live;
	int status = 0;

	if (hz_words_take(words, "dev"))
		status = ifname_take(words, &ifname, err);
	else if (!hz_words_take(words, "all"))
		status = hz_words_unknown(words, "dev all", err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status != 0)
		return status;
	hz_err_what(err, "xdp detach %s%s failed", ifname ? "dev " : "", ifname ? ifname : "all");
	names = detach_names(opts->instance, ifname);
	was_live = is_hzd_live(opts->instance);
	status = hz_xdp_detach(opts->instance, ifname, err);
	if (status != 0) {
		json_decref(names);
		return status;
	}
	return hz_out_result(&opts->out, detach_json(ifname, names, was_live), detach_text, err);
}

int hz_cmd_xdp_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	const char *ifname = NULL;
	json_t *result = NULL;
	int status = 0;

	if (hz_words_take(words, "dev"))
		status = ifname_take(words, &ifname, err);
	else if (hz_words_peek(words) != NULL)
		status = hz_words_unknown(words, "dev", err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0)
		status = hz_xdp_json_show(opts->instance, ifname, &result, err);
	return status == 0 ? hz_out_result(&opts->out, result, hz_xdp_json_text, err) : status;
}
