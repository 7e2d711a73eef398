/* What silence means: keep-alive and the end of idle connections, and how long a close may take. */
#ifndef HZ_TCP_IDLE_H
#define HZ_TCP_IDLE_H

#include "tcp/tcp.h"
#include "tcp/tcp_pcb.h"

#define HZ_TCP_LINGER_NS  (5 * HZ_NS_PER_S)    /* FIN_WAIT_2: for the peer's FIN */
#define HZ_TCP_DISCARD_NS HZ_NS_PER_S          /* the same, of a peer that goes on sending */
#define HZ_TCP_IDLE_NS    (3600 * HZ_NS_PER_S) /* without a segment from the peer */
/* A close may take this long, and as long as a slow reader needs for what is queued. */
#define HZ_TCP_CLOSE_NS      (120 * HZ_NS_PER_S)
#define HZ_TCP_CLOSE_BYTE_NS (2 * HZ_NS_PER_MS) /* 500 bytes/s */

/* RFC 9293 3.8.4: off unless asked for, and then not before two hours. */
#define HZ_TCP_KEEPALIVE_IDLE_S     7200u
#define HZ_TCP_KEEPALIVE_INTERVAL_S 75u
#define HZ_TCP_KEEPALIVE_COUNT      9u
/* No connection is silent for longer and lives, so that neither PAWS (24 days, RFC 7323 5.5) nor a timer
 * meets a clock that went round. */
#define HZ_TCP_SILENCE_S_MAX 86400u

/* Fills in defaults. False: out of range. */
bool hz_tcp_idle_conf(struct hz_tcp_keepalive *keepalive);

/* The connection entered its state, or keep-alive changed: sets state_at. */
void hz_tcp_idle_start(struct hz_tcp_pcb *pcb);

/* Input came after our FIN, and was dropped. Until that is acknowledged the peer still reads what we said;
 * then it has HZ_TCP_DISCARD_NS more, or until what it was once offered is used up, whichever is first: a
 * FIN of its own is not to be expected of it. */
void hz_tcp_idle_discard(struct hz_tcp_pcb *pcb);

/* state_at passed: a probe, the end, or, if the peer was heard, later. */
void hz_tcp_idle_fire(struct hz_tcp_pcb *pcb);

#endif
