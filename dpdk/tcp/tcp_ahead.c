#include "tcp/tcp.h"

#include "tcp/tcp_stack.h"

/* The connection that flow_hash most likely is of: the first with this hash, its addresses not compared. */
static const struct hz_tcp_pcb *pcb_guess(const struct hz_tcp *tcp, uint32_t flow_hash)
{
	uint32_t at = flow_hash, ref = hz_tcp_table_next(&tcp->table, flow_hash, &at);

	if (ref == HZ_TCP_REF_NONE || (ref & HZ_TCP_REF_TIME_WAIT))
		return NULL;
	return hz_pool_at(&tcp->pcbs, ref - 1);
}

void hz_tcp_ahead_flow(const struct hz_tcp *tcp, uint32_t flow_hash)
{
	__builtin_prefetch(&tcp->table.slot[flow_hash & tcp->table.mask]);
}

void hz_tcp_ahead_pcb(const struct hz_tcp *tcp, uint32_t flow_hash)
{
	const struct hz_tcp_pcb *pcb = pcb_guess(tcp, flow_hash);

	if (pcb == NULL)
		return;
	__builtin_prefetch(pcb, 1);
	__builtin_prefetch(&pcb->snd_wnd, 1);
	__builtin_prefetch(&pcb->timer, 1);
}

void hz_tcp_ahead_owner(const struct hz_tcp *tcp, uint32_t flow_hash)
{
	const struct hz_tcp_pcb *pcb = pcb_guess(tcp, flow_hash);

	if (pcb != NULL)
		__builtin_prefetch(pcb->stream.owner, 1);
}
