/* How much output may be queued, in packet buffers that are the pool's of all connections. While there are
 * plenty a connection gets what its peer's window takes and 64 KiB more, up to tx_bytes_max. Once a quarter
 * of output's part is taken it gets what can leave now, and one segment more: who reads finds the next one
 * ready, who does not read holds one or two. Once all of the part is taken, an empty queue still gets its
 * first segment out of a reserve, and beyond that the slowest reader is reset. Private to tcp. */
#ifndef HZ_TCP_ROOM_H
#define HZ_TCP_ROOM_H

#include "tcp/tcp_pcb.h"

enum hz_tcp_room {
	HZ_TCP_ROOM_FREE,
	HZ_TCP_ROOM_OWN,  /* the connection has its share: more when the peer takes some */
	HZ_TCP_ROOM_POOL, /* all connections together have theirs: more when any peer does */
};

/* Whether a further segment, of at least bytes, may be queued. */
enum hz_tcp_room hz_tcp_room_look(const struct hz_tcp_pcb *pcb, uint32_t bytes);

/* Whether so much has drained that a protocol which waits for room is to be called: then there is some, for
 * any reservation. */
enum hz_tcp_room hz_tcp_room_wake(const struct hz_tcp_pcb *pcb);

#endif
