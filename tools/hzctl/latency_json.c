#include "latency_json.h"
#include "core/base.h"
#include "figures.h"
#include "out.h"
#include "route_view.h"
#include <string.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

static const struct {
	const char *key;
	const char *label;
	uint32_t per_million;
} quantiles[] = {
	{ "p50_ns", "p50", 500000 },      { "p90_ns", "p90", 900000 },
	{ "p99_ns", "p99", 990000 },      { "p999_ns", "p99.9", 999000 },
	{ "p9999_ns", "p99.99", 999900 },
};

static json_t *figure(uint64_t count, uint64_t ns)
{
	return count > 0 ? json_integer((json_int_t)ns) : json_null();
}

static json_t *buckets_make(const struct hz_hist *hist)
{
	json_t *buckets = json_array();

	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++) {
		if (hist->bucket[i] == 0)
			continue;
		json_array_append_new(buckets,
		                      json_pack("[I, I, I]", (json_int_t)hz_hist_bucket_low(i),
		                                (json_int_t)hz_hist_bucket_width(i),
		                                (json_int_t)hist->bucket[i]));
	}
	return buckets;
}

json_t *hz_latency_json_make(const char *stage, const struct hz_hist *hist, bool with_buckets)
{
	uint64_t count = hz_hist_count(hist);
	json_t *object = json_pack("{s:s, s:I, s:o}", "stage", stage, "count", (json_int_t)count,
	                           "mean_ns", figure(count, count > 0 ? hist->sum_ns / count : 0));

	for (size_t i = 0; i < HZ_ARRAY_LEN(quantiles); i++)
		json_object_set_new(
			object, quantiles[i].key,
			/* the middle of the last bucket may lie beyond what was in it */
			figure(count, HZ_MIN(hz_hist_quantile_ns(hist, quantiles[i].per_million),
		                             hist->max_ns)));
	json_object_set_new(object, "max_ns", figure(count, hist->max_ns));
	if (with_buckets)
		json_object_set_new(object, "buckets", buckets_make(hist));
	return object;
}

json_t *hz_latency_json_stage(uint32_t stage, const struct hz_hist *hist, uint64_t requests,
                              bool with_buckets)
{
	json_t *object = hz_latency_json_make(stage_names[stage], hist, with_buckets);
	bool is_measured = hz_hist_count(hist) > 0 || requests == 0 || stage == HZ_STAGE_HEALTH;

	json_object_set_new(object, "is_measured", json_boolean(is_measured));
	return object;
}

json_t *hz_latency_json_route(const struct hz_route_hist *hist)
{
	uint64_t count = hz_route_hist_count(hist);
	json_t *object = json_pack("{s:s, s:I, s:o}", "stage", "total", "count", (json_int_t)count,
	                           "mean_ns", figure(count, count > 0 ? hist->sum_ns / count : 0));
	json_t *buckets = json_array();

	for (size_t i = 0; i < HZ_ARRAY_LEN(quantiles); i++)
		json_object_set_new(
			object, quantiles[i].key,
			figure(count, hz_route_hist_quantile_ns(hist, quantiles[i].per_million)));
	json_object_set_new(object, "max_ns", figure(count, hist->max_ns));
	for (uint32_t i = 0; i < HZ_ROUTE_BUCKETS; i++)
		if (hist->bucket[i] > 0)
			json_array_append_new(buckets, json_pack("[I, I, I]",
			                                         (json_int_t)hz_route_hist_low(i),
			                                         (json_int_t)hz_route_hist_width(i),
			                                         (json_int_t)hist->bucket[i]));
	json_object_set_new(object, "buckets", buckets);
	return object;
}

#define OCTAVES 64

/* Counts by octave [2^i, 2^(i+1)); the first also holds 0. */
static uint64_t octaves_sum(const json_t *buckets, uint64_t octave[OCTAVES])
{
	const json_t *bucket;
	uint64_t most = 0, low;
	json_int_t value;
	size_t i;
	unsigned at;

	memset(octave, 0, OCTAVES * sizeof(octave[0]));
	json_array_foreach (buckets, i, bucket) {
		value = json_integer_value(json_array_get(bucket, 0));
		low = value > 0 ? (uint64_t)value : 0;
		at = low > 1 ? hz_log2(low) : 0;
		octave[at] += (uint64_t)json_integer_value(json_array_get(bucket, 2));
		most = HZ_MAX(most, octave[at]);
	}
	return most;
}

static void bars_print(FILE *to, const json_t *buckets)
{
	char low[HZ_FIGURES_MAX], high[HZ_FIGURES_MAX], count[HZ_FIGURES_MAX];
	uint64_t octave[OCTAVES], most = octaves_sum(buckets, octave);
	unsigned first = 0, last = OCTAVES - 1;

	if (most == 0)
		return;
	while (octave[first] == 0)
		first++;
	while (octave[last] == 0)
		last--;
	for (unsigned i = first; i <= last; i++) {
		hz_figures_ns(i == 0 ? 0 : 1ULL << i, low);
		hz_figures_ns(i + 1 < OCTAVES ? 1ULL << (i + 1) : UINT64_MAX, high);
		hz_figures_count(octave[i], count);
		fprintf(to, "  [%8s, %8s) %13s |", low, high, count);
		hz_figures_bar(to, octave[i], most);
		fputc('\n', to);
	}
}

/* No sample beside requests is not a time of 0. */
static bool is_unmeasured(const json_t *stage)
{
	return json_is_false(json_object_get(stage, "is_measured"));
}

static void one_print(FILE *to, const json_t *result, const json_t *stage)
{
	uint64_t last_s = hz_out_u64(result, "last_s");
	char text[HZ_FIGURES_MAX];
	const char *route = json_string_value(json_object_get(result, "route"));

	if (route != NULL)
		fprintf(to, "route %s, ", route);
	else
		fprintf(to, "%s, ", hz_out_string(stage, "stage"));
	if (json_is_integer(json_object_get(result, "worker")))
		fprintf(to, "worker %llu, ", (unsigned long long)hz_out_u64(result, "worker"));
	if (last_s > 0)
		fprintf(to, "last %llu s, ", (unsigned long long)last_s);
	else
		fputs("since the start, ", to);
	hz_figures_many(to, hz_out_u64(stage, "count"), "request");
	fprintf(to, ", error of any figure <= %s %%\n", route != NULL ? "6.3" : "1.6");
	if (is_unmeasured(stage))
		fprintf(to, "  not measured%s\n",
		        strcmp(hz_out_string(stage, "stage"), "queue") == 0
		                ? ": no frame came with the time at which XDP saw it"
		                : "");
	bars_print(to, json_object_get(stage, "buckets"));
	fputc(' ', to);
	for (size_t i = 0; i < HZ_ARRAY_LEN(quantiles) - 1; i++) {
		hz_figures_json_ns(json_object_get(stage, quantiles[i].key), text);
		fprintf(to, " %s %s ", quantiles[i].label, text);
	}
	hz_figures_json_ns(json_object_get(stage, "max_ns"), text);
	fprintf(to, " max %s\n", text);
}

static void row_print(FILE *to, const json_t *stage)
{
	char text[HZ_FIGURES_MAX];

	hz_figures_count(hz_out_u64(stage, "count"), text);
	if (is_unmeasured(stage))
		snprintf(text, sizeof(text), "not measured");
	fprintf(to, "%-9s %15s", hz_out_string(stage, "stage"), text);
	for (size_t i = 0; i < HZ_ARRAY_LEN(quantiles) - 1; i++) {
		hz_figures_json_ns(json_object_get(stage, quantiles[i].key), text);
		fprintf(to, " %9s", text);
	}
	hz_figures_json_ns(json_object_get(stage, "max_ns"), text);
	fprintf(to, " %9s\n", text);
}

void hz_latency_json_text(FILE *to, const json_t *result)
{
	const json_t *stages = json_object_get(result, "stages"), *stage;
	size_t i;

	if (json_object_get(json_array_get(stages, 0), "buckets") != NULL) {
		one_print(to, result, json_array_get(stages, 0));
		return;
	}
	fprintf(to, "%-9s %15s", "stage", "requests");
	for (i = 0; i < HZ_ARRAY_LEN(quantiles) - 1; i++)
		fprintf(to, " %9s", quantiles[i].label);
	fprintf(to, " %9s\n", "max");
	json_array_foreach (stages, i, stage)
		row_print(to, stage);
}
