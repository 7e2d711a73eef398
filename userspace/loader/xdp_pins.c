#include "loader/xdp_pins.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define STAGED "~" /* the BPF file system allows it, an instance's name does not */

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

/* The link goes first: without it nothing is attached any more, whatever else stays behind. What holds
 * a program of other people goes last. */
static const char *const ifname_pins[] = { "link", "prog_xdp", "meta",     "vips", "probers",
	                                   "resp", "next",     "xsks_map", "hold", "foreign" };

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

int hz_xdp_pins_finish(const char *instance, const char *ifname)
{
	char from[HZ_PIN_PATH_MAX], to[HZ_PIN_PATH_MAX];

	/* the program last: while its staged pin is there, this is to be done */
	for (size_t i = HZ_ARRAY_LEN(ifname_pins); i-- > 0;) {
		int status = staged_path(from, instance, ifname_pins[i], ifname);

		if (status == 0)
			status = hz_xdp_pin_path(to, instance, ifname_pins[i], ifname);
		if (status != 0)
			return status;
		if (rename(from, to) != 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
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

/* The interface of the pin NAME_IF, "eth0.100" of "link_eth0%2E100", staged or not; false: of another
 * name. */
static bool ifname_of(char out[IF_NAMESIZE], const char *pin, const char *name)
{
	size_t used = 0, len = strlen(name);

	if (strncmp(pin, name, len) != 0 || pin[len] != '_')
		return false;
	for (pin += len + 1; *pin != '\0'; pin++) {
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

static bool ifname_of_any(char out[IF_NAMESIZE], const char *pin, enum hz_xdp_pins_of of)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(ifname_pins); i++) {
		bool is_held = strcmp(ifname_pins[i], "link") == 0 ||
		               strcmp(ifname_pins[i], "foreign") == 0;

		if ((is_held || of == HZ_XDP_PINS_ANY) && ifname_of(out, pin, ifname_pins[i]))
			return true;
	}
	return false;
}

int hz_xdp_pins_each(const char *instance, enum hz_xdp_pins_of of,
                     int (*on_ifname)(const char *ifname, void *ctx), void *ctx)
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
		if (ifname_of_any(ifname, entry->d_name, of))
			status = on_ifname(ifname, ctx);
	closedir(dir);
	return status;
}
