/* Claims in the kernel: the maps of one interface that say what is ours. Written once, frozen, and
 * compared when somebody asks for the same again. */
#ifndef HZ_XDP_CLAIM_MAPS_H
#define HZ_XDP_CLAIM_MAPS_H

#include "loader/xdp_claims.h"

struct hz_xdp_claim_maps {
	int vips_fd, probers_fd, resp_fd;
};

/* The pinned ones of an interface; close them. 0 or -errno. */
int hz_xdp_claim_maps_open(const char *instance, const char *ifname, bool is_reader,
                           struct hz_xdp_claim_maps *out);
void hz_xdp_claim_maps_close(const struct hz_xdp_claim_maps *maps);

/* Fills all three, which are new, and freezes them. */
int hz_xdp_claim_maps_write(const struct hz_xdp_claim_maps *maps,
                            const struct hz_xdp_claims *claims);

/* Do the maps hold exactly these claims and answers? */
bool hz_xdp_claim_maps_are(const struct hz_xdp_claim_maps *maps,
                           const struct hz_xdp_claims *claims);

#endif
