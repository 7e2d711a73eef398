#include "tcp/tcp_info.h"

#include "tcp/tcp_rec.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_timer.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static enum hz_conn_state state_of(const struct hz_tcp_pcb *pcb)
{
	switch ((enum hz_tcp_state)pcb->state) {
	case HZ_TCP_SYN_SENT:
		return HZ_CONN_STATE_syn_sent;
	case HZ_TCP_SYN_RCVD:
		return HZ_CONN_STATE_syn_rcvd;
	case HZ_TCP_FIN_WAIT_1:
		return HZ_CONN_STATE_fin_wait_1;
	case HZ_TCP_FIN_WAIT_2:
		return HZ_CONN_STATE_fin_wait_2;
	case HZ_TCP_CLOSE_WAIT:
		return HZ_CONN_STATE_close_wait;
	case HZ_TCP_CLOSING:
		return HZ_CONN_STATE_closing;
	case HZ_TCP_LAST_ACK:
		return HZ_CONN_STATE_last_ack;
	case HZ_TCP_ESTABLISHED:
	case HZ_TCP_CLOSED:
	case HZ_TCP_TIME_WAIT: /* a record of its own, no PCB */
	case HZ_TCP_STATE_COUNT:
	default:
		return HZ_CONN_STATE_established;
	}
}

static uint8_t options_of(const struct hz_tcp_pcb *pcb)
{
	unsigned options = 0;

	if (pcb->flags & HZ_TCP_F_TS)
		options |= HZ_CONN_OPT_TIMESTAMPS;
	if (pcb->flags & HZ_TCP_F_SACK)
		options |= HZ_CONN_OPT_SACK;
	if (pcb->snd_wscale != 0 || pcb->rcv_wscale != 0)
		options |= HZ_CONN_OPT_WSCALE;
	return (uint8_t)options;
}

static uint32_t rto_us(const struct hz_tcp_pcb *pcb)
{
	uint64_t backed_off_ms = (uint64_t)pcb->rto_ms << pcb->rto_shift;

	return (uint32_t)HZ_MIN(backed_off_ms * 1000, HZ_TCP_RTO_MAX_US);
}

/* Until established the PCB keeps a time where its window will be. */
static bool is_opening(const struct hz_tcp_pcb *pcb)
{
	return pcb->state == HZ_TCP_SYN_SENT || pcb->state == HZ_TCP_SYN_RCVD;
}

static void info_fill(const struct hz_tcp *tcp, const struct hz_tcp_pcb *pcb,
                      struct hz_conn_info *out)
{
	uint32_t now = (uint32_t)(hz_tcp_now(tcp) >> HZ_TCP_OPENED_SHIFT);
	uint16_t ports[2];

	memcpy(ports, &pcb->ports, sizeof(ports));
	*out = (struct hz_conn_info){
		.remote = { pcb->remote, ntohs(ports[0]) },
		.local = { pcb->path->local, ntohs(ports[1]) },
		.worker = tcp->conf.env->worker_index,
		.state = (uint8_t)state_of(pcb),
		.options = options_of(pcb),
		.mss_bytes = pcb->snd_mss,
		.srtt_us = pcb->srtt_us,
		.rttvar_us = pcb->rttvar_us,
		.rto_us = rto_us(pcb),
		.cwnd_bytes = is_opening(pcb) ? 0 : pcb->cwnd,
		.ssthresh_bytes = pcb->ssthresh,
		.in_flight_bytes = HZ_MIN(pcb->snd_max - pcb->snd_una, hz_tcp_pcb_tx_bytes(pcb)),
		.send_queue_bytes = hz_tcp_pcb_tx_bytes(pcb),
		.receive_queue_bytes = hz_tcp_rec_held(pcb),
		.retransmits = pcb->retransmits,
		.age_ns = (uint64_t)(uint32_t)(now - pcb->opened_tick) << HZ_TCP_OPENED_SHIFT,
		.idle_ns = pcb->last_rx_tick != 0 ? hz_tcp_tick_age_ns(tcp, pcb->last_rx_tick) : 0,
	};
	snprintf(out->cc, sizeof(out->cc), "%s", tcp->cc->name);
}

/* Also of a PCB that is free: its state stays CLOSED in the pool, whose link lies in front of it. ASan
 * forbids the look, so it must not see it. */
__attribute__((no_sanitize("address"))) static bool is_live(const struct hz_tcp_pcb *pcb)
{
	return pcb->state != HZ_TCP_CLOSED;
}
_Static_assert(offsetof(struct hz_tcp_pcb, state) >= sizeof(void *), "behind the pool's link");

bool hz_tcp_info_walk(struct hz_tcp *tcp, struct hz_conn_census *census, uint32_t budget)
{
	uint32_t end = tcp->pcbs.touched;
	uint32_t stop = (uint32_t)HZ_MIN((uint64_t)census->cursor + budget, end);
	struct hz_conn_info info;

	for (; census->cursor < stop; census->cursor++) {
		const struct hz_tcp_pcb *pcb = hz_pool_at(&tcp->pcbs, census->cursor);

		if (!is_live(pcb))
			continue;
		info_fill(tcp, pcb, &info);
		hz_conn_census_offer(census, &info);
	}
	return census->cursor >= end;
}
