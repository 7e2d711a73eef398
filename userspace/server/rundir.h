/* The run directory of an instance, its locks, and the shared memory that stands in for BPF maps when
 * there is no kernel plane. */
#ifndef HZ_RUNDIR_H
#define HZ_RUNDIR_H

#include "core/err.h"
#include "telemetry/slot.h"

#define HZ_RUNDIR_PATH_MAX 108 /* fits sockaddr_un */

struct hz_rundir {
	char path[HZ_RUNDIR_PATH_MAX - 16]; /* /run/hz[-INSTANCE] or below XDG_RUNTIME_DIR */
	int lock_fd;                        /* held while hzd lives */
};

/* Creates the directory and takes the instance's lock. -EBUSY with exit code 3 names the owner's pid. */
int hz_rundir_open(const char *instance, bool needs_root, struct hz_rundir *out,
                   struct hz_err *err);
void hz_rundir_close(struct hz_rundir *rundir);

/* Locks an interface for all instances and namespaces of this machine, in /run/hz-lock. Returns the descriptor that holds
 * it, or -EBUSY with exit code 3, or -errno. */
int hz_rundir_lock_interface(uint64_t namespace_inode, uint32_t ifindex, const char *ifname,
                             struct hz_err *err);
/* Gives back what that returned, and removes its file. */
void hz_rundir_unlock_interface(uint64_t namespace_inode, uint32_t ifindex, int fd);

/* Telemetry arrays in plain files of the run directory, laid out as the BPF maps of the same names. */
struct hz_rundir_shared {
	struct hz_hist *latency;
	struct hz_beat *beat;
	struct hz_worker *worker;
	struct hz_connections *conns;
	struct hz_route_name *route_names;   /* HZ_ROUTE_SLOTS */
	struct hz_route_hist *route_latency; /* HZ_ROUTE_SLOTS of each of route_workers */
	uint32_t route_workers;
};
int hz_rundir_share(const struct hz_rundir *rundir, uint32_t workers, struct hz_rundir_shared *out,
                    struct hz_err *err);
void hz_rundir_unshare(const struct hz_rundir *rundir, struct hz_rundir_shared *shared);

/* A file of the run directory that only its owner and group hz-admin read, mapped and zeroed; one that is
 * there is replaced. 0 or -errno. Unshare unmaps base, which may be NULL, and removes the file. */
int hz_rundir_share_private(const struct hz_rundir *rundir, const char *name, size_t bytes,
                            void **out);
void hz_rundir_unshare_private(const struct hz_rundir *rundir, const char *name, size_t bytes,
                               void *base);

#endif
