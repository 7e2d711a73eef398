/* Connections of the HTTP server by what they wait for: whoever asks nothing, or takes no
 * answer, does not hold a place that somebody else needs. */
#ifndef HZ_WEB_CONNS_H
#define HZ_WEB_CONNS_H

#include "core/base.h"

#define HZ_WEB_CONNS_MAX     64
#define HZ_WEB_CONNS_RESERVE 16 /* places that are freed for those who come */
#define HZ_WEB_CONNS_HEAD_S  10 /* to the end of a request's head */
#define HZ_WEB_CONNS_TAKE_S  30 /* to take an answer */

enum hz_web_conn_state {
	HZ_WEB_CONN_NONE,
	HZ_WEB_CONN_HEAD,   /* no request yet, or not all of its head, or no further one */
	HZ_WEB_CONN_ANSWER, /* is being sent one */
	HZ_WEB_CONN_STREAM, /* reads /events: may stay */
	HZ_WEB_CONN_ENDED,  /* shut down by us; the server has yet to see it */
};

struct hz_web_conn {
	enum hz_web_conn_state state;
	int fd; /* the server's */
	uint64_t since_ns;
};

struct hz_web_conns { /* zeroed: none; owned by the caller */
	struct hz_web_conn conn[HZ_WEB_CONNS_MAX];
};

/* A new connection. With fewer than HZ_WEB_CONNS_RESERVE places left it takes that of the one that has
 * waited longest, for a head or for its answer to be taken. NULL: all places are taken. */
struct hz_web_conn *hz_web_conns_add(struct hz_web_conns *conns, int fd, uint64_t now_ns);
void hz_web_conns_move(struct hz_web_conn *conn, enum hz_web_conn_state state, uint64_t now_ns);
void hz_web_conns_remove(struct hz_web_conn *conn);

/* Are there some that were shut down, whose place is not free yet? */
bool hz_web_conns_are_ending(const struct hz_web_conns *conns);

/* Once per second: shuts down those that are too late. */
void hz_web_conns_tick(struct hz_web_conns *conns, uint64_t now_ns);

#endif
