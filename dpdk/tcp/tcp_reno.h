/* Fast recovery with a peer that has no SACK, RFC 6582: duplicate ACKs say that something is missing, a
 * partial ACK says what; cwnd grows by what must have left the network. */
#ifndef HZ_TCP_RENO_H
#define HZ_TCP_RENO_H

#include "tcp/tcp_sack.h"

/* Outside of a recovery. True: the third duplicate ACK. */
bool hz_tcp_reno_is_loss(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack);

void hz_tcp_reno_enter(struct hz_tcp_pcb *pcb);
void hz_tcp_reno_step(struct hz_tcp_pcb *pcb,
                      const struct hz_tcp_ack *ack); /* an ACK that does not end it */
void hz_tcp_reno_leave(struct hz_tcp_pcb *pcb);

#endif
