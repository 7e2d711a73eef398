/* The pinned maps as seen by hzd (read-write) and by readers (hzctl with hzd down). */
#ifndef HZ_XDP_MAPS_H
#define HZ_XDP_MAPS_H

#include "abi/cookie_syn.h"
#include "core/common.h"
#include "core/err.h"
#include "telemetry/slot.h"

/* hzd writes the eight arrays through memory. A reader's descriptors are read-only, and those cannot be
 * mapped shared (the kernel drops VM_SHARED, BPF then refuses): it reads by hz_xdp_..._read. */
struct hz_xdp_maps {              /* owned by the caller; close with hz_xdp_maps_close */
	struct hz_hist *latency;  /* mapped, HZ_HIST_ENTRIES; NULL for readers, as the next seven */
	struct hz_beat *beat;     /* mapped, HZ_WORKERS_MAX */
	struct hz_worker *worker; /* mapped, HZ_WORKERS_MAX */
	struct hz_connections *conns;        /* mapped, HZ_WORKERS_MAX */
	struct hz_cookies *cookies;          /* mapped */
	struct hz_route_name *route_names;   /* mapped, HZ_ROUTE_SLOTS */
	struct hz_route_hist *route_latency; /* mapped, route_workers * HZ_ROUTE_SLOTS */
	struct hz_shed_row *shed_rows;       /* mapped, HZ_WORKERS_MAX */
	struct hz_subscriber *subscriber;    /* mapped, HZ_SUBSCRIBERS_MAX */
	uint32_t route_workers; /* workers from here on have no room; for readers too */
	/* An older version of this ABI attached: what it did not pin is NULL, -1 and 0, for hzd all that came later
	 * (hz_xdp_shared_is_later), for readers only what is missing. */
	bool is_older;
	int latency_fd, beat_fd, worker_fd, conns_fd;
	int cookies_fd; /* -1 for readers: its keys are nobody else's */
	int latency_pct_fd, cfg_fd, verdicts_fd, stream_stats_fd;
	int latency_log2_fd, route_names_fd, route_latency_fd, shed_rows_fd;
	int subscribers_fd, subscriber_fd;
	int flush_prog_fd, emit_prog_fd, watch_prog_fd; /* -1 for readers */
};

/* Opens the pins of an instance; ABI major must match, and what its minor 0 had must be there. exit code 6 with the command to type when nothing
 * is attached. writable: hzd. */
int hz_xdp_maps_open(const char *instance, bool writable, struct hz_xdp_maps *out,
                     struct hz_err *err);
void hz_xdp_maps_close(struct hz_xdp_maps *maps); /* accepts a zeroed one */

/* xdp_check.c: does another instance sit on ifname? Then -EBUSY, exit code 3, err filled; else 0. */
int hz_xdp_check_owner(const char *instance, const char *ifname, struct hz_err *err);

/* xdp_check.c: is the program attached to ifname ours, with this endpoint claimed? 0 or -errno with err filled. */
int hz_xdp_check(const char *instance, const char *ifname, const struct hz_endpoint *claims,
                 uint32_t claim_count, struct hz_err *err);

/* All of these: 0 or -errno. index: worker * HZ_STAGE_COUNT + stage. */
int hz_xdp_hist_read(const struct hz_xdp_maps *maps, uint32_t index, struct hz_hist *out);
int hz_xdp_beats_read(const struct hz_xdp_maps *maps, struct hz_beat out[HZ_WORKERS_MAX]);
int hz_xdp_workers_read(const struct hz_xdp_maps *maps, struct hz_worker out[HZ_WORKERS_MAX]);
int hz_xdp_cfg_read(const struct hz_xdp_maps *maps, struct hz_cfg *out);
int hz_xdp_cfg_write(const struct hz_xdp_maps *maps, const struct hz_cfg *cfg);
/* health/maintenance with nobody to ask: opens cfg read-write, which takes a writer's rights. */
int hz_xdp_maintenance_write(const char *instance, bool is_on);
int hz_xdp_pct_write(const struct hz_xdp_maps *maps, uint32_t stage,
                     const struct hz_latency_pct *pct);
int hz_xdp_log2_write(const struct hz_xdp_maps *maps, uint32_t stage,
                      const struct hz_latency_log2 *log2); /* 0 also where there is no such map */
int hz_xdp_verdicts_read(const struct hz_xdp_maps *maps, struct hz_verdicts *sum);
/* What an older version that attached does not count is 0. */
int hz_xdp_stream_stats_read(const struct hz_xdp_maps *maps, struct hz_stream_stats *out);

/* xdp_stream.c: runs prog_flush for one histogram. 0 or -errno; *emitted and *refused are added to. One caller at a
 * time. */
int hz_xdp_flush(const struct hz_xdp_maps *maps, uint32_t index, bool wakeup, uint64_t *emitted,
                 uint64_t *refused);

/* xdp_stream.c: a record of any kind but a delta, which begins with its struct hz_event, into the ring. The number comes
 * from the kernel, the time as well where it is 0. wakeup: the reader is woken at once. Any thread and process with
 * writable maps. 0; -EAGAIN: the ring is full, the record is lost and counted in stream_stats; -EINVAL: no such record,
 * or header.bytes is not bytes; or -errno. */
int hz_xdp_emit(const struct hz_xdp_maps *maps, const void *record, size_t bytes, bool wakeup);
/* The same of a record that its maker keeps after -EAGAIN: nothing is lost, nothing is counted. */
int hz_xdp_emit_kept(const struct hz_xdp_maps *maps, const void *record, size_t bytes, bool wakeup);

/* xdp_stream.c: runs prog_watch: from now on the kernel sends deltas itself when prog_flush was not
 * run for interval_ns, within the bounds of HZ_WATCH_MIN_NS and HZ_WATCH_MAX_NS, as long as the maps
 * are pinned. Its timer stays on the CPU of the caller. 0; -EPERM: they are pinned no more, or an
 * older version attached, without such a timer; or -errno. */
int hz_xdp_watch(int watch_prog_fd, uint64_t interval_ns);

/* xdp_stream.c: the kernel's id of the ring in a place of `subscribers`. 0; -ENOENT: the place is free; or -errno. */
int hz_xdp_subscriber_id(const struct hz_xdp_maps *maps, uint32_t place, uint32_t *id);
int hz_xdp_subscriber_remove(const struct hz_xdp_maps *maps, uint32_t place); /* 0 or -errno */

#endif
