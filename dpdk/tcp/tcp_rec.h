/* Recovery block: what a connection needs only while something is under way, be it output that is queued
 * or not acknowledged (a FIN counts, a SYN does not), input that the protocol left, or input that came out
 * of order. Taken when the first of them appears, given back when the last is gone: an idle connection has
 * none. There are as many as connections, but memory is touched only by as many as were ever busy at once. */
#ifndef HZ_TCP_REC_H
#define HZ_TCP_REC_H

#include "tcp/cc.h"
#include "tcp/tcp_pcb.h"

/* How a loss is being repaired. */
enum hz_tcp_phase {
	HZ_TCP_OPEN,
	HZ_TCP_RECOVERY, /* fast recovery, RFC 6675 or 6582, until recover is acknowledged */
	HZ_TCP_LOSS,     /* after a timeout, RFC 6298, until recover is acknowledged */
};

/* What the timer that precedes the retransmission timeout is for. */
enum hz_tcp_early {
	HZ_TCP_EARLY_NONE,
	HZ_TCP_EARLY_REORDER, /* RACK: until then a segment may only be late */
	HZ_TCP_EARLY_TLP,     /* probe for the loss of the tail */
};

struct hz_tcp_rec {
	struct hz_tcp_pcb *pcb; /* whose it is */
	struct hz_timer timer;  /* armed at or before the earlier of rtx_at and early_at */
	/* output: the queue of tcp_seg.h, owned, snd_una.. */
	struct rte_mbuf *tx_head;
	struct rte_mbuf *tx_next; /* holds snd_nxt; NULL: all was sent */
	struct rte_mbuf *tx_tail;
	uint32_t snd_nxt; /* next byte to send for the first time; a window probe is beyond it */
	/* the scoreboard's sums, in sequence numbers sent and not acknowledged: see tcp_sack.h */
	uint32_t sacked, lost, retx;
	uint16_t tx_count;     /* segments queued */
	uint16_t sacked_count; /* segments that are SACKED */
	uint8_t phase;         /* enum hz_tcp_phase */
	uint8_t early;         /* enum hz_tcp_early */
	uint32_t early_at;     /* tick */
	uint32_t rtt_seq;      /* being timed, when rtt_start_us is set */
	uint32_t rtt_start_us;

	/* RACK, RFC 8985 5.2: of the segment sent last of those the peer has */
	uint32_t rack_sent_us, rack_end, rack_rtt_us;
	uint32_t min_rtt_us; /* 0: no sample in this busy period */
	uint32_t fack;       /* highest byte the peer has, and one more */
	union hz_cc_state cc;

	/* repair */
	uint32_t recover;    /* RFC 6582 */
	uint32_t last_acked; /* bytes of the last ACK that was new */
	uint32_t prr_flight; /* RecoverFS of RFC 6937 */
	uint32_t prr_delivered, prr_out;
	uint32_t undo_una; /* snd_una when the repair began that has_undo is of */
	uint32_t undo_ts;  /* timestamp of the first retransmission */
	uint32_t undo_cwnd, undo_ssthresh;
	uint32_t cwr_end;     /* snd_nxt when the peer last told of congestion; has_cwr */
	uint32_t tlp_end;     /* snd_nxt when the tail was probed; has_tlp */
	uint32_t dsack_round; /* widened the reordering window in this round; has_dsack_round */
	uint16_t undo_w_max;
	uint16_t undo_retx; /* retransmitted segments that may still prove needless */
	uint8_t dup_acks;
	bool has_cwr, has_undo, has_tlp, tlp_is_retx, has_dsack_round, has_partial;
	uint8_t fin_marks; /* enum hz_seg_mark, of a FIN of its own */
	uint32_t fin_sent_us;
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
	uint32_t reasm_last;   /* in the block that arrived last, which SACK names first */
	uint8_t dup_acks_owed; /* of ours, with ACK_DUP */
	uint32_t dsack_start, dsack_end; /* received twice, to be told; equal: nothing */
};
_Static_assert(sizeof(struct hz_tcp_rec) <= 320, "five cache lines");

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

static inline uint32_t hz_tcp_rec_snd_nxt(const struct hz_tcp_pcb *pcb)
{
	return pcb->rec != NULL ? pcb->rec->snd_nxt : pcb->snd_max;
}

/* A FIN of ours is due and was never sent. */
static inline bool hz_tcp_rec_owes_fin(const struct hz_tcp_pcb *pcb)
{
	return (pcb->flags & HZ_TCP_F_FIN_OUT) && hz_tcp_rec_snd_nxt(pcb) == pcb->snd_end;
}

/* Output waits to be sent, for the first time or again. */
static inline bool hz_tcp_rec_has_unsent(const struct hz_tcp_pcb *pcb)
{
	return pcb->rec != NULL && (pcb->rec->tx_next != NULL || pcb->rec->lost != pcb->rec->retx);
}

#endif
