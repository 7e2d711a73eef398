/* TCP as the worker sees it: one stack per worker, single-threaded, driven by frames and time. */
#ifndef HZ_TCP_H
#define HZ_TCP_H

#include "core/env.h"
#include "core/stream.h"
#include "net/packet.h"
#include "telemetry/slot.h"
#include <hz/hz.h>

struct hz_tcp; /* owned by the caller of open */

struct hz_tcp_conf {
	struct hz_env *env; /* the worker's; now_ns is current at every call */
	const struct hz_slot *slot;
	uint32_t connections_max;
	uint32_t time_wait_max;
	uint8_t secret[16];               /* initial sequence numbers and flow hash, RFC 6528 */
	const struct hz_proto_ops *proto; /* of every listener */
	void *proto_ctx;
	uint32_t listen_count;
	const struct hz_endpoint *listens; /* copied */
};

int hz_tcp_open(const struct hz_tcp_conf *conf, struct hz_tcp **out); /* 0 or -errno */
void hz_tcp_close(struct hz_tcp *tcp); /* resets every connection; accepts NULL */

/* Takes over packet->mbuf. Output goes to packet->port's batch. */
void hz_tcp_in(struct hz_tcp *tcp, struct hz_packet *packet);

/* Sends what the input of this turn produced: data, and ACKs that found no data to ride on. Call once
 * per turn after the last hz_tcp_in, before hz_port_flush. */
void hz_tcp_flush(struct hz_tcp *tcp);

/* Fires due timers, at most budget; returns the number fired. */
unsigned hz_tcp_timers(struct hz_tcp *tcp, unsigned budget);

uint64_t hz_tcp_next_timer_ns(const struct hz_tcp *tcp);    /* UINT64_MAX: none */
void hz_tcp_drain(struct hz_tcp *tcp);                      /* refuse new connections from now on */
uint32_t hz_tcp_connection_count(const struct hz_tcp *tcp); /* all states but TIME_WAIT */

#endif
