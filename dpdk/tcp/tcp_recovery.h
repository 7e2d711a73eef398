/* What losses do to a connection: fast recovery (RFC 6675 with PRR, RFC 6582 without SACK) and the time
 * after a timeout (RFC 6298 5, RFC 6675 5.1). */
#ifndef HZ_TCP_RECOVERY_H
#define HZ_TCP_RECOVERY_H

#include "tcp/tcp_sack.h"

/* After the scoreboard took the ACK: finds losses, repairs them, or lets the window grow. */
void hz_tcp_recovery_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack);

/* Time has passed and what was late may be lost now. */
void hz_tcp_recovery_late(struct hz_tcp_pcb *pcb);

/* The retransmission timer expired, for the first time since something was acknowledged or again. */
void hz_tcp_recovery_timeout(struct hz_tcp_pcb *pcb);

/* All that is under way is sent again, though not for congestion: the window stays. */
void hz_tcp_recovery_resend(struct hz_tcp_pcb *pcb);

#endif
