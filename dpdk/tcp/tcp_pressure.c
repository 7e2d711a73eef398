#include "tcp/tcp_pressure.h"

#include "tcp/tcp_listen.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_timer.h"

static bool is_evictable(const struct hz_tcp_pcb *pcb)
{
	const struct hz_proto_ops *proto = hz_tcp_proto(pcb);

	return pcb->state == HZ_TCP_ESTABLISHED && proto->is_idle != NULL &&
	       (pcb->flags & (HZ_TCP_F_OPENED | HZ_TCP_F_ABORT)) == HZ_TCP_F_OPENED &&
	       pcb->snd_una == pcb->snd_end &&
	       hz_tcp_tick_age_ns(hz_tcp_of(pcb), pcb->last_rx_tick) >= HZ_TCP_EVICT_IDLE_NS &&
	       proto->is_idle(&pcb->stream) && !hz_tcp_listen_is_exempt(pcb);
}

/* The one in the next slot of the table; NULL: none. A list in the order of last use would cost every segment two
 * writes; instead the table is walked on from where the last search ended, so that each connection is looked at in
 * its turn. */
static struct hz_tcp_pcb *next_slot(struct hz_tcp *tcp)
{
	uint32_t ref = tcp->table.slot[tcp->evict_at++ & tcp->table.mask].ref;

	if (ref == HZ_TCP_REF_NONE || (ref & HZ_TCP_REF_TIME_WAIT))
		return NULL;
	return hz_pool_at(&tcp->pcbs, ref - 1);
}

static void evict(struct hz_tcp_pcb *pcb)
{
	pcb->flags |= HZ_TCP_F_ABORT;
	pcb->close_why = HZ_CLOSE_ABORT;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_evicted);
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_pressure_evict(struct hz_tcp *tcp)
{
	struct hz_tcp_pcb *oldest = NULL;

	for (uint32_t i = 0; i < HZ_TCP_EVICT_SLOTS && i <= tcp->table.mask; i++) {
		struct hz_tcp_pcb *pcb = next_slot(tcp);

		if (pcb != NULL &&
		    (oldest == NULL || hz_seq_lt(pcb->last_rx_tick, oldest->last_rx_tick)) &&
		    is_evictable(pcb))
			oldest = pcb;
	}
	if (oldest != NULL)
		evict(oldest);
}

/* Who keeps its window closed though we probe it does not read; who says nothing may be cut off, and comes back. */
static bool is_stalled(const struct hz_tcp_pcb *pcb)
{
	bool is_closed = pcb->rec->zero_window_tick != 0;
	uint32_t since = is_closed ? pcb->rec->zero_window_tick : pcb->last_rx_tick;

	return (pcb->flags & (HZ_TCP_F_OPENED | HZ_TCP_F_ABORT)) == HZ_TCP_F_OPENED &&
	       hz_tcp_tick_age_ns(hz_tcp_of(pcb), since) >=
	               (is_closed ? HZ_TCP_EVICT_IDLE_NS : HZ_TCP_EVICT_SILENT_NS) &&
	       !hz_tcp_listen_is_exempt(pcb);
}

void hz_tcp_pressure_evict_reader(struct hz_tcp *tcp)
{
	struct hz_tcp_pcb *most = NULL;

	if (hz_tcp_now(tcp) < tcp->evict_next_ns)
		return;
	tcp->evict_next_ns = hz_tcp_now(tcp) + HZ_TCP_EVICT_EVERY_NS;
	for (uint32_t i = 0; i < HZ_TCP_EVICT_SLOTS && i <= tcp->table.mask; i++) {
		struct hz_tcp_pcb *pcb = next_slot(tcp);

		if (pcb != NULL && pcb->rec != NULL &&
		    pcb->rec->tx_count > (most != NULL ? most->rec->tx_count : 0) &&
		    is_stalled(pcb))
			most = pcb;
	}
	if (most != NULL)
		evict(most);
}

/* 0..100, rounded up: 100 is full, 1 is not empty. */
static uint8_t percent(uint64_t used, uint64_t of)
{
	return (uint8_t)(of == 0 || used >= of ? 100 : (used * 100 + of - 1) / of);
}

struct hz_tcp_pressure hz_tcp_pressure(const struct hz_tcp *tcp)
{
	uint8_t out = percent(tcp->tx_total, tcp->mbufs / HZ_TCP_TX_POOL_PART);
	uint8_t in = percent(tcp->reasm_total, tcp->mbufs / HZ_TCP_REASM_POOL_PART);
	/* Small blocks that are short come from here too. */
	uint8_t held = percent(tcp->hold_large.in_use, tcp->hold_large.capacity);

	if (tcp->mbufs == 0) /* nothing was ever opened */
		out = in = 0;
	return (struct hz_tcp_pressure){
		.connections = percent(tcp->pcbs.in_use, tcp->pcbs.capacity),
		.half_open = percent(tcp->half_open_count, tcp->half_open_max),
		.buffers = HZ_MAX(HZ_MAX(in, out), held),
	};
}
