/* Congestion avoidance of RFC 5681 with byte counting (RFC 3465): one segment more per round trip, half
 * after a loss. */
#include "tcp/tcp_rec.h"

static void moved(struct hz_tcp_pcb *pcb)
{
	pcb->rec->cc.newreno.acked = 0;
}

static void acked(struct hz_tcp_pcb *pcb, uint32_t bytes, uint32_t flight)
{
	uint32_t *count = &pcb->rec->cc.newreno.acked;

	if (pcb->cwnd < pcb->ssthresh) {
		hz_cc_slow_start(pcb, bytes, flight, 2u * pcb->snd_mss); /* RFC 3465 2.2, L = 2 */
		return;
	}
	if (flight + 2u * pcb->snd_mss < pcb->cwnd)
		return;
	*count += bytes;
	if (*count < pcb->cwnd)
		return;
	*count -= pcb->cwnd;
	pcb->cwnd = HZ_MIN(pcb->cwnd + pcb->snd_mss, HZ_CC_CWND_MAX);
}

/* RFC 5681 equation 4 */
static uint32_t ssthresh(struct hz_tcp_pcb *pcb, uint32_t flight)
{
	return HZ_MAX(flight / 2, 2u * pcb->snd_mss);
}

const struct hz_cc_ops hz_cc_newreno_ops = {
	.name = "newreno",
	.acked = acked,
	.ssthresh = ssthresh,
	.moved = moved,
};
