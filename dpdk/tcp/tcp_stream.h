/* TCP's side of core/stream.h: the calls a protocol makes, and when TCP calls the protocol. */
#ifndef HZ_TCP_STREAM_H
#define HZ_TCP_STREAM_H

#include "tcp/tcp_pcb.h"

extern const struct hz_stream_ops hz_tcp_stream_ops;

/* The connection is established. A protocol that refuses it gets it aborted. */
void hz_tcp_stream_open(struct hz_tcp_pcb *pcb);

/* Shows bytes that are next in order; what is not consumed is copied and kept. The bytes stay the
 * caller's. Aborts the connection when no buffer is left to keep them. */
void hz_tcp_stream_deliver(struct hz_tcp_pcb *pcb, const uint8_t *data, uint32_t bytes);

/* After the peer's FIN: shows what is left, then tells the end. */
void hz_tcp_stream_eof(struct hz_tcp_pcb *pcb);

/* Once per turn, from the flush: on_writable when there is room again, unread input when part of it
 * was consumed. */
void hz_tcp_stream_turn(struct hz_tcp_pcb *pcb);

void hz_tcp_stream_timer(struct hz_tcp_pcb *pcb);  /* its deadline passed */
void hz_tcp_stream_closed(struct hz_tcp_pcb *pcb); /* on_close if due; frees what is held */

#endif
