/* The path's MTU, RFC 1191 and 8201: where ICMP comes to us frames carry "don't fragment", and an error that
 * passes the checks of RFC 5927 makes segments smaller. Where the kernel gets it they do not, and routers
 * fragment. On every port segments also shrink when the same one is lost again and again while smaller ones
 * may pass (a black hole, RFC 4821 7.7): IPv6 routers never fragment. */
#ifndef HZ_TCP_PMTU_H
#define HZ_TCP_PMTU_H

#include "tcp/tcp_pcb.h"

#define HZ_TCP_PMTU_MIN_V4 576u  /* RFC 1191 3: smaller claims are not believed, and not served */
#define HZ_TCP_PMTU_MIN_V6 1280u /* RFC 8201 4 */

/* A timeout of established data, which retries does not count yet: the third in a row means 1280, the fifth
 * 576. Before the congestion window becomes one segment. */
void hz_tcp_pmtu_timeout(struct hz_tcp_pcb *pcb);

#endif
