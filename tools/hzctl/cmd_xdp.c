/* hzctl xdp show, detach, gc. */
#include "commands.h"
#include "telemetry_view.h"
#include "xdp_json.h"
#include <errno.h>
#include <string.h>

static void detach_text(FILE *to, const json_t *result)
{
	const json_t *ifname;
	size_t i;

	if (json_array_size(json_object_get(result, "interfaces")) == 0)
		fputs("nothing of this instance was attached\n", to);
	json_array_foreach (json_object_get(result, "interfaces"), i, ifname) {
		const char *name = json_string_value(ifname);
		const char *back = json_string_value(
			json_object_get(json_object_get(result, "restored"), name));

		fprintf(to, "%s  detached: %s has all its traffic\n", name,
		        back != NULL ? back : "the kernel");
	}
	if (json_is_true(json_object_get(result, "hzd_runs")))
		fputs("hzd still runs and gets nothing there any more: attach, then restart it\n",
		      to);
}

/* Names of what is attached and will not be; restored gets the program that comes back, by name. */
static json_t *detach_names(const char *instance, const char *ifname, json_t *restored)
{
	json_t *interfaces = NULL, *names = json_array();
	struct hz_err ignored = { 0 };
	const json_t *interface;
	size_t i;

	if (hz_xdp_json_interfaces(instance, ifname, &interfaces, &ignored) != 0)
		return names;
	json_array_foreach (interfaces, i, interface) {
		json_t *name = json_object_get(interface, "ifname");

		json_array_append(names, name);
		if (hz_out_string(interface, "next")[0] != '\0' &&
		    json_is_true(json_object_get(interface, "is_ours")))
			json_object_set(restored, json_string_value(name),
			                json_object_get(interface, "next"));
	}
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

static json_t *detach_json(const char *ifname, json_t *names, json_t *restored, bool was_live)
{
	if (ifname != NULL && json_array_size(names) == 0)
		json_array_append_new(names, json_string(ifname));
	return json_pack("{s:s, s:b, s:o, s:o}", "detached", ifname ? ifname : "all", "hzd_runs",
	                 was_live && json_array_size(names) > 0, "interfaces", names, "restored",
	                 restored);
}

int hz_cmd_xdp_detach(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	const char *ifname = NULL;
	json_t *names, *restored;
	bool was_live;
	int status = 0;

	if (hz_words_take(words, "dev"))
		status = hz_words_ifname(words, &ifname, err);
	else if (!hz_words_take(words, "all"))
		status = hz_words_unknown(words, "dev all", err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status != 0)
		return status;
	hz_err_what(err, "xdp detach %s%s failed", ifname ? "dev " : "", ifname ? ifname : "all");
	restored = json_object();
	names = detach_names(opts->instance, ifname, restored);
	was_live = is_hzd_live(opts->instance);
	status = hz_xdp_detach(opts->instance, ifname, err);
	if (status != 0) {
		json_decref(names);
		json_decref(restored);
		return status;
	}
	return hz_out_result(&opts->out, detach_json(ifname, names, restored, was_live),
	                     detach_text, err);
}

int hz_cmd_xdp_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	const char *ifname = NULL;
	json_t *result = NULL;
	int status = 0;

	if (hz_words_take(words, "dev"))
		status = hz_words_ifname(words, &ifname, err);
	else if (hz_words_peek(words) != NULL)
		status = hz_words_unknown(words, "dev", err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0)
		status = hz_xdp_json_show(opts->instance, ifname, &result, err);
	return status == 0 ? hz_out_result(&opts->out, result, hz_xdp_json_text, err) : status;
}

/* --- gc -------------------------------------------------------------------------------------------- */

static const char *gc_sentence(const char *what)
{
	if (strcmp(what, "link") == 0)
		return "pins of an interface that is gone, or runs another program";
	if (strcmp(what, "half") == 0)
		return "half an attachment, of a run that was killed";
	if (strcmp(what, "pins") == 0)
		return "pins without a link";
	if (strcmp(what, "instance") == 0)
		return "an instance without interfaces";
	return "a folder that was never finished";
}

static void gc_found(const char *instance, const char *ifname, const char *what, void *ctx)
{
	json_array_append_new(ctx, json_pack("{s:s?, s:s?, s:s}", "instance", instance, "ifname",
	                                     ifname, "what", what));
}

static void gc_text(FILE *to, const json_t *result)
{
	const json_t *removed = json_object_get(result, "removed"), *one;
	bool dry_run = json_is_true(json_object_get(result, "dry_run"));
	size_t i;

	if (json_array_size(removed) == 0)
		fputs("nothing is left of dead runs\n", to);
	json_array_foreach (removed, i, one) {
		const char *instance = json_string_value(json_object_get(one, "instance"));
		const char *ifname = json_string_value(json_object_get(one, "ifname"));

		fprintf(to, "%s%s%s%s  %s %s\n", instance != NULL ? "hz-" : "hz",
		        instance != NULL ? instance : "", ifname != NULL ? " " : "",
		        ifname != NULL ? ifname : "", dry_run ? "would remove" : "removed",
		        gc_sentence(hz_out_string(one, "what")));
	}
}

int hz_cmd_xdp_gc(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	bool dry_run = hz_words_take(words, "dry-run");
	json_t *removed;
	int status = hz_words_end(words, err);

	if (status != 0)
		return status;
	removed = json_array();
	if (removed == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	status = hz_xdp_gc(opts->instance, opts->instance == NULL, dry_run, gc_found, removed, err);
	if (status < 0) {
		json_decref(removed);
		return status;
	}
	return hz_out_result(&opts->out,
	                     json_pack("{s:b, s:o}", "dry_run", dry_run, "removed", removed),
	                     gc_text, err);
}
