#include "collector/ringbuf.h"
#include "abi/hz_abi.h"
#include "core/hint.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGAIN        "xdp detach all, then attach with this version"

#define PIN_PATH_MAX 128

struct hz_ringbuf {
	struct ring_buffer *ring; /* owned */
	int map_fd;               /* owned */
	hz_ringbuf_fn *fn;
	void *ctx;
};

/* Letters, digits, '-' and '_': bpffs refuses dots, and a slash would leave the directory. */
static bool is_instance(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return false;
	return len > 0 && len <= 32;
}

static int pin_open(const char *instance, const char *name, bool is_read_only, struct hz_err *err)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = is_read_only ? BPF_F_RDONLY : 0);
	char path[PIN_PATH_MAX];
	char hint[sizeof(err->hint)];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/bpf/hz%s%s/%s", instance ? "-" : "",
	         instance ? instance : "", name);
	fd = bpf_obj_get_opts(path, &opts);
	if (fd >= 0)
		return fd;
	fd = -errno;
	if (fd == -EACCES || fd == -EPERM)
		return hz_err_set(err, fd, 4, "not_permitted", "run it as root or in group hz",
		                  "%s: %s", path, strerror(-fd));
	if (fd != -ENOENT)
		return hz_err_set(err, fd, 1, "pin", "hzctl doctor", "%s: %s", path, strerror(-fd));
	hz_hint_write(hint, sizeof(hint), instance, "xdp attach dev IF");
	return hz_err_set(err, fd, 3, "not_attached", hint, "%s: %s: nothing is attached", path,
	                  strerror(-fd));
}

/* Does the pin hold what we are about to map or read? Names are no proof: anybody with root could have
 * pinned something else there. */
static int map_check(const char *instance, int fd, uint32_t type, uint32_t value_bytes,
                     struct hz_err *err)
{
	struct bpf_map_info info = { 0 };
	char hint[sizeof(err->hint)];
	__u32 bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0)
		return hz_err_set(err, -errno, 1, "map", "hzctl doctor", "%s", strerror(errno));
	if (info.type != type || (value_bytes != 0 && info.value_size != value_bytes)) {
		hz_hint_write(hint, sizeof(hint), instance, AGAIN);
		return hz_err_set(err, -EPROTO, 1, "abi", hint,
		                  "map '%s' is not laid out as this version expects", info.name);
	}
	return 0;
}

static int abi_check(const char *instance, struct hz_err *err)
{
	char hint[sizeof(err->hint)];
	struct hz_cfg cfg = { 0 };
	uint32_t key = 0;
	int fd, status;

	fd = pin_open(instance, "cfg", true, err);
	if (fd < 0)
		return fd;
	status = map_check(instance, fd, BPF_MAP_TYPE_ARRAY, sizeof(cfg), err);
	if (status == 0 && bpf_map_lookup_elem(fd, &key, &cfg) != 0)
		status = hz_err_set(err, -errno, 1, "map", "hzctl doctor", "cfg: %s",
		                    strerror(errno));
	close(fd);
	hz_hint_write(hint, sizeof(hint), instance, AGAIN);
	if (status == 0 && cfg.abi_major != HZ_ABI_MAJOR)
		status = hz_err_set(err, -EPROTO, 1, "abi", hint,
		                    "pinned maps have ABI %u, this program speaks %u",
		                    cfg.abi_major, HZ_ABI_MAJOR);
	return status;
}

static int record_take(void *ctx, void *record, size_t bytes)
{
	struct hz_ringbuf *ring = ctx;

	return ring->fn(ring->ctx, record, bytes);
}

int hz_ringbuf_open(const char *instance, hz_ringbuf_fn *fn, void *ctx, struct hz_ringbuf **out,
                    struct hz_err *err)
{
	struct hz_ringbuf *ring;
	int status;

	if (instance != NULL && !is_instance(instance))
		return hz_err_set(err, -EINVAL, 2, "usage", "letters, digits, '-' and '_'",
		                  "'%.40s' is no instance name", instance);
	libbpf_set_print(NULL); /* its chatter misleads; errors are told here */
	status = abi_check(instance, err);
	if (status != 0)
		return status;
	ring = calloc(1, sizeof(*ring));
	if (ring == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	ring->fn = fn;
	ring->ctx = ctx;
	ring->map_fd = pin_open(instance, "events", false, err);
	status = ring->map_fd < 0 ? ring->map_fd
	                          : map_check(instance, ring->map_fd, BPF_MAP_TYPE_RINGBUF, 0, err);
	if (status == 0) {
		ring->ring = ring_buffer__new(ring->map_fd, record_take, ring, NULL);
		if (ring->ring == NULL)
			status = hz_err_set(err, -errno, 1, "map", "hzctl doctor",
			                    "cannot map the ring buffer: %s", strerror(errno));
	}
	if (status != 0) {
		hz_ringbuf_close(ring);
		return status;
	}
	*out = ring;
	return 0;
}

void hz_ringbuf_close(struct hz_ringbuf *ring)
{
	if (ring == NULL)
		return;
	ring_buffer__free(ring->ring);
	if (ring->map_fd >= 0)
		close(ring->map_fd);
	free(ring);
}

int hz_ringbuf_poll_fd(const struct hz_ringbuf *ring)
{
	return ring_buffer__epoll_fd(ring->ring);
}

int hz_ringbuf_consume(struct hz_ringbuf *ring)
{
	return ring_buffer__consume(ring->ring);
}
