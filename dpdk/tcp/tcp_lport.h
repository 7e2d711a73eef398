/* Local ports of active opens: hard to guess from outside (RFC 6056), and such that the answers' flow hash
 * names this worker. */
#ifndef HZ_TCP_LPORT_H
#define HZ_TCP_LPORT_H

#include "tcp/tcp_pcb.h"

#define HZ_TCP_LPORT_FIRST 49152u /* of the dynamic ports, RFC 6335 6 */

/* Completes packet, a frame as the peer would send one, whose l4 is 4 writable bytes that name the remote
 * port: fills in the local one, wanted or, if that is 0, of our choice, and flow_hash. 0, -EADDRINUSE or
 * -EADDRNOTAVAIL. */
int hz_tcp_lport_choose(struct hz_tcp *tcp, struct hz_packet *packet, uint16_t wanted);

#endif
