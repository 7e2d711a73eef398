/* The other end of a ring port: a client that opens connections, asks on each of them, one request after
 * another, as fast as it is answered, and closes them. Its own cost is not measured. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "port/port.h"
#include "tcp_wire.h"

struct bench_conn {
	struct tcp_wire_flow flow;
	bool is_waiting; /* for an answer */
	bool is_open;    /* the handshake is complete */
	bool is_closing; /* our FIN is out */
};

struct bench_client {
	struct hz_port *port; /* not owned */
	uint32_t count;
	struct bench_conn *conn; /* owned */
	/* 0: connections are asked in their order; else across, coprime to count */
	uint32_t stride;
	bool is_silent;     /* what comes is noted and answered by nothing until told */
	char request[1024]; /* what is asked */
	size_t request_bytes;
	uint64_t opened, closed; /* connections */
	uint64_t answers;
	uint64_t syn_acks; /* more than opened: some came twice */
	uint64_t repeats;  /* segments that came again: the process had lost its core for an RTO */
	uint64_t errors;   /* not a 200 with the expected body, out of order, reset */
};

/* Connection i comes from address i / BENCH_PORTS. */
#define BENCH_PORT_FIRST 10000u
#define BENCH_PORTS      50000u
#define BENCH_CLIENT_IP  0x0a070101u /* the first */

int bench_client_open(struct bench_client *client, struct hz_port *port, uint32_t connections);
void bench_client_close(struct bench_client *client);
/* A field line more in each request, without CRLF. 0 or -ENOSPC. */
int bench_client_field(struct bench_client *client, const char *line);

void bench_client_syn(struct bench_client *client, uint32_t first, uint32_t count);
void bench_client_ask(struct bench_client *client, uint32_t first, uint32_t count);

void bench_client_ack(struct bench_client *client, uint32_t first, uint32_t count);
void bench_client_fin(struct bench_client *client, uint32_t first, uint32_t count);

/* Takes in what the server sent: completes handshakes, checks answers. Returns the segments taken. */
uint32_t bench_client_take(struct bench_client *client);

#endif
