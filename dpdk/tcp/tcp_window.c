#include "tcp/tcp_window.h"

#include "tcp/tcp_timer.h"

#define RTT_UNKNOWN_US 50000u /* nothing of ours was acknowledged yet */

_Static_assert((HZ_TCP_WINDOW_BASE & (HZ_TCP_WINDOW_BASE - 1)) == 0, "its multiples are marks");
_Static_assert(HZ_LIMIT_hold_bytes_max <= HZ_TCP_WINDOW_BASE << 3, "two bits of level reach it");

/* The time of the last mark stands in a small table of the stack instead of in the connection: at any moment
 * few receive much, and a mark that another one has overwritten only delays growth. */
void hz_tcp_window_filled(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	uint32_t ref = hz_pool_index(&tcp->pcbs, pcb) + 1, tick = hz_tcp_tick(tcp);
	uint32_t limit = hz_tcp_window_limit(pcb);
	struct hz_tcp_mark *mark = &tcp->mark[ref % HZ_TCP_MARKS];
	uint64_t rtt_us = pcb->srtt_us != 0 ? pcb->srtt_us : RTT_UNKNOWN_US;
	bool is_quick;

	if (mark->ref == ref && pcb->rcv_nxt - mark->seq < limit - HZ_TCP_WINDOW_BASE / 2)
		return; /* a part of a larger window */
	is_quick = mark->ref == ref && hz_tcp_tick_age_ns(tcp, mark->tick) <=
	                                       2 * rtt_us * HZ_NS_PER_US + HZ_TCP_TICK_NS;
	*mark = (struct hz_tcp_mark){ ref, tick, pcb->rcv_nxt };
	if (is_quick && limit < HZ_LIMIT_hold_bytes_max && hz_tcp_rec_held(pcb) == 0 &&
	    !hz_tcp_window_is_short(tcp))
		pcb->flags += HZ_TCP_F_WINDOW_1; /* the level is a number of two bits */
}
