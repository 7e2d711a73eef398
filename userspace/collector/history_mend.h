/* A history that cannot be read, for instance torn by a power loss: moved aside, never removed. */
#ifndef HZ_HISTORY_MEND_H
#define HZ_HISTORY_MEND_H

#include "core/base.h"

/* Is the file one of ours, though SQLite cannot read it: with our application_id, or with a head of zeros, as file
 * systems leave it that lost power? A file that somebody named by mistake is not. */
bool hz_history_mend_is_ours(const char *path);

/* Renames it, and what SQLite keeps beside it, to PATH.bad-UNIX, and says so. 0 or -errno. */
int hz_history_mend_move(const char *path, int64_t now_s);

#endif
