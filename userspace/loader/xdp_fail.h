/* Errors of libbpf and the kernel in words of ours. */
#ifndef HZ_XDP_FAIL_H
#define HZ_XDP_FAIL_H

#include "core/err.h"

#define HZ_XDP_CHATTER_MAX 4096

/* What libbpf said while one of our calls ran: kept for the cause, told to the log at debug level and
 * never to the terminal. Owned by the caller, zeroed. */
struct hz_xdp_chatter {
	size_t len;
	char text[HZ_XDP_CHATTER_MAX];
};

/* Between the two, what libbpf prints in this thread goes to *chatter. Not nested. */
void hz_xdp_fail_listen(struct hz_xdp_chatter *chatter);
void hz_xdp_fail_listen_end(void);

/* Fills err for a failed system call: `doing` says what failed ("cannot pin the maps"). The exit code
 * of hzctl follows from status. chatter may be NULL. Returns status. */
int hz_xdp_fail(struct hz_err *err, int status, const char *code, const char *doing,
                const struct hz_xdp_chatter *chatter);

#endif
