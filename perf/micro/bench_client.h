/* The other end of a ring port: a client that keeps connections open and asks on each of them, one
 * request after another, as fast as it is answered. Its own cost is not measured. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "port/port.h"
#include "tcp_wire.h"

struct bench_conn {
	struct tcp_wire_flow flow;
	bool is_waiting; /* for an answer */
};

struct bench_client {
	struct hz_port *port; /* not owned */
	uint32_t count;
	struct bench_conn *conn; /* owned */
	uint64_t answers;
	uint64_t errors; /* not a 200 with the expected body, out of order, reset */
};

#define BENCH_PORT_FIRST 10000u

int bench_client_open(struct bench_client *client, struct hz_port *port, uint32_t connections);
void bench_client_close(struct bench_client *client);

void bench_client_syn(struct bench_client *client, uint32_t first, uint32_t count);
void bench_client_ask(struct bench_client *client, uint32_t first, uint32_t count);

/* Takes in what the server sent: completes handshakes, checks answers. Returns the segments taken. */
uint32_t bench_client_take(struct bench_client *client);

#endif
