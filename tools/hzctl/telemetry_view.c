#include "telemetry_view.h"
#include "core/clock.h"
#include "ctl_client.h"
#include "telemetry/server_view.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEAT_TIMEOUT_DEFAULT_NS (500 * HZ_NS_PER_MS) /* of health/beat_timeout_ms */

enum view_file { FILE_LATENCY, FILE_BEAT, FILE_WORKERS };

static const struct {
	const char *name;
	size_t bytes;
} files[HZ_TELEMETRY_VIEW_FILES] = {
	[FILE_LATENCY] = { "latency", sizeof(struct hz_hist) * (size_t)HZ_HIST_ENTRIES },
	[FILE_BEAT] = { "beat", sizeof(struct hz_beat) * HZ_WORKERS_MAX },
	[FILE_WORKERS] = { "workers", sizeof(struct hz_worker) * HZ_WORKERS_MAX },
};

static int file_open(const char *dir, enum view_file index)
{
	struct stat info;
	char path[128];
	int fd, len;

	len = snprintf(path, sizeof(path), "%s/%s", dir, files[index].name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return -errno;
	/* Of another version, or not a file of hzd at all. */
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
	    info.st_size != (off_t)files[index].bytes) {
		close(fd);
		return -EPROTO;
	}
	return fd;
}

int hz_telemetry_view_open_at(const char *dir, struct hz_telemetry_view *out)
{
	struct hz_telemetry_view view = { .is_shared = true, .file = { -1, -1, -1 } };

	for (unsigned i = 0; i < HZ_TELEMETRY_VIEW_FILES; i++) {
		view.file[i] = file_open(dir, (enum view_file)i);
		if (view.file[i] < 0) {
			int status = view.file[i];

			hz_telemetry_view_close(&view);
			return status;
		}
	}
	*out = view;
	return 0;
}

void hz_telemetry_view_close(struct hz_telemetry_view *view)
{
	if (!view->is_shared) {
		hz_xdp_maps_close(&view->maps);
		return;
	}
	for (unsigned i = 0; i < HZ_TELEMETRY_VIEW_FILES; i++)
		if (view->file[i] >= 0)
			close(view->file[i]);
}

/* Copies count objects of a file from index on: reading, unlike mapping, survives a file cut short. */
static int file_read(const struct hz_telemetry_view *view, enum view_file index, void *out,
                     size_t bytes, size_t at, struct hz_err *err)
{
	ssize_t got = pread(view->file[index], out, bytes, (off_t)at);

	if (got == (ssize_t)bytes)
		return 0;
	return hz_err_set(err, got < 0 ? -errno : -EPROTO, 1, "telemetry", "hzctl status", "%s: %s",
	                  files[index].name, got < 0 ? strerror(errno) : "shorter than it was");
}

static int map_result(int status, const char *map, struct hz_err *err)
{
	if (status == 0)
		return 0;
	return hz_err_set(err, status, 1, "telemetry", "hzctl status", "cannot read map %s: %s",
	                  map, strerror(-status));
}

static int beats_read(const struct hz_telemetry_view *view, struct hz_beat out[HZ_WORKERS_MAX],
                      struct hz_err *err)
{
	if (view->is_shared)
		return file_read(view, FILE_BEAT, out, files[FILE_BEAT].bytes, 0, err);
	return map_result(hz_xdp_beats_read(&view->maps, out), "beat", err);
}

static uint64_t youngest_beat_ns(const struct hz_telemetry_view *view)
{
	struct hz_beat beats[HZ_WORKERS_MAX];
	uint64_t youngest = 0;
	struct hz_err ignored;

	if (beats_read(view, beats, &ignored) != 0)
		return 0;
	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++)
		youngest = HZ_MAX(youngest, (uint64_t)beats[i].beat_ns);
	return youngest;
}

/* hz_xdp_maps_open speaks with hzd's exit codes; ours are another table. */
static int maps_open(const char *instance, struct hz_telemetry_view *out, struct hz_err *err)
{
	struct hz_telemetry_view view = { .is_shared = false };
	struct hz_err before = *err;
	int status = hz_xdp_maps_open(instance, false, &view.maps, err);

	if (status == 0) {
		*out = view;
		return 0;
	}
	hz_err_what(err, "%s", before.what); /* the command is what failed */
	if (status == -ENOENT)
		err->exit_code = 3;
	else
		err->exit_code = status == -EACCES || status == -EPERM ? 4 : 1;
	return status;
}

int hz_telemetry_view_open(const char *instance, struct hz_telemetry_view *out, struct hz_err *err)
{
	struct hz_telemetry_view best, next;
	uint64_t best_ns = 0, next_ns;
	int status = maps_open(instance, &best, err);
	char dir[96];

	if (status == 0)
		best_ns = youngest_beat_ns(&best);
	for (unsigned i = 0; i < 2; i++) {
		hz_ctl_client_rundir(instance, i, dir, sizeof(dir));
		if (dir[0] == '\0' || hz_telemetry_view_open_at(dir, &next) != 0)
			continue;
		next_ns = youngest_beat_ns(&next);
		if (status == 0 && next_ns <= best_ns) {
			hz_telemetry_view_close(&next);
			continue;
		}
		if (status == 0)
			hz_telemetry_view_close(&best);
		best = next;
		best_ns = next_ns;
		status = 0;
	}
	if (status == 0)
		*out = best;
	return status;
}

static int hist_add(const struct hz_telemetry_view *view, unsigned index, struct hz_hist *scratch,
                    struct hz_hist *to, struct hz_err *err)
{
	int status = view->is_shared ? file_read(view, FILE_LATENCY, scratch, sizeof(*scratch),
	                                         (size_t)index * sizeof(*scratch), err)
	                             : map_result(hz_xdp_hist_read(&view->maps, index, scratch),
	                                          "latency", err);

	if (status == 0)
		hz_hist_merge(to, scratch);
	return status;
}

int hz_telemetry_view_hist(const struct hz_telemetry_view *view, enum hz_stage stage, int worker,
                           struct hz_hist *out, struct hz_err *err)
{
	unsigned first = worker < 0 ? 0 : (unsigned)worker;
	unsigned last = worker < 0 ? HZ_WORKERS_MAX - 1 : (unsigned)worker;
	struct hz_hist scratch;
	int status = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned i = first; i <= last && i < HZ_WORKERS_MAX && status == 0; i++)
		status = hist_add(view, i * HZ_STAGE_COUNT + stage, &scratch, out, err);
	return status;
}

int hz_telemetry_view_workers(const struct hz_telemetry_view *view,
                              struct hz_telemetry_view_workers *out, struct hz_err *err)
{
	int status;

	out->time_ns = hz_clock_monotonic_ns();
	status = beats_read(view, out->beat, err);
	if (status != 0)
		return status;
	if (view->is_shared)
		return file_read(view, FILE_WORKERS, out->worker, sizeof(out->worker), 0, err);
	return map_result(hz_xdp_workers_read(&view->maps, out->worker), "workers", err);
}

enum life { LIFE_NEVER, LIFE_ENDED, LIFE_BEATS };

/* *pid is that of the youngest beat, also when it beats no more. */
static enum life life_find(const struct hz_telemetry_view *view, uint32_t *pid)
{
	uint64_t timeout_ns = hz_telemetry_view_beat_timeout_ns(view);
	uint64_t now_ns = hz_clock_monotonic_ns(), youngest_ns = 0;
	struct hz_beat beats[HZ_WORKERS_MAX];
	enum life life = LIFE_NEVER;
	struct hz_err ignored;

	*pid = 0;
	if (beats_read(view, beats, &ignored) != 0)
		return LIFE_NEVER;
	for (unsigned i = 0; i < HZ_WORKERS_MAX; i++) {
		if (beats[i].state == HZ_STATE_NONE)
			continue;
		if (beats[i].state != HZ_STATE_DOWN &&
		    !hz_server_view_is_old(beats[i].beat_ns, now_ns, timeout_ns))
			return LIFE_BEATS;
		life = LIFE_ENDED;
		if (beats[i].state != HZ_STATE_DOWN && beats[i].beat_ns >= youngest_ns) {
			youngest_ns = beats[i].beat_ns;
			*pid = beats[i].pid;
		}
	}
	return life;
}

bool hz_telemetry_view_is_live(const struct hz_telemetry_view *view)
{
	uint32_t pid;

	return life_find(view, &pid) == LIFE_BEATS;
}

/* A process id may be somebody else's by now. */
static bool is_hzd(uint32_t pid)
{
	char path[32], name[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = pid != 0 ? fopen(path, "re") : NULL;
	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) == NULL)
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "hzd\n") == 0;
}

int hz_telemetry_view_kernel_plane(const struct hz_telemetry_view *view, const char *deed,
                                   struct hz_err *err)
{
	if (!view->is_shared)
		return 0;
	return hz_err_set(err, -EOPNOTSUPP, 1, "no_kernel_plane", "hzctl status",
	                  "hzd serves over kernel sockets (boot/io=socket): no XDP program %s",
	                  deed);
}

void hz_telemetry_view_note(const struct hz_telemetry_view *view)
{
	uint32_t pid;

	if (life_find(view, &pid) != LIFE_ENDED)
		return;
	if (is_hzd(pid))
		fprintf(stderr, "hzctl: hzd (pid %u) does not move; these are its last figures\n",
		        pid);
	else
		fputs("hzctl: hzd is not running; these are the figures it left\n", stderr);
}

uint64_t hz_telemetry_view_beat_timeout_ns(const struct hz_telemetry_view *view)
{
	struct hz_cfg cfg;

	if (view->is_shared || hz_xdp_cfg_read(&view->maps, &cfg) != 0 || cfg.beat_timeout_ns == 0)
		return BEAT_TIMEOUT_DEFAULT_NS;
	return cfg.beat_timeout_ns;
}
