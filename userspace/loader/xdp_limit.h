/* Which limit refused a new flow, in words. */
#ifndef HZ_XDP_LIMIT_H
#define HZ_XDP_LIMIT_H

#include "loader/xdp_rule.h"

/* Descriptors of the maps that the program decided by. */
struct hz_xdp_limit_maps {
	int vips_fd, cfg_fd, beat_fd, src_fd, src_rate_fd;
};

/* "10.7.0.1 is beyond shed/source_rate 10, burst 20, by 350 ms", or "shed level 300 of 1000 in class bulk, verdict rst,
 * ...". false, and out as it was: for such a reason no limit counts. Root only. */
bool hz_xdp_limit_text(const struct hz_xdp_limit_maps *maps, enum hz_reason reason,
                       const uint8_t *frame, size_t bytes, char out[HZ_XDP_RULE_MAX]);

#endif
