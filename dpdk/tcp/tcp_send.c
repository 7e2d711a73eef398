#include "tcp/tcp_send.h"

#include "net/sw_csum.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_rack.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_timer.h"
#include "tcp/tcp_undo.h"
#include <string.h>

/* What sending [seq, end) means for retransmission and its timer. */
static void sent_note(struct hz_tcp_pcb *pcb, uint32_t seq, uint32_t end)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	struct hz_tcp_rec *rec = pcb->rec;

	if (hz_seq_lt(seq, pcb->snd_max)) {
		hz_tcp_count(tcp, rec->phase == HZ_TCP_RECOVERY ? HZ_COUNTER_retransmit_fast
		                                                : HZ_COUNTER_retransmit_rto);
		tcp->conf.slot->worker->retransmits++;
		if (pcb->retransmits < UINT16_MAX)
			pcb->retransmits++;
		rec->rtt_start_us = 0; /* Karn */
	} else if (rec->rtt_start_us == 0) {
		rec->rtt_start_us = hz_tcp_us(tcp);
		rec->rtt_seq = end;
	}
	if (rec->phase == HZ_TCP_RECOVERY)
		rec->prr_out += end - seq;
	pcb->snd_max = hz_seq_max(pcb->snd_max, end);
	pcb->data_sent_tick = hz_tcp_tick(tcp);
	if (pcb->rtx_at == 0)
		pcb->rtx_at = hz_tcp_rto_deadline(pcb);
}

/* bytes of seg from offset. In place when it is the whole segment and the driver has returned it from
 * an earlier transmission; else a copy, because a frame in flight must not change. */
static bool slice_send(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg, uint32_t offset,
                       uint32_t bytes, uint8_t flags)
{
	uint32_t seq = hz_seg_seq(seg) + offset;
	struct rte_mbuf *mbuf = seg;
	uint16_t csum;

	if (bytes == hz_seg_bytes(seg)) {
		if (!hz_seg_has(seg, HZ_SEG_CSUM))
			hz_seg_set_csum(seg,
			                hz_csum_fold(hz_csum_add(0, hz_seg_payload(seg), bytes)));
		csum = hz_seg_csum(seg);
	} else {
		csum = hz_csum_fold(hz_csum_add(0, hz_seg_payload(seg) + offset, bytes));
	}
	if (bytes == hz_seg_bytes(seg) && rte_mbuf_refcnt_read(seg) == 1) {
		seg->data_off = hz_seg_offset(seg);
		rte_mbuf_refcnt_update(seg, 1);
	} else {
		mbuf = hz_tcp_out_alloc(pcb, false);
		if (mbuf == NULL)
			return false;
		memcpy(hz_mbuf_bytes(mbuf).data, hz_seg_payload(seg) + offset, bytes);
	}
	hz_tcp_out_data(pcb, mbuf, seq, bytes, flags, csum);
	hz_seg_set_sent_us(seg, hz_tcp_us(hz_tcp_of(pcb)));
	sent_note(pcb, seq, seq + bytes + ((flags & HZ_TCP_FIN) != 0));
	return true;
}

/* PSH on what ends the queue, FIN on what ends the stream. */
static uint8_t data_flags(const struct hz_tcp_pcb *pcb, uint32_t end, bool with_fin)
{
	if (end != pcb->snd_end)
		return HZ_TCP_ACK;
	return (uint8_t)(HZ_TCP_ACK | HZ_TCP_PSH | (with_fin ? HZ_TCP_FIN : 0));
}

static bool fin_send(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = hz_tcp_rec_need(pcb);

	if (!hz_tcp_out_control(pcb, pcb->snd_end, HZ_TCP_FIN | HZ_TCP_ACK))
		return false;
	rec->fin_sent_us = hz_tcp_us(hz_tcp_of(pcb));
	sent_note(pcb, pcb->snd_end, pcb->snd_end + 1);
	return true;
}

static void fin_resent(struct hz_tcp_rec *rec)
{
	if ((rec->fin_marks & (HZ_SEG_LOST | HZ_SEG_RETX)) != HZ_SEG_LOST)
		return;
	rec->fin_marks |= HZ_SEG_RETX;
	rec->retx++;
}

/* What was sent of seg and is not acknowledged, up to edge, in slices that the peer takes. */
static bool again_send(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg, uint32_t edge)
{
	uint32_t start = hz_seq_max(hz_seg_seq(seg), pcb->snd_una);
	uint32_t end = hz_tcp_sack_sent_end(pcb, seg);
	/* Not the FIN where it has not been sent yet: snd_nxt counts it. */
	bool has_fin = pcb->rec->snd_nxt == pcb->snd_end + 1;

	if (hz_seq_gt(end, edge))
		end = edge;
	hz_seg_mark(seg, HZ_SEG_EVER);
	while (hz_seq_lt(start, end)) {
		uint32_t bytes = HZ_MIN(end - start, pcb->snd_mss);
		uint8_t flags = data_flags(pcb, start + bytes, has_fin);

		if (!slice_send(pcb, seg, start - hz_seg_seq(seg), bytes, flags))
			return false;
		if (flags & HZ_TCP_FIN)
			fin_resent(pcb->rec);
		start += bytes;
	}
	return true;
}

/* Room in the congestion window. Without SACK that window itself grows by what left the network, RFC 6582. */
static inline uint32_t room_of(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;
	uint32_t cwnd = pcb->cwnd, used = hz_tcp_sack_pipe(pcb);

	/* Limited transmit, RFC 3042: the first two duplicate ACKs let one new segment out each. With SACK
	 * the pipe has shrunk by them. */
	if (rec->phase == HZ_TCP_OPEN && !(pcb->flags & HZ_TCP_F_SACK))
		cwnd += HZ_MIN(rec->dup_acks, 2u) * pcb->snd_mss;
	return cwnd > used ? cwnd - used : 0;
}

/* What the windows let out again: the first always, after it room for all of it. */
static bool may_resend(const struct hz_tcp_pcb *pcb, const struct rte_mbuf *seg)
{
	const struct hz_tcp_rec *rec = pcb->rec;

	if (rec->phase == HZ_TCP_RECOVERY &&
	    (pcb->flags & HZ_TCP_F_SACK ? rec->prr_out == 0 : seg == rec->tx_head))
		return true;
	return hz_tcp_sack_pipe(pcb) == 0 || hz_tcp_sack_outstanding(pcb, seg) <= room_of(pcb);
}

/* Segments were cut for what the peer takes, but it may take less now (path MTU), or get more than it takes in
 * one piece (HZ_RESERVE_MAX). False: no buffer. */
static bool lost_cut(struct hz_tcp_pcb *pcb, struct rte_mbuf *seg)
{
	uint32_t start = hz_seq_max(hz_seg_seq(seg), pcb->snd_una);
	struct rte_mbuf *mbuf;

	if (hz_tcp_sack_outstanding(pcb, seg) <= pcb->snd_mss)
		return true;
	mbuf = hz_tcp_out_alloc(pcb, false);
	if (mbuf == NULL)
		return false;
	hz_tcp_sack_split(pcb, seg, start + pcb->snd_mss, mbuf);
	return true;
}

/* Lost segments, oldest first: RFC 6675 4 NextSeg() (1). */
static bool lost_send(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t edge = pcb->snd_una + pcb->snd_wnd;

	for (struct rte_mbuf *seg = rec->tx_head;
	     rec->lost != rec->retx && hz_tcp_sack_was_sent(pcb, seg); seg = hz_seg_next(seg)) {
		if (!hz_seg_has(seg, HZ_SEG_LOST) || hz_seg_has(seg, HZ_SEG_RETX))
			continue;
		if (!lost_cut(pcb, seg))
			return false;
		if (!hz_seq_lt(hz_seq_max(hz_seg_seq(seg), pcb->snd_una), edge) ||
		    !may_resend(pcb, seg))
			return true;
		if (!again_send(pcb, seg, edge))
			return false;
		hz_tcp_sack_resent(pcb, seg);
		hz_tcp_undo_resent(pcb);
	}
	if ((rec->fin_marks & (HZ_SEG_LOST | HZ_SEG_RETX)) == HZ_SEG_LOST) {
		if (!fin_send(pcb))
			return false;
		fin_resent(rec);
	}
	return true;
}

/* One byte into a closed window, so that the peer says when it opens: RFC 9293 3.8.6.1. */
static bool window_probe(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	struct rte_mbuf *seg = rec->lost > 0 ? rec->tx_head : rec->tx_next;
	uint32_t at = rec->lost > 0 ? pcb->snd_una : rec->snd_nxt;

	if (seg != NULL && !slice_send(pcb, seg, at - hz_seg_seq(seg), 1, HZ_TCP_ACK))
		return false;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_zero_window_probe);
	pcb->rtx_at = 0;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_PROBE;
	return true;
}

/* Bytes of seg to send next, the first time; 0: wait. */
static inline uint32_t slice_choose(const struct hz_tcp_pcb *pcb, const struct rte_mbuf *seg,
                                    uint32_t edge)
{
	uint32_t nxt = pcb->rec->snd_nxt;
	uint32_t left = hz_seg_end(seg) - nxt, room, bytes;

	if (!hz_seq_lt(nxt, edge))
		return 0;
	room = edge - nxt;
	bytes = HZ_MIN(left, pcb->snd_mss);
	if (bytes <= room)
		return bytes;
	/* Silly window avoidance, RFC 9293 3.8.6.2.1: a piece of a segment only when nothing is under
	 * way whose ACK would open the window, or when it is half of all the peer ever offered. */
	if (nxt != pcb->snd_una && room < ((uint32_t)pcb->snd_wnd_max << pcb->snd_wscale) / 2)
		return 0;
	return room;
}

/* The next bytes of tx_next, never sent before. */
static bool new_send(struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	struct hz_tcp_rec *rec = pcb->rec;
	struct rte_mbuf *seg = rec->tx_next;
	uint32_t end = rec->snd_nxt + bytes;
	uint8_t flags = data_flags(pcb, end, (pcb->flags & HZ_TCP_F_FIN_OUT) != 0);

	if (!slice_send(pcb, seg, rec->snd_nxt - hz_seg_seq(seg), bytes, flags))
		return false;
	/* A mark is of all that was sent of a segment. */
	if (hz_seg_has(seg, HZ_SEG_LOST))
		rec->lost += bytes;
	if (hz_seg_has(seg, HZ_SEG_RETX))
		rec->retx += bytes;
	rec->snd_nxt = end;
	if (flags & HZ_TCP_FIN) {
		rec->snd_nxt++;
		rec->fin_sent_us = hz_seg_sent_us(seg);
	}
	if (end == hz_seg_end(seg))
		rec->tx_next = hz_seg_next(seg);
	return true;
}

/* RFC 8985 7.3: new data if there is some, else the last segment again. It may exceed cwnd. */
static bool tail_probe(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t edge = pcb->snd_una + pcb->snd_wnd;
	struct rte_mbuf *last = NULL;
	bool is_new;

	if (rec == NULL || rec->phase != HZ_TCP_OPEN || rec->snd_nxt == pcb->snd_una) {
		pcb->flags &= ~(uint32_t)HZ_TCP_F_TLP;
		return true;
	}
	is_new = rec->tx_next != NULL && slice_choose(pcb, rec->tx_next, edge) > 0;
	for (struct rte_mbuf *seg = rec->tx_head; !is_new && hz_tcp_sack_was_sent(pcb, seg);
	     seg = hz_seg_next(seg))
		last = seg;
	if (is_new         ? !new_send(pcb, slice_choose(pcb, rec->tx_next, edge))
	    : last != NULL ? !again_send(pcb, last, edge)
	                   : !fin_send(pcb))
		return false;
	rec->has_tlp = true;
	rec->tlp_is_retx = !is_new;
	rec->tlp_end = rec->snd_nxt;
	pcb->rtx_at = hz_tcp_rto_deadline(pcb);
	pcb->flags &= ~(uint32_t)HZ_TCP_F_TLP;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_tail_loss_probe);
	return true;
}

/* Blocked with nothing under way: no ACK will come by itself. The probes' backoff is their own. */
static void persist_arm(struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp *tcp = hz_tcp_of(pcb);
	struct hz_tcp_rec *rec = pcb->rec;
	uint64_t silent_ns;
	uint32_t end;

	if (rec->zero_window_tick == 0)
		rec->zero_window_tick = hz_tcp_tick(tcp);
	if (!(pcb->flags & HZ_TCP_F_PERSIST))
		pcb->rto_shift = 0;
	else if (pcb->rtx_at != 0)
		return;
	pcb->flags |= HZ_TCP_F_PERSIST;
	silent_ns = HZ_MIN(hz_tcp_tick_age_ns(tcp, rec->zero_window_tick), HZ_TCP_ZERO_WINDOW_NS);
	end = hz_tcp_tick_after(tcp, HZ_TCP_ZERO_WINDOW_NS - silent_ns);
	pcb->rtx_at = hz_tcp_rto_deadline(pcb);
	if (hz_seq_gt(pcb->rtx_at, end))
		pcb->rtx_at = end;
}

/* Silent for longer than a timeout: RFC 5681 4.1. */
static bool is_restart(const struct hz_tcp_pcb *pcb)
{
	return pcb->rec->snd_nxt == pcb->snd_una && pcb->data_sent_tick != 0 &&
	       hz_tcp_tick_age_ns(hz_tcp_of(pcb), pcb->data_sent_tick) > pcb->rto_ms * HZ_NS_PER_MS;
}

static bool data_send(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t edge, wnd_edge = pcb->snd_una + pcb->snd_wnd, before = rec->snd_nxt;

	if (is_restart(pcb))
		hz_cc_idle(pcb);
	edge = rec->snd_nxt + room_of(pcb);
	if (hz_seq_gt(edge, wnd_edge))
		edge = wnd_edge;
	while (rec->tx_next != NULL) {
		uint32_t bytes = slice_choose(pcb, rec->tx_next, edge);

		if (bytes == 0)
			break;
		if (!new_send(pcb, bytes))
			return false;
	}
	if (rec->snd_nxt != before)
		hz_tcp_rack_probe_arm(pcb);
	return true;
}

bool hz_tcp_send(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if ((pcb->flags & HZ_TCP_F_PROBE) && !window_probe(pcb))
		return false;
	if ((pcb->flags & HZ_TCP_F_TLP) && !tail_probe(pcb))
		return false;
	if (rec != NULL) {
		if (rec->lost != rec->retx && !lost_send(pcb))
			return false;
		if (rec->tx_next != NULL && !data_send(pcb))
			return false;
		if (hz_tcp_rec_has_unsent(pcb) && hz_tcp_sack_pipe(pcb) == 0)
			persist_arm(pcb);
	}
	if (!hz_tcp_rec_owes_fin(pcb))
		return true;
	if (!fin_send(pcb))
		return false;
	pcb->rec->snd_nxt = pcb->snd_end + 1;
	return true;
}
