/* Since when requests wait for an earlier one of their own connection. The transport keeps their
 * bytes and shows them again, in a turn whose clock says nothing about them; so the connection
 * remembers, in the place of the parser that has nothing to do meanwhile. The request next in line
 * counts from the packet it begins in; those behind it, which nobody tells apart yet, from the last
 * one that had come when they are next. Private to http. */
#ifndef HZ_H1_UNREAD_H
#define HZ_H1_UNREAD_H

#include "http/h1_turn.h"

#define HZ_H1_UNREAD_SHIFT 10 /* nanoseconds to units of struct hz_h1_unread */

static inline bool hz_h1_unread_is_kept(const struct hz_h1_conn *conn)
{
	return HZ_TELEMETRY && conn->has_unread && !conn->in_head;
}

static inline uint32_t hz_h1_unread_of(uint64_t ns)
{
	return (uint32_t)(ns >> HZ_H1_UNREAD_SHIFT);
}

/* Of what is at most 36 minutes away from now_ns, on either side: a stamp may be younger than the
 * turn. */
static inline uint64_t hz_h1_unread_ns(uint32_t units, uint64_t now_ns)
{
	int32_t ago = (int32_t)(hz_h1_unread_of(now_ns) - units);

	return ((now_ns >> HZ_H1_UNREAD_SHIFT) - (uint64_t)(int64_t)ago) << HZ_H1_UNREAD_SHIFT;
}

/* First in on_data. */
static inline void hz_h1_unread_take(struct hz_h1_turn *turn)
{
	struct hz_h1_conn *conn = turn->conn;

	if (HZ_LIKELY(!hz_h1_unread_is_kept(conn)))
		return;
	turn->came_ns = hz_h1_unread_ns(conn->unread.first, turn->now_ns);
	if (conn->is_shown_again)
		turn->last_ns = hz_h1_unread_ns(conn->unread.last, turn->now_ns);
	turn->has_queued = true;
	conn->parser = (struct hz_h1_parser){ 0 };
}

/* A request was answered: what is left of the bytes was behind it. */
static inline void hz_h1_unread_next(struct hz_h1_turn *turn)
{
	turn->came_ns = turn->last_ns;
	turn->has_queued = true;
}

/* Last in on_data, which took something of what it was shown, or nothing. */
static inline void hz_h1_unread_put(const struct hz_h1_turn *turn, bool has_taken)
{
	struct hz_h1_conn *conn = turn->conn;

	if (HZ_LIKELY(!hz_h1_unread_is_kept(conn)))
		return;
	conn->is_shown_again = false;
	conn->unread.first = hz_h1_unread_of(has_taken ? turn->last_ns : turn->came_ns);
	conn->unread.last = hz_h1_unread_of(turn->last_ns);
}

#endif
