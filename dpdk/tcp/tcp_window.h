/* The receive window's size: 64 KiB at first, twice as much each time the peer fills it within two round
 * trips and the protocol takes all of it, up to hold_bytes_max; and back while blocks for unread input are
 * short. (RFC 9293 3.8.6 leaves the size to us; the right edge never moves back for it.) */
#ifndef HZ_TCP_WINDOW_H
#define HZ_TCP_WINDOW_H

#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"

#define HZ_TCP_WINDOW_BASE   65536u
#define HZ_TCP_WINDOW_SPARE  16384u
#define HZ_TCP_WINDOW_SHIFT  27 /* of the level in flags, HZ_TCP_F_WINDOW_1 and _2 */
#define HZ_TCP_WINDOW_LEVELS (HZ_TCP_F_WINDOW_1 | HZ_TCP_F_WINDOW_2)

/* Three quarters of the large blocks are taken: what is offered now could not be kept. */
static inline bool hz_tcp_window_is_short(const struct hz_tcp *tcp)
{
	return tcp->hold_large.in_use > tcp->hold_large.capacity / 4 * 3;
}

/* Bytes that the connection may have unread and under way to it. */
static inline uint32_t hz_tcp_window_limit(const struct hz_tcp_pcb *pcb)
{
	uint32_t level = (pcb->flags & HZ_TCP_WINDOW_LEVELS) >> HZ_TCP_WINDOW_SHIFT;

	if (level == 0 || hz_tcp_window_is_short(hz_tcp_of(pcb)))
		return HZ_TCP_WINDOW_BASE;
	return HZ_MIN(HZ_TCP_WINDOW_BASE << level, HZ_LIMIT_hold_bytes_max);
}

/* What is left of our last offer. */
static inline uint32_t hz_tcp_window_left(const struct hz_tcp_pcb *pcb)
{
	return hz_seq_gt(pcb->rcv_adv, pcb->rcv_nxt) ? pcb->rcv_adv - pcb->rcv_nxt : 0;
}

/* What the limit and the scale let us offer now. */
static inline uint32_t hz_tcp_window_free(const struct hz_tcp_pcb *pcb)
{
	uint32_t limit = hz_tcp_window_limit(pcb), held = hz_tcp_rec_held(pcb);

	/* After our FIN input is only dropped: what was offered by then may come, and no more. */
	if (pcb->flags & HZ_TCP_F_FIN_OUT)
		return 0;
	/* Unread bytes that nearly fill the least window are of a message that the protocol wants whole,
	 * say a head of 64 KiB. Its end, or one byte too many, must get in, though less than a segment is
	 * never offered (RFC 9293 3.8.6.2.2). The block that holds them has room. */
	if (limit == HZ_TCP_WINDOW_BASE && held > limit - HZ_TCP_WINDOW_SPARE / 2)
		limit += HZ_TCP_WINDOW_SPARE;
	return held >= limit ? 0 : HZ_MIN(limit - held, 65535u << pcb->rcv_wscale);
}

/* A whole window of sequence numbers has gone by since the last time. */
void hz_tcp_window_filled(struct hz_tcp_pcb *pcb);

/* rcv_nxt moved here from before. */
static inline void hz_tcp_window_moved(struct hz_tcp_pcb *pcb, uint32_t before)
{
	if (HZ_UNLIKELY(((before ^ pcb->rcv_nxt) & ~(HZ_TCP_WINDOW_BASE - 1)) != 0))
		hz_tcp_window_filled(pcb);
}

#endif
