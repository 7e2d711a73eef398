/* Latency by route without hzd: the pinned maps `route_names` and `route_latency`, or the files of those names in the
 * run directory where hzd serves over kernel sockets. */
#ifndef HZ_ROUTE_VIEW_H
#define HZ_ROUTE_VIEW_H

#include "core/common.h"
#include "core/err.h"
#include "telemetry/route_hist.h"

struct hz_route_view {  /* owned by the caller; close with hz_route_view_close */
	bool is_shared; /* files, not maps */
	int names_fd, latency_fd;
	uint32_t workers; /* that there is room for */
};

/* 0; -ENOENT when this hzd keeps nothing by route; or another -errno. */
int hz_route_view_open(const char *instance, bool is_shared, struct hz_route_view *out);
/* Only files in one directory. */
int hz_route_view_open_at(const char *dir, struct hz_route_view *out);
void hz_route_view_close(struct hz_route_view *view);

/* The name of a slot; its counts, of one worker or with worker < 0 of all. 0 or -errno. */
int hz_route_view_name(const struct hz_route_view *view, uint32_t slot, struct hz_route_name *out);
int hz_route_view_hist(const struct hz_route_view *view, uint32_t slot, int worker,
                       struct hz_route_hist *out);

#endif
