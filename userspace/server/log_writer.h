/* The one thread that writes access logs: takes what workers have left in the rings of each file's sink and appends it,
 * many lines at once. A file that takes nothing, as it is a full pipe or on a full disk, loses no line that a ring still
 * has room for; what the rings have no room for is dropped by the workers, and counted. It is said once that a file
 * fails and once that it works again, with the number of lines dropped. */
#ifndef HZ_LOG_WRITER_H
#define HZ_LOG_WRITER_H

#include "config/site.h"
#include "middleware/log_sink.h"

struct hz_log_writer; /* owned by the caller of open */

/* For that many workers. No thread and no memory to speak of before the first bind. 0 or -ENOMEM. */
int hz_log_writer_open(uint32_t lane_count, struct hz_log_writer **out);

/* Gives each `log` of the site the sink of its file, which is opened if it is not yet. All or none: 0, or -errno with
 * err filled. Housekeeping's thread, as all that follow. */
int hz_log_writer_bind(struct hz_log_writer *writer, struct hz_site *site, struct hz_err *err);

/* The site's requests are over: a file that no site names any more is written to its last line, and closed. Accepts a
 * site that was not bound. */
void hz_log_writer_unbind(struct hz_site *site);

/* Opens every file by its name again, for who has moved it away: the next line goes to the new one. One that cannot be
 * opened goes on as it was, and that is said. */
void hz_log_writer_reopen(struct hz_log_writer *writer);

/* Writes what there is, for a second at most where a file does not take it. When no worker turns any more; accepts
 * NULL. */
void hz_log_writer_close(struct hz_log_writer *writer);

#endif
