/* One HTTP/1.1 connection: the request machine on top of core/stream.h. Idle, head, body, handling,
 * answering; keep-alive and pipelining; deadlines for slow heads and idle peers. */
#ifndef HZ_H1_CONN_H
#define HZ_H1_CONN_H

#include "core/env.h"
#include "core/stream.h"
#include "http/req.h"
#include "telemetry/slot.h"

struct hz_slow_ring;
struct hz_http_worker; /* per worker: connection pool, body blocks, Date; owned by the server */

struct hz_http_worker_conf {
	struct hz_env *env;
	const struct hz_slot *slot;
	const struct hz_http_app_ops *ops;
	void *app;
	uint32_t connections_max;
	struct hz_slow_ring
		*slow; /* where slow answers are told, telemetry/slow_ring.h; NULL: nowhere */
};

int hz_http_worker_open(const struct hz_http_worker_conf *conf, struct hz_http_worker **out);
void hz_http_worker_close(
	struct hz_http_worker *http); /* accepts NULL; connections must be closed */

/* From now on every answer says Connection: close, idle connections are closed at their next timer
 * check (within a second, and one more for every 65,536 connections). Called on the worker's thread or before it starts; one aligned store. */
void hz_http_worker_drain(struct hz_http_worker *http);

/* What a worker has only so much of. */
struct hz_http_usage {
	struct hz_http_share {
		uint64_t used, limit;
	} connections, waiting, /* requests that outlive a call */
		large_heads,    /* of those, heads beyond 2 KiB */
		body_blocks;
};
/* Adds what http uses at the moment, and may. Any thread. */
void hz_http_worker_usage(const struct hz_http_worker *http, struct hz_http_usage *usage);
/* How many requests may wait at once on a worker of so many connections. */
uint32_t hz_http_waiting_max(uint32_t connections_max);

/* For hz_worker_conf: proto = &hz_h1_proto_ops, proto_ctx = the struct hz_http_worker. */
extern const struct hz_proto_ops hz_h1_proto_ops;

#endif
