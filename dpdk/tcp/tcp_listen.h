/* Segments that belong to no connection: a SYN to a listener opens one, anything else is reset. */
#ifndef HZ_TCP_LISTEN_H
#define HZ_TCP_LISTEN_H

#include "tcp/tcp_in.h"

/* iss_min: the initial sequence number must be beyond it (TIME_WAIT reuse), NULL: free choice. */
void hz_tcp_listen_in(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                      const uint32_t *iss_min);

#endif
