/* Asks hzd for the descriptors of its telemetry, over its control socket. */
#ifndef HZ_FD_ASK_H
#define HZ_FD_ASK_H

#include "core/err.h"

#define HZ_FD_ASK_MAX 32 /* descriptors of one answer */

/* Sends {"cmd":"stream"} to the socket of an instance (NULL: the default one), waits at most 5 s, and writes the
 * descriptors to fd[], -1 for names that hzd did not hand over; what it hands over beyond is closed. 0, or -errno with err
 * filled and every fd -1: -ENOENT nobody is there, -EACCES not permitted, -EREMOTEIO hzd refused. */
int hz_fd_ask(const char *instance, const char *const *names, uint32_t count, int *fd,
              struct hz_err *err);

#endif
