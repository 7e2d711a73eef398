/* What every part of hz agrees on: version, form of an address, states and their names. */
#ifndef HZ_COMMON_H
#define HZ_COMMON_H

#include "abi/hz_abi.h"
#include <hz/span.h>

#ifndef HZ_VERSION
#define HZ_VERSION "0.0.0"
#endif

/* An address and port as users write them: 10.7.0.2:80 or [2001:db8::2]:80. */
struct hz_endpoint {
	struct hz_addr addr; /* IPv4 is v4-mapped */
	uint16_t port;       /* host order */
};

#endif
