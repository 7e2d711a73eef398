#include "collector/past_doc.h"
#include "collector/history.h"
#include "collector/time_doc.h"
#include <string.h>

struct past {
	struct hz_doc *out;
	uint32_t stage;
	int64_t step_s, at_s; /* the column that is being summed begins then */
	bool is_first, is_known;
	struct hz_hist sum;
};

/* Whole numbers of the history's step, that a day is a whole number of. */
static int64_t step_of(uint32_t last_s)
{
	static const uint32_t steps[] = { HZ_HISTORY_WIDE_STEP_S, 1200, 1800, 3600 };
	size_t i = 0;

	while (i + 1 < HZ_ARRAY_LEN(steps) && last_s / steps[i] > HZ_PAST_DOC_COLUMNS)
		i++;
	return steps[i];
}

_Static_assert(HZ_HISTORY_KEEP_S / 3600 <= HZ_PAST_DOC_COLUMNS, "the widest step is wide enough");

static void column_end(struct past *past)
{
	if (!past->is_first)
		hz_doc_text_add(past->out, ",", 1);
	hz_time_doc_counts(past->at_s, past->is_known ? &past->sum : NULL, past->out);
	memset(&past->sum, 0, sizeof(past->sum));
	past->is_first = past->is_known = false;
	past->at_s += past->step_s;
}

/* hz_history_fn */
static void wide_take(void *ctx, int64_t unix_s, const uint8_t *packed, size_t bytes)
{
	struct past *past = ctx;

	while (unix_s >= past->at_s + past->step_s)
		column_end(past);
	if (hz_hist_unpack(packed, bytes, past->stage, &past->sum) == 0)
		past->is_known = true;
}

struct mark_list {
	struct hz_doc *out;
	bool is_begun;
};

/* hz_history_mark_fn */
static void mark_take(void *ctx, const struct hz_mark *mark, uint64_t more)
{
	struct mark_list *list = ctx;

	hz_event_log_mark_write(mark, more, !list->is_begun, list->out);
	list->is_begun = true;
}

void hz_past_doc_marks(const struct hz_feed *feed, int64_t from_s, int64_t step_s,
                       struct hz_doc *out)
{
	struct hz_history_marks *marks = hz_history_marks(feed->history);
	struct mark_list list = { out, false };

	hz_doc_text_add(out, "[", 1);
	(void)hz_history_marks_read(marks, from_s, step_s, mark_take, &list);
	for (uint64_t i = HZ_MAX(marks->written, hz_event_log_marks_first(&feed->log));
	     i < feed->log.mark_count; i++) {
		const struct hz_mark *mark = &feed->log.mark[i % HZ_EVENT_LOG_MARKS];

		if (mark->unix_s >= from_s)
			mark_take(&list, mark, 0);
	}
	hz_doc_text_add(out, "]", 1);
}

void hz_past_doc_heatmap(const struct hz_feed *feed, uint32_t stage, uint32_t last_s,
                         struct hz_doc *out)
{
	const struct hz_series *series = &feed->series;
	struct past past = {
		.out = out, .stage = stage, .step_s = step_of(last_s), .is_first = true
	};
	int64_t end_s = series->open_s - series->open_s % HZ_SERIES_FAR_STEP_S, from_s, wide_s;

	past.at_s = from_s = (series->open_s - (int64_t)last_s) / past.step_s * past.step_s;
	hz_time_doc_head(stage, from_s, past.step_s, out);
	wide_s = hz_history_read(feed->history, from_s, wide_take, &past);
	/* What the file does not have yet: the newest 10 min, or a day of a disk that fails. */
	while (past.at_s < end_s) {
		if (hz_tier_sum(&series->far, HZ_MAX(past.at_s, wide_s),
		                HZ_MIN(past.at_s + past.step_s, end_s), stage, &past.sum) > 0)
			past.is_known = true;
		column_end(&past);
	}
	hz_doc_text_print(out, "],\"marks\":");
	hz_past_doc_marks(feed, from_s, past.step_s, out);
	hz_doc_text_add(out, "}", 1);
}
