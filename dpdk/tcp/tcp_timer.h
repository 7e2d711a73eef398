/* One wheel node per connection for all its deadlines. Moving a deadline later costs nothing: the node
 * fires early, looks, and is armed again. */
#ifndef HZ_TCP_TIMER_H
#define HZ_TCP_TIMER_H

#include "tcp/tcp_pcb.h"

#define HZ_TCP_DELACK_NS (20 * HZ_NS_PER_MS) /* RFC 9293 3.8.6.3 wants less than 500 ms */

/* Arms the node when a deadline is earlier than it. */
void hz_tcp_timer_update(struct hz_tcp_pcb *pcb);

/* Wheel callback; ctx is the stack. */
void hz_tcp_timer_fire(void *ctx, struct hz_timer *timer);

#endif
