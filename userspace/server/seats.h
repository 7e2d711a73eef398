/* A seat per worker: everything it works with, owned by the server and lent to the transport. */
#ifndef HZ_SEATS_H
#define HZ_SEATS_H

#include "config/tune.h"
#include "core/err.h"
#include "http/h1_conn.h"
#include "server/snapshot.h"
#include "telemetry/slot.h"
#include "telemetry/slow_ring.h"

struct hz_seat {
	struct hz_env env;
	struct hz_clock clock;
	struct hz_slot slot;
	struct hz_conn_census census;
	struct hz_http_worker *http;
	struct hz_jwt_worker *jwt;
	struct hz_slow_ring *slow; /* owned; NULL: nobody is told */
} HZ_LINE_ALIGNED;

struct hz_seats { /* owned by the server; zeroed before open */
	uint32_t count;
	struct hz_seat *seat;
	struct hz_rate_table *rate; /* owned; shared by all workers */
	struct hz_worker_conf conf[HZ_WORKERS_MAX];
};

struct hz_seats_conf {
	uint32_t count;
	const struct hz_tune *tune;
	const struct hz_http_app_ops *ops;
	struct hz_app_state *app;
	struct hz_hist *latency; /* the mapped arrays of telemetry */
	struct hz_beat *beat;
	struct hz_worker *worker;
	struct hz_connections *conns;
	struct hz_route_hist
		*routes; /* of route_workers, HZ_ROUTE_SLOTS each; the others have none */
	uint32_t route_workers;
	const struct hz_overload_conf *overload; /* of all workers */
	const struct hz_slow_conf *slow; /* likewise; NULL: nobody takes what they would tell */
};

/* 0 or -errno with err filled (exit code 5). close accepts a zeroed or half-built one. */
int hz_seats_open(struct hz_seats *seats, const struct hz_seats_conf *conf, struct hz_err *err);
void hz_seats_close(struct hz_seats *seats);

/* When no worker runs any more: the examples of a second that is not over go into the rings
 * `slow`, which shall have room. */
void hz_seats_slow_end(struct hz_seats *seats, uint64_t now_ns);

#endif
