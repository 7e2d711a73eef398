#include "tcp/tcp_in.h"

#include "tcp/cc_newreno.h"
#include "tcp/tcp_idle.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_timer.h"

#define DUP_ACKS_TO_RETRANSMIT 3 /* RFC 5681 3.2 */
/* Backoff that outlives an ACK of something sent twice. Karn keeps all of it until there is a sample,
 * which without timestamps, in a long repair, would leave a minute's timeout on a live path. */
#define BACKOFF_KEPT 3

static void queue_free(struct hz_tcp_pcb *pcb, uint32_t ack)
{
	struct hz_tcp_rec *rec = pcb->rec;

	/* After a timeout snd_nxt was set back; what the ACK covers need not be sent again. */
	if (hz_seq_lt(rec->snd_nxt, ack)) {
		rec->snd_nxt = ack;
		while (rec->tx_next != NULL && hz_seq_leq(hz_seg_end(rec->tx_next), ack))
			rec->tx_next = hz_seg_next(rec->tx_next);
	}
	while (rec->tx_head != NULL && hz_seq_leq(hz_seg_end(rec->tx_head), ack)) {
		struct rte_mbuf *seg = rec->tx_head;

		rec->tx_head = hz_seg_next(seg);
		if (rec->tx_head == NULL)
			rec->tx_tail = NULL;
		rec->tx_count--;
		hz_tcp_of(pcb)->tx_total--;
		rte_pktmbuf_free(seg);
	}
}

/* One segment per round trip is timed; after a retransmission only the peer's echo of our timestamp
 * says which transmission it answers (RFC 7323 4.1), without it there is no sample (Karn). */
static void rtt_take(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	struct hz_tcp_rec *rec = pcb->rec;
	struct hz_tcp *tcp = hz_tcp_of(pcb);

	if (rec->rtt_start_ns != 0) {
		if (hz_seq_geq(seg->ack, rec->rtt_seq)) {
			hz_tcp_rto_sample(pcb, hz_tcp_now(tcp) - rec->rtt_start_ns);
			rec->rtt_start_ns = 0;
		}
		return;
	}
	if ((pcb->flags & HZ_TCP_F_TS) && pcb->retries > 0) {
		uint32_t ms = hz_tcp_ts_clock(tcp) + pcb->ts_offset - seg->opts.ts_ecr;

		if (ms <= HZ_TCP_RTO_MAX_US / 1000)
			hz_tcp_rto_sample(pcb, ms * HZ_NS_PER_MS);
	}
}

/* RFC 9293 3.10.7.4: what the ACK of our FIN means in each state. */
static void fin_acked(struct hz_tcp_pcb *pcb)
{
	switch (pcb->state) {
	case HZ_TCP_FIN_WAIT_1:
		hz_tcp_pcb_set_state(pcb, HZ_TCP_FIN_WAIT_2);
		hz_tcp_idle_start(pcb);
		return;
	case HZ_TCP_CLOSING:
		hz_tcp_pcb_set_state(pcb, HZ_TCP_TIME_WAIT);
		hz_tcp_pcb_touch(pcb);
		return;
	case HZ_TCP_LAST_ACK:
		hz_tcp_pcb_close(pcb, HZ_CLOSE_DONE);
		return;
	default:
		return;
	}
}

static void new_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t flight = pcb->snd_max - pcb->snd_una;
	uint32_t acked = seg->ack - pcb->snd_una;
	bool restart = true;

	rtt_take(pcb, seg);
	queue_free(pcb, seg->ack);
	pcb->snd_una = seg->ack;
	rec->last_acked = acked;
	pcb->retries = 0;
	pcb->rto_shift = HZ_MIN(pcb->rto_shift, BACKOFF_KEPT);
	pcb->flags &= ~(uint32_t)(HZ_TCP_F_RTX_HEAD | HZ_TCP_F_PROBE | HZ_TCP_F_PERSIST);
	if (!(pcb->flags & HZ_TCP_F_RECOVERY)) {
		rec->dup_acks = 0;
		hz_cc_newreno_acked(pcb, acked, flight);
	} else if (hz_seq_geq(seg->ack, rec->recover)) {
		pcb->flags &= ~(uint32_t)HZ_TCP_F_RECOVERY;
		rec->dup_acks = 0;
		hz_cc_newreno_leave(pcb, pcb->snd_max - pcb->snd_una);
	} else {
		/* A partial ACK names the next hole, RFC 6582 3.2 step 3. Only the first restarts the
		 * timer: with many holes, one per round trip, the timeout is the faster repair. */
		restart = !(pcb->flags & HZ_TCP_F_PARTIAL);
		hz_cc_newreno_partial(pcb, acked);
		pcb->flags |= HZ_TCP_F_RTX_HEAD | HZ_TCP_F_PARTIAL;
	}
	if (pcb->snd_una == pcb->snd_max) {
		pcb->rtx_at = 0;
	} else if (restart || pcb->rtx_at == 0) {
		pcb->rtx_at = hz_tcp_rto_deadline(pcb);
		hz_tcp_timer_update(pcb); /* earlier than armed where a backoff ended */
	}
	if (pcb->snd_una == pcb->snd_end + 1)
		fin_acked(pcb);
	else if (hz_seq_leq(rec->snd_nxt, pcb->snd_end) &&
	         (rec->tx_next != NULL ||
	          (pcb->flags & (HZ_TCP_F_RTX_HEAD | HZ_TCP_F_WANT_WRITE | HZ_TCP_F_FIN_OUT))))
		hz_tcp_pcb_touch(pcb);
}

/* RFC 5681 2: all five conditions; the first, ack == snd_una, is the caller's. */
static bool is_duplicate(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	uint32_t window = seg->window << pcb->snd_wscale;

	return pcb->snd_max != pcb->snd_una && hz_tcp_segment_length(seg) == 0 &&
	       window == pcb->snd_wnd && window != 0;
}

/* Not a loss of a window that was already repaired, RFC 6582 3.2 step 2. There duplicate ACKs may only
 * echo needless retransmissions; those follow an ACK that jumped far (RFC 6582 4.1). */
static bool is_new_loss(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;

	return hz_seq_gt(pcb->snd_una, rec->recover) ||
	       (pcb->cwnd > pcb->snd_mss && rec->last_acked <= 4u * pcb->snd_mss);
}

static void dup_ack(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	hz_tcp_pcb_touch(pcb); /* in and before recovery each one lets a new segment out */
	if (pcb->flags & HZ_TCP_F_RECOVERY) {
		hz_cc_newreno_inflate(pcb);
		return;
	}
	if (rec->dup_acks < DUP_ACKS_TO_RETRANSMIT)
		rec->dup_acks++;
	if (rec->dup_acks < DUP_ACKS_TO_RETRANSMIT || !is_new_loss(pcb))
		return;
	hz_cc_newreno_enter(pcb, pcb->snd_max - pcb->snd_una);
	rec->recover = pcb->snd_max;
	rec->rtt_start_ns = 0;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_PARTIAL;
	pcb->flags |= HZ_TCP_F_RECOVERY | HZ_TCP_F_RTX_HEAD;
}

/* Not from an older segment, RFC 9293 3.10.7.4: nor one whose ACK is old, which makes SND.WL2 needless. But
 * one whose ACK is new always counts, or snd_una would move the old window to where the peer never offered
 * it. */
static void window_update(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg, bool is_new)
{
	uint32_t window = seg->window << pcb->snd_wscale;

	if (!is_new && (seg->ack != pcb->snd_una || hz_seq_gt(pcb->snd_wl1, seg->seq)))
		return;
	pcb->snd_wl1 = seg->seq;
	if (window == pcb->snd_wnd)
		return;
	pcb->snd_wnd = window;
	pcb->snd_wnd_max = (uint16_t)HZ_MAX(pcb->snd_wnd_max, seg->window);
	if (window == 0 || pcb->rec == NULL)
		return;
	pcb->rec->zero_window_tick = 0;
	if (pcb->flags & HZ_TCP_F_PERSIST) {
		pcb->flags &= ~(uint32_t)(HZ_TCP_F_PERSIST | HZ_TCP_F_PROBE);
		pcb->rtx_at = 0;
		pcb->rto_shift = 0;
	}
	if (pcb->rec->tx_next != NULL)
		hz_tcp_pcb_touch(pcb);
}

bool hz_tcp_in_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	/* RFC 5961 5.2 takes MAX.SND.WND for the most that may have been under way. Ours is less by far when
	 * the peer's window is large, and each byte is one more guess that an attacker gets right. */
	uint32_t oldest = HZ_MIN((uint32_t)pcb->snd_wnd_max << pcb->snd_wscale,
	                         (uint32_t)HZ_LIMIT_tx_bytes_max);
	bool is_new;

	/* Neither for what was not sent nor from long ago. */
	if (hz_seq_gt(seg->ack, pcb->snd_max) || hz_seq_lt(seg->ack, pcb->snd_una - oldest)) {
		hz_tcp_count_drop(hz_tcp_of(pcb), HZ_COUNTER_drop_out_of_window);
		hz_tcp_in_challenge(pcb);
		return false;
	}
	is_new = hz_seq_gt(seg->ack, pcb->snd_una);
	if (is_new)
		new_ack(pcb, seg);
	else if (seg->ack == pcb->snd_una && is_duplicate(pcb, seg))
		dup_ack(pcb);
	if (pcb->state != HZ_TCP_CLOSED)
		window_update(pcb, seg, is_new);
	return true;
}
