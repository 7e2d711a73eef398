/* hzctl top on a terminal: once a second, and whenever a key, the terminal or hz-collector wants it. */
#ifndef HZ_TOP_LIVE_H
#define HZ_TOP_LIVE_H

#include "core/common.h"
#include "top_data.h"
#include "top_term.h"

/* Until q or a signal; the terminal is as before when it returns. collector_of: the instance its collector has to be of, NULL:
 * any. 0, or -errno with err filled. */
int hz_top_live_run(struct hz_top_data *data, struct hz_top_term *term,
                    const struct hz_endpoint *collector, const char *collector_of,
                    struct hz_err *err);

#endif
