#include "tcp/tcp_timer.h"

#include "tcp/tcp_idle.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_stream.h"

static bool is_due(uint64_t deadline_ns, uint64_t now_ns)
{
	return deadline_ns != 0 && deadline_ns <= now_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return HZ_MIN(a, b);
}

void hz_tcp_timer_update(struct hz_tcp_pcb *pcb)
{
	uint64_t first =
		earlier(earlier(pcb->rtx_at, pcb->delack_at), earlier(pcb->app_at, pcb->state_at));

	if (first == 0 || (pcb->armed_at != 0 && pcb->armed_at <= first))
		return;
	pcb->armed_at = first;
	hz_wheel_arm(&pcb->tcp->wheel, &pcb->timer, first);
}

void hz_tcp_timer_fire(void *ctx, struct hz_timer *timer)
{
	struct hz_tcp_pcb *pcb = HZ_CONTAINER_OF(timer, struct hz_tcp_pcb, timer);
	const struct hz_tcp *tcp = ctx;
	uint64_t now_ns = hz_tcp_now(tcp);

	pcb->armed_at = 0;
	if (pcb->state == HZ_TCP_CLOSED)
		return;
	if (is_due(pcb->state_at, now_ns))
		hz_tcp_idle_fire(pcb);
	if (is_due(pcb->rtx_at, now_ns))
		hz_tcp_rto_fire(pcb);
	if (is_due(pcb->delack_at, now_ns)) {
		pcb->delack_at = 0;
		pcb->flags |= HZ_TCP_F_ACK_NOW;
		hz_tcp_pcb_touch(pcb);
	}
	if (is_due(pcb->app_at, now_ns)) {
		pcb->app_at = 0;
		hz_tcp_stream_timer(pcb);
	}
	hz_tcp_timer_update(pcb);
}
