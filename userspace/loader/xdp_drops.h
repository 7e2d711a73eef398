/* Examples of the frames that the XDP program dropped, read from the pinned map `drops`. Reading disturbs
 * nobody: any number may look, with hzd alive or dead. */
#ifndef HZ_XDP_DROPS_H
#define HZ_XDP_DROPS_H

#include "abi/hz_abi.h"
#include "core/err.h"

/* Returns an fd for hz_xdp_drops_read, to close; or -errno with err filled (exit codes of hzctl). */
int hz_xdp_drops_open(const char *instance, struct hz_err *err);

/* Fills out (HZ_SAMPLES_MAX) with what is there, the oldest first; slots that were being written are left
 * out. The number of them, or -errno. */
int hz_xdp_drops_read(int fd, struct hz_sample *out);

#endif
