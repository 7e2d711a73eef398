/* hzctl shed: whom XDP refuses. All of it is read from the pinned maps, whether hzd runs or not. */
#include "commands.h"
#include "core/clock.h"
#include "core/endpoint.h"
#include "figures.h"
#include "loader/xdp_sources.h"
#include "telemetry_view.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOP_DEFAULT 10
#define TOP_MAX     10000

static const char *const list_names[] = HZ_SOURCE_LIST_NAMES;

static int maps_read(const struct hz_opts *opts, struct hz_verdicts *verdicts, struct hz_err *err)
{
	struct hz_telemetry_view view;
	int status = hz_telemetry_view_open(opts->instance, &view, err);

	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	if (view.is_shared)
		status = hz_err_set(err, -EOPNOTSUPP, 1, "no_kernel_plane", "hzctl status",
		                    "hzd serves over kernel sockets (boot/io=socket): no XDP "
		                    "program refuses anybody");
	else if (hz_xdp_verdicts_read(&view.maps, verdicts) != 0)
		status = hz_err_set(err, -EIO, 1, "map", "hzctl doctor",
		                    "cannot read the map verdicts");
	hz_telemetry_view_close(&view);
	return status;
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

static json_t *show_json(const struct hz_xdp_sources *sources, const struct hz_verdicts *verdicts)
{
	uint64_t each_ns = sources->rate.each_ns;

	return json_pack("{s:{s:o, s:o, s:I}, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}}", "lists",
	                 "ipv4", family_json(sources->acl.prefixes[0]), "ipv6",
	                 family_json(sources->acl.prefixes[1]), "loaded_unix",
	                 (json_int_t)sources->acl.loaded_unix, "source", "rate_per_s",
	                 (json_int_t)(each_ns == 0 ? 0 : (HZ_NS_PER_S + each_ns / 2) / each_ns),
	                 "burst", (json_int_t)burst_of(&sources->rate), "known",
	                 (json_int_t)sources->known, "refused", (json_int_t)sources->refused,
	                 "refused", "denied", (json_int_t)verdicts->drop_deny, "source_rate",
	                 (json_int_t)verdicts->drop_source_rate);
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

static void show_text(FILE *to, const json_t *result)
{
	const json_t *lists = json_object_get(result, "lists");
	const json_t *source = json_object_get(result, "source");
	const json_t *refused = json_object_get(result, "refused");
	char denied[HZ_FIGURES_MAX], limited[HZ_FIGURES_MAX], known[HZ_FIGURES_MAX];

	lists_text(to, "IPv4", json_object_get(lists, "ipv4"));
	lists_text(to, "IPv6", json_object_get(lists, "ipv6"));
	hz_figures_count(hz_out_u64(source, "known"), known);
	if (hz_out_u64(source, "rate_per_s") == 0)
		fputs("source    no limit\n", to);
	else
		fprintf(to, "source    %llu new connections/s, %llu at once; %s sources known\n",
		        (unsigned long long)hz_out_u64(source, "rate_per_s"),
		        (unsigned long long)hz_out_u64(source, "burst"), known);
	hz_figures_count(hz_out_u64(refused, "denied"), denied);
	hz_figures_count(hz_out_u64(refused, "source_rate"), limited);
	fprintf(to, "refused   denied %s   over the limit %s\n", denied, limited);
}

int hz_cmd_shed_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_verdicts verdicts = { 0 };
	struct hz_xdp_sources sources;
	int status = hz_words_end(words, err);

	if (status == 0)
		status = maps_read(opts, &verdicts, err);
	if (status == 0)
		status = hz_xdp_sources_read(opts->instance, &sources, NULL, 0, err);
	if (status < 0)
		return status;
	return hz_out_result(&opts->out, show_json(&sources, &verdicts), show_text, err);
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
		                        (json_int_t)top[i].source.refused, "last_refused_ms",
		                        (json_int_t)((now_ns > last_ns ? now_ns - last_ns : 0) /
		                                     HZ_NS_PER_MS)));
	}
	return json_pack("{s:I, s:I, s:o}", "known", (json_int_t)sources->known, "refused",
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
		hz_figures_age(hz_out_u64(source, "last_refused_ms") / 1000, age);
		fprintf(to, "%-44s %14s  %s ago\n", prefix, figure, age);
	}
}

int hz_cmd_shed_sources(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_verdicts verdicts = { 0 };
	struct hz_xdp_sources sources;
	struct hz_xdp_source *top;
	uint64_t max = TOP_DEFAULT;
	int status = 0;

	if (hz_words_take(words, "top"))
		status = hz_words_number(words, "top", 1, TOP_MAX, &max, err);
	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0)
		status = maps_read(opts, &verdicts, err);
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
