/* SipHash-2-4 over a short fixed-size key, the keyed hash of flows, initial sequence numbers and
 * cookies (Aumasson and Bernstein 2012). The implementation is shared with XDP: abi/cookie_siphash.h. */
#ifndef HZ_SIPHASH_H
#define HZ_SIPHASH_H

#include "abi/cookie_siphash.h"

#endif
