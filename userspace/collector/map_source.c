#include "collector/map_source.h"
#include "abi/hz_abi.h"
#include "core/common.h"
#include "core/hint.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HZD_WAIT_MS  5000 /* at the start */
#define AGAIN        "xdp detach all, then attach with this version"
#define PIN_PATH_MAX 128

static const struct {
	const char *name;
	uint32_t type, key_bytes, value_bytes;
	bool is_required;
} maps[HZ_STREAM_MAPS] = {
#define HZ_STREAM_MAP(name, type, key_bytes, value_bytes, required)                                \
	{ #name, type, key_bytes, value_bytes, required },
#include "telemetry/stream_maps.def"
#undef HZ_STREAM_MAP
};

/* Letters, digits, '-' and '_': bpffs refuses dots, and a slash would leave the directory. */
static bool is_instance(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return false;
	return len > 0 && len <= HZ_MAP_SOURCE_INSTANCE_MAX;
}

void hz_map_source_folder(const char *instance, char out[HZ_MAP_SOURCE_FOLDER_BYTES])
{
	snprintf(out, HZ_MAP_SOURCE_FOLDER_BYTES, "/sys/fs/bpf/hz%s%s", instance ? "-" : "",
	         instance ? instance : "");
}

static void pin_path(const char *instance, const char *name, char out[PIN_PATH_MAX])
{
	snprintf(out, PIN_PATH_MAX, "/sys/fs/bpf/hz%s%s/%s", instance ? "-" : "",
	         instance ? instance : "", name);
}

static int pin_open(const char *instance, const char *name, bool is_read_only)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = is_read_only ? BPF_F_RDONLY : 0);
	char path[PIN_PATH_MAX];
	int fd;

	pin_path(instance, name, path);
	fd = bpf_obj_get_opts(path, &opts);
	return fd >= 0 ? fd : -errno;
}

static int pin_fail(const char *instance, const char *name, int status, struct hz_err *err)
{
	char path[PIN_PATH_MAX], hint[sizeof(err->hint)];

	pin_path(instance, name, path);
	if (status == -EACCES || status == -EPERM)
		return hz_err_set(err, status, 4, "not_permitted", "run it as root or in group hz",
		                  "%s: %s", path, strerror(-status));
	if (status != -ENOENT)
		return hz_err_set(err, status, 1, "pin", "hzctl doctor", "%s: %s", path,
		                  strerror(-status));
	hz_hint_write(hint, sizeof(hint), instance, "xdp attach dev IF");
	return hz_err_set(err, status, 3, "not_attached", hint, "%s: %s: nothing is attached", path,
	                  strerror(-status));
}

/* A pin is made with its map, and nobody writes to it. */
static uint64_t made_unix_ns(const char *instance)
{
	char path[PIN_PATH_MAX];
	struct stat info;

	pin_path(instance, maps[HZ_STREAM_events].name, path);
	if (stat(path, &info) != 0 || info.st_mtim.tv_sec <= 0)
		return 0;
	return (uint64_t)info.st_mtim.tv_sec * HZ_NS_PER_S + (uint64_t)info.st_mtim.tv_nsec;
}

static int pins_open(const char *instance, struct hz_map_source *source, struct hz_err *err)
{
	for (uint32_t i = 0; i < HZ_STREAM_MAPS; i++) {
		int fd = pin_open(instance, maps[i].name, i != HZ_STREAM_events);

		if (fd < 0 && (maps[i].is_required || fd != -ENOENT))
			return pin_fail(instance, maps[i].name, fd, err);
		source->fd[i] = HZ_MAX(fd, -1);
	}
	source->made_unix_ns = made_unix_ns(instance);
	return 0;
}

/* An older version of this ABI pinned a shorter one. */
static bool value_fits(uint32_t which, uint32_t bytes)
{
	return bytes == maps[which].value_bytes ||
	       (which == HZ_STREAM_stream_stats && bytes == HZ_STREAM_STATS_BYTES_0);
}

/* Is each map what we are about to map or read? Names are no proof: anybody with root could have pinned something
 * else there. */
static int map_check(const char *instance, uint32_t which, struct hz_map_source *source,
                     struct hz_err *err)
{
	struct bpf_map_info info = { 0 };
	char hint[sizeof(err->hint)];
	__u32 bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(source->fd[which], &info, &bytes) != 0)
		return hz_err_set(err, -errno, 1, "map", "hzctl doctor", "%s", strerror(errno));
	if (info.type != maps[which].type || info.key_size != maps[which].key_bytes ||
	    !value_fits(which, info.value_size)) {
		hz_hint_write(hint, sizeof(hint), instance, AGAIN);
		return hz_err_set(err, -EPROTO, 1, "abi", hint,
		                  "map '%s' is not laid out as this version expects",
		                  maps[which].name);
	}
	source->entries[which] = info.max_entries;
	if (which == HZ_STREAM_events)
		source->id = info.id;
	return 0;
}

static int abi_check(const char *instance, const struct hz_map_source *source, struct hz_err *err)
{
	char hint[sizeof(err->hint)];
	struct hz_cfg cfg = { 0 };
	uint32_t key = 0;

	if (bpf_map_lookup_elem(source->fd[HZ_STREAM_cfg], &key, &cfg) != 0)
		return hz_err_set(err, -errno, 1, "map", "hzctl doctor", "cfg: %s",
		                  strerror(errno));
	if (cfg.abi_major == HZ_ABI_MAJOR)
		return 0;
	hz_hint_write(hint, sizeof(hint), instance, AGAIN);
	return hz_err_set(err, -EPROTO, 1, "abi", hint,
	                  "pinned maps have ABI %u, this program speaks %u", cfg.abi_major,
	                  HZ_ABI_MAJOR);
}

void hz_map_source_close(struct hz_map_source *source)
{
	for (uint32_t i = 0; i < HZ_STREAM_MAPS; i++) {
		if (source->fd[i] >= 0)
			close(source->fd[i]);
		source->fd[i] = -1;
	}
}

/* Takes source, or closes it. */
static int checked(const char *instance, struct hz_map_source *source, struct hz_map_source *out,
                   struct hz_err *err)
{
	int status = 0;

	for (uint32_t i = 0; i < HZ_STREAM_MAPS && status == 0; i++)
		if (source->fd[i] >= 0)
			status = map_check(instance, i, source, err);
	if (status == 0)
		status = abi_check(instance, source, err);
	if (status != 0) {
		hz_map_source_close(source);
		return status;
	}
	*out = *source;
	return 0;
}

int hz_map_source_pins(const char *instance, struct hz_map_source *out, struct hz_err *err)
{
	struct hz_map_source source = { 0 };
	int status;

	if (instance != NULL && !is_instance(instance))
		return hz_err_set(err, -EINVAL, 2, "usage", "letters, digits, '-' and '_'",
		                  "'%.40s' is no instance name", instance);
	libbpf_set_print(NULL); /* its chatter misleads; errors are told here */
	memset(source.fd, 0xff, sizeof(source.fd));
	status = pins_open(instance, &source, err);
	if (status == 0)
		return checked(instance, &source, out, err);
	hz_map_source_close(&source);
	return status == -EPERM ? -EACCES : status;
}

/* By name: hzd may be older, and have fewer, or newer. */
int hz_map_source_take(struct hz_fd_ask *ask, const char *instance, struct hz_map_source *out,
                       struct hz_err *err)
{
	const char *names[HZ_STREAM_MAPS];
	struct hz_map_source source = { 0 };
	int status;

	for (uint32_t i = 0; i < HZ_STREAM_MAPS; i++)
		names[i] = maps[i].name;
	status = hz_fd_ask_take(ask, names, HZ_STREAM_MAPS, source.fd, err);
	if (status != 0)
		return status;
	for (uint32_t i = 0; i < HZ_STREAM_MAPS; i++) {
		if (source.fd[i] >= 0 || !maps[i].is_required)
			continue;
		hz_map_source_close(&source);
		return hz_err_set(err, -EPROTO, 1, "abi", "install one version of both",
		                  "hzd did not hand over '%s'", maps[i].name);
	}
	return checked(instance, &source, out, err);
}

static int hzd_ask(const char *instance, struct hz_map_source *out, struct hz_err *err)
{
	struct hz_fd_ask ask = { 0 };
	int status = hz_fd_ask_begin(&ask, instance, err);

	while (status == 0) {
		status = hz_fd_ask_wait(&ask, HZD_WAIT_MS, err);
		if (status != 0)
			break;
		status = hz_map_source_take(&ask, instance, out, err);
		if (status != -EAGAIN)
			return status;
		status = 0;
	}
	return status;
}

int hz_map_source_open(const char *instance, struct hz_map_source *out, struct hz_err *err)
{
	struct hz_err ask_err = *err;
	int asked, status = hz_map_source_pins(instance, out, err);

	if (status != -EACCES && status != -ENOENT)
		return status;
	asked = hzd_ask(instance, out, &ask_err);
	/* Of two refusals the pin's says what to do; but hzd's own words are better than either. */
	if (asked == -ENOENT || asked == -EACCES)
		return status;
	*err = ask_err;
	return asked;
}
