/* Explicit congestion notification, RFC 3168: routers mark instead of dropping, the receiver echoes until the
 * sender says that it heard. We agree when the peer asks for it; we do not ask. */
#ifndef HZ_TCP_ECN_H
#define HZ_TCP_ECN_H

#include "tcp/tcp_in.h"
#include "tcp/tcp_sack.h"

#define HZ_ECN_MASK  3u
#define HZ_ECN_ECT_0 2u
#define HZ_ECN_CE    3u

/* RFC 3168 6.1.1: a SYN with both flags asks. */
static inline bool hz_tcp_ecn_is_asked(uint8_t flags)
{
	return (flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_ECE | HZ_TCP_CWR)) ==
	       (HZ_TCP_SYN | HZ_TCP_ECE | HZ_TCP_CWR);
}

/* Of a connection that agreed: a mark on the segment, or the end of its echo. */
void hz_tcp_ecn_segment(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg);

/* The ACK echoes a mark: as a loss, once per window, RFC 3168 6.1.2. */
void hz_tcp_ecn_echo(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack);

#endif
