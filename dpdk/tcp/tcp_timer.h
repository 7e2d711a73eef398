/* Two wheel nodes per connection: one in the PCB, and one in the recovery block for what is due about output
 * under way. That one is armed and disarmed with nearly every request, among its like, which are all in the
 * cache; the neighbours of a PCB's node are any of a million connections. Moving a deadline later costs
 * nothing: the node fires early, looks, and is armed again. Deadlines and times past are kept in ticks of the wheel, 131 us,
 * modulo 2^32: right for three days around now, which no timer reaches. 0 is kept for "not set". */
#ifndef HZ_TCP_TIMER_H
#define HZ_TCP_TIMER_H

#include "tcp/tcp_stack.h"

/* Which node it is, hz_timer.kind. */
enum hz_tcp_timer_kind {
	HZ_TCP_TIMER_PCB,
	HZ_TCP_TIMER_REC,
};

#define HZ_TCP_DELACK_NS    (20 * HZ_NS_PER_MS) /* RFC 9293 3.8.6.3 wants less than 500 ms */

#define HZ_TCP_TICK_NS      (1ull << HZ_WHEEL_TICK_SHIFT)
#define HZ_TCP_AFTER_NS_MAX (INT32_MAX * HZ_TCP_TICK_NS)

/* Now, as a time to look back to. */
static inline uint32_t hz_tcp_tick(const struct hz_tcp *tcp)
{
	uint32_t tick = (uint32_t)(hz_tcp_now(tcp) >> HZ_WHEEL_TICK_SHIFT);

	return tick != 0 ? tick : 1;
}

/* The deadline after_ns from now, not earlier. after_ns is less than three days. */
static inline uint32_t hz_tcp_tick_after(const struct hz_tcp *tcp, uint64_t after_ns)
{
	uint32_t tick = (uint32_t)((hz_tcp_now(tcp) + after_ns + HZ_TCP_TICK_NS - 1) >>
	                           HZ_WHEEL_TICK_SHIFT);

	return tick != 0 ? tick : 1;
}

/* Time since tick, which is set. */
static inline uint64_t hz_tcp_tick_age_ns(const struct hz_tcp *tcp, uint32_t tick)
{
	return (uint64_t)(hz_tcp_tick(tcp) - tick) << HZ_WHEEL_TICK_SHIFT;
}

/* Arms either node when a deadline is earlier than it. */
void hz_tcp_timer_update(struct hz_tcp_pcb *pcb);

/* After a flush, which moves deadlines of output and of the ACK that is owed, and no others. */
void hz_tcp_timer_flushed(struct hz_tcp_pcb *pcb);

/* Wheel callback; ctx is the stack. */
void hz_tcp_timer_fire(void *ctx, struct hz_timer *timer);

#endif
