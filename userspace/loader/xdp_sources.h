/* What XDP knows about sources, for readers: lists, limit, and who ran into it. */
#ifndef HZ_XDP_SOURCES_H
#define HZ_XDP_SOURCES_H

#include "core/common.h"
#include "core/err.h"

struct hz_xdp_source {
	struct hz_addr addr; /* of IPv6 the first 64 bits and zeroes */
	struct hz_src source;
};

struct hz_xdp_sources {
	struct hz_acl acl;
	struct hz_source_rate rate;
	uint32_t known;   /* sources that are remembered */
	uint32_t refused; /* of them, by the limit */
};

/* *out, and those that were refused most often in top, of which at most max are there: the most refused
 * first. Number of them, or -errno with err filled: exit codes 3 nothing is attached, 4 not permitted, 1
 * the rest. */
int hz_xdp_sources_read(const char *instance, struct hz_xdp_sources *out, struct hz_xdp_source *top,
                        uint32_t max, struct hz_err *err);

#endif
