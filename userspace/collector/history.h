/* The optional history: columns of 10 s in an SQLite database, so that a collector that starts again has its last day.
 * Optional in every way: when the disk fails, the collector goes on without and says so. */
#ifndef HZ_HISTORY_H
#define HZ_HISTORY_H

#include "collector/stage_series.h"
#include "core/err.h"

#define HZ_HISTORY_KEEP_S (30 * 86400) /* older columns are removed */

struct hz_history; /* owned by the caller of open */

/* Opens or makes the file, with the rights of who calls. 0, or -errno with err filled: also when the file is something else. */
int hz_history_open(const char *path, struct hz_history **out, struct hz_err *err);
void hz_history_close(struct hz_history *history); /* accepts NULL; writes what waits */

/* Puts the columns of instance ("": the default one) of the last day, to_s excluded, into an empty tier of 10 s. Those
 * that are not what hz_hist_pack makes are left out. Returns the number of columns, or -EIO. */
int hz_history_load(struct hz_history *history, const char *instance, int64_t to_s,
                    struct hz_tier *far);
/* One column. 0 or -EIO; the first failure is logged. */
int hz_history_put(struct hz_history *history, const char *instance, int64_t unix_s,
                   const uint8_t *packed, size_t bytes);

#endif
