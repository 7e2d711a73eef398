/* The BPF file system: is it there, and whose turn is it? */
#ifndef HZ_XDP_BPFFS_H
#define HZ_XDP_BPFFS_H

#include "core/err.h"
#include <stdbool.h>

/* Is a BPF file system at HZ_BPFFS? With may_mount one is mounted there when not. */
int hz_xdp_bpffs_mount(bool may_mount, struct hz_err *err);

/* Attaching and detaching, of any instance, one at a time: waits 5 s at most (-ETIMEDOUT, exit 6).
 * Returns an fd to close, or -errno. */
int hz_xdp_bpffs_lock(struct hz_err *err);

#endif
