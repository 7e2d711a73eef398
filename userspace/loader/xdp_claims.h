/* What an interface claims, as the XDP program reads it: flows in vips_IF, sources that are probers in
 * probers_IF, canned answers in resp_IF. Built in memory; xdp_claim_maps.h takes it to the kernel. */
#ifndef HZ_XDP_CLAIMS_H
#define HZ_XDP_CLAIMS_H

#include "core/err.h"
#include "loader/xdp_attach.h"

struct hz_xdp_claims { /* large: on the heap; owned by the caller, free(3) it */
	uint32_t count;
	uint32_t prober_count;
	uint32_t response_count;
	struct hz_claim_key key[HZ_CLAIMS_MAX];
	struct hz_claim claim[HZ_CLAIMS_MAX];
	struct hz_prober_key prober[HZ_PROBERS_MAX];
	struct hz_claim prober_claim[HZ_PROBERS_MAX];
	struct hz_response response[HZ_RESPONSES_MAX];
};

/* Keys of a claimed flow, and of a prober on a site's port. */
void hz_xdp_claims_key(struct hz_claim_key *out, const struct hz_endpoint *endpoint, bool is_udp);
void hz_xdp_claims_prober(struct hz_prober_key *out, uint16_t port,
                          const struct hz_mw_prefix *from);

/* Allocates *out. Wrong options are told in err with exit code 2. */
int hz_xdp_claims_build(const struct hz_xdp_attach_opts *opts, struct hz_xdp_claims **out,
                        struct hz_err *err);

#endif
