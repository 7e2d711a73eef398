/* Log lines of daemons: to stderr, one line each, never from a worker's loop. */
#ifndef HZ_LOG_H
#define HZ_LOG_H

#include "core/base.h"

enum hz_log_level { HZ_LOG_ERROR, HZ_LOG_WARN, HZ_LOG_INFO, HZ_LOG_DEBUG };

#define HZ_LOG_NAME_MAX 64
#define HZ_LOG_LINE_MAX 1024 /* longer lines are cut */

/* The name (copied, cut to HZ_LOG_NAME_MAX - 1) and the level are the process's: the first call says them, later ones
 * change nothing. Before: "hz" and HZ_LOG_INFO. Any thread. */
void hz_log_open(const char *program, enum hz_log_level most);
/* "PROGRAM: LEVEL: text", one write(2) per line so that lines of several threads do not mix; with the
 * journal's <N> priority in front when stderr is the journal. Keeps errno. Any thread but a worker. */
void hz_log(enum hz_log_level level, const char *format, ...) HZ_PRINTF(2, 3);

#endif
