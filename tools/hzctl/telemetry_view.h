/* Reading telemetry without hzd: the pinned maps, or the files of the run directory where hzd serves over
 * kernel sockets. The layout is the same; when there are both, the one with the younger beat is meant. */
#ifndef HZ_TELEMETRY_VIEW_H
#define HZ_TELEMETRY_VIEW_H

#include "loader/xdp_maps.h"

#define HZ_TELEMETRY_VIEW_FILES 3

struct hz_telemetry_view {
	bool is_shared; /* files, not maps */
	struct hz_xdp_maps maps;
	int file[HZ_TELEMETRY_VIEW_FILES]; /* latency, beat, workers */
};

/* 0 or -errno with err filled: exit codes 3 nothing there, 4 not permitted, 1 the rest. */
int hz_telemetry_view_open(const char *instance, struct hz_telemetry_view *out, struct hz_err *err);
/* Only files in one directory; for tests. */
int hz_telemetry_view_open_at(const char *dir, struct hz_telemetry_view *out);
void hz_telemetry_view_close(struct hz_telemetry_view *view);

/* The histogram of a stage: of one worker, or with worker < 0 of all. 0 or -errno with err filled. */
int hz_telemetry_view_hist(const struct hz_telemetry_view *view, enum hz_stage stage, int worker,
                           struct hz_hist *out, struct hz_err *err);

struct hz_telemetry_view_workers {
	uint64_t time_ns; /* CLOCK_MONOTONIC, before the rest was read */
	struct hz_beat beat[HZ_WORKERS_MAX];
	struct hz_worker worker[HZ_WORKERS_MAX];
};
int hz_telemetry_view_workers(const struct hz_telemetry_view *view,
                              struct hz_telemetry_view_workers *out, struct hz_err *err);

/* Does a worker of it beat? Then hzd runs, and serves. */
bool hz_telemetry_view_is_live(const struct hz_telemetry_view *view);

/* One line on stderr when no worker of it beats any more: what follows is old. */
void hz_telemetry_view_note(const struct hz_telemetry_view *view);

/* Is there a kernel plane, of which a command is to tell? 0, or -EOPNOTSUPP with err filled: of files, as hzd serves over
 * kernel sockets. deed: what no XDP program does then, "answers probes". */
int hz_telemetry_view_kernel_plane(const struct hz_telemetry_view *view, const char *deed,
                                   struct hz_err *err);

/* Age after which a beat counts as dead. */
uint64_t hz_telemetry_view_beat_timeout_ns(const struct hz_telemetry_view *view);

#endif
