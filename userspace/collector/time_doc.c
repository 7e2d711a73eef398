#include "collector/time_doc.h"
#include "collector/past_doc.h"
#include "collector/status_doc.h"
#include "telemetry/heat_rows.h"
#include "telemetry/hist.h"
#include <stdlib.h>
#include <string.h>

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

/* A day has 75 000 of them: vsnprintf would be most of the work. */
static void number_write(uint64_t value, struct hz_doc *out)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	hz_doc_text_add(out, digits + at, sizeof(digits) - at);
}

void hz_time_doc_counts(int64_t unix_s, const struct hz_hist *hist, struct hz_doc *out)
{
	uint64_t rows[HZ_HEAT_ROWS] = { 0 };

	if (hist == NULL) {
		hz_doc_text_print(out, "{\"t\":%lld,\"counts\":null}", (long long)unix_s);
		return;
	}
	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++)
		rows[hz_heat_rows_of(i)] += hist->bucket[i];
	hz_doc_text_print(out, "{\"t\":%lld,\"counts\":[", (long long)unix_s);
	for (uint32_t i = 0; i < HZ_HEAT_ROWS; i++) {
		if (i > 0)
			hz_doc_text_add(out, ",", 1);
		number_write(rows[i], out);
	}
	hz_doc_text_add(out, "]}", 2);
}

/* from_s <= t < to_s as one column; unknown when nothing is known of it. */
static void column_write(const struct hz_tier *tier, int64_t from_s, int64_t to_s, uint32_t stage,
                         struct hz_doc *out)
{
	struct hz_hist hist = { 0 };

	if (hz_tier_sum(tier, from_s, to_s, stage, &hist) == 0)
		hz_time_doc_counts(from_s, NULL, out);
	else
		hz_time_doc_counts(from_s, &hist, out);
}

/* Steps that 10 min and an hour are whole numbers of. */
static int64_t step_of(const struct hz_tier *tier, uint32_t last_s)
{
	static const uint32_t steps[] = { HZ_SERIES_FAR_STEP_S, 20, 30, 60, 120 };
	size_t i = 0;

	if (tier->step_s != HZ_SERIES_FAR_STEP_S)
		return tier->step_s;
	while (i + 1 < HZ_ARRAY_LEN(steps) && last_s / steps[i] > HZ_TIME_DOC_COLUMNS)
		i++;
	return steps[i];
}

_Static_assert(HZ_TIME_DOC_LAST_S / 120 <= HZ_TIME_DOC_COLUMNS, "the widest step is wide enough");

void hz_time_doc_head(uint32_t stage, int64_t from_s, int64_t step_s, struct hz_doc *out)
{
	hz_doc_text_print(out,
	                  "{\"stage\":\"%s\",\"from_unix\":%lld,\"step_s\":%lld,\"bounds_ns\":[",
	                  stage_names[stage], (long long)from_s, (long long)step_s);
	for (uint32_t i = 0; i <= HZ_HEAT_ROWS; i++)
		hz_doc_text_print(out, "%s%llu", i > 0 ? "," : "",
		                  (unsigned long long)hz_heat_rows_low_ns(i));
	hz_doc_text_print(out, "],\"columns\":[");
}

void hz_time_doc_heatmap(const struct hz_feed *feed, uint32_t stage, uint32_t last_s,
                         struct hz_doc *out)
{
	const struct hz_series *series = &feed->series;
	const struct hz_tier *tier =
		last_s <= HZ_SERIES_NEAR_COLUMNS ? &series->near : &series->far;
	int64_t step_s = step_of(tier, last_s);
	int64_t end_s = series->open_s - series->open_s % tier->step_s;
	int64_t from_s = series->open_s - (int64_t)last_s;

	from_s -= from_s % step_s;
	hz_time_doc_head(stage, from_s, step_s, out);
	for (int64_t t = from_s; t < end_s; t += step_s) {
		if (t > from_s)
			hz_doc_text_add(out, ",", 1);
		column_write(tier, t, HZ_MIN(t + step_s, end_s), stage, out);
	}
	hz_doc_text_print(out, "],\"marks\":");
	if (feed->history != NULL && tier == &series->far)
		hz_past_doc_marks(feed, from_s, step_s, out);
	else
		hz_event_log_marks_write(&feed->log, from_s, out);
	hz_doc_text_add(out, "}", 1);
}

void hz_time_doc_column(const struct hz_feed *feed, uint32_t stage, struct hz_doc *out)
{
	column_write(&feed->series.near, feed->series.open_s - 1, feed->series.open_s, stage, out);
}

void hz_time_doc_latency(const struct hz_feed *feed, uint32_t stage, uint32_t last_s,
                         struct hz_doc *out)
{
	uint64_t requests = 0;
	bool is_first = true;

	hz_doc_text_print(out, "{\"last_s\":%u,\"stages\":[", last_s);
	for (uint32_t i = 0; i < HZ_STAGE_COUNT; i++) {
		struct hz_hist hist;
		uint32_t known_s;
		json_t *row;
		char *text;

		if (stage != HZ_STAGE_COUNT && stage != i && i != HZ_STAGE_TOTAL)
			continue;
		known_s = hz_series_last(&feed->series, i, last_s, &hist);
		if (i == HZ_STAGE_TOTAL)
			requests = hz_hist_count(&hist);
		if (stage != HZ_STAGE_COUNT && stage != i)
			continue;
		row = hz_status_doc_stage(i, &hist, known_s, requests);
		text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(9));
		json_decref(row);
		if (text == NULL) {
			out->is_failed = true;
			return;
		}
		if (!is_first)
			hz_doc_text_add(out, ",", 1);
		hz_doc_text_add(out, text, strlen(text));
		free(text);
		is_first = false;
	}
	hz_doc_text_print(out, "]}");
}
