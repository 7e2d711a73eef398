#include "collector/prom_text.h"
#include "abi/hist_bucket.h"
#include <stdio.h>

#define FIRST_BOUND 128u /* bucket that begins at 256 ns: what XDP answers takes 0.5 us */
#define BOUND_STEP  16u  /* half an octave */
#define HIST_SERIES (HZ_PROM_TEXT_BOUNDS + 3) /* +Inf, sum and count */

static const char *const type_names[] = { "counter", "gauge", "histogram" };

static void value_write(struct hz_doc *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			hz_doc_text_add(out, "\\\\", 2);
		else if (*text == '"')
			hz_doc_text_add(out, "\\\"", 2);
		else if (*text == '\n')
			hz_doc_text_add(out, "\\n", 2);
		else if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			hz_doc_text_add(out, "?", 1); /* of a map: it need not be UTF-8 */
		else
			hz_doc_text_add(out, text, 1);
	}
}

/* NAME{label="...",le="..."}; le NULL: there is none. */
static void head_write(struct hz_doc *out, enum hz_metric metric, const char *suffix,
                       const char *const *label, const char *le)
{
	const struct hz_metric_info *info = hz_metric_set_info(metric);
	const char *open = "{";

	hz_doc_text_print(out, "%s%s", info->name, suffix);
	for (uint32_t i = 0; i < HZ_METRIC_LABELS_MAX && info->label[i] != NULL; i++) {
		hz_doc_text_print(out, "%s%s=\"", open, info->label[i]);
		value_write(out, label[i]);
		hz_doc_text_add(out, "\"", 1);
		open = ",";
	}
	if (le != NULL) {
		hz_doc_text_print(out, "%sle=\"%s\"", open, le);
		open = ",";
	}
	hz_doc_text_add(out, "} ", open[0] == ',' ? 2 : 0);
	if (open[0] == '{')
		hz_doc_text_add(out, " ", 1);
}

/* A sample of exactly a bound counts above it: bounds are edges of whole nanoseconds, so that is one value in many
 * thousands. */
static void hist_write(struct hz_doc *out, enum hz_metric metric, const char *const *label,
                       const struct hz_hist *hist)
{
	uint64_t count = 0;
	uint32_t bucket = 0;
	char le[32];

	for (uint32_t i = 0; i < HZ_PROM_TEXT_BOUNDS; i++) {
		uint32_t end = FIRST_BOUND + i * BOUND_STEP;

		for (; bucket < end; bucket++)
			count += hist->bucket[bucket];
		snprintf(le, sizeof(le), "%.9g", (double)hz_hist_bucket_low(end) * 1e-9);
		head_write(out, metric, "_bucket", label, le);
		hz_doc_text_print(out, "%llu\n", (unsigned long long)count);
	}
	for (; bucket < HZ_HIST_BUCKETS; bucket++)
		count += hist->bucket[bucket];
	head_write(out, metric, "_bucket", label, "+Inf");
	hz_doc_text_print(out, "%llu\n", (unsigned long long)count);
	head_write(out, metric, "_sum", label, NULL);
	hz_doc_text_print(out, "%.9f\n", (double)hist->sum_ns * 1e-9);
	head_write(out, metric, "_count", label, NULL);
	hz_doc_text_print(out, "%llu\n", (unsigned long long)count);
}

void hz_prom_text_series(struct hz_doc *out, enum hz_metric *family, enum hz_metric metric,
                         const char *const *label, double value, const struct hz_hist *hist)
{
	const struct hz_metric_info *info = hz_metric_set_info(metric);

	if (*family != metric)
		hz_doc_text_print(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help,
		                  info->name, type_names[info->type]);
	*family = metric;
	if (hist != NULL) {
		hist_write(out, metric, label, hist);
		return;
	}
	head_write(out, metric, "", label, NULL);
	hz_doc_text_print(out, "%.17g\n", value);
}

struct text_writer {
	struct hz_doc *out;
	enum hz_metric family;
};

static void series_take(void *ctx, enum hz_metric metric, const char *const *label, double value,
                        const struct hz_hist *hist)
{
	struct text_writer *writer = ctx;

	hz_prom_text_series(writer->out, &writer->family, metric, label, value, hist);
}

uint32_t hz_prom_text_write(const struct hz_feed *feed, struct hz_doc *out)
{
	struct text_writer writer = { out, HZ_METRICS };

	return hz_metric_set_each(feed, HIST_SERIES, series_take, &writer);
}
