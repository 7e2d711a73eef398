/* Repairs that were not needed: when what was taken for lost turns out to have been late, window and
 * threshold go back to what they were. Three proofs, none needed: the echo of a timestamp older than the
 * first retransmission (Eifel, RFC 3522), a D-SACK for every retransmission (RFC 2883, RFC 3708), and after
 * a timeout the arrival of something sent only once (F-RTO, RFC 5682). */
#ifndef HZ_TCP_UNDO_H
#define HZ_TCP_UNDO_H

#include "tcp/tcp_sack.h"

/* A repair begins: remembers what it is about to change. */
void hz_tcp_undo_begin(struct hz_tcp_pcb *pcb);

/* A segment was sent again. */
void hz_tcp_undo_resent(struct hz_tcp_pcb *pcb);

/* True: the repair was not needed, nothing is lost, the phase is OPEN. */
bool hz_tcp_undo_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack);

#endif
