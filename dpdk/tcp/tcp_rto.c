#include "tcp/tcp_rto.h"

#include "tcp/tcp_pmtu.h"
#include "tcp/tcp_recovery.h"
#include "tcp/tcp_timer.h"

#define CLOCK_GRANULARITY_US 1000u /* RFC 6298 2.3's G */
#define RTO_SHIFT_MAX        10

void hz_tcp_rto_open(struct hz_tcp_pcb *pcb, uint32_t rto_us)
{
	pcb->srtt_us = 0;
	pcb->rto_ms = (uint16_t)(rto_us / 1000);
	pcb->rto_shift = 0;
}

void hz_tcp_rto_sample(struct hz_tcp_pcb *pcb, uint64_t rtt_ns)
{
	uint32_t rtt_us = (uint32_t)HZ_MIN(rtt_ns / HZ_NS_PER_US, HZ_TCP_RTO_MAX_US);
	uint32_t rto_us;

	rtt_us = HZ_MAX(rtt_us, 1u);
	if (pcb->srtt_us == 0) {
		pcb->srtt_us = rtt_us;
		pcb->rttvar_us = rtt_us / 2;
	} else {
		uint32_t delta =
			pcb->srtt_us > rtt_us ? pcb->srtt_us - rtt_us : rtt_us - pcb->srtt_us;

		/* alpha 1/8, beta 1/4; the variance first, with the old mean */
		pcb->rttvar_us = pcb->rttvar_us - pcb->rttvar_us / 4 + delta / 4;
		pcb->srtt_us = HZ_MAX(pcb->srtt_us - pcb->srtt_us / 8 + rtt_us / 8, 1u);
	}
	rto_us = pcb->srtt_us + HZ_MAX(CLOCK_GRANULARITY_US, 4 * pcb->rttvar_us);
	rto_us = HZ_MIN(HZ_MAX(rto_us, HZ_TCP_RTO_MIN_US), HZ_TCP_RTO_MAX_US);
	pcb->rto_ms = (uint16_t)((rto_us + 999) / 1000);
	pcb->rto_shift = 0;
}

uint32_t hz_tcp_rto_deadline(const struct hz_tcp_pcb *pcb)
{
	uint64_t rto_us = ((uint64_t)pcb->rto_ms << pcb->rto_shift) * 1000;

	return hz_tcp_tick_after(hz_tcp_of(pcb), HZ_MIN(rto_us, HZ_TCP_RTO_MAX_US) * HZ_NS_PER_US);
}

static void give_up(struct hz_tcp_pcb *pcb)
{
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_timeout);
	pcb->close_why = HZ_CLOSE_TIMEOUT;
	pcb->flags |= HZ_TCP_F_ABORT; /* a peer that still lives learns it from the RST */
	hz_tcp_pcb_touch(pcb);
}

static void probe(struct hz_tcp_pcb *pcb)
{
	if (pcb->rec == NULL || hz_tcp_tick_age_ns(hz_tcp_of(pcb), pcb->rec->zero_window_tick) >=
	                                HZ_TCP_ZERO_WINDOW_NS) {
		give_up(pcb);
		return;
	}
	pcb->flags |= HZ_TCP_F_PROBE;
	if (pcb->rto_shift < RTO_SHIFT_MAX)
		pcb->rto_shift++;
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_rto_fire(struct hz_tcp_pcb *pcb)
{
	uint32_t retries_max = HZ_LIMIT_retries_max;
	bool is_opening = pcb->state == HZ_TCP_SYN_RCVD || pcb->state == HZ_TCP_SYN_SENT;

	pcb->rtx_at = 0;
	if (pcb->flags & HZ_TCP_F_PERSIST) {
		probe(pcb);
		return;
	}
	if (is_opening) {
		retries_max = pcb->flags & HZ_TCP_F_ACTIVE ? HZ_LIMIT_connect_retries_max
		                                           : HZ_LIMIT_syn_retries_max;
		pcb->flags |= HZ_TCP_F_RETRIED;
	}
	if (pcb->retries >= retries_max) {
		give_up(pcb);
		return;
	}
	if (is_opening) {
		pcb->flags |= HZ_TCP_F_SYN_AGAIN;
	} else if (pcb->rec != NULL) {
		hz_tcp_pmtu_timeout(pcb);
		hz_tcp_recovery_timeout(pcb);
	}
	pcb->retries++;
	if (pcb->rto_shift < RTO_SHIFT_MAX)
		pcb->rto_shift++;
	hz_tcp_pcb_touch(pcb);
}
