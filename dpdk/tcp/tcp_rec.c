#include "tcp/tcp_rec.h"

#include "tcp/tcp_hold.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_timer.h"
#include <assert.h>
#include <string.h>

struct hz_tcp_rec *hz_tcp_rec_take(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = hz_pool_get(&hz_tcp_of(pcb)->recs);

	assert(rec != NULL); /* one per connection */
	memset(rec, 0, sizeof(*rec));
	rec->snd_nxt = rec->fack = pcb->snd_max;
	rec->recover = pcb->snd_una - 1;
	rec->pcb = pcb;
	rec->timer.kind = HZ_TCP_TIMER_REC;
	pcb->rec = rec;
	return rec;
}

static void rec_put(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);

	hz_wheel_cancel(&tcp->wheel, &pcb->rec->timer);
	hz_pool_put(&tcp->recs, pcb->rec);
	pcb->rec = NULL;
}

void hz_tcp_rec_give(struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp_rec *rec = pcb->rec;

	if (pcb->snd_una != pcb->snd_max || rec->reasm != NULL || rec->hold.bytes > 0 ||
	    rec->dsack_start != rec->dsack_end || (pcb->flags & HZ_TCP_F_ACK_DUP) ||
	    (pcb->flags & (HZ_TCP_F_FIN_SEEN | HZ_TCP_F_FIN_IN)) == HZ_TCP_F_FIN_SEEN)
		return;
	rec_put(pcb);
}

void hz_tcp_rec_free(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec == NULL)
		return;
	hz_seg_free_list(rec->tx_head);
	tcp->tx_total -= rec->tx_count;
	hz_seg_free_list(rec->reasm);
	tcp->reasm_total -= rec->reasm_count;
	hz_tcp_hold_consume(tcp, &rec->hold, rec->hold.bytes);
	rec_put(pcb);
}
