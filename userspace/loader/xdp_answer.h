/* The canned answers of a health port. */
#ifndef HZ_XDP_ANSWER_H
#define HZ_XDP_ANSWER_H

#include "core/common.h"

/* Renders all HZ_RESPONSE_KINDS answers, each HZ_RESPONSE_BYTES long; body is what a ready server says.
 * 0, or -EINVAL when body is longer than HZ_HEALTH_BODY_MAX or not printable ASCII. */
int hz_xdp_answer_render(struct hz_response out[HZ_RESPONSE_KINDS], const char *body);

/* The same for UDP: the body alone. */
int hz_xdp_answer_udp(struct hz_response out[HZ_RESPONSE_UDP_KINDS], const char *body);

/* What a flow gets that is refused in words: 503 with Retry-After. */
void hz_xdp_answer_shed(struct hz_response *out);

#endif
