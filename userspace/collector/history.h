/* The optional history: columns of 10 s in an SQLite database, so that a collector that starts again has its last day,
 * and 30 days can be asked for. Optional: when the disk fails, the collector goes on and says so. What waits for nobody here
 * waits for no other program; a disk that does not answer is waited for, as by any read and write. */
#ifndef HZ_HISTORY_H
#define HZ_HISTORY_H

#include "collector/history_marks.h"
#include "collector/history_wide.h"
#include "collector/stage_series.h"
#include "core/err.h"

#define HZ_HISTORY_KEEP_S     (30 * 86400) /* older columns are removed */
#define HZ_HISTORY_WRITES_MAX 64           /* columns in one turn */

struct hz_history; /* owned by the caller of open */

/* Opens or makes the file, with the rights of who calls, for one instance ("": the default one; has to outlive it), and
 * gives the series the columns of the day up to now_s, those that lie left out. One of ours that is broken is renamed to
 * FILE.bad-UNIX with a warning, and another one begun. 0 with *out NULL: the disk fails, said; it goes without. -errno
 * with err filled: not ours, or it may not be written. */
int hz_history_open(const char *path, const char *instance, int64_t now_s, struct hz_series *series,
                    struct hz_history **out, struct hz_err *err);
void hz_history_close(struct hz_history *history); /* accepts NULL */

/* Once per second. Behind a clock that was set back, when the series began anew: columns of the time that did not come
 * yet are removed, and the day before them is given to the series; tried again each time until it is done. Waits for
 * nobody. 0, -EAGAIN: there is more to write first, or -EIO, the first of which is logged. */
int hz_history_follow(struct hz_history *history, int64_t now_s, struct hz_series *series);

/* Once for each column that was put into the tier: writes it, and first those that could not be written before, for
 * they are still there. Waits for nobody. 0 or -EIO; the first failure is logged, and that it is over. */
int hz_history_write(struct hz_history *history, const struct hz_tier *far);

/* Before the last write: it waits up to a second for another program, and leaves nothing for another turn. */
void hz_history_hurry(struct hz_history *history); /* accepts NULL */

/* Seconds back from now_s that the file goes, at most HZ_HISTORY_KEEP_S. */
uint32_t hz_history_length(struct hz_history *history, int64_t now_s);

/* Calls fn with the columns of 10 min from from_s on. Returns up to when there are any: what is newer, at most some
 * 10 min, is in the tier alone. Or -errno. */
int64_t hz_history_read(struct hz_history *history, int64_t from_s, hz_history_fn *fn, void *ctx);

/* Columns that were never written: nobody let us for a day; and marks. */
uint64_t hz_history_lost(const struct hz_history *history);

/* For who loads, writes once per second, and reads them. */
struct hz_history_marks *hz_history_marks(struct hz_history *history);

#endif
