/* An honest peer of one connection in a world: opens it, exchanges bytes and checks that they arrived;
 * what storms and attackers must not disturb. */
#ifndef TCP_PEER_H
#define TCP_PEER_H

#include "tcp_world.h"

struct tcp_peer {
	struct world *world;
	uint32_t next;   /* our next number, relative */
	uint32_t expect; /* the stack's next number, relative */
	uint32_t window; /* newest that the stack offered, scaled */
	uint8_t wscale;
	bool has_ts;
	uint64_t captured; /* segments of the stack seen so far */
	const char *why;   /* first thing that was wrong, or NULL */
};

/* Handshake with window scale, SACK and, if asked, timestamps. 0, or -1 with why set. */
int tcp_peer_open(struct tcp_peer *peer, struct world *world, bool has_ts);

/* Sends bytes in order, acknowledges whatever the stack says, and waits until the application has them
 * all; the application's echo, if any, too. 0, or -1 with why set. */
int tcp_peer_exchange(struct tcp_peer *peer, uint32_t bytes);

/* Looks at all that the stack sent since. 0, or -1 with why set. */
int tcp_peer_take(struct tcp_peer *peer);

#endif
