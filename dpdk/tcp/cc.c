#include "tcp/cc.h"

#include "tcp/tcp_stack.h"

static uint32_t initial_window(const struct hz_tcp_pcb *pcb)
{
	uint32_t mss = pcb->snd_mss;

	return HZ_MIN(10 * mss, HZ_MAX(2 * mss, 14600u)); /* RFC 6928 2 */
}

void hz_cc_open(struct hz_tcp_pcb *pcb, bool had_loss)
{
	pcb->cwnd = had_loss ? pcb->snd_mss : initial_window(pcb);
	pcb->ssthresh = HZ_CC_CWND_MAX;
}

void hz_cc_idle(struct hz_tcp_pcb *pcb)
{
	pcb->cwnd = HZ_MIN(pcb->cwnd, initial_window(pcb));
	hz_tcp_of(pcb)->cc->moved(pcb);
}

uint32_t hz_cc_slow_start(struct hz_tcp_pcb *pcb, uint32_t acked, uint32_t flight,
                          uint32_t step_max)
{
	uint32_t step = HZ_MIN(acked, step_max);

	if (2 * flight < pcb->cwnd)
		return 0;
	/* What goes beyond ssthresh counts for congestion avoidance. */
	step = HZ_MIN(step, pcb->ssthresh - pcb->cwnd);
	pcb->cwnd = HZ_MIN(pcb->cwnd + step, HZ_CC_CWND_MAX);
	return pcb->cwnd < pcb->ssthresh ? 0 : acked - HZ_MIN(acked, step);
}
