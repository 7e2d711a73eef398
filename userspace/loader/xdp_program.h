/* The XDP program of one interface: loaded with the maps it shares and those of its own. */
#ifndef HZ_XDP_PROGRAM_H
#define HZ_XDP_PROGRAM_H

#include "loader/xdp_claims.h"
#include "loader/xdp_shared.h"

struct hz_xdp;

struct hz_xdp_program {
	struct hz_xdp *skel;                             /* owned */
	int prog_fd, xsks_fd, vips_fd, resp_fd, meta_fd; /* of skel */
};

/* Loads it and fills claims and meta. xsks_fd: a map to go on with, -1: a new one. */
int hz_xdp_program_load(const struct hz_xdp_shared *shared, int xsks_fd,
                        const struct hz_xdp_claims *claims, const struct hz_meta *meta,
                        struct hz_xdp_program *out, struct hz_err *err);
void hz_xdp_program_close(struct hz_xdp_program *program); /* accepts a zeroed one */

#endif
