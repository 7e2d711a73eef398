#include "server/rundir.h"
#include "core/hint.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* /run/user/UID need not exist. hzctl looks there too. */
#define XDG_HINT           "export XDG_RUNTIME_DIR=$(mktemp -d)"
#define INTERFACE_LOCK_MAX 64
#define LOCK_DIR           "/run/hz-lock" /* not /run/lock: anybody may hold a lock there */

/* Without root rights the instance lives below the user's own run directory. */
static int rundir_path(const char *instance, bool needs_root, char *out, size_t bytes)
{
	const char *base = "/run";
	int len;

	if (!needs_root && geteuid() != 0) {
		base = getenv("XDG_RUNTIME_DIR");
		if (base == NULL || base[0] != '/')
			return -ENOENT;
	}
	len = snprintf(out, bytes, "%s/hz%s%s", base, instance ? "-" : "",
	               instance ? instance : "");
	return len > 0 && (size_t)len < bytes ? 0 : -ENAMETOOLONG;
}

/* Opens and locks path; -EAGAIN when the file was replaced meanwhile by an owner that ended. */
static int lock_try(const char *path, long *owner)
{
	struct stat ours, there;
	char text[24] = "";
	int fd, err;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		*owner = pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
		close(fd);
		return err;
	}
	if (fstat(fd, &ours) != 0 || stat(path, &there) != 0 || ours.st_ino != there.st_ino ||
	    ours.st_dev != there.st_dev) {
		close(fd);
		return -EAGAIN;
	}
	return fd;
}

/* Takes an exclusive lock on path and writes our pid into it; returns the descriptor that holds it.
 * *owner is the holder's pid on -EBUSY. */
static int lock_take(const char *path, long *owner)
{
	char text[24];
	int fd = -EAGAIN, len;

	for (unsigned tries = 0; fd == -EAGAIN && tries < 8; tries++)
		fd = lock_try(path, owner);
	if (fd < 0)
		return fd;
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int hz_rundir_open(const char *instance, bool needs_root, struct hz_rundir *out, struct hz_err *err)
{
	struct hz_rundir rundir = { .lock_fd = -1 };
	char lock_path[HZ_RUNDIR_PATH_MAX], hint[sizeof(err->hint)];
	long owner = 0;
	int status;

	status = rundir_path(instance, needs_root, rundir.path, sizeof(rundir.path));
	if (status == -ENAMETOOLONG)
		return hz_err_set(err, status, 7, "rundir", XDG_HINT,
		                  "the path in XDG_RUNTIME_DIR is too long for a socket");
	if (status != 0)
		return hz_err_set(err, status, 7, "rundir", XDG_HINT,
		                  "no run directory: not root and XDG_RUNTIME_DIR is not set");
	if (mkdir(rundir.path, 0755) != 0 && errno != EEXIST)
		return hz_err_set(err, -errno, 7, "rundir",
		                  needs_root || geteuid() == 0 ? "ls -ld /run" : XDG_HINT,
		                  "cannot create %s: %s", rundir.path, strerror(errno));
	snprintf(lock_path, sizeof(lock_path), "%s/lock", rundir.path);
	hz_hint_write(hint, sizeof(hint), instance,
	              "status; or another instance: hzd -i NAME, in a program .instance");
	status = lock_take(lock_path, &owner);
	if (status == -EBUSY)
		return hz_err_set(err, status, 3, "owned", hint,
		                  "Device or resource busy: instance '%s' is run by pid %ld",
		                  instance ? instance : "default", owner);
	if (status < 0)
		return hz_err_set(err, status, 7, "rundir", "", "cannot lock %s: %s", lock_path,
		                  strerror(-status));
	rundir.lock_fd = status;
	*out = rundir;
	return 0;
}

void hz_rundir_close(struct hz_rundir *rundir)
{
	char lock_path[HZ_RUNDIR_PATH_MAX];

	if (rundir->lock_fd <= 0)
		return;
	snprintf(lock_path, sizeof(lock_path), "%s/lock", rundir->path);
	unlink(lock_path); /* while we hold it; who opened it before finds out in lock_try */
	close(rundir->lock_fd);
	rmdir(rundir->path); /* goes only when empty */
	rundir->lock_fd = -1;
}

/* One for all instances, which only its owner can enter: a lock that others could take would let them
 * keep hzd from starting. */
static int lock_dir_open(void)
{
	struct stat info;

	if (mkdir(LOCK_DIR, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (lstat(LOCK_DIR, &info) != 0)
		return -errno;
	if (!S_ISDIR(info.st_mode))
		return -ENOTDIR;
	if ((info.st_uid != 0 && info.st_uid != geteuid()) || (info.st_mode & 077) != 0)
		return -EPERM;
	return 0;
}

static void interface_lock_path(uint64_t namespace_inode, uint32_t ifindex,
                                char out[INTERFACE_LOCK_MAX])
{
	snprintf(out, INTERFACE_LOCK_MAX, LOCK_DIR "/hz-%llu-%u.lock",
	         (unsigned long long)namespace_inode, ifindex);
}

void hz_rundir_unlock_interface(uint64_t namespace_inode, uint32_t ifindex, int fd)
{
	char path[INTERFACE_LOCK_MAX];

	interface_lock_path(namespace_inode, ifindex, path);
	unlink(path); /* as in hz_rundir_close: while we hold it */
	close(fd);
}

int hz_rundir_lock_interface(uint64_t namespace_inode, uint32_t ifindex, const char *ifname,
                             struct hz_err *err)
{
	char path[INTERFACE_LOCK_MAX], hint[sizeof(err->hint)];
	long owner = 0;
	int status = lock_dir_open();

	if (status != 0)
		return hz_err_set(err, status, 7, "lock", "as root: chmod 0700 " LOCK_DIR,
		                  LOCK_DIR " is no directory of its owner alone: %s",
		                  strerror(-status));
	interface_lock_path(namespace_inode, ifindex, path);
	status = lock_take(path, &owner);
	hz_hint_write(hint, sizeof(hint), NULL, "xdp show dev %s", ifname);
	if (status == -EBUSY)
		return hz_err_set(err, status, 3, "owned", hint,
		                  "Device or resource busy: %s is served by pid %ld", ifname,
		                  owner);
	if (status < 0)
		return hz_err_set(err, status, 7, "lock", "", "cannot lock %s: %s", path,
		                  strerror(-status));
	return status;
}

static int share_one(const char *dir, const char *name, size_t bytes, mode_t mode, gid_t group,
                     void **out)
{
	char path[HZ_RUNDIR_PATH_MAX];
	void *base;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path); /* a reader of the last run keeps its own copy */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return -errno;
	if (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) != 0)
		err = -errno;
	/* Every page now: a worker that writes to one which the file system has no room for would die
	 * of SIGBUS, and one that has to wait for one would be late. */
	if (err == 0)
		err = -posix_fallocate(fd, 0, (off_t)bytes);
	base = err == 0
	               ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0)
	               : MAP_FAILED;
	if (err == 0 && base == MAP_FAILED)
		err = -errno;
	close(fd);
	if (err != 0)
		unlink(path);
	else
		*out = base;
	return err;
}

/* The arrays in the order of struct hz_rundir_shared; the last one for each worker. */
static const struct {
	const char *name;
	size_t bytes;
} shared_arrays[] = {
	{ "latency", sizeof(struct hz_hist) * (size_t)HZ_HIST_ENTRIES },
	{ "beat", sizeof(struct hz_beat) * HZ_WORKERS_MAX },
	{ "workers", sizeof(struct hz_worker) * HZ_WORKERS_MAX },
	{ "connections", sizeof(struct hz_connections) * HZ_WORKERS_MAX },
	{ "route_names", sizeof(struct hz_route_name) * HZ_ROUTE_SLOTS },
	{ "route_latency", sizeof(struct hz_route_hist) * HZ_ROUTE_SLOTS },
};
#define BY_WORKER (HZ_ARRAY_LEN(shared_arrays) - 1)

static size_t shared_bytes(size_t i, uint32_t workers)
{
	return i == BY_WORKER ? shared_arrays[i].bytes * workers : shared_arrays[i].bytes;
}

int hz_rundir_share(const struct hz_rundir *rundir, uint32_t workers, struct hz_rundir_shared *out,
                    struct hz_err *err)
{
	void *base[HZ_ARRAY_LEN(shared_arrays)] = { NULL };
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(shared_arrays) && status == 0; i++)
		status = share_one(rundir->path, shared_arrays[i].name, shared_bytes(i, workers),
		                   0644, (gid_t)-1, &base[i]);
	*out = (struct hz_rundir_shared){ base[0], base[1], base[2], base[3],
		                          base[4], base[5], workers };
	if (status != 0) {
		hz_rundir_unshare(rundir, out);
		return hz_err_set(err, status, 5, "shared_memory", "df -h /run",
		                  "cannot share %s: %s", rundir->path, strerror(-status));
	}
	return 0;
}

void hz_rundir_unshare(const struct hz_rundir *rundir, struct hz_rundir_shared *shared)
{
	void *base[] = { shared->latency, shared->beat,        shared->worker,
		         shared->conns,   shared->route_names, shared->route_latency };
	char path[HZ_RUNDIR_PATH_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(shared_arrays); i++) {
		if (base[i] == NULL)
			continue;
		munmap(base[i], shared_bytes(i, shared->route_workers));
		snprintf(path, sizeof(path), "%s/%s", rundir->path, shared_arrays[i].name);
		unlink(path);
	}
	*shared = (struct hz_rundir_shared){ 0 };
}

int hz_rundir_share_private(const struct hz_rundir *rundir, const char *name, size_t bytes,
                            void **out)
{
	const struct group *group = geteuid() == 0 ? getgrnam("hz-admin") : NULL;

	return share_one(rundir->path, name, bytes, group != NULL ? 0640 : 0600,
	                 group != NULL ? group->gr_gid : (gid_t)-1, out);
}

void hz_rundir_unshare_private(const struct hz_rundir *rundir, const char *name, size_t bytes,
                               void *base)
{
	char path[HZ_RUNDIR_PATH_MAX];

	if (base != NULL)
		munmap(base, bytes);
	if (rundir->lock_fd <= 0)
		return; /* not our directory */
	snprintf(path, sizeof(path), "%s/%s", rundir->path, name);
	unlink(path);
}
