#include "feed_text.h"
#include "abi/hz_abi.h"
#include "core/base.h"
#include "figures.h"
#include "out.h"
#include <string.h>
#include <time.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

/* Paths and names were sent by somebody: they may not steer a terminal. */
static void plain_print(FILE *to, const char *text)
{
	for (; *text != '\0'; text++)
		fputc(*text >= 0x20 && *text < 0x7f ? *text : '?', to);
}

/* "14:02:11.402113"; of records that only have milliseconds, those. */
static void clock_print(FILE *to, const json_t *object)
{
	uint64_t unix_ns = hz_out_u64(object, "time_unix_ns");
	char clock[16] = "-";
	time_t seconds;
	struct tm local;

	if (unix_ns == 0)
		unix_ns = hz_out_u64(object, "time_unix_ms") * HZ_NS_PER_MS;
	seconds = (time_t)(unix_ns / HZ_NS_PER_S);
	if (localtime_r(&seconds, &local) != NULL)
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	fprintf(to, "%s.%06llu ", clock, (unsigned long long)(unix_ns % HZ_NS_PER_S / 1000));
}

/* The stages in microseconds, those that were measured. */
static void stages_print(FILE *to, const json_t *stages)
{
	for (unsigned i = 0; i < HZ_STAGE_COUNT; i++) {
		const json_t *stage = json_object_get(stages, stage_names[i]);
		uint64_t ns = hz_out_u64(stages, stage_names[i]);

		if (json_is_integer(stage) && i != HZ_STAGE_TOTAL)
			fprintf(to, " %s %llu", stage_names[i],
			        (unsigned long long)((ns + HZ_NS_PER_US / 2) / HZ_NS_PER_US));
	}
}

static void slow_print(FILE *to, const json_t *object)
{
	const char *trace = json_string_value(json_object_get(object, "trace_id"));
	char total[HZ_FIGURES_MAX];

	hz_figures_ns(hz_out_u64(object, "total_ns"), total);
	fprintf(to, "%s  %s  ",
	        json_is_true(json_object_get(object, "is_example")) ? "example" : "slow", total);
	plain_print(to, hz_out_string(object, "method"));
	fputc(' ', to);
	plain_print(to, hz_out_string(object, "path"));
	fputs("  ", to);
	plain_print(to, hz_out_string(object, "route"));
	fprintf(to, " %llu  worker %llu ", (unsigned long long)hz_out_u64(object, "status"),
	        (unsigned long long)hz_out_u64(object, "worker"));
	stages_print(to, json_object_get(object, "stages_ns"));
	if (trace != NULL && trace[0] != '\0') {
		fputs("  trace ", to);
		plain_print(to, trace);
	}
}

static void shed_print(FILE *to, const json_t *object)
{
	uint64_t span_ns = hz_out_u64(object, "span_ns");
	char span[HZ_FIGURES_MAX], count[HZ_FIGURES_MAX];
	const json_t *prefix = json_object_get(object, "prefix");

	fputs("shed  ", to);
	plain_print(to, json_is_string(prefix) ? json_string_value(prefix) : "other sources");
	hz_figures_count(hz_out_u64(object, "count"), count);
	fprintf(to, "  %s new flows  ", count);
	plain_print(to, hz_out_string(object, "reason"));
	hz_figures_ns(span_ns, span);
	if (span_ns == 0)
		fprintf(to, "  (the first one of CPU %llu)",
		        (unsigned long long)hz_out_u64(object, "cpu"));
	else
		fprintf(to, "  (%s summary)", span);
}

static void value_print(FILE *to, const json_t *value)
{
	if (json_is_string(value))
		plain_print(to, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(to, "%lld", (long long)json_integer_value(value));
	else
		fputc('-', to);
}

static void state_print(FILE *to, const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "name"));

	fputs("state  ", to);
	plain_print(to, hz_out_string(object, "what"));
	if (strcmp(hz_out_string(object, "what"), "worker") == 0)
		fprintf(to, " %llu", (unsigned long long)hz_out_u64(object, "worker"));
	if (name != NULL && name[0] != '\0') {
		fputc(' ', to);
		plain_print(to, name);
	}
	fputs("  ", to);
	value_print(to, json_object_get(object, "before"));
	fputs(" -> ", to);
	value_print(to, json_object_get(object, "now"));
}

static void drop_print(FILE *to, const json_t *object)
{
	fputs("drop ", to);
	plain_print(to, hz_out_string(object, "reason"));
	fputs(": ", to);
	plain_print(to, hz_out_string(object, "headers"));
	fprintf(to, ", %llu bytes", (unsigned long long)hz_out_u64(object, "frame_bytes"));
	if (hz_out_u64(object, "frames") > 1)
		fprintf(to, ", and %llu more like it",
		        (unsigned long long)hz_out_u64(object, "frames") - 1);
	fputs("  (", to);
	plain_print(to, hz_out_string(object, "help"));
	fputc(')', to);
}

void hz_feed_text(FILE *to, const json_t *object)
{
	static const struct {
		const char *kind;
		void (*print)(FILE *to, const json_t *object);
	} kinds[] = {
		{ "slow", slow_print },
		{ "shed", shed_print },
		{ "drop", drop_print },
		{ "state", state_print },
	};
	const char *kind = hz_out_string(object, "kind");

	for (size_t i = 0; i < HZ_ARRAY_LEN(kinds); i++) {
		if (strcmp(kind, kinds[i].kind) != 0)
			continue;
		clock_print(to, object);
		kinds[i].print(to, object);
		fputc('\n', to);
	}
}
