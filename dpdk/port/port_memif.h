/* What net_memif needs beside port_eal.h: its arguments, and a socket path that a dead process may have
 * left behind. */
#ifndef HZ_PORT_MEMIF_H
#define HZ_PORT_MEMIF_H

#include "core/err.h"
#include <stdint.h>

#define HZ_PORT_MEMIF_ARGS_MAX 640u
#define HZ_PORT_MEMIF_PATH_MAX 108u

/* The driver's arguments for queue number queue of a memif interface: given, where the user may say
 * role=server|client (server), socket=PATH (must), id=N (0; queue i has id N + i), bsize, secret and
 * zero-copy, completed by what follows from ring_slots. A path that begins with @ is abstract. 0, or
 * -EINVAL with err filled (exit code 2). */
int hz_port_memif_args(const char *given, uint16_t queue, uint32_t ring_slots,
                       char out[HZ_PORT_MEMIF_ARGS_MAX], struct hz_err *err);

/* The socket's path as given. 0 or -EINVAL with err filled. */
int hz_port_memif_path(const char *given, char out[HZ_PORT_MEMIF_PATH_MAX], struct hz_err *err);

/* Before the first server device on a path: removes the socket file of a process that is gone, which the
 * driver would take for one in use. 0, or -errno with err filled: exit code 3 when somebody listens
 * there, 4 when something is there that is no socket. Nothing to do for a client. */
int hz_port_memif_path_clear(const char *given, struct hz_err *err);

#endif
