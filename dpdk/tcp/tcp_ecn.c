#include "tcp/tcp_ecn.h"

#include "tcp/tcp_stack.h"

void hz_tcp_ecn_segment(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	if (seg->flags & HZ_TCP_CWR)
		pcb->flags &= ~(uint32_t)HZ_TCP_F_ECHO_CE;
	if ((seg->packet->ecn & HZ_ECN_MASK) != HZ_ECN_CE || seg->bytes == 0)
		return;
	pcb->flags |= HZ_TCP_F_ECHO_CE | HZ_TCP_F_ACK_NOW;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_ecn_marked);
}

void hz_tcp_ecn_echo(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->has_cwr && hz_seq_lt(pcb->snd_una, rec->cwr_end))
		return;
	rec->has_cwr = true;
	rec->cwr_end = rec->snd_nxt;
	pcb->flags |= HZ_TCP_F_OWES_CWR;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_ecn_reduced);
	if (rec->phase != HZ_TCP_OPEN)
		return; /* reduced for this window already */
	pcb->ssthresh = hz_tcp_of(pcb)->cc->ssthresh(pcb, ack->flight);
	pcb->cwnd = HZ_MIN(pcb->cwnd, pcb->ssthresh);
	hz_tcp_of(pcb)->cc->moved(pcb);
}
