/* Handler `bytes`: as many `x` as a route parameter says. */
#ifndef HZ_BYTES_H
#define HZ_BYTES_H

#include "handlers/handler.h"

struct hz_bytes_conf {
	struct hz_span count_param; /* holds the count: decimal digits, no leading zero */
	uint64_t count_max;         /* beyond, and whatever else is no such count: 400 */
	struct hz_handler_params params;
};

/* 0, -EINVAL (no such parameter) or -ENOMEM. Release with hz_handler_free. */
int hz_bytes_build(const struct hz_bytes_conf *conf, struct hz_handler *out);

#endif
