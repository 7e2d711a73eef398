#include "tcp/tcp_in.h"

#include "tcp/tcp_reasm.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_stream.h"
#include "tcp/tcp_window.h"

/* What waited for the gap that was just filled. */
static void reasm_deliver(struct hz_tcp_pcb *pcb)
{
	struct rte_mbuf *seg;

	pcb->flags |= HZ_TCP_F_ACK_NOW; /* RFC 5681 4.2: at once when a gap closes */
	while ((seg = hz_tcp_reasm_pop(pcb)) != NULL) {
		uint32_t skip = pcb->rcv_nxt - hz_seg_seq(seg);
		uint32_t bytes = hz_seg_bytes(seg) - skip;

		pcb->rcv_nxt += bytes;
		hz_tcp_stream_deliver(pcb, hz_seg_payload(seg) + skip, bytes);
		rte_pktmbuf_free(seg);
	}
}

/* A later segment cannot be after the end: FIN and data that disagree are cut at the FIN. */
static void fin_note(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	if (!(pcb->flags & HZ_TCP_F_FIN_SEEN)) {
		if (seg->flags & HZ_TCP_FIN) {
			pcb->flags |= HZ_TCP_F_FIN_SEEN;
			hz_tcp_rec_need(pcb)->fin_seq = seg->seq + seg->bytes;
		}
		return;
	}
	if (hz_seq_geq(seg->seq, pcb->rec->fin_seq))
		seg->bytes = 0;
	else
		seg->bytes = HZ_MIN(seg->bytes, pcb->rec->fin_seq - seg->seq);
}

/* RFC 9293 3.10.7.4, eighth check. */
static void fin_in(struct hz_tcp_pcb *pcb)
{
	pcb->flags |= HZ_TCP_F_FIN_IN | HZ_TCP_F_ACK_NOW;
	pcb->rcv_nxt++;
	switch (pcb->state) {
	case HZ_TCP_ESTABLISHED:
		hz_tcp_pcb_set_state(pcb, HZ_TCP_CLOSE_WAIT);
		break;
	case HZ_TCP_FIN_WAIT_1:
		hz_tcp_pcb_set_state(pcb, HZ_TCP_CLOSING);
		break;
	case HZ_TCP_FIN_WAIT_2:
		hz_tcp_pcb_set_state(pcb, HZ_TCP_TIME_WAIT);
		break;
	default:
		break;
	}
	hz_tcp_stream_eof(pcb);
}

void hz_tcp_in_data(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	hz_tcp_pcb_touch(pcb);
	/* After the peer's FIN nothing new can come; what comes is answered with an ACK. */
	if (pcb->flags & HZ_TCP_F_FIN_IN) {
		pcb->flags |= HZ_TCP_F_ACK_NOW;
		return;
	}
	fin_note(pcb, seg);
	if (seg->seq == pcb->rcv_nxt) {
		pcb->rcv_nxt += seg->bytes;
		hz_tcp_stream_deliver(pcb, seg->payload, seg->bytes);
		hz_tcp_window_moved(pcb, seg->seq);
		if (pcb->rec != NULL && pcb->rec->reasm != NULL)
			reasm_deliver(pcb);
	} else {
		if (seg->bytes > 0 &&
		    hz_tcp_reasm_put(pcb, seg->packet->mbuf, seg->seq, seg->payload, seg->bytes))
			seg->packet->mbuf = NULL;
		/* RFC 5681 4.2: a duplicate ACK for each, so that the peer learns of the hole. */
		pcb->flags |= HZ_TCP_F_ACK_DUP | HZ_TCP_F_QUICK_ACKS;
		if (hz_tcp_rec_need(pcb)->dup_acks_owed < UINT8_MAX)
			pcb->rec->dup_acks_owed++;
	}
	if ((pcb->flags & HZ_TCP_F_FIN_SEEN) && pcb->rcv_nxt == pcb->rec->fin_seq &&
	    !(pcb->flags & HZ_TCP_F_ABORT))
		fin_in(pcb);
}
