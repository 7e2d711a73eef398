#include "tcp/tcp_recovery.h"

#include "tcp/tcp_prr.h"
#include "tcp/tcp_rack.h"
#include "tcp/tcp_reno.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_undo.h"

static bool has_sack(const struct hz_tcp_pcb *pcb)
{
	return (pcb->flags & HZ_TCP_F_SACK) != 0;
}

static void prr_step(struct hz_tcp_pcb *pcb, uint32_t delivered)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t pipe = hz_tcp_sack_pipe(pcb), mss = pcb->snd_mss, allowed;

	rec->prr_delivered += delivered;
	allowed = hz_prr_allowed(pipe, pcb->ssthresh, rec->prr_flight, rec->prr_delivered,
	                         delivered, rec->prr_out, mss);
	if (rec->prr_out == 0)
		allowed = HZ_MAX(allowed, mss); /* the first retransmission, RFC 6675 5 step 4.3 */
	pcb->cwnd = pipe + allowed;
}

static void enter(struct hz_tcp_pcb *pcb, uint32_t flight, uint32_t delivered)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->phase == HZ_TCP_OPEN)
		hz_tcp_undo_begin(pcb);
	pcb->ssthresh = hz_tcp_of(pcb)->cc->ssthresh(pcb, flight);
	rec->phase = HZ_TCP_RECOVERY;
	rec->recover = pcb->snd_max;
	rec->rtt_start_us = 0; /* Karn: what is timed may be sent again */
	rec->has_partial = false;
	rec->has_tlp = false;
	if (has_sack(pcb)) {
		rec->prr_flight = HZ_MAX(flight, 1u);
		rec->prr_delivered = rec->prr_out = 0;
		prr_step(pcb, delivered);
		pcb->rtx_at = hz_tcp_rto_deadline(pcb);
	} else {
		hz_tcp_reno_enter(pcb);
	}
	hz_tcp_of(pcb)->cc->moved(pcb);
	hz_tcp_pcb_touch(pcb);
}

static void leave(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->phase == HZ_TCP_RECOVERY) {
		if (has_sack(pcb))
			pcb->cwnd = pcb->ssthresh; /* RFC 6937 3 */
		else
			hz_tcp_reno_leave(pcb);
		hz_tcp_rack_recovered(pcb);
	}
	rec->phase = HZ_TCP_OPEN;
	rec->dup_acks = 0;
	hz_tcp_of(pcb)->cc->moved(pcb);
}

static void grow(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	pcb->rec->dup_acks = 0;
	if (!ack->has_echo)
		hz_tcp_of(pcb)->cc->acked(pcb, ack->acked, ack->flight);
}

/* Nothing is being repaired. */
static void open_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	if (has_sack(pcb) ? pcb->rec->lost > 0 : hz_tcp_reno_is_loss(pcb, ack)) {
		enter(pcb, ack->flight, ack->delivered);
		return;
	}
	if (ack->acked > 0) {
		grow(pcb, ack);
	} else if (ack->is_duplicate || ack->delivered > 0) {
		hz_tcp_pcb_touch(pcb); /* limited transmit, RFC 3042: each lets a new segment out */
	}
}

static void repair_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	hz_tcp_pcb_touch(pcb);
	if (hz_seq_geq(pcb->snd_una, pcb->rec->recover)) {
		if (pcb->rec->phase == HZ_TCP_LOSS && ack->acked > 0)
			grow(pcb, ack);
		leave(pcb);
		if (has_sack(pcb) && pcb->rec->lost > 0) /* of what was sent since it began */
			enter(pcb, ack->flight, 0);
	} else if (pcb->rec->phase == HZ_TCP_LOSS) {
		if (ack->acked > 0)
			grow(pcb, ack);
		else if (!has_sack(pcb) && hz_tcp_reno_is_loss(pcb, ack))
			enter(pcb, ack->flight, 0);
	} else if (!has_sack(pcb)) {
		hz_tcp_reno_step(pcb, ack);
	} else if (ack->delivered > 0) {
		prr_step(pcb, ack->delivered);
	}
}

/* RFC 8985 7.4.2: the probe hid a loss from the ACKs. */
static void tail_lost(struct hz_tcp_pcb *pcb, uint32_t flight)
{
	pcb->ssthresh = hz_tcp_of(pcb)->cc->ssthresh(pcb, flight);
	pcb->cwnd = HZ_MIN(pcb->cwnd, pcb->ssthresh);
	hz_tcp_of(pcb)->cc->moved(pcb);
}

/* The common case: nothing is missing, and nothing was lately. */
static bool is_quiet(const struct hz_tcp_rec *rec)
{
	return rec->phase == HZ_TCP_OPEN && rec->sacked == 0 && !rec->has_undo && !rec->has_tlp &&
	       rec->early != HZ_TCP_EARLY_REORDER && rec->lost == 0;
}

void hz_tcp_recovery_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (HZ_LIKELY(ack->acked > 0 && is_quiet(rec) && !ack->has_dsack)) {
		grow(pcb, ack);
		return;
	}
	if (has_sack(pcb)) {
		if (ack->has_dsack)
			hz_tcp_rack_dsack(pcb);
		if (hz_tcp_rack_probe_acked(pcb, ack) && rec->phase == HZ_TCP_OPEN)
			tail_lost(pcb, ack->flight);
		if (rec->sacked > 0 || rec->phase != HZ_TCP_OPEN ||
		    rec->early == HZ_TCP_EARLY_REORDER)
			hz_tcp_rack_detect(pcb);
	}
	if (hz_tcp_undo_ack(pcb, ack))
		hz_tcp_pcb_touch(pcb);
	else if (rec->phase != HZ_TCP_OPEN)
		repair_ack(pcb, ack);
	else
		open_ack(pcb, ack);
}

void hz_tcp_recovery_late(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->lost == rec->retx)
		return;
	if (rec->phase == HZ_TCP_OPEN)
		enter(pcb, rec->snd_nxt - pcb->snd_una, 0);
	else if (rec->phase == HZ_TCP_RECOVERY)
		prr_step(pcb, 0);
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_recovery_resend(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	hz_tcp_sack_lose_all(pcb);
	rec->phase = HZ_TCP_LOSS;
	rec->recover = pcb->snd_max;
	rec->early = HZ_TCP_EARLY_NONE;
	rec->early_at = 0;
	rec->has_tlp = false;
	rec->dup_acks = 0;
	rec->rtt_start_us = 0; /* Karn: no sample from what is sent twice */
}

void hz_tcp_recovery_timeout(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t flight = pcb->snd_max - pcb->snd_una;

	/* Once per window: a recovery has taken its share already, a repeated timeout too. */
	if (rec->phase == HZ_TCP_OPEN)
		hz_tcp_undo_begin(pcb);
	if (rec->phase != HZ_TCP_RECOVERY && pcb->retries == 0)
		pcb->ssthresh = hz_tcp_of(pcb)->cc->ssthresh(pcb, flight);
	hz_tcp_recovery_resend(pcb);
	pcb->cwnd = pcb->snd_mss;
	hz_tcp_of(pcb)->cc->moved(pcb);
}
