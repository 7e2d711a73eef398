/* Everything TCP sends: data in place, retransmissions, ACKs, FIN and RST, and answers that belong to
 * no connection. */
#ifndef HZ_TCP_OUT_H
#define HZ_TCP_OUT_H

#include "tcp/tcp_in.h"
#include "tcp/tcp_pcb.h"

/* Sends what windows allow and what this turn owes: SYN-ACK, data, FIN, ACK. Sets HZ_TCP_F_NO_MBUF when
 * a buffer was missing and the rest must wait for the next turn. */
void hz_tcp_out_flush(struct hz_tcp_pcb *pcb);

/* A buffer for it; NULL: sets HZ_TCP_F_NO_MBUF. */
struct rte_mbuf *hz_tcp_out_alloc(struct hz_tcp_pcb *pcb, bool for_control);

/* Takes over mbuf, whose data is bytes of payload with the folded sum csum. */
void hz_tcp_out_data(struct hz_tcp_pcb *pcb, struct rte_mbuf *mbuf, uint32_t seq, uint32_t bytes,
                     uint8_t flags, uint16_t csum);

/* A segment without payload and options. False: no buffer. */
bool hz_tcp_out_control(struct hz_tcp_pcb *pcb, uint32_t seq, uint8_t flags);

/* RST of an established connection. Not repeated when no buffer is left: the next segment of the peer
 * finds no connection and is answered then. */
void hz_tcp_out_reset(struct hz_tcp_pcb *pcb);

/* RST for a segment that fits nothing, RFC 9293 3.10.7.1; none for a RST. */
void hz_tcp_out_reply_reset(struct hz_tcp *tcp, const struct hz_tcp_segment *seg);

/* SYN-ACK without a connection. offer: what would be negotiated, rcv_mss, rcv_wscale and flags only.
 * False: no buffer. */
bool hz_tcp_out_reply_cookie(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                             const struct hz_tcp_pcb *offer, uint32_t iss, uint32_t ts_val);

/* ACK for a segment to a connection in TIME_WAIT. */
struct hz_tcp_tw;
void hz_tcp_out_reply_ack(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                          const struct hz_tcp_tw *tw);

#endif
