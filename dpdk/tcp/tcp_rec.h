/* Recovery block: what a connection needs only while something is under way, be it output that is queued
 * or not acknowledged (a FIN counts, a SYN does not), input that the protocol left, or input that came out of order. Taken when the
 * first of them appears, given back when the last is gone: an idle connection has none. There are as many
 * as connections, but memory is touched only by as many as were ever busy at once. */
#ifndef HZ_TCP_REC_H
#define HZ_TCP_REC_H

#include "tcp/tcp_pcb.h"

struct hz_tcp_rec {
	/* output: the queue of tcp_seg.h, owned, snd_una.. */
	struct rte_mbuf *tx_head;
	struct rte_mbuf *tx_next; /* holds snd_nxt; NULL: all sent */
	struct rte_mbuf *tx_tail;
	uint32_t snd_nxt;  /* next byte to send; set back by a timeout */
	uint16_t tx_count; /* segments queued */
	uint8_t dup_acks;
	uint32_t cc_acked;   /* bytes towards the next cwnd increment, RFC 3465 */
	uint32_t recover;    /* RFC 6582 */
	uint32_t last_acked; /* bytes of the last ACK that was new */
	uint32_t rtt_seq;    /* being timed, when rtt_start_ns is set */
	uint64_t rtt_start_ns;
	uint32_t
		zero_window_tick; /* since when the window is closed and data waits, 0: it is not */

	/* input */
	uint32_t fin_seq; /* of the peer's FIN, with FIN_SEEN */
	struct hz_tcp_hold {
		uint8_t *data; /* owned block, NULL: none */
		uint32_t at, bytes, capacity;
	} hold;                 /* what the protocol did not consume */
	struct rte_mbuf *reasm; /* out-of-order segments, owned, ascending, disjoint */
	uint32_t reasm_bytes;
	uint32_t reasm_count;
	uint32_t reasm_last; /* in the block that arrived last, which SACK names first */
};
_Static_assert(sizeof(struct hz_tcp_rec) <= 192, "three cache lines");

/* Only for these two below. */
struct hz_tcp_rec *hz_tcp_rec_take(struct hz_tcp_pcb *pcb);
void hz_tcp_rec_give(struct hz_tcp_pcb *pcb);

/* The connection's block, taken now if it has none. */
static inline struct hz_tcp_rec *hz_tcp_rec_need(struct hz_tcp_pcb *pcb)
{
	return HZ_LIKELY(pcb->rec != NULL) ? pcb->rec : hz_tcp_rec_take(pcb);
}

/* Gives the block back when nothing is left in it. */
static inline void hz_tcp_rec_settle(struct hz_tcp_pcb *pcb)
{
	if (pcb->rec != NULL && pcb->rec->tx_head == NULL)
		hz_tcp_rec_give(pcb);
}

/* At the end of the connection: frees whatever it holds. */
void hz_tcp_rec_free(struct hz_tcp_pcb *pcb);

/* Bytes that the protocol left. */
static inline uint32_t hz_tcp_rec_held(const struct hz_tcp_pcb *pcb)
{
	return pcb->rec != NULL ? pcb->rec->hold.bytes : 0;
}

/* Output waits for its first transmission, or after a timeout for its next. */
static inline bool hz_tcp_rec_has_unsent(const struct hz_tcp_pcb *pcb)
{
	return pcb->rec != NULL && pcb->rec->tx_next != NULL;
}

static inline uint32_t hz_tcp_rec_snd_nxt(const struct hz_tcp_pcb *pcb)
{
	return pcb->rec != NULL ? pcb->rec->snd_nxt : pcb->snd_max;
}

#endif
