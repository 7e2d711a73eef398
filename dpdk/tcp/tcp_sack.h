/* The scoreboard of RFC 6675: which segments of the send queue the peer has, which are taken for lost, which
 * of these are under way again. The marks are on the segments (tcp_seg.h), their sums in the recovery block. */
#ifndef HZ_TCP_SACK_H
#define HZ_TCP_SACK_H

#include "tcp/tcp_in.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_seg.h"

/* What one ACK told. Lives on the stack while it is processed. */
struct hz_tcp_ack {
	const struct hz_tcp_segment *seg;
	uint32_t now_us;
	uint32_t flight;    /* sequence numbers outstanding before it */
	uint32_t acked;     /* new in the cumulative acknowledgment */
	uint32_t delivered; /* newly acknowledged or SACKed: what left the network */
	uint32_t dsack_start, dsack_end;
	bool is_duplicate; /* RFC 5681 2 */
	uint8_t retries;   /* timeouts before it */
	bool has_echo;     /* ECE, RFC 3168: the window must not grow */
	bool has_dsack;    /* RFC 2883: something arrived twice */
	bool has_original; /* of what a timeout took for lost, a segment arrived that was sent only once */
};

/* Sequence numbers under way, RFC 6675's pipe. */
static inline uint32_t hz_tcp_sack_pipe(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;

	return rec->snd_nxt - pcb->snd_una - rec->sacked - rec->lost + rec->retx;
}

/* End of the part of seg that was sent. */
static inline uint32_t hz_tcp_sack_sent_end(const struct hz_tcp_pcb *pcb,
                                            const struct rte_mbuf *seg)
{
	uint32_t end = hz_seg_end(seg);

	return hz_seq_lt(pcb->rec->snd_nxt, end) ? pcb->rec->snd_nxt : end;
}

/* Of that, sequence numbers not acknowledged. */
static inline uint32_t hz_tcp_sack_outstanding(const struct hz_tcp_pcb *pcb,
                                               const struct rte_mbuf *seg)
{
	uint32_t start = hz_seq_max(hz_seg_seq(seg), pcb->snd_una);
	uint32_t end = hz_tcp_sack_sent_end(pcb, seg);

	return hz_seq_gt(end, start) ? end - start : 0;
}

/* Whether some of it was sent and not acknowledged; behind the first of which this is not true it is of none. */
static inline bool hz_tcp_sack_was_sent(const struct hz_tcp_pcb *pcb, const struct rte_mbuf *seg)
{
	return seg != NULL &&
	       hz_seq_lt(hz_seq_max(hz_seg_seq(seg), pcb->snd_una), pcb->rec->snd_nxt);
}

/* Moves snd_una to ack, frees what it covers. */
void hz_tcp_sack_advance(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack);

/* Takes in the blocks of the ACK, after advance. */
void hz_tcp_sack_blocks(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack);

/* seg, sent and not SACKed, is lost, or lost again. */
void hz_tcp_sack_lose(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg);

/* After a timeout: all that is not SACKed. A peer that discarded what it SACKed (reneged, RFC 2018 8) is
 * believed no more. */
void hz_tcp_sack_lose_all(struct hz_tcp_pcb *pcb);

/* Nothing is lost after all. */
void hz_tcp_sack_restore(struct hz_tcp_pcb *pcb);

/* Cuts seg at number at, inside its sent part; mbuf, taken over, gets the rest and the same marks. */
void hz_tcp_sack_split(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg, uint32_t at,
                       struct rte_mbuf *mbuf);

/* seg, lost, was sent again. */
void hz_tcp_sack_resent(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg);

#endif
