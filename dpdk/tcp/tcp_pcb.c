#include "tcp/tcp_pcb.h"

#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_stream.h"
#include <assert.h>
#include <string.h>

void hz_tcp_key_of(const struct hz_packet *packet, struct hz_tcp_key *key)
{
	key->remote = packet->src;
	key->local = packet->dst;
	memcpy(&key->ports, packet->l4, sizeof(key->ports));
}

void hz_tcp_pcb_key(const struct hz_tcp_pcb *pcb, struct hz_tcp_key *key)
{
	*key = (struct hz_tcp_key){ pcb->remote, pcb->path->local, pcb->ports };
}

static uint64_t *gauge_of(const struct hz_tcp *tcp, enum hz_tcp_state state)
{
	switch (state) {
#define HZ_TCP_STATE(name, gauge)                                                                  \
	case HZ_TCP_##name:                                                                        \
		return (uint64_t *)&tcp->conf.slot->gauge;
#include "tcp/tcp_states.def"
#undef HZ_TCP_STATE
	case HZ_TCP_CLOSED:
	case HZ_TCP_STATE_COUNT:
	default:
		return NULL;
	}
}

void hz_tcp_pcb_set_state(struct hz_tcp_pcb *pcb, enum hz_tcp_state state)
{
	uint64_t *before = gauge_of(hz_tcp_of(pcb), pcb->state);
	uint64_t *after = gauge_of(hz_tcp_of(pcb), state);

	if (before != NULL)
		(*before)--;
	if (after != NULL)
		(*after)++;
	pcb->state = (uint8_t)state;
}

static uint32_t ref_of(const struct hz_tcp_pcb *pcb)
{
	return hz_pool_index(&hz_tcp_of(pcb)->pcbs, pcb) + 1;
}

void hz_tcp_pcb_touch(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_turn *turn = &hz_tcp_of(pcb)->turn;

	if (pcb->flags & HZ_TCP_F_TURN)
		return;
	pcb->flags |= HZ_TCP_F_TURN;
	turn->pcb[turn->count++] = pcb;
}

struct hz_tcp_pcb *hz_tcp_pcb_open(struct hz_tcp *tcp, const struct hz_packet *packet,
                                   enum hz_tcp_state state)
{
	struct hz_tcp_pcb *pcb = hz_pool_get(&tcp->pcbs);

	if (pcb == NULL)
		return NULL;
	memset(pcb, 0, sizeof(*pcb));
	pcb->path = hz_tcp_path_get(tcp, packet);
	pcb->remote = packet->src;
	memcpy(&pcb->ports, packet->l4, sizeof(pcb->ports));
	pcb->hash = packet->flow_hash;
	tcp->mbufs = packet->port->pool->size;
	pcb->opened_tick = (uint32_t)(hz_tcp_now(tcp) >> HZ_TCP_OPENED_SHIFT);
	pcb->stream.ops = &hz_tcp_stream_ops;
	hz_tcp_count(tcp,
	             state == HZ_TCP_SYN_SENT ? HZ_COUNTER_active_opens : HZ_COUNTER_passive_opens);
	if (tcp->conf.keepalive.is_on)
		pcb->flags |= HZ_TCP_F_KEEPALIVE;
	if (state == HZ_TCP_SYN_RCVD) {
		pcb->flags |= HZ_TCP_F_HALF_OPEN;
		tcp->half_open_count++;
	}
	hz_tcp_pcb_set_state(pcb, state);
	hz_tcp_table_add(&tcp->table, pcb->hash, ref_of(pcb));
	tcp->conf.slot->worker->connections = tcp->pcbs.in_use;
	return pcb;
}

/* What RFC 4022 counts of a connection that goes to CLOSED without an orderly end. */
static void end_count(const struct hz_tcp *tcp, enum hz_tcp_state from)
{
	if (from == HZ_TCP_SYN_SENT || from == HZ_TCP_SYN_RCVD)
		hz_tcp_count(tcp, HZ_COUNTER_attempt_fails);
	else if (from == HZ_TCP_ESTABLISHED || from == HZ_TCP_CLOSE_WAIT)
		hz_tcp_count(tcp, HZ_COUNTER_estab_resets);
}

void hz_tcp_pcb_close(struct hz_tcp_pcb *pcb, enum hz_close_why why)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	bool found;

	if (pcb->state == HZ_TCP_CLOSED)
		return;
	found = hz_tcp_table_remove(&tcp->table, pcb->hash, ref_of(pcb));
	assert(found);
	(void)found;
	if (pcb->flags & HZ_TCP_F_HALF_OPEN)
		tcp->half_open_count--;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_HALF_OPEN;
	end_count(tcp, (enum hz_tcp_state)pcb->state);
	hz_tcp_pcb_set_state(pcb, HZ_TCP_CLOSED);
	pcb->close_why = (uint8_t)why;
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_pcb_free(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);

	assert(pcb->state == HZ_TCP_CLOSED && !(pcb->flags & HZ_TCP_F_TURN));
	hz_tcp_stream_closed(pcb);
	hz_wheel_cancel(&tcp->wheel, &pcb->timer);
	hz_tcp_rec_free(pcb);
	if (tcp->reserved_by == pcb)
		tcp->reserved_by = NULL;
	hz_tcp_path_put(pcb->path);
	hz_pool_put(&tcp->pcbs, pcb);
	tcp->conf.slot->worker->connections = tcp->pcbs.in_use;
}
