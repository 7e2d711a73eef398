/* Active opens: hz_tcp_connect of tcp.h, and what a segment means in SYN_SENT. */
#ifndef HZ_TCP_CONNECT_H
#define HZ_TCP_CONNECT_H

#include "tcp/tcp_in.h"

/* RFC 9293 3.10.7.3. True: established, and the segment, from which the SYN is taken off, goes on with its
 * data. */
bool hz_tcp_connect_in(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg);

#endif
