#include "tcp/tcp_timer.h"

#include "tcp/tcp_idle.h"
#include "tcp/tcp_rack.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_stream.h"

static bool is_due(const struct hz_tcp *tcp, uint32_t deadline)
{
	return deadline != 0 && hz_seq_leq(deadline, hz_tcp_tick(tcp));
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return hz_seq_lt(a, b) ? a : b;
}

static void node_update(struct hz_tcp *tcp, struct hz_timer *timer, uint32_t first)
{
	uint64_t now, at;

	if (first == 0 ||
	    (hz_timer_is_armed(timer) && hz_seq_leq((uint32_t)timer->deadline_tick, first)))
		return;
	now = hz_tcp_now(tcp) >> HZ_WHEEL_TICK_SHIFT;
	at = now + (uint64_t)(int64_t)hz_seq_diff(first, (uint32_t)now);
	hz_wheel_arm(&tcp->wheel, timer, at << HZ_WHEEL_TICK_SHIFT);
}

static void output_update(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_rec *rec = pcb->rec;

	node_update(hz_tcp_of(pcb), &rec->timer, earlier(pcb->rtx_at, rec->early_at));
}

void hz_tcp_timer_update(struct hz_tcp_pcb *pcb)
{
	uint32_t first = earlier(pcb->delack_at, earlier(pcb->app_at, pcb->state_at));

	if (pcb->rec != NULL)
		output_update(pcb);
	else
		first = earlier(first, pcb->rtx_at); /* of a SYN */
	node_update(hz_tcp_of(pcb), &pcb->timer, first);
}

void hz_tcp_timer_flushed(struct hz_tcp_pcb *pcb)
{
	if (pcb->rec == NULL || pcb->delack_at != 0)
		hz_tcp_timer_update(pcb);
	else
		output_update(pcb);
}

void hz_tcp_timer_fire(void *ctx, struct hz_timer *timer)
{
	struct hz_tcp_pcb *pcb = timer->kind == HZ_TCP_TIMER_REC
	                                 ? HZ_CONTAINER_OF(timer, struct hz_tcp_rec, timer)->pcb
	                                 : HZ_CONTAINER_OF(timer, struct hz_tcp_pcb, timer);
	const struct hz_tcp *tcp = ctx;

	if (pcb->state == HZ_TCP_CLOSED)
		return;
	if (is_due(tcp, pcb->state_at))
		hz_tcp_idle_fire(pcb);
	if (pcb->rec != NULL && is_due(tcp, pcb->rec->early_at))
		hz_tcp_rack_fire(pcb);
	if (is_due(tcp, pcb->rtx_at))
		hz_tcp_rto_fire(pcb);
	if (is_due(tcp, pcb->delack_at)) {
		pcb->delack_at = 0;
		pcb->flags |= HZ_TCP_F_ACK_NOW;
		hz_tcp_pcb_touch(pcb);
	}
	if (is_due(tcp, pcb->app_at)) {
		pcb->app_at = 0;
		hz_tcp_stream_timer(pcb);
	}
	hz_tcp_timer_update(pcb);
}
