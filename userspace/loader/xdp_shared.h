/* What all interfaces of an instance share: histograms, beats, counters, settings, the stream and the
 * views. Made once, kept until the last interface is detached. */
#ifndef HZ_XDP_SHARED_H
#define HZ_XDP_SHARED_H

#include "loader/xdp_pins.h"

struct hz_xdp_shared { /* what the XDP program uses of it; owned by the caller */
	int latency_fd;
	int cfg_fd;
	int beat_fd;
	int verdicts_fd;
	int key_fd;
	int cookies_fd;
	int drops_fd;
	int shed_rows_fd; /* negative: attached by an older version, the program gets one that nobody reads */
	int acl_fd, acl4_fd, acl6_fd; /* lists of sources */
	int src_rate_fd, src_fd;      /* the limit per source */
	int events_fd;
	bool is_new; /* this call made it */
};
#define HZ_XDP_SHARED_NONE                                                                         \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, false                      \
	}

/* Opens what is pinned, or makes and pins it. Pins of another ABI or other sizes are refused with the
 * command that removes them, and so are missing ones, but for those that came with a later minor version. */
int hz_xdp_shared_open(const char *instance, struct hz_xdp_shared *out, struct hz_err *err);
void hz_xdp_shared_close(struct hz_xdp_shared *shared); /* accepts HZ_XDP_SHARED_NONE */

/* Opens one pinned map and holds it against xdp_pins.def. Returns an fd or -errno: -EPROTO when it is
 * of another size. `stream_stats` may be that of minor version 0, HZ_STREAM_STATS_BYTES_0: zero what it is read into. */
int hz_xdp_shared_map(const char *instance, const char *name, bool is_reader);

/* Whether a map or program came after minor version 0 of this ABI, so that who attached may not have pinned it. */
bool hz_xdp_shared_is_later(const char *name);

#endif
