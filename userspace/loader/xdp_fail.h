/* Errors of libbpf and the kernel in words of ours. */
#ifndef HZ_XDP_FAIL_H
#define HZ_XDP_FAIL_H

#include "loader/xdp_chatter.h"

/* Fills err for a failed system call: `doing` says what failed ("cannot pin the maps"). The exit code
 * of hzctl follows from status. chatter may be NULL. Returns status. */
int hz_xdp_fail(struct hz_err *err, int status, const char *code, const char *doing,
                const struct hz_xdp_chatter *chatter);

#endif
