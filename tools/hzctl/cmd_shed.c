/* hzctl shed: who is refused. All but the mode is read from the pinned maps, whether hzd runs or not. */
#include "commands.h"
#include "core/clock.h"
#include "core/endpoint.h"
#include "ctl_client.h"
#include "figures.h"
#include "loader/xdp_sources.h"
#include "shed_figures.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOP_DEFAULT 10
#define TOP_MAX     10000

static const char *const list_names[] = HZ_SOURCE_LIST_NAMES;

static const char *const verdict_names[] = { "drop", "reset", "answer503" };

static int figures_read(const struct hz_opts *opts, struct hz_shed_figures *out, struct hz_err *err)
{
	struct hz_telemetry_view view;
	int status = hz_telemetry_view_open(opts->instance, &view, err);

	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	status = hz_telemetry_view_kernel_plane(&view, "refuses anybody", err);
	if (status == 0 && hz_shed_figures_read(&view, out) != 0)
		status = hz_err_set(err, -EIO, 1, "map", "hzctl doctor",
		                    "cannot read the maps verdicts, cfg and workers");
	hz_telemetry_view_close(&view);
	return status;
}

/* The mode is hzd's alone; what follows from it is in the maps. */
static json_t *mode_json(const struct hz_opts *opts)
{
	json_t *request = json_pack("{s:s, s:[s]}", "cmd", "get", "paths", "shed/mode");
	json_t *result = NULL, *mode = NULL;
	struct hz_err ignored = { 0 };

	if (hz_ctl_client_ask(opts->instance, request, &result, &ignored) == 0)
		mode = json_incref(json_object_get(json_object_get(result, "values"), "shed/mode"));
	json_decref(request);
	json_decref(result);
	return mode != NULL ? mode : json_null();
}

static json_t *family_json(const uint32_t prefixes[HZ_SOURCE_LISTS])
{
	json_t *family = json_object();

	for (uint32_t list = HZ_SOURCE_DENY; list < HZ_SOURCE_LISTS; list++)
		json_object_set_new(family, list_names[list], json_integer(prefixes[list]));
	return family;
}

static uint64_t burst_of(const struct hz_source_rate *rate)
{
	return rate->each_ns == 0 ? 0 : rate->ahead_ns / rate->each_ns + 1;
}

static json_t *source_json(const struct hz_xdp_sources *sources)
{
	uint64_t each_ns = sources->rate.each_ns;

	return json_pack("{s:I, s:I, s:I, s:I}", "rate_per_s",
	                 (json_int_t)(each_ns == 0 ? 0 : (HZ_NS_PER_S + each_ns / 2) / each_ns),
	                 "burst", (json_int_t)burst_of(&sources->rate), "known",
	                 (json_int_t)sources->known, "sources_refused",
	                 (json_int_t)sources->refused);
}

static json_t *show_json(const struct hz_opts *opts, const struct hz_xdp_sources *sources,
                         const struct hz_shed_figures *f)
{
	return json_pack(
		"{s:o, s:I, s:I, s:s, s:{s:o, s:o, s:I}, s:o, s:{s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I}, "
		"s:{s:I, s:I, s:I}}",
		"mode", mode_json(opts), "pressure_percent", (json_int_t)f->pressure_percent,
		"level_permille", (json_int_t)f->level_permille, "verdict",
		f->verdict < HZ_ARRAY_LEN(verdict_names) ? verdict_names[f->verdict] : "unknown",
		"lists", "ipv4", family_json(sources->acl.prefixes[0]), "ipv6",
		family_json(sources->acl.prefixes[1]), "loaded_unix",
		(json_int_t)sources->acl.loaded_unix, "source", source_json(sources), "refused",
		"denied", (json_int_t)f->denied, "source_rate", (json_int_t)f->source_rate, "drop",
		(json_int_t)f->drop, "reset", (json_int_t)f->reset, "syn_ack",
		(json_int_t)f->syn_ack, "answer503", (json_int_t)f->answer_503, "requests",
		(json_int_t)f->requests, "cookies", "sent", (json_int_t)f->cookies,
		"sent_by_workers", (json_int_t)f->worker_cookies, "acknowledged",
		(json_int_t)f->cookies_back);
}

static void lists_text(FILE *to, const char *family, const json_t *counts)
{
	char figure[HZ_FIGURES_MAX];

	fprintf(to, "%-8s", family);
	for (uint32_t list = HZ_SOURCE_DENY; list < HZ_SOURCE_LISTS; list++) {
		hz_figures_count(hz_out_u64(counts, list_names[list]), figure);
		fprintf(to, "  %s %s", list_names[list], figure);
	}
	fputc('\n', to);
}

static void figure_text(FILE *to, const json_t *object, const char *key, const char *label)
{
	char figure[HZ_FIGURES_MAX];

	hz_figures_count(hz_out_u64(object, key), figure);
	fprintf(to, "  %s %s", label, figure);
}

static void level_text(FILE *to, const json_t *result)
{
	const char *mode = json_string_value(json_object_get(result, "mode"));

	fprintf(to, "level     %llu permille of new flows, verdict %s; pressure %llu%%, mode %s\n",
	        (unsigned long long)hz_out_u64(result, "level_permille"),
	        hz_out_string(result, "verdict"),
	        (unsigned long long)hz_out_u64(result, "pressure_percent"),
	        mode != NULL ? mode : "unknown: hzd does not answer");
}

static void show_text(FILE *to, const json_t *result)
{
	const json_t *lists = json_object_get(result, "lists");
	const json_t *source = json_object_get(result, "source");
	const json_t *refused = json_object_get(result, "refused");
	const json_t *cookies = json_object_get(result, "cookies");
	char known[HZ_FIGURES_MAX];

	level_text(to, result);
	fputs("flows   ", to);
	figure_text(to, refused, "drop", "dropped");
	figure_text(to, refused, "reset", "reset");
	figure_text(to, refused, "syn_ack", "taken to be told 503");
	figure_text(to, refused, "answer503", "told");
	fputs("\nrequests", to);
	figure_text(to, refused, "requests", "503 of workers");
	fputs("\ncookies ", to);
	figure_text(to, cookies, "sent", "sent");
	figure_text(to, cookies, "sent_by_workers", "by workers");
	figure_text(to, cookies, "acknowledged", "acknowledged");
	fputc('\n', to);
	lists_text(to, "IPv4", json_object_get(lists, "ipv4"));
	lists_text(to, "IPv6", json_object_get(lists, "ipv6"));
	hz_figures_count(hz_out_u64(source, "known"), known);
	if (hz_out_u64(source, "rate_per_s") == 0)
		fputs("source    no limit\n", to);
	else
		fprintf(to, "source    %llu new connections/s, %llu at once; %s sources known\n",
		        (unsigned long long)hz_out_u64(source, "rate_per_s"),
		        (unsigned long long)hz_out_u64(source, "burst"), known);
	fputs("refused ", to);
	figure_text(to, refused, "denied", "denied");
	figure_text(to, refused, "source_rate", "over the limit");
	fputc('\n', to);
}

int hz_cmd_shed_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_shed_figures figures = { 0 };
	struct hz_xdp_sources sources;
	int status = hz_words_end(words, err);

	if (status == 0)
		status = figures_read(opts, &figures, err);
	if (status == 0)
		status = hz_xdp_sources_read(opts->instance, &sources, NULL, 0, err);
	if (status < 0)
		return status;
	return hz_out_result(&opts->out, show_json(opts, &sources, &figures), show_text, err);
}

/* --- sources ----------------------------------------------------------------------------------------- */

static json_t *sources_json(const struct hz_xdp_sources *sources, const struct hz_xdp_source *top,
                            int count)
{
	uint64_t now_ns = hz_clock_monotonic_ns();
	json_t *list = json_array();

	for (int i = 0; i < count; i++) {
		uint64_t last_ns = top[i].source.refused_ns;
		char text[HZ_ENDPOINT_TEXT_MAX];

		hz_addr_print(&top[i].addr, text);
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:I, s:I}", "addr", text, "bits",
		                        hz_addr_is_v4(&top[i].addr) ? 32 : 64, "refused",
		                        (json_int_t)top[i].source.refused, "last_refused_ms_ago",
		                        (json_int_t)((now_ns > last_ns ? now_ns - last_ns : 0) /
		                                     HZ_NS_PER_MS)));
	}
	return json_pack("{s:I, s:I, s:o}", "known", (json_int_t)sources->known, "sources_refused",
	                 (json_int_t)sources->refused, "sources", list);
}

static void sources_text(FILE *to, const json_t *result)
{
	const json_t *source, *list = json_object_get(result, "sources");
	size_t i;

	if (json_array_size(list) == 0) {
		fputs("no source was over the limit\n", to);
		return;
	}
	fprintf(to, "%-44s %14s  %s\n", "source", "refused", "last");
	json_array_foreach (list, i, source) {
		char prefix[HZ_ENDPOINT_TEXT_MAX + 4], figure[HZ_FIGURES_MAX], age[HZ_FIGURES_MAX];

		snprintf(prefix, sizeof(prefix), "%s/%llu", hz_out_string(source, "addr"),
		         (unsigned long long)hz_out_u64(source, "bits"));
		hz_figures_count(hz_out_u64(source, "refused"), figure);
		hz_figures_age(hz_out_u64(source, "last_refused_ms_ago") / 1000, age);
		fprintf(to, "%-44s %14s  %s ago\n", prefix, figure, age);
	}
}

int hz_cmd_shed_sources(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_shed_figures figures = { 0 };
	struct hz_xdp_sources sources;
	struct hz_xdp_source *top;
	uint64_t max = TOP_DEFAULT;
	int status = 0;

	if (hz_words_take(words, "top"))
		status = hz_words_number(words, "top", 1, TOP_MAX, &max, err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0)
		status = figures_read(opts, &figures, err);
	if (status != 0)
		return status;
	top = calloc(max, sizeof(*top));
	if (top == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	status = hz_xdp_sources_read(opts->instance, &sources, top, (uint32_t)max, err);
	if (status >= 0)
		status = hz_out_result(&opts->out, sources_json(&sources, top, status),
		                       sources_text, err);
	free(top);
	return status;
}
