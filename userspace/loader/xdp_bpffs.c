#include "loader/xdp_bpffs.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_lock.h"
#include "loader/xdp_pins.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOCK_FOLDER HZ_BPFFS "/lock~hz" /* ~: no name of an instance has it */
#define LOCK_WAIT_S 5                   /* another one needs milliseconds */

static bool is_mounted(void)
{
	struct statfs fs;

	return statfs(HZ_BPFFS, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

int hz_xdp_bpffs_mount(bool may_mount, struct hz_err *err)
{
	static const char hint[] = "mount -t bpf bpf " HZ_BPFFS;
	int status;

	if (is_mounted())
		return 0;
	if (!may_mount)
		return hz_err_set(err, -ENOENT, 5, "bpffs_missing", hint,
		                  "no BPF file system is mounted at " HZ_BPFFS);
	/* 0755: with systemd's 0700 nobody but root could read the views below */
	if (mount("bpf", HZ_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") == 0)
		return 0;
	status = -errno;
	return hz_err_set(err, status, status == -EPERM ? 4 : 5, "bpffs_missing", hint,
	                  "no BPF file system is mounted at " HZ_BPFFS
	                  ", and mounting one failed: %s",
	                  strerror(-status));
}

/* A folder that only root can open, or any user could hold the lock for ever. */
static int lock_open(void)
{
	struct stat st;
	int fd, status = 0;

	if (mkdir(LOCK_FOLDER, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = open(LOCK_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		status = -errno;
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		status = -EPERM; /* somebody made it before us, in a file system open to all */
	if (status == 0)
		return fd;
	close(fd);
	return status == -EPERM ? -EEXIST : status;
}

int hz_xdp_bpffs_lock(struct hz_err *err)
{
	int fd = lock_open(), status = fd;

	if (fd >= 0) {
		status = hz_xdp_lock_take(fd, LOCK_WAIT_S * 1000);
		if (status == 0)
			return fd;
		close(fd);
	}
	if (status == -EEXIST)
		return hz_err_set(err, status, 1, "bpffs_lock", "rmdir " LOCK_FOLDER,
		                  LOCK_FOLDER " was made by another user");
	if (status == -EBUSY)
		return hz_err_set(err, -ETIMEDOUT, 6, "bpffs_lock", "fuser -v " LOCK_FOLDER,
		                  "another attach or detach has held the lock for %d s",
		                  LOCK_WAIT_S);
	return hz_xdp_fail(err, status, "bpffs_lock", "cannot lock " LOCK_FOLDER, NULL);
}
