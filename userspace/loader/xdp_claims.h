/* What an interface claims, as the XDP program reads it: flows in vips_IF, canned answers in resp_IF.
 * Built in memory, written once, frozen, and compared when somebody asks for the same again. */
#ifndef HZ_XDP_CLAIMS_H
#define HZ_XDP_CLAIMS_H

#include "core/err.h"
#include "loader/xdp_attach.h"

struct hz_xdp_claims { /* large: on the heap; owned by the caller, free(3) it */
	uint32_t count;
	uint32_t response_count;
	struct hz_claim_key key[HZ_CLAIMS_MAX];
	struct hz_claim claim[HZ_CLAIMS_MAX];
	struct hz_response response[HZ_RESPONSES_MAX];
};

/* Key of a claimed TCP flow. */
void hz_xdp_claims_key(struct hz_claim_key *out, const struct hz_endpoint *endpoint);

/* Allocates *out. Wrong options are told in err with exit code 2. */
int hz_xdp_claims_build(const struct hz_xdp_attach_opts *opts, struct hz_xdp_claims **out,
                        struct hz_err *err);

/* Fills both maps, which are new, and freezes them. */
int hz_xdp_claims_write(const struct hz_xdp_claims *claims, int vips_fd, int resp_fd);

/* Do the maps hold exactly these claims and answers? */
bool hz_xdp_claims_are(const struct hz_xdp_claims *claims, int vips_fd, int resp_fd);

#endif
