/* What an attach claims: flows for the workers and health ports for the kernel, from words or a site. */
#ifndef HZ_CLAIMS_H
#define HZ_CLAIMS_H

#include "config/site.h"
#include "loader/xdp_attach.h"

struct hz_claims {
	uint32_t claim_count;
	uint32_t health_count;
	struct hz_endpoint claim[HZ_CLAIMS_MAX];
	uint8_t claim_class[HZ_CLAIMS_MAX]; /* enum hz_shed_class; from a site only */
	struct hz_xdp_health health[HZ_CLAIMS_MAX];
	struct hz_site *site; /* owned: what path and body of health point to; may be NULL */
};

/* "tcp:10.7.0.2:80" or "tcp:[2001:db8::2]:80"; a health port may be udp. 0 or -errno with err filled (exit code 2), as below. */
int hz_claims_add(struct hz_claims *claims, enum hz_claim_kind kind, const char *text,
                  struct hz_err *err);

/* Every listen of the site on this interface, and its health ports at each of their addresses. */
int hz_claims_from_site(struct hz_claims *claims, struct hz_site *site, const char *ifname,
                        struct hz_err *err); /* takes site over, also on failure */

void hz_claims_free(struct hz_claims *claims);

#endif
