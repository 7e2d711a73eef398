/* Segments that belong to no connection: a SYN to a listener opens one, or gets a cookie when too many
 * are half open; what is neither a SYN nor the echo of a cookie is reset. */
#ifndef HZ_TCP_LISTEN_H
#define HZ_TCP_LISTEN_H

#include "tcp/tcp_cookie.h"

#define HZ_TCP_LISTENS_MAX 64u /* a bit each in exempt_listens */

/* iss_min: the initial sequence number must be beyond it (TIME_WAIT reuse), NULL: free choice. Returns a
 * connection in SYN_RCVD whose handshake seg completes (it echoes a SYN cookie), else NULL. */
struct hz_tcp_pcb *hz_tcp_listen_in(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                                    const uint32_t *iss_min);

/* Does seg end a handshake of which nothing was kept? *out is written only then. */
bool hz_tcp_listen_has_cookie(const struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                              struct hz_tcp_cookie *out);

/* A listener takes SYNs to this address and port, host order. */
bool hz_tcp_listen_has(const struct hz_tcp *tcp, const struct hz_addr *addr, uint16_t port);

/* Was it opened at one of hz_tcp_conf.exempt_listens? For the moment in which it would be shed. */
bool hz_tcp_listen_is_exempt(const struct hz_tcp_pcb *pcb);

#endif
