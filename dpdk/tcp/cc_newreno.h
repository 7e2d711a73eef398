/* Congestion window: slow start, congestion avoidance with byte counting (RFC 5681, RFC 3465) and
 * NewReno's arithmetic for fast recovery (RFC 6582). Only numbers; tcp_in_ack.c and tcp_rto.c decide
 * what happened. */
#ifndef HZ_CC_NEWRENO_H
#define HZ_CC_NEWRENO_H

#include "tcp/tcp_pcb.h"

/* Initial window of RFC 6928, or one segment when the handshake lost a packet (RFC 5681 3.1). */
void hz_cc_newreno_open(struct hz_tcp_pcb *pcb, bool had_loss);

/* acked new bytes, flight_bytes were outstanding before. Grows only a window that was in use. */
void hz_cc_newreno_acked(struct hz_tcp_pcb *pcb, uint32_t acked, uint32_t flight_bytes);

void hz_cc_newreno_enter(struct hz_tcp_pcb *pcb, uint32_t flight_bytes); /* third duplicate ACK */
void hz_cc_newreno_inflate(struct hz_tcp_pcb *pcb);                      /* one more of them */
void hz_cc_newreno_partial(struct hz_tcp_pcb *pcb, uint32_t acked);
void hz_cc_newreno_leave(struct hz_tcp_pcb *pcb, uint32_t flight_bytes);

/* is_first: of the timeouts for the same data. */
void hz_cc_newreno_timeout(struct hz_tcp_pcb *pcb, uint32_t flight_bytes, bool is_first);

/* Nothing was sent for longer than a timeout: restart window, RFC 5681 4.1. */
void hz_cc_newreno_idle(struct hz_tcp_pcb *pcb);

#endif
