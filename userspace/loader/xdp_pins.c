#include "loader/xdp_pins.h"
#include "loader/xdp_fail.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <net/if.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define STAGED        "~" /* the BPF file system allows it, an instance's name does not */
#define LINK_PREFIX   "link_"
#define LOCK_FOLDER   HZ_BPFFS "/lock" STAGED "hz"
#define LOCK_WAIT_S   5
#define LOCK_RETRY_NS 10000000
#define LOCK_RETRIES  (LOCK_WAIT_S * 100)

static bool instance_is_valid(const char *instance)
{
	size_t len = strnlen(instance, HZ_INSTANCE_MAX + 1);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)instance[i]) && instance[i] != '-' &&
		    instance[i] != '_')
			return false;
	return len > 0 && len <= HZ_INSTANCE_MAX;
}

/* "_eth0%2E100": bpffs refuses dots in names. */
static int ifname_suffix(char out[3 * IF_NAMESIZE + 2], const char *ifname)
{
	size_t len = strnlen(ifname, IF_NAMESIZE), used = 0;

	if (len == 0 || len >= IF_NAMESIZE || strpbrk(ifname, "/%~") != NULL)
		return -EINVAL;
	out[used++] = '_';
	for (size_t i = 0; i < len; i++) {
		if (ifname[i] == '.') {
			memcpy(out + used, "%2E", 3);
			used += 3;
		} else {
			out[used++] = ifname[i];
		}
	}
	out[used] = '\0';
	return 0;
}

int hz_xdp_pin_path(char out[HZ_PIN_PATH_MAX], const char *instance, const char *name,
                    const char *ifname)
{
	char suffix[3 * IF_NAMESIZE + 2] = "";
	int len;

	if (instance != NULL && !instance_is_valid(instance))
		return -EINVAL;
	if (ifname != NULL && (name == NULL || ifname_suffix(suffix, ifname) != 0))
		return -EINVAL;
	len = snprintf(out, HZ_PIN_PATH_MAX, HZ_BPFFS "/hz%s%s%s%s%s", instance == NULL ? "" : "-",
	               instance == NULL ? "" : instance, name == NULL ? "" : "/",
	               name == NULL ? "" : name, suffix);
	return len < HZ_PIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool bpffs_is_mounted(void)
{
	struct statfs fs;

	return statfs(HZ_BPFFS, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

int hz_xdp_pins_mount(bool may_mount, struct hz_err *err)
{
	static const char hint[] = "mount -t bpf bpf " HZ_BPFFS;
	int status;

	if (bpffs_is_mounted())
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

/* Another one needs milliseconds; one that was stopped in the middle must not stop all others. */
static int lock_take(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_RETRY_NS };

	for (int i = 0; i < LOCK_RETRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int hz_xdp_pins_lock(struct hz_err *err)
{
	int fd = lock_open(), status = fd;

	if (fd >= 0) {
		status = lock_take(fd);
		if (status == 0)
			return fd;
		close(fd);
	}
	if (status == -EEXIST)
		return hz_err_set(err, status, 1, "bpffs_lock", "rmdir " LOCK_FOLDER,
		                  LOCK_FOLDER " was made by another user");
	if (status == -ETIMEDOUT)
		return hz_err_set(err, status, 6, "bpffs_lock", "fuser -v " LOCK_FOLDER,
		                  "another attach or detach has held the lock for %d s",
		                  LOCK_WAIT_S);
	return hz_xdp_fail(err, status, "bpffs_lock", "cannot lock " LOCK_FOLDER, NULL);
}

/* The group that may read; root's own when setup made none. */
static gid_t pins_group(void)
{
	struct group entry, *found = NULL;
	char buf[4096];

	if (getgrnam_r("hz", &entry, buf, sizeof(buf), &found) != 0 || found == NULL)
		return 0;
	return found->gr_gid;
}

static int give_away(const char *path, mode_t mode)
{
	if (chown(path, 0, pins_group()) != 0 || chmod(path, mode) != 0)
		return -errno;
	return 0;
}

int hz_xdp_pins_folder(const char *path, mode_t mode)
{
	if (mkdir(path, 0700) != 0)
		return -errno;
	return give_away(path, mode);
}

int hz_xdp_pins_pin(int fd, const char *path, mode_t mode)
{
	int status;

	if (bpf_obj_pin(fd, path) != 0)
		return -errno;
	status = give_away(path, mode);
	if (status != 0)
		unlink(path);
	return status;
}

static int staged_path(char out[HZ_PIN_PATH_MAX], const char *instance, const char *name,
                       const char *ifname)
{
	int status = hz_xdp_pin_path(out, instance, name, ifname);
	size_t len;

	if (status != 0)
		return status;
	len = strlen(out);
	if (len + sizeof(STAGED) > HZ_PIN_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out + len, STAGED, sizeof(STAGED));
	return 0;
}

int hz_xdp_pins_stage(const char *instance, const char *ifname, const struct hz_xdp_pin *pin,
                      size_t count)
{
	char path[HZ_PIN_PATH_MAX];
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++) {
		status = staged_path(path, instance, pin[i].name, ifname);
		if (status != 0)
			break;
		unlink(path); /* of a run that was killed */
		status = hz_xdp_pins_pin(pin[i].fd, path, pin[i].mode);
	}
	if (status != 0)
		hz_xdp_pins_drop(instance, ifname, pin, count);
	return status;
}

int hz_xdp_pins_commit(const char *instance, const char *ifname, const struct hz_xdp_pin *pin,
                       size_t count)
{
	char from[HZ_PIN_PATH_MAX], to[HZ_PIN_PATH_MAX];
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++) {
		status = staged_path(from, instance, pin[i].name, ifname);
		if (status == 0)
			status = hz_xdp_pin_path(to, instance, pin[i].name, ifname);
		if (status == 0 && rename(from, to) != 0)
			status = -errno;
	}
	return status;
}

void hz_xdp_pins_drop(const char *instance, const char *ifname, const struct hz_xdp_pin *pin,
                      size_t count)
{
	char path[HZ_PIN_PATH_MAX];

	for (size_t i = 0; i < count; i++)
		if (staged_path(path, instance, pin[i].name, ifname) == 0)
			unlink(path);
}

int hz_xdp_pins_open(const char *instance, const char *name, const char *ifname, bool is_reader)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = is_reader ? BPF_F_RDONLY : 0);
	char path[HZ_PIN_PATH_MAX];
	int status = hz_xdp_pin_path(path, instance, name, ifname);
	int fd;

	if (status != 0)
		return status;
	fd = bpf_obj_get_opts(path, &opts);
	return fd >= 0 ? fd : -errno;
}

int hz_xdp_pins_open_staged(const char *instance, const char *name, const char *ifname)
{
	char path[HZ_PIN_PATH_MAX];
	int status = staged_path(path, instance, name, ifname);
	int fd;

	if (status != 0)
		return status;
	fd = bpf_obj_get(path);
	return fd >= 0 ? fd : -errno;
}

/* The link goes first: without it nothing is attached any more, whatever else stays behind. */
static const char *const ifname_pins[] = { "link", "prog_xdp", "meta", "vips", "resp", "xsks_map" };

void hz_xdp_pins_forget(const char *instance, const char *ifname)
{
	char path[HZ_PIN_PATH_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(ifname_pins); i++)
		if (hz_xdp_pin_path(path, instance, ifname_pins[i], ifname) == 0)
			unlink(path);
	hz_xdp_pins_sweep(instance, ifname);
}

void hz_xdp_pins_sweep(const char *instance, const char *ifname)
{
	char path[HZ_PIN_PATH_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(ifname_pins); i++)
		if (staged_path(path, instance, ifname_pins[i], ifname) == 0)
			unlink(path);
}

/* Files of one folder; folders only when it may hold some. */
static int folder_empty(int at, const char *name, bool may_nest)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int status = 0;

	if (dir == NULL) {
		status = -errno;
		if (fd >= 0)
			close(fd);
		return status;
	}
	while (status == 0 && (entry = readdir(dir)) != NULL) {
		bool is_folder = entry->d_type == DT_DIR;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (is_folder && may_nest)
			status = folder_empty(fd, entry->d_name, false);
		if (status == 0 && unlinkat(fd, entry->d_name, is_folder ? AT_REMOVEDIR : 0) != 0)
			status = -errno;
	}
	closedir(dir);
	return status;
}

int hz_xdp_pins_remove(const char *path)
{
	int status = folder_empty(AT_FDCWD, path, true);

	if (status == -ENOENT)
		return 0;
	if (status == 0 && rmdir(path) != 0)
		status = -errno;
	return status;
}

/* The interface of the pin "link_eth0%2E100", staged or not; false: another pin. */
static bool ifname_of_link(char out[IF_NAMESIZE], const char *pin)
{
	size_t used = 0;

	if (strncmp(pin, LINK_PREFIX, strlen(LINK_PREFIX)) != 0)
		return false;
	for (pin += strlen(LINK_PREFIX); *pin != '\0'; pin++) {
		if (strcmp(pin, STAGED) == 0)
			break;
		if (used + 1 >= IF_NAMESIZE || *pin == '~')
			return false;
		if (strncmp(pin, "%2E", 3) == 0) {
			out[used++] = '.';
			pin += 2;
		} else {
			out[used++] = *pin;
		}
	}
	out[used] = '\0';
	return used > 0;
}

int hz_xdp_pins_each(const char *instance, int (*on_ifname)(const char *ifname, void *ctx),
                     void *ctx)
{
	char path[HZ_PIN_PATH_MAX], ifname[IF_NAMESIZE];
	int status = hz_xdp_pin_path(path, instance, NULL, NULL);
	struct dirent *entry;
	DIR *dir;

	if (status != 0)
		return status;
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (status == 0 && (entry = readdir(dir)) != NULL)
		if (ifname_of_link(ifname, entry->d_name))
			status = on_ifname(ifname, ctx);
	closedir(dir);
	return status;
}
