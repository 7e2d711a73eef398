#include "tcp/tcp_in.h"

#include "tcp/tcp_ecn.h"
#include "tcp/tcp_idle.h"
#include "tcp/tcp_rack.h"
#include "tcp/tcp_recovery.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_timer.h"

/* Backoff that outlives an ACK of something sent twice. Karn keeps all of it until there is a sample,
 * which without timestamps, in a long repair, would leave a minute's timeout on a live path. */
#define BACKOFF_KEPT 3

/* One segment per round trip is timed; after a retransmission only the peer's echo of our timestamp
 * says which transmission it answers (RFC 7323 4.1), without it there is no sample (Karn). */
static void rtt_take(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	struct hz_tcp_rec *rec = pcb->rec;
	struct hz_tcp *tcp = hz_tcp_of(pcb);

	if (rec->rtt_start_us != 0) {
		if (hz_seq_geq(seg->ack, rec->rtt_seq)) {
			hz_tcp_rto_sample(pcb, (hz_tcp_us(tcp) - rec->rtt_start_us) * HZ_NS_PER_US);
			rec->rtt_start_us = 0;
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

/* The rest of what new numbers acknowledged mean, after recovery has had its say. */
static void timer_restart(struct hz_tcp_pcb *pcb, bool had_partial)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (pcb->snd_una == pcb->snd_max) {
		pcb->rtx_at = 0;
		rec->early = HZ_TCP_EARLY_NONE;
		rec->early_at = 0;
		return;
	}
	/* RFC 6582 3.2 step 3: without SACK only the first partial ACK restarts the timer. With many holes,
	 * one per round trip, the timeout is the faster repair. */
	if (!(pcb->flags & HZ_TCP_F_SACK) && rec->phase == HZ_TCP_RECOVERY && had_partial &&
	    pcb->rtx_at != 0)
		return;
	pcb->rtx_at = hz_tcp_rto_deadline(pcb);
	hz_tcp_rack_probe_arm(pcb);
	hz_tcp_timer_update(pcb); /* earlier than armed where a backoff ended */
}

static void new_ack(struct hz_tcp_pcb *pcb, struct hz_tcp_ack *ack)
{
	rtt_take(pcb, ack->seg);
	hz_tcp_sack_advance(pcb, ack);
	pcb->rec->last_acked = ack->acked;
	pcb->retries = 0;
	pcb->rto_shift = HZ_MIN(pcb->rto_shift, BACKOFF_KEPT);
	pcb->flags &= ~(uint32_t)(HZ_TCP_F_PROBE | HZ_TCP_F_PERSIST);
}

static void progress(struct hz_tcp_pcb *pcb)
{
	if (pcb->snd_una == pcb->snd_end + 1)
		fin_acked(pcb);
	else if (hz_tcp_rec_has_unsent(pcb) || (pcb->flags & HZ_TCP_F_WANT_WRITE) ||
	         hz_tcp_rec_owes_fin(pcb))
		hz_tcp_pcb_touch(pcb);
}

/* RFC 5681 2: all five conditions; the first, ack == snd_una, is the caller's. */
static bool is_duplicate(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	uint32_t window = seg->window << pcb->snd_wscale;

	return pcb->snd_max != pcb->snd_una && hz_tcp_segment_length(seg) == 0 &&
	       window == pcb->snd_wnd && window != 0;
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
	if (hz_tcp_rec_has_unsent(pcb))
		hz_tcp_pcb_touch(pcb);
}

/* An ACK that is not old, while there is output. */
static void output_acked(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg, bool is_new)
{
	struct hz_tcp_ack ack = {
		.seg = seg,
		.now_us = hz_tcp_us(hz_tcp_of(pcb)),
		.flight = pcb->snd_max - pcb->snd_una,
		.retries = pcb->retries,
	};
	bool had_partial = pcb->rec->has_partial;

	if (is_new)
		new_ack(pcb, &ack);
	else
		ack.is_duplicate = is_duplicate(pcb, seg);
	if (seg->opts.sack_count > 0 && (pcb->flags & HZ_TCP_F_SACK))
		hz_tcp_sack_blocks(pcb, &ack);
	if ((seg->flags & HZ_TCP_ECE) && (pcb->flags & HZ_TCP_F_ECN)) {
		ack.has_echo = true;
		hz_tcp_ecn_echo(pcb, &ack);
	}
	hz_tcp_recovery_ack(pcb, &ack);
	if (!is_new)
		return;
	timer_restart(pcb, had_partial);
	progress(pcb);
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
	if (pcb->rec != NULL && hz_seq_geq(seg->ack, pcb->snd_una))
		output_acked(pcb, seg, is_new);
	if (pcb->state != HZ_TCP_CLOSED)
		window_update(pcb, seg, is_new);
	return true;
}
