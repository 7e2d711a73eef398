/* hzctl xdp attach and update: the only ones that put a program on an interface. */
#include "claims.h"
#include "commands.h"
#include "core/endpoint.h"
#include "netwait.h"
#include "telemetry_view.h"
#include "xdp_json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct attach_args {
	struct hz_xdp_attach_opts opts;
	struct hz_claims claims;
	char site_path[128];
	bool has_site;
	bool wants_wait;
};

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
	static const char *const attach_only[] = { "mode",  "ensure",       "wait",
		                                   "chain", "yes-this-nic", NULL };
	const char *path;
	uint32_t mode;
	int status = 0;

	if (args->opts.update && hz_words_is_any(words, attach_only))
		return hz_words_unknown(words, "site claim health dry-run", err);
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
	} else if (hz_words_take(words, "chain")) {
		args->opts.chain = true;
	} else if (hz_words_take(words, "wait")) {
		args->wants_wait = true;
	} else if (hz_words_take(words, "dry-run")) {
		args->opts.dry_run = true;
	} else if (hz_words_take(words, "yes-this-nic")) {
		args->opts.yes_this_nic = true;
	} else {
		status = hz_words_unknown(
			words, "site claim health mode ensure chain wait dry-run yes-this-nic",
			err);
	}
	return status;
}

static int args_parse(struct hz_words *words, struct attach_args *args, struct hz_err *err)
{
	int status = 0;

	if (!hz_words_take(words, "dev"))
		return hz_words_unknown(words, "dev", err);
	status = hz_words_ifname(words, &args->opts.ifname, err);
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
		(void)hz_err_set(
			err, status, 2, "bad_config", hint, "%s:%u:%u: %s",
			errors->error[0].file[0] != '\0' ? errors->error[0].file : args->site_path,
			errors->error[0].line, errors->error[0].column, errors->error[0].text);
	else
		site_missing(args, status, err);
	free((void *)(uintptr_t)text.data);
	free(errors);
	return status;
}

static const char *verb(const struct attach_args *args)
{
	return args->opts.update ? "update" : "attach";
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
	result = hz_xdp_json_interface(info);
	json_object_set_new(result, "mode",
	                    json_string(info->mode == HZ_XDP_NATIVE ? "native" : "generic"));
	json_object_set_new(result, "verb", json_string(verb(args)));
	json_object_set_new(result, "dry_run", json_boolean(args->opts.dry_run));
	json_object_set_new(result, "claims", claims);
	json_object_set_new(result, "health", healths);
	return result;
}

static const char *verb_done(const json_t *result)
{
	bool is_update = strcmp(hz_out_string(result, "verb"), "update") == 0;

	if (json_is_true(json_object_get(result, "dry_run")))
		return is_update ? "would be updated" : "would be attached";
	return is_update ? "updated" : "attached";
}

/* Nothing is named when the claims are those that ran. */
static void endpoints_print(FILE *to, const char *head, const json_t *endpoints)
{
	const json_t *item;
	size_t i;

	if (json_array_size(endpoints) > 0)
		fprintf(to, "\n  %s", head);
	json_array_foreach (endpoints, i, item)
		fprintf(to, " %s", json_string_value(item));
}

static void attach_text(FILE *to, const json_t *result)
{
	fprintf(to, "%s  xdp %s %s", hz_out_string(result, "ifname"), hz_out_string(result, "mode"),
	        verb_done(result));
	if (!json_is_true(json_object_get(result, "dry_run")))
		fprintf(to, ", program %llu", (unsigned long long)hz_out_u64(result, "program_id"));
	endpoints_print(to, "claims", json_object_get(result, "claims"));
	endpoints_print(to, "health", json_object_get(result, "health"));
	fputc('\n', to);
	hz_xdp_json_degraded_text(to, result);
}

static int attach(const struct hz_opts *opts, struct attach_args *args, struct hz_err *err)
{
	struct hz_xdp_info info = { 0 };
	int status = 0;

	hz_err_what(err, "xdp %s dev %s failed", verb(args), args->opts.ifname);
	if (!args->has_site && args->claims.claim_count == 0 && !args->opts.update)
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
	args->opts.claim_classes = args->claims.claim_class;
	args->opts.health_count = args->claims.health_count;
	args->opts.healths = args->claims.health;
	if (args->claims.site != NULL) {
		args->opts.has_sources = true;
		args->opts.source_count = args->claims.site->sources.rule_count;
		args->opts.source = args->claims.site->sources.rule;
	}
	if (status == 0)
		status = hz_xdp_attach(&args->opts, &info, err);
	if (status == 0)
		status = hz_out_result(&opts->out, attach_json(args, &info), attach_text, err);
	return status;
}

static int attach_or_update(const struct hz_opts *opts, struct hz_words *words, bool is_update,
                            struct hz_err *err)
{
	struct attach_args *args = calloc(1, sizeof(*args));
	int status;

	if (args == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	args->opts.update = is_update;
	status = args_parse(words, args, err);
	if (status == 0)
		status = attach(opts, args, err);
	hz_claims_free(&args->claims);
	free(args);
	return status;
}

int hz_cmd_xdp_attach(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	return attach_or_update(opts, words, false, err);
}

int hz_cmd_xdp_update(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	return attach_or_update(opts, words, true, err);
}
