#include "route_view.h"
#include "ctl_client.h"
#include "loader/xdp_pins.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- opening ------------------------------------------------------------------------------------------ */

/* The entries there are, or -errno: names are no proof of what is pinned. */
static int map_entries(int fd, uint32_t value_bytes, uint32_t *entries)
{
	struct bpf_map_info info = { 0 };
	__u32 bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(uint32_t) ||
	    info.value_size != value_bytes)
		return -EPROTO;
	*entries = info.max_entries;
	return 0;
}

static int file_entries(int fd, uint32_t value_bytes, uint32_t *entries)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return -errno;
	if (!S_ISREG(info.st_mode) || info.st_size <= 0 || info.st_size % value_bytes != 0 ||
	    info.st_size / value_bytes > HZ_WORKERS_MAX * HZ_ROUTE_SLOTS)
		return -EPROTO;
	*entries = (uint32_t)(info.st_size / value_bytes);
	return 0;
}

/* Takes over both descriptors, which may be errors. */
static int view_make(int names_fd, int latency_fd, bool is_shared, struct hz_route_view *out)
{
	struct hz_route_view view = { is_shared, names_fd, latency_fd, 0 };
	int (*entries_of)(int, uint32_t, uint32_t *) = is_shared ? file_entries : map_entries;
	uint32_t names = 0, hists = 0;
	int status = HZ_MIN(HZ_MIN(names_fd, latency_fd), 0);

	if (status == 0)
		status = entries_of(names_fd, sizeof(struct hz_route_name), &names);
	if (status == 0)
		status = entries_of(latency_fd, sizeof(struct hz_route_hist), &hists);
	if (status == 0 && (names != HZ_ROUTE_SLOTS || hists % HZ_ROUTE_SLOTS != 0 || hists == 0))
		status = -EPROTO;
	if (status != 0) {
		hz_route_view_close(&view);
		return status;
	}
	view.workers = hists / HZ_ROUTE_SLOTS;
	*out = view;
	return 0;
}

static int file_open(const char *dir, const char *name)
{
	char path[160];
	int fd, len = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd == -1 ? -errno : fd;
}

int hz_route_view_open_at(const char *dir, struct hz_route_view *out)
{
	return view_make(file_open(dir, "route_names"), file_open(dir, "route_latency"), true, out);
}

int hz_route_view_open(const char *instance, bool is_shared, struct hz_route_view *out)
{
	int status = -ENOENT;
	char dir[96];

	if (!is_shared)
		return view_make(hz_xdp_pins_open(instance, "route_names", NULL, true),
		                 hz_xdp_pins_open(instance, "route_latency", NULL, true), false,
		                 out);
	for (unsigned i = 0; i < 2 && status != 0; i++) {
		hz_ctl_client_rundir(instance, i, dir, sizeof(dir));
		if (dir[0] != '\0')
			status = hz_route_view_open_at(dir, out);
	}
	return status;
}

void hz_route_view_close(struct hz_route_view *view)
{
	if (view->names_fd >= 0)
		close(view->names_fd);
	if (view->latency_fd >= 0)
		close(view->latency_fd);
	*view = (struct hz_route_view){ .names_fd = -1, .latency_fd = -1 };
}

/* --- reading ------------------------------------------------------------------------------------------ */

static int entry_read(const struct hz_route_view *view, int fd, uint32_t index, void *out,
                      size_t bytes)
{
	ssize_t got;

	if (!view->is_shared)
		return bpf_map_lookup_elem(fd, &index, out) == 0 ? 0 : -errno;
	got = pread(fd, out, bytes, (off_t)(index * bytes));
	if (got == (ssize_t)bytes)
		return 0;
	return got < 0 ? -errno : -EPROTO; /* cut short meanwhile */
}

int hz_route_view_name(const struct hz_route_view *view, uint32_t slot, struct hz_route_name *out)
{
	int status = entry_read(view, view->names_fd, slot, out, sizeof(*out));

	out->name[sizeof(out->name) - 1] = '\0'; /* written by another process */
	return status;
}

int hz_route_view_hist(const struct hz_route_view *view, uint32_t slot, int worker,
                       struct hz_route_hist *out)
{
	uint32_t first = worker < 0 ? 0 : (uint32_t)worker;
	uint32_t end = worker < 0 ? view->workers : HZ_MIN(first + 1, view->workers);
	struct hz_route_hist one;
	int status = 0;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = first; i < end && status == 0; i++) {
		status = entry_read(view, view->latency_fd, i * HZ_ROUTE_SLOTS + slot, &one,
		                    sizeof(one));
		if (status == 0)
			hz_route_hist_merge(out, &one);
	}
	return status;
}
