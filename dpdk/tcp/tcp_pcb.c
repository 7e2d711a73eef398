#include "tcp/tcp_pcb.h"

#include "tcp/tcp_seg.h"
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

bool hz_tcp_key_matches(const struct hz_tcp_key *key, const struct hz_packet *packet)
{
	uint64_t a[4], b[4];
	uint32_t ports;

	memcpy(&ports, packet->l4, sizeof(ports));
	memcpy(a, key, sizeof(a));
	memcpy(b, &packet->src, 16);
	memcpy(b + 2, &packet->dst, 16);
	return (((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0) &&
	       ports == key->ports;
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
	uint64_t *before = gauge_of(pcb->tcp, pcb->state);
	uint64_t *after = gauge_of(pcb->tcp, state);

	if (before != NULL)
		(*before)--;
	if (after != NULL)
		(*after)++;
	pcb->state = (uint8_t)state;
}

void hz_tcp_pcb_touch(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = pcb->tcp;

	if (pcb->flags & HZ_TCP_F_TURN)
		return;
	pcb->flags |= HZ_TCP_F_TURN;
	pcb->turn_next = NULL;
	*tcp->turn_last = pcb;
	tcp->turn_last = &pcb->turn_next;
}

static uint32_t ref_of(const struct hz_tcp_pcb *pcb)
{
	return hz_pool_index(&pcb->tcp->pcbs, pcb) + 1;
}

struct hz_tcp_pcb *hz_tcp_pcb_open(struct hz_tcp *tcp, const struct hz_packet *packet,
                                   enum hz_tcp_state state)
{
	struct hz_tcp_pcb *pcb = hz_pool_get(&tcp->pcbs);

	if (pcb == NULL)
		return NULL;
	memset(pcb, 0, sizeof(*pcb));
	hz_tcp_key_of(packet, &pcb->key);
	pcb->hash = packet->flow_hash;
	pcb->tcp = tcp;
	pcb->port = packet->port;
	pcb->stream.ops = &hz_tcp_stream_ops;
	pcb->stream.proto = tcp->conf.proto;
	if (state == HZ_TCP_SYN_RCVD) {
		pcb->flags = HZ_TCP_F_HALF_OPEN;
		tcp->half_open_count++;
	}
	hz_tcp_pcb_set_state(pcb, state);
	hz_tcp_table_add(&tcp->table, pcb->hash, ref_of(pcb));
	tcp->conf.slot->worker->connections = tcp->pcbs.in_use;
	return pcb;
}

void hz_tcp_pcb_close(struct hz_tcp_pcb *pcb, enum hz_close_why why)
{
	struct hz_tcp *tcp = pcb->tcp;
	bool found;

	if (pcb->state == HZ_TCP_CLOSED)
		return;
	found = hz_tcp_table_remove(&tcp->table, pcb->hash, ref_of(pcb));
	assert(found);
	(void)found;
	if (pcb->flags & HZ_TCP_F_HALF_OPEN)
		tcp->half_open_count--;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_HALF_OPEN;
	hz_tcp_pcb_set_state(pcb, HZ_TCP_CLOSED);
	pcb->close_why = (uint8_t)why;
	hz_tcp_pcb_touch(pcb);
}

void hz_tcp_pcb_free(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = pcb->tcp;

	assert(pcb->state == HZ_TCP_CLOSED && !(pcb->flags & HZ_TCP_F_TURN));
	hz_tcp_stream_closed(pcb);
	hz_wheel_cancel(&tcp->wheel, &pcb->timer);
	hz_seg_free_list(pcb->tx_head);
	tcp->tx_total -= pcb->tx_count;
	hz_seg_free_list(pcb->reasm);
	tcp->reasm_total -= pcb->reasm_count;
	if (tcp->reserved_by == pcb)
		tcp->reserved_by = NULL;
	hz_pool_put(&tcp->pcbs, pcb);
	tcp->conf.slot->worker->connections = tcp->pcbs.in_use;
}
