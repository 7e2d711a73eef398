#include "tcp/cc_newreno.h"

#include "tcp/tcp_rec.h"

/* Nothing above this is ever in flight; also keeps sums below 2^31. */
#define CWND_MAX (2u * HZ_LIMIT_tx_bytes_max)

/* RFC 6928 2 */
static uint32_t initial_window(const struct hz_tcp_pcb *pcb)
{
	uint32_t mss = pcb->snd_mss;

	return HZ_MIN(10 * mss, HZ_MAX(2 * mss, 14600u));
}

/* RFC 5681 equation 4 */
static uint32_t half_of(const struct hz_tcp_pcb *pcb, uint32_t flight_bytes)
{
	return HZ_MAX(flight_bytes / 2, 2u * pcb->snd_mss);
}

void hz_cc_newreno_open(struct hz_tcp_pcb *pcb, bool had_loss)
{
	pcb->cwnd = had_loss ? pcb->snd_mss : initial_window(pcb);
	pcb->ssthresh = CWND_MAX;
}

void hz_cc_newreno_acked(struct hz_tcp_pcb *pcb, uint32_t acked, uint32_t flight_bytes)
{
	uint32_t mss = pcb->snd_mss;

	if (pcb->cwnd < pcb->ssthresh) {
		if (2 * flight_bytes >= pcb->cwnd)
			pcb->cwnd += HZ_MIN(acked, 2 * mss); /* RFC 3465 2.2, L = 2 */
	} else {
		if (flight_bytes + 2 * mss < pcb->cwnd)
			return;
		pcb->rec->cc_acked += acked;
		if (pcb->rec->cc_acked >= pcb->cwnd) {
			pcb->rec->cc_acked -= pcb->cwnd;
			pcb->cwnd += mss;
		}
	}
	pcb->cwnd = HZ_MIN(pcb->cwnd, CWND_MAX);
}

void hz_cc_newreno_enter(struct hz_tcp_pcb *pcb, uint32_t flight_bytes)
{
	pcb->ssthresh = half_of(pcb, flight_bytes);
	pcb->cwnd = pcb->ssthresh + 3u * pcb->snd_mss;
	pcb->rec->cc_acked = 0;
}

void hz_cc_newreno_inflate(struct hz_tcp_pcb *pcb)
{
	pcb->cwnd = HZ_MIN(pcb->cwnd + pcb->snd_mss, CWND_MAX);
}

/* RFC 6582 3.2 step 3: deflate by what was acknowledged, but the retransmission left the network's
 * room for one segment. */
void hz_cc_newreno_partial(struct hz_tcp_pcb *pcb, uint32_t acked)
{
	uint32_t mss = pcb->snd_mss;

	pcb->cwnd -= HZ_MIN(acked, pcb->cwnd - HZ_MIN(pcb->cwnd, mss));
	if (acked >= mss)
		pcb->cwnd += mss;
}

/* RFC 6582 3.2 step 3, full acknowledgment, option 1: no burst afterwards. */
void hz_cc_newreno_leave(struct hz_tcp_pcb *pcb, uint32_t flight_bytes)
{
	uint32_t mss = pcb->snd_mss;

	pcb->cwnd = HZ_MIN(pcb->ssthresh, HZ_MAX(flight_bytes, mss) + mss);
	pcb->rec->cc_acked = 0;
}

void hz_cc_newreno_timeout(struct hz_tcp_pcb *pcb, uint32_t flight_bytes, bool is_first)
{
	if (is_first)
		pcb->ssthresh = half_of(pcb, flight_bytes);
	pcb->cwnd = pcb->snd_mss;
	pcb->rec->cc_acked = 0;
}

void hz_cc_newreno_idle(struct hz_tcp_pcb *pcb)
{
	pcb->cwnd = HZ_MIN(pcb->cwnd, initial_window(pcb));
}
