/* Retransmission timeout, RFC 6298, with Karn's rule; and what its expiry does. */
#ifndef HZ_TCP_RTO_H
#define HZ_TCP_RTO_H

#include "tcp/tcp_pcb.h"

#define HZ_TCP_RTO_INITIAL_US  1000000u
#define HZ_TCP_RTO_LOST_SYN_US 3000000u /* RFC 6298 5.7: once the timer expired on our SYN */
#define HZ_TCP_RTO_MIN_US      200000u  /* below RFC 6298 2.4's second, as every kernel has it */
#define HZ_TCP_RTO_MAX_US      60000000u
_Static_assert(HZ_TCP_RTO_MAX_US / 1000 <= UINT16_MAX, "rto_ms holds it");
#define HZ_TCP_ZERO_WINDOW_NS (30 * HZ_NS_PER_S) /* a reader this slow is given up */

/* No sample yet: the timeout is rto_us. */
void hz_tcp_rto_open(struct hz_tcp_pcb *pcb, uint32_t rto_us);

/* A measured round trip: updates the estimate and ends the backoff. */
void hz_tcp_rto_sample(struct hz_tcp_pcb *pcb, uint64_t rtt_ns);

/* Now plus the backed-off timeout, in ticks. */
uint32_t hz_tcp_rto_deadline(const struct hz_tcp_pcb *pcb);

/* The retransmission or persist timer expired. */
void hz_tcp_rto_fire(struct hz_tcp_pcb *pcb);

#endif
