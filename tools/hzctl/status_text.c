#include "status_text.h"
#include "figures.h"
#include "out.h"
#include <string.h>

static void words_print(FILE *to, const char *label, const json_t *words)
{
	const json_t *word;
	size_t i;

	if (json_array_size(words) == 0)
		return;
	fprintf(to, "%s", label);
	json_array_foreach (words, i, word)
		fprintf(to, "%s%s", i > 0 ? ", " : "",
		        json_is_string(word) ? json_string_value(word) : "-");
	fputc('\n', to);
}

static void head_print(FILE *to, const json_t *result)
{
	char up[HZ_FIGURES_MAX], reloaded[HZ_FIGURES_MAX], lost[HZ_FIGURES_MAX] = "-";
	const char *state = hz_out_string(result, "state");

	if (json_is_integer(json_object_get(result, "events_lost")))
		hz_figures_count(hz_out_u64(result, "events_lost"), lost);
	if (json_object_get(result, "version") == NULL) {
		fprintf(to, "hzd  %s  events lost %s\n", state, lost);
		return;
	}
	hz_figures_age(hz_out_u64(result, "uptime_s"), up);
	hz_figures_age(hz_out_u64(result, "reloaded_s_ago"), reloaded);
	fprintf(to,
	        "hzd %s  %s  up %s  generation %llu (loaded %s ago)  pid %llu  io %s  events lost "
	        "%s\n",
	        hz_out_string(result, "version"), state, up,
	        (unsigned long long)hz_out_u64(result, "generation"), reloaded,
	        (unsigned long long)hz_out_u64(result, "pid"), hz_out_string(result, "io"), lost);
}

static void interface_print(FILE *to, const json_t *interface, const json_t *workers,
                            const json_t *shed_permille)
{
	const json_t *worker;
	size_t i;

	fprintf(to, "%s  xdp %s", hz_out_string(interface, "ifname"),
	        hz_out_string(interface, "mode"));
	if (hz_out_u64(interface, "program_id") > 0)
		fprintf(to, ", program %llu",
		        (unsigned long long)hz_out_u64(interface, "program_id"));
	if (hz_out_u64(interface, "queues") > 0) {
		fputs("  ", to);
		hz_figures_many(to, hz_out_u64(interface, "queues"), "queue");
		fputs(" -> ", to);
		hz_figures_many(to, json_array_size(workers), "worker");
	}
	json_array_foreach (workers, i, worker)
		if (strcmp(hz_out_string(worker, "state"), "ready") != 0 ||
		    json_is_true(json_object_get(worker, "is_stale")))
			fprintf(to, "  worker %llu: %s",
			        (unsigned long long)hz_out_u64(worker, "id"),
			        json_is_true(json_object_get(worker, "is_stale"))
			                ? "stale beat"
			                : hz_out_string(worker, "state"));
	if (shed_permille != NULL)
		fprintf(to, "  shed %llu permille",
		        (unsigned long long)json_integer_value(shed_permille));
	fputc('\n', to);
}

static void latency_print(FILE *to, const json_t *stage)
{
	static const char *const keys[] = { "p50_ns", "p99_ns", "p999_ns", "max_ns" };
	char text[HZ_FIGURES_MAX];

	for (size_t i = 0; i < 4; i++) {
		hz_figures_json_ns(json_object_get(stage, keys[i]), text);
		fprintf(to, " %9s", text);
	}
}

static void rate_print(FILE *to, const json_t *result, const char *key)
{
	char text[HZ_FIGURES_MAX] = "-";

	if (json_object_get(result, key) != NULL)
		hz_figures_count(hz_out_u64(result, key), text);
	fprintf(to, " %15s", text);
}

static void table_print(FILE *to, const json_t *result)
{
	fprintf(to, "%-8s %15s %15s %9s %9s %9s %9s\n", "", "per second", "total", "p50", "p99",
	        "p99.9", "max");
	if (json_object_get(result, "health_answers") != NULL) {
		fprintf(to, "%-8s", "health");
		rate_print(to, result, "health_per_s");
		rate_print(to, result, "health_answers");
		latency_print(to, json_object_get(result, "health"));
		fputs("  in kernel\n", to);
	}
	fprintf(to, "%-8s", "served");
	rate_print(to, result, "requests_per_s");
	rate_print(to, result, "requests");
	latency_print(to, json_object_get(result, "total"));
	if (json_object_get(result, "shed_refused") != NULL) {
		fprintf(to, "\n%-8s", "shed");
		rate_print(to, result, "shed_per_s");
		rate_print(to, result, "shed_refused");
	}
	fprintf(to, "\n%-8s", "errors");
	rate_print(to, result, "errors_per_s");
	rate_print(to, result, "errors");
	fputc('\n', to);
}

/* "limits   connections 3 of 131072, waiting requests 0 of 16384, ..." */
static void limits_print(FILE *to, const json_t *limits)
{
	const json_t *limit;
	size_t i;

	json_array_foreach (limits, i, limit)
		fprintf(to, "%s%s %llu of %llu", i == 0 ? "limits   " : ", ",
		        hz_out_string(limit, "name"), (unsigned long long)hz_out_u64(limit, "used"),
		        (unsigned long long)hz_out_u64(limit, "limit"));
	if (json_array_size(limits) > 0)
		fputc('\n', to);
}

void hz_status_text(FILE *to, const json_t *result)
{
	const json_t *interfaces = json_object_get(result, "interfaces"), *interface;
	const json_t *workers = json_object_get(result, "workers");
	size_t i;

	head_print(to, result);
	if (json_string_length(json_object_get(result, "problem")) > 0)
		fprintf(to, "problem: %s\n", hz_out_string(result, "problem"));
	words_print(to, "degraded: ", json_object_get(result, "degraded"));
	words_print(to, "listening on ", json_object_get(result, "listens"));
	json_array_foreach (interfaces, i, interface)
		interface_print(to, interface, workers, json_object_get(result, "shed_permille"));
	if (json_object_get(result, "requests") == NULL)
		return;
	table_print(to, result);
	if (json_object_get(result, "connections") != NULL) {
		hz_figures_many(to, hz_out_u64(result, "connections"), "connection");
		fputs(" on ", to);
		hz_figures_many(to, json_array_size(workers), "worker");
		fputc('\n', to);
	}
	limits_print(to, json_object_get(result, "limits"));
}
