#include "tcp/tcp_rack.h"

#include "tcp/tcp_recovery.h"
#include "tcp/tcp_timer.h"

#define DUP_THRESH        3u
#define REORDER_ROUNDS    16u /* recoveries without D-SACK after which the window shrinks again */
#define REORDER_STEPS_MAX 7u
#define ACK_DELAY_MAX_US  200000u /* of a peer that waits for a second segment */
#define PROBE_SLACK_US    2000u   /* for the peer's and our own timers */

static bool is_sent_after(uint32_t a_us, uint32_t a_end, uint32_t b_us, uint32_t b_end)
{
	return hz_seq_gt(a_us, b_us) || (a_us == b_us && hz_seq_gt(a_end, b_end));
}

/* The echo is of a timestamp before the segment was sent last: an earlier copy arrived. */
static bool is_echo_older(const struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack,
                          uint32_t rtt_us)
{
	uint64_t now_us = hz_tcp_now(hz_tcp_of(pcb)) / HZ_NS_PER_US;
	uint32_t sent_ts = (uint32_t)((now_us - rtt_us) / 1000) + pcb->ts_offset;

	return (pcb->flags & HZ_TCP_F_TS) && ack->seg->opts.has_ts &&
	       hz_seq_lt(ack->seg->opts.ts_ecr, sent_ts);
}

/* RFC 8985 6.2 steps 1 to 3. */
void hz_tcp_rack_arrived(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack, uint32_t end,
                         uint32_t sent_us, bool is_retx)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t rtt_us = HZ_MAX(ack->now_us - sent_us, 1u);

	if (hz_seq_gt(end, rec->fack))
		rec->fack = end;
	else if (hz_seq_lt(end, rec->fack) && !is_retx)
		pcb->flags |= HZ_TCP_F_REORDERS;
	if (is_retx) {
		if (rtt_us < rec->min_rtt_us || is_echo_older(pcb, ack, rtt_us))
			return;
	} else if (rec->min_rtt_us == 0 || rtt_us < rec->min_rtt_us) {
		rec->min_rtt_us = rtt_us;
	}
	if (rec->rack_rtt_us == 0 ||
	    is_sent_after(sent_us, end, rec->rack_sent_us, rec->rack_end)) {
		rec->rack_sent_us = sent_us;
		rec->rack_end = end;
	}
	rec->rack_rtt_us = rtt_us;
}

uint32_t hz_tcp_rack_window_us(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;
	uint32_t min_rtt_us = rec->min_rtt_us != 0 ? rec->min_rtt_us : pcb->srtt_us;
	uint64_t window_us = (uint64_t)min_rtt_us * (1u + pcb->reorder_steps) / 4;

	if (!(pcb->flags & HZ_TCP_F_REORDERS) &&
	    (rec->phase != HZ_TCP_OPEN || rec->sacked_count >= DUP_THRESH))
		return 0;
	return (uint32_t)HZ_MIN(window_us, pcb->srtt_us);
}

void hz_tcp_rack_dsack(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->has_dsack_round && hz_seq_lt(pcb->snd_una, rec->dsack_round))
		return; /* once per round trip */
	rec->has_dsack_round = true;
	rec->dsack_round = rec->snd_nxt;
	if (pcb->reorder_steps < REORDER_STEPS_MAX)
		pcb->reorder_steps = (pcb->reorder_steps + 1u) & REORDER_STEPS_MAX;
	pcb->reorder_rounds = REORDER_ROUNDS;
}

void hz_tcp_rack_recovered(struct hz_tcp_pcb *pcb)
{
	if (pcb->reorder_rounds == 0)
		return;
	pcb->reorder_rounds = (pcb->reorder_rounds - 1u) & 31u;
	if (pcb->reorder_rounds == 0)
		pcb->reorder_steps = 0;
}

static void early_set(struct hz_tcp_pcb *pcb, enum hz_tcp_early kind, uint32_t at)
{
	pcb->rec->early = (uint8_t)kind;
	pcb->rec->early_at = at;
}

void hz_tcp_rack_detect(struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp *tcp = hz_tcp_of(pcb);
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t limit_us = rec->rack_rtt_us + hz_tcp_rack_window_us(pcb);
	uint32_t now_us = hz_tcp_us(tcp), wait_us = 0;

	if (rec->early == HZ_TCP_EARLY_REORDER)
		early_set(pcb, HZ_TCP_EARLY_NONE, 0);
	if (rec->rack_rtt_us == 0)
		return;
	for (struct rte_mbuf *seg = rec->tx_head; hz_tcp_sack_was_sent(pcb, seg);
	     seg = hz_seg_next(seg)) {
		uint32_t age_us = now_us - hz_seg_sent_us(seg);

		if (hz_seg_has(seg, HZ_SEG_SACKED) ||
		    (hz_seg_has(seg, HZ_SEG_LOST) && !hz_seg_has(seg, HZ_SEG_RETX)))
			continue;
		if (!is_sent_after(rec->rack_sent_us, rec->rack_end, hz_seg_sent_us(seg),
		                   hz_tcp_sack_sent_end(pcb, seg))) {
			/* What was sent once was sent in order. */
			if (!hz_seg_has(seg, HZ_SEG_EVER))
				break;
			continue;
		}
		if (age_us >= limit_us)
			hz_tcp_sack_lose(pcb, seg);
		else
			wait_us = HZ_MAX(wait_us, limit_us - age_us);
	}
	if (wait_us == 0)
		return;
	early_set(pcb, HZ_TCP_EARLY_REORDER, hz_tcp_tick_after(tcp, wait_us * HZ_NS_PER_US));
	hz_tcp_timer_update(pcb); /* an ACK that changes nothing else gives it no turn */
}

void hz_tcp_rack_probe_arm(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t at, flight = rec->snd_nxt - pcb->snd_una;
	uint64_t after_us = 2ull * pcb->srtt_us;

	if (rec->early == HZ_TCP_EARLY_TLP)
		early_set(pcb, HZ_TCP_EARLY_NONE, 0);
	if (!(pcb->flags & HZ_TCP_F_SACK) || (pcb->flags & HZ_TCP_F_PERSIST) || flight == 0 ||
	    pcb->srtt_us == 0 || pcb->rtx_at == 0 || pcb->retries > 0 ||
	    rec->phase != HZ_TCP_OPEN || rec->sacked > 0 || rec->lost > 0 || rec->has_tlp)
		return;
	after_us += flight <= pcb->snd_mss ? ACK_DELAY_MAX_US : PROBE_SLACK_US;
	at = hz_tcp_tick_after(hz_tcp_of(pcb), after_us * HZ_NS_PER_US);
	if (hz_seq_lt(at, pcb->rtx_at))
		early_set(pcb, HZ_TCP_EARLY_TLP, at);
}

/* RFC 8985 7.4.2 */
bool hz_tcp_rack_probe_acked(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t number = ack->seg->ack;

	if (!rec->has_tlp || hz_seq_lt(number, rec->tlp_end))
		return false;
	if (!rec->tlp_is_retx || (ack->has_dsack && ack->dsack_end == rec->tlp_end) ||
	    (ack->is_duplicate && ack->seg->opts.sack_count == 0)) {
		rec->has_tlp = false; /* nothing was lost */
		return false;
	}
	if (!hz_seq_gt(number, rec->tlp_end))
		return false;
	rec->has_tlp = false;
	return true;
}

void hz_tcp_rack_fire(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint8_t kind = rec->early;

	early_set(pcb, HZ_TCP_EARLY_NONE, 0);
	if (kind == HZ_TCP_EARLY_TLP) {
		pcb->flags |= HZ_TCP_F_TLP;
		hz_tcp_pcb_touch(pcb);
	} else if (kind == HZ_TCP_EARLY_REORDER) {
		hz_tcp_rack_detect(pcb);
		hz_tcp_recovery_late(pcb);
	}
}
