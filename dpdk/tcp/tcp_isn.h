/* Initial sequence numbers, RFC 6528: a clock plus a keyed hash of the connection. */
#ifndef HZ_TCP_ISN_H
#define HZ_TCP_ISN_H

#include "tcp/tcp_pcb.h"

struct hz_tcp_isn {
	uint32_t iss;
	uint32_t ts_offset; /* from the same hash: RFC 7323 5.4 does not want one clock for all */
};

struct hz_tcp_isn hz_tcp_isn_make(const uint8_t secret[16], const struct hz_tcp_key *key,
                                  uint64_t now_ns);

#endif
