/* Out-of-order segments: the received buffers themselves, ascending and disjoint, bounded per
 * connection and per stack. */
#ifndef HZ_TCP_REASM_H
#define HZ_TCP_REASM_H

#include "tcp/tcp_opts.h"
#include "tcp/tcp_pcb.h"

/* All but put expect a recovery block. */

/* Keeps bytes at payload, which lie in mbuf, beyond rcv_nxt. True: the buffer is taken over. False: all
 * of it is there already, or a limit is reached (drop_reasm_full). */
bool hz_tcp_reasm_put(struct hz_tcp_pcb *pcb, struct rte_mbuf *mbuf, uint32_t seq,
                      const uint8_t *payload, uint32_t bytes);

/* The next segment that holds rcv_nxt, now the caller's to free, or NULL. What lies wholly before
 * rcv_nxt is freed. */
struct rte_mbuf *hz_tcp_reasm_pop(struct hz_tcp_pcb *pcb);

/* [start, end) arrived although it was there: the next ACK says so, RFC 2883. */
void hz_tcp_reasm_twice(struct hz_tcp_pcb *pcb, uint32_t start, uint32_t end);

/* The contiguous blocks, at most max; the one that changed last comes first (RFC 2018 4). */
size_t hz_tcp_reasm_blocks(const struct hz_tcp_pcb *pcb, struct hz_tcp_sack_block *block,
                           size_t max);

#endif
