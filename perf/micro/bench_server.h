/* The server of the in-process benches: the real worker turn, with the real TCP, HTTP, router and handlers of
 * a site file, on the near end of a ring port. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "core/err.h"
#include "http/h1_conn.h"
#include "port/port_ring.h"
#include "server/snapshot.h"
#include "worker/eal_log.h"
#include "worker/worker.h"

struct bench_server_conf {
	uint32_t connections_max, burst;
	const char *site;
};

/* About 10 KiB; on the heap. */
struct bench_server {
	struct hz_clock clock;
	struct hz_env env;
	struct hz_hist hist[HZ_STAGE_COUNT];
	struct hz_route_hist routes[HZ_ROUTE_SLOTS];
	struct hz_beat beat;
	struct hz_worker gauges;
	struct hz_connections conns;
	struct hz_slot slot;
	struct hz_snapshot *snapshot;
	struct hz_app_state app; /* in which snapshot is published */
	struct hz_http_worker *http;
	struct hz_rate_table *rate;
	struct hz_jwt_worker *jwt;
	struct hz_log_writer *log_writer;
	struct hz_worker_conf conf;
	struct hz_worker_iface iface;
	struct hz_worker_loop loop;
	struct hz_port_ring *ring;
	/* of the client's end: not to be mixed up with the server's numbers */
	struct hz_worker far_gauges;
	struct hz_slot far_slot;
	struct hz_eal_log *log;
};

/* Two steps, so that the memory of each can be told apart: EAL, clock and ring; and all that knows
 * connections. NULL or 1 with a line on stderr. */
struct bench_server *bench_server_boot(const char *name, bool *is_degraded);
int bench_server_open(struct bench_server *server, const struct bench_server_conf *conf);
void bench_server_close(struct bench_server *server); /* the second step only */
void bench_server_end(struct bench_server *server);   /* the rest; accepts NULL */

/* Bursts, timed one by one. Their mean leaves out the slowest 2 %: where another process had the core. */
struct bench_times {
	uint32_t *cycles; /* owned */
	uint32_t count, room;
};
int bench_times_open(struct bench_times *times, uint32_t room); /* 0 or -ENOMEM */
void bench_times_close(struct bench_times *times);
double bench_times_mean(struct bench_times *times); /* cycles per burst; sorts them */
/* Turns until nothing waits for the worker: one, unless the worker takes less than a burst at once because its last
 * turns were long. turn: hz_worker_turn, or a function around it. Beyond room nothing is kept. */
void bench_timed_turn(struct bench_server *server, struct bench_times *times,
                      void (*turn)(struct hz_worker_loop *loop));
double bench_cycle_ns(const struct bench_server *server);

/* One line on stderr; returns 1. */
int bench_fail(const char *what, const struct hz_err *err);

/* Stays on the core it is on. */
void bench_pin(void);

#endif
