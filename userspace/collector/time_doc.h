/* Latency over time as JSON: columns of the heatmap and percentiles of a stretch of time. */
#ifndef HZ_TIME_DOC_H
#define HZ_TIME_DOC_H

#include "collector/feed.h"

#define HZ_TIME_DOC_LAST_S  86400
#define HZ_TIME_DOC_COLUMNS 720 /* of those beyond an hour; a screen has no room for more */

/* /api/v1/heatmap of one stage, 1 <= last_s <= HZ_TIME_DOC_LAST_S: columns of 1 s within the
 * last hour, as they are streamed; beyond it of 10 s to 2 min, at most HZ_TIME_DOC_COLUMNS whole
 * ones. The last one may still grow. */
void hz_time_doc_heatmap(const struct hz_feed *feed, uint32_t stage, uint32_t last_s,
                         struct hz_doc *out);
/* Parts of it: what stands before its columns, and one of them; hist NULL: not known. */
void hz_time_doc_head(uint32_t stage, int64_t from_s, int64_t step_s, struct hz_doc *out);
void hz_time_doc_counts(int64_t unix_s, const struct hz_hist *hist, struct hz_doc *out);
/* {"t":..., "counts":[...] or null}: the newest second that is over. */
void hz_time_doc_column(const struct hz_feed *feed, uint32_t stage, struct hz_doc *out);
/* /api/v1/latency of one stage, or of all (HZ_STAGE_COUNT). */
void hz_time_doc_latency(const struct hz_feed *feed, uint32_t stage, uint32_t last_s,
                         struct hz_doc *out);

#endif
