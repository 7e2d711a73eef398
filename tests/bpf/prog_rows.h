/* The rows of the table of frames; prog_table.c runs them. */
#ifndef HZ_PROG_ROWS_H
#define HZ_PROG_ROWS_H

#include "wire.h"

enum prog_state {
	ST_READY,
	ST_SOCKET, /* ready, and a socket on the queue */
	ST_STALE,
	ST_STALE_DROP,
	ST_STALE_PASS,
	ST_STALE_ELSEWHERE,       /* the stale beat is another queue's */
	ST_STALE_ELSEWHERE_FIRST, /* and its worker comes before ours */
	ST_STALE_OTHER_PORT,      /* the stale beat is of our queue number, of another interface */
	ST_STALE_SECOND,          /* worker 1 of 2 is stale */
	ST_DRAINING,
	ST_WORKER_DRAINING,
	ST_NO_WORKERS,
	ST_ECHO_OFF,
	ST_BEAT_AHEAD, /* taken a moment after the program read the clock */
};

enum prog_check {
	CHECK_NONE,    /* PASS, DROP, STEER: the frame is as it was */
	CHECK_SYN_ACK, /* the rest are answers */
	CHECK_HTTP,    /* begins with `text` */
	CHECK_EMPTY,   /* segment without payload, flags in `flags` */
	CHECK_ECHO,
};

struct prog_row {
	const char *name;
	struct wire_spec spec; /* version and tags come from the combination */
	enum prog_state state;
	int reason;
	enum prog_check check;
	const char *text;
	uint8_t flags;
	bool is_flow; /* spec.ack counts from the cookie, as progress does */
	bool is_v6;   /* says something of IPv6 only */
	bool is_echo; /* spec.port is 0: request, 1: reply of the version, 2: request of code 1 */
};

extern const struct prog_row prog_rows[];
extern const size_t prog_row_count;

#endif
