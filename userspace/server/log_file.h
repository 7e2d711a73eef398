/* The file of an access log: where it may lie, and that nobody else could have put it there. */
#ifndef HZ_LOG_FILE_H
#define HZ_LOG_FILE_H

#include "core/err.h"

/* Opens path to append to, and creates it with mode 0640: a regular file with one name or a FIFO that has a reader, of
 * root or the caller, writable by its owner alone, in a directory of which the same is true; no symlink. Writes to it
 * do not wait. The descriptor, or -errno. */
int hz_log_file_open(const char *path);

/* Whether open would succeed, without opening or making anything; a FIFO's reader is not looked for. 0 or -errno. */
int hz_log_file_check(const char *path);

/* Why either returned status, in err: what is wrong, and what to type. line is that of the site, 0 for none. Returns
 * status. */
int hz_log_file_explain(const char *path, uint32_t line, int status, struct hz_err *err);

#endif
