/* The seam of core/stream.h over epoll and ordinary sockets: no NIC, no root. The same life cycle as
 * hz_fastpath, one thread per worker, one SO_REUSEPORT listener per worker and endpoint. */
#ifndef HZ_SOCK_H
#define HZ_SOCK_H

#include "core/common.h"
#include "core/err.h"
#include "core/limits.h"
#include "telemetry/slot.h"

struct hz_sock_conf {
	uint32_t worker_count; /* 1..HZ_WORKERS_MAX */
	const struct hz_worker_conf
		*workers;                  /* copied; what they point to outlives hz_sock_close */
	uint32_t listen_count;             /* 1..HZ_SOCK_LISTENS_MAX */
	const struct hz_endpoint *listens; /* copied; v4-mapped: AF_INET, else AF_INET6 only */
	uint32_t connections_max;          /* per worker */
};
#define HZ_SOCK_LISTENS_MAX 64

struct hz_sock; /* owned by the caller of open */

/* Opens listeners and pools; nothing is accepted before start. Raises this process's RLIMIT_NOFILE to
 * its hard limit where the connections need it. Each worker's env->clock is replaced by a copy that the
 * worker keeps anchored. 0 or -errno with err filled, exit codes of hzd: 2 bad configuration, 3 address
 * in use, 4 address not on this machine, 5 memory or descriptors, 7 privilege. */
int hz_sock_open(const struct hz_sock_conf *conf, struct hz_sock **out, struct hz_err *err);

/* Launches the workers; returns when every one has turned its loop once. */
int hz_sock_start(struct hz_sock *sock, struct hz_err *err);

/* No new connections from now on; existing ones finish. Returns at once; the count of open connections
 * is in each worker's slot. Any thread. */
void hz_sock_drain(struct hz_sock *sock);

/* A worker's census (struct hz_worker_conf) holds a question: the worker answers within its next turns. Any
 * thread. */
void hz_sock_census(struct hz_sock *sock, uint32_t worker);

/* Wakes a worker that sleeps, after something was published that on_turn of its protocol will find. Any
 * thread. */
void hz_sock_ring(struct hz_sock *sock, uint32_t worker);

/* Stops workers; open connections are reset and their on_close called. 0, or -ETIMEDOUT: a worker did not stop
 * within HZ_LIMIT_worker_stop_s; it may use all it was given, so nothing was freed, and nothing may be. Accepts NULL. */
int hz_sock_close(struct hz_sock *sock);

/* The port of listens[index] as bound: differs from the configured one when that was 0. */
uint16_t hz_sock_port(const struct hz_sock *sock, uint32_t index);

#endif
