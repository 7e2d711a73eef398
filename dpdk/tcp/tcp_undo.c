#include "tcp/tcp_undo.h"

#include "tcp/tcp_stack.h"

void hz_tcp_undo_begin(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	rec->has_undo = true;
	rec->undo_una = pcb->snd_una;
	rec->undo_ts = 0;
	rec->undo_retx = 0;
	rec->undo_cwnd = pcb->cwnd;
	rec->undo_w_max = pcb->w_max;
	rec->undo_ssthresh = pcb->ssthresh;
}

void hz_tcp_undo_resent(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->undo_ts == 0)
		rec->undo_ts = HZ_MAX(hz_tcp_ts_clock(hz_tcp_of(pcb)) + pcb->ts_offset, 1u);
	if (rec->undo_retx < UINT16_MAX)
		rec->undo_retx++;
}

static bool is_by_timestamp(const struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	return ack->acked > 0 && (pcb->flags & HZ_TCP_F_TS) && ack->seg->opts.has_ts &&
	       pcb->rec->undo_ts != 0 && hz_seq_lt(ack->seg->opts.ts_ecr, pcb->rec->undo_ts);
}

static bool is_by_dsack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;
	uint32_t segments;

	if (!ack->has_dsack || hz_seq_lt(ack->dsack_start, rec->undo_una) || rec->undo_retx == 0)
		return false;
	segments = (ack->dsack_end - ack->dsack_start + pcb->snd_mss - 1) / pcb->snd_mss;
	rec->undo_retx = (uint16_t)(rec->undo_retx - HZ_MIN(segments, rec->undo_retx));
	return rec->undo_retx == 0;
}

bool hz_tcp_undo_ack(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;
	bool is_needless;

	if (!rec->has_undo)
		return false;
	/* After the second timeout for the same data RFC 5682 2.1 does not look. */
	is_needless = is_by_dsack(pcb, ack) || is_by_timestamp(pcb, ack) ||
	              (ack->has_original && ack->retries <= 1 && (pcb->flags & HZ_TCP_F_SACK));
	if (!is_needless)
		return false;
	hz_tcp_sack_restore(pcb);
	rec->phase = HZ_TCP_OPEN;
	rec->has_undo = false;
	rec->dup_acks = 0;
	pcb->cwnd = HZ_MAX(pcb->cwnd, rec->undo_cwnd);
	pcb->ssthresh = HZ_MAX(pcb->ssthresh, rec->undo_ssthresh);
	pcb->w_max = rec->undo_w_max;
	hz_tcp_of(pcb)->cc->moved(pcb);
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_recovery_undone);
	return true;
}
