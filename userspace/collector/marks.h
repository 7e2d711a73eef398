/* Marks from what changed between two views. The maps say it whether hzd lives or not. */
#ifndef HZ_MARKS_H
#define HZ_MARKS_H

#include "collector/event_log.h"
#include "collector/map_view.h"

void hz_marks_find(struct hz_event_log *log, int64_t unix_s, const struct hz_map_view *before,
                   const struct hz_map_view *now);

#endif
