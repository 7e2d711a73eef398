/* The heatmap of more than a day, from the history. */
#ifndef HZ_PAST_DOC_H
#define HZ_PAST_DOC_H

#include "collector/feed.h"

#define HZ_PAST_DOC_COLUMNS 720 /* at most */

/* As hz_time_doc_heatmap, HZ_TIME_DOC_LAST_S < last_s <= HZ_HISTORY_KEEP_S, for a feed that has a history. Columns are of
 * 10 min to an hour. */
void hz_past_doc_heatmap(const struct hz_feed *feed, uint32_t stage, uint32_t last_s,
                         struct hz_doc *out);
/* Its marks, as a JSON array: those in the history, of each kind one in a step of so many seconds, and the newest, which
 * are not there yet. */
void hz_past_doc_marks(const struct hz_feed *feed, int64_t from_s, int64_t step_s,
                       struct hz_doc *out);

#endif
