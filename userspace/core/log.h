/* Log lines of daemons: to stderr, one line each, never from a worker's loop. */
#ifndef HZ_LOG_H
#define HZ_LOG_H

#include "core/base.h"

enum hz_log_level { HZ_LOG_ERROR, HZ_LOG_WARN, HZ_LOG_INFO, HZ_LOG_DEBUG };

void hz_log_open(const char *program, enum hz_log_level most); /* before threads start */
void hz_log(enum hz_log_level level, const char *format, ...) HZ_PRINTF(2, 3);

#endif
