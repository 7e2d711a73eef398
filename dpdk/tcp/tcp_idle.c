#include "tcp/tcp_idle.h"

#include "tcp/tcp_timer.h"
#include "tcp/tcp_window.h"

bool hz_tcp_idle_conf(struct hz_tcp_keepalive *keepalive)
{
	if (keepalive->idle_s == 0)
		keepalive->idle_s = HZ_TCP_KEEPALIVE_IDLE_S;
	if (keepalive->interval_s == 0)
		keepalive->interval_s = HZ_TCP_KEEPALIVE_INTERVAL_S;
	if (keepalive->count == 0)
		keepalive->count = HZ_TCP_KEEPALIVE_COUNT;
	/* One probe alone proves nothing, RFC 9293 3.8.4: it may be lost. */
	return keepalive->count >= 2 && keepalive->idle_s <= HZ_TCP_SILENCE_S_MAX &&
	       keepalive->interval_s <= HZ_TCP_SILENCE_S_MAX / keepalive->count;
}

static bool is_open(const struct hz_tcp_pcb *pcb)
{
	return pcb->state == HZ_TCP_ESTABLISHED || pcb->state == HZ_TCP_CLOSE_WAIT;
}

/* Silence that is nothing unusual in this state; what comes after it is_open decides. */
static uint64_t limit_ns(const struct hz_tcp_pcb *pcb)
{
	if (pcb->state == HZ_TCP_FIN_WAIT_2)
		return hz_tcp_window_left(pcb) > 0 ? HZ_TCP_LINGER_NS : HZ_TCP_DISCARD_NS;
	if (!is_open(pcb))
		return HZ_TCP_CLOSE_NS + hz_tcp_pcb_tx_bytes(pcb) * HZ_TCP_CLOSE_BYTE_NS;
	if (pcb->flags & HZ_TCP_F_KEEPALIVE)
		return hz_tcp_of(pcb)->conf.keepalive.idle_s * HZ_NS_PER_S;
	return HZ_TCP_IDLE_NS;
}

void hz_tcp_idle_start(struct hz_tcp_pcb *pcb)
{
	pcb->state_at = hz_tcp_tick_after(hz_tcp_of(pcb), limit_ns(pcb));
	hz_tcp_timer_update(pcb);
}

static void give_up(struct hz_tcp_pcb *pcb)
{
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_timeout);
	pcb->close_why = HZ_CLOSE_TIMEOUT;
	pcb->flags |= HZ_TCP_F_ABORT;
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_idle_discard(struct hz_tcp_pcb *pcb)
{
	uint32_t end = hz_tcp_tick_after(hz_tcp_of(pcb), HZ_TCP_DISCARD_NS);

	if (pcb->state != HZ_TCP_FIN_WAIT_2)
		return;
	if (hz_tcp_window_left(pcb) == 0) {
		give_up(pcb);
		return;
	}
	if (hz_seq_lt(end, pcb->state_at)) {
		pcb->state_at = end;
		hz_tcp_timer_update(pcb);
	}
}

/* How many probes went unanswered follows from the length of the silence. Not while output is under way,
 * whose retransmission asks the same. */
static void probe(struct hz_tcp_pcb *pcb, uint64_t over_ns)
{
	const struct hz_tcp_keepalive *keepalive = &hz_tcp_of(pcb)->conf.keepalive;
	uint64_t interval_ns = keepalive->interval_s * HZ_NS_PER_S;
	uint64_t sent = over_ns / interval_ns;

	if (sent >= keepalive->count) {
		give_up(pcb);
		return;
	}
	pcb->state_at = hz_tcp_tick_after(hz_tcp_of(pcb), (sent + 1) * interval_ns - over_ns);
	if (pcb->snd_una != pcb->snd_end)
		return;
	pcb->flags |= HZ_TCP_F_KEEP_PROBE | HZ_TCP_F_ACK_NOW;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_keepalive_probe);
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_idle_fire(struct hz_tcp_pcb *pcb)
{
	uint64_t silent_ns = hz_tcp_tick_age_ns(hz_tcp_of(pcb), pcb->last_rx_tick);

	if (!is_open(pcb)) {
		give_up(pcb);
		return;
	}
	if (silent_ns < limit_ns(pcb))
		pcb->state_at = hz_tcp_tick_after(hz_tcp_of(pcb), limit_ns(pcb) - silent_ns);
	else if (pcb->flags & HZ_TCP_F_KEEPALIVE)
		probe(pcb, silent_ns - limit_ns(pcb));
	else
		give_up(pcb);
}

void hz_tcp_keepalive(struct hz_stream *s, bool is_on)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_of(s);

	pcb->flags &= ~(uint32_t)HZ_TCP_F_KEEPALIVE;
	if (is_on)
		pcb->flags |= HZ_TCP_F_KEEPALIVE;
	if (is_open(pcb))
		hz_tcp_idle_start(pcb);
}
