/* What the maps say at one moment, read once per second: small enough to keep two of them and subtract. */
#ifndef HZ_MAP_VIEW_H
#define HZ_MAP_VIEW_H

#include "abi/hz_abi.h"
#include "collector/map_source.h"
#include "telemetry/server_view.h"

#define HZ_MAP_VIEW_CONN_STATES (sizeof(struct hz_connections) / sizeof(__u64))

struct hz_route_view {
	char name[HZ_ROUTE_NAME_BYTES + 1]; /* empty: no such route; slot 0: "-" */
	struct hz_route_hist hist;          /* of all workers */
};

struct hz_map_view {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t unix_ms;
	uint64_t
		unix_minus_ns; /* what to add to a time of the kernel to get nanoseconds since 1970 */
	bool is_alive;         /* a worker has turned lately */
	uint32_t workers;      /* there are at most so many; a slot's state NONE: nobody */
	uint32_t routes;       /* entries of route in use, with gaps */
	struct hz_cfg cfg;
	struct hz_stream_stats stream;
	struct hz_beat beat[HZ_WORKERS_MAX];
	struct hz_worker worker[HZ_WORKERS_MAX];
	uint64_t conns[HZ_MAP_VIEW_CONN_STATES]; /* of workers that live */
	uint64_t verdicts[HZ_REASONS_MAX];       /* of all CPUs */
	struct hz_route_view route[HZ_ROUTE_SLOTS];
};

/* Reads all but `latency`. 0, or -errno: then *view is in pieces. */
int hz_map_view_read(const struct hz_map_source *source, struct hz_map_view *view);

/* A histogram of `latency`, absolute: 0 or -errno. worker: CPU number for HZ_STAGE_HEALTH. */
int hz_map_view_hist(const struct hz_map_source *source, uint32_t worker, uint32_t stage,
                     struct hz_hist *out);

/* The same for the rules of server_view.h; it points into *view. */
struct hz_server_view hz_map_view_server(const struct hz_map_view *view);
/* Is the server of two views alive in both, and no other one? */
bool hz_map_view_is_same_run(const struct hz_map_view *before, const struct hz_map_view *now);
/* Sum of one 64-bit field of the workers, by its offset in struct hz_worker. */
uint64_t hz_map_view_sum(const struct hz_map_view *view, size_t offset);
#define HZ_MAP_VIEW_SUM(view, field) hz_map_view_sum((view), offsetof(struct hz_worker, field))

#endif
