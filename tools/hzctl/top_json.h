/* A snapshot of hzctl top for scripts. */
#ifndef HZ_TOP_JSON_H
#define HZ_TOP_JSON_H

#include "top_model.h"
#include <jansson.h>

/* With the keys of the collector's /api/v1/status. A new reference; NULL without memory. */
json_t *hz_top_json_make(const struct hz_top_model *model, const char *instance);

#endif
