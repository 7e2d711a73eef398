/* What /api/v1 and /events say, as JSON. Keys may only grow; what is not known is null. */
#ifndef HZ_STATUS_DOC_H
#define HZ_STATUS_DOC_H

#include "collector/feed.h"
#include <jansson.h>

/* /api/v1/status; NULL without memory. */
json_t *hz_status_doc(const struct hz_feed *feed);

/* {"stage", "count", ...}: what one stage got in a time of interval_s seconds, 0: no such time is known. requests: samples of
 * HZ_STAGE_TOTAL in it; a stage without any beside those was not measured, which is null and not 0. */
json_t *hz_status_doc_stage(uint32_t stage, const struct hz_hist *hist, uint32_t interval_s,
                            uint64_t requests);

/* A text of the maps, which may hold anything: bytes that are not UTF-8 become '?'. */
json_t *hz_status_doc_text(const char *text);

#endif
