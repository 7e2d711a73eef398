/* The XDP program of one interface: loaded with the maps it shares and those of its own. */
#ifndef HZ_XDP_PROGRAM_H
#define HZ_XDP_PROGRAM_H

#include "loader/xdp_claim_maps.h"
#include "loader/xdp_shared.h"

struct hz_xdp;

struct hz_xdp_program {
	struct hz_xdp *skel;                    /* owned */
	int prog_fd, xsks_fd, next_fd, meta_fd; /* of skel, as are the next */
	struct hz_xdp_claim_maps claims;
};

/* What the program before had and this one goes on with; -1: a new map. */
struct hz_xdp_heirloom { /* close with hz_xdp_program_heirloom_close */
	int xsks_fd;
	int next_fd;
	struct hz_xdp_claim_maps claims;
};
#define HZ_XDP_HEIRLOOM_NONE                                                                       \
	{                                                                                          \
		-1, -1,                                                                            \
		{                                                                                  \
			-1, -1, -1                                                                 \
		}                                                                                  \
	}
void hz_xdp_program_heirloom_close(struct hz_xdp_heirloom *heirloom);

/* Loads it and fills claims and meta. claims NULL: those in the maps that it goes on with. A map that is
 * laid out otherwise is refused with what to type. */
int hz_xdp_program_load(const struct hz_xdp_attach_opts *opts, const struct hz_xdp_shared *shared,
                        const struct hz_xdp_heirloom *heirloom, const struct hz_xdp_claims *claims,
                        const struct hz_meta *meta, struct hz_xdp_program *out, struct hz_err *err);
void hz_xdp_program_close(struct hz_xdp_program *program); /* accepts a zeroed one */

#endif
