#include "tcp/tcp_reno.h"

#include "tcp/tcp_stack.h"

#define DUP_ACKS_TO_RETRANSMIT 3 /* RFC 5681 3.2 */

/* Not of a window that was already repaired, RFC 6582 3.2 step 2. There duplicate ACKs may only echo
 * needless retransmissions; those follow an ACK that jumped far (RFC 6582 4.1). */
static bool is_new_loss(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;

	return hz_seq_gt(pcb->snd_una, rec->recover) ||
	       (pcb->cwnd > pcb->snd_mss && rec->last_acked <= 4u * pcb->snd_mss);
}

bool hz_tcp_reno_is_loss(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	struct hz_tcp_rec *rec = pcb->rec;

	if (!ack->is_duplicate)
		return false;
	if (rec->dup_acks < DUP_ACKS_TO_RETRANSMIT)
		rec->dup_acks++;
	return rec->dup_acks == DUP_ACKS_TO_RETRANSMIT && is_new_loss(pcb);
}

static void head_lose(struct hz_tcp_pcb *pcb)
{
	if (hz_tcp_sack_was_sent(pcb, pcb->rec->tx_head))
		hz_tcp_sack_lose(pcb, pcb->rec->tx_head);
	else
		hz_tcp_sack_lose_all(pcb); /* only the FIN is left */
}

void hz_tcp_reno_enter(struct hz_tcp_pcb *pcb)
{
	head_lose(pcb);
	pcb->cwnd = pcb->ssthresh + 3u * pcb->snd_mss;
}

/* RFC 6582 3.2 step 3: deflate by what was acknowledged, but the retransmission left the network's room
 * for one segment. */
static void deflate(struct hz_tcp_pcb *pcb, uint32_t acked)
{
	uint32_t mss = pcb->snd_mss;

	pcb->cwnd -= HZ_MIN(acked, pcb->cwnd - HZ_MIN(pcb->cwnd, mss));
	if (acked >= mss)
		pcb->cwnd += mss;
}

void hz_tcp_reno_step(struct hz_tcp_pcb *pcb, const struct hz_tcp_ack *ack)
{
	if (ack->acked > 0) {
		deflate(pcb, ack->acked);
		pcb->rec->has_partial = true;
		head_lose(pcb);
	} else if (ack->is_duplicate) {
		pcb->cwnd = HZ_MIN(pcb->cwnd + pcb->snd_mss, HZ_CC_CWND_MAX);
	}
}

/* RFC 6582 3.2 step 3, full acknowledgment, option 1: no burst afterwards. */
void hz_tcp_reno_leave(struct hz_tcp_pcb *pcb)
{
	uint32_t flight = pcb->snd_max - pcb->snd_una, mss = pcb->snd_mss;

	pcb->cwnd = HZ_MIN(pcb->ssthresh, HZ_MAX(flight, mss) + mss);
}
