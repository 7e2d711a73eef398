/* One worker: its ports, its TCP, its telemetry, turned by one thread. */
#ifndef HZ_WORKER_H
#define HZ_WORKER_H

#include "core/env.h"
#include "net/packet.h"
#include "port/port.h"
#include "tcp/tcp.h"
#include "telemetry/slot.h"
#include "worker/mailbox.h"
#include "worker/steer_ring.h"

#define HZ_WORKER_PORTS_MAX  8
#define HZ_WORKER_IFACES_MAX 16
#define HZ_SPIN_FOREVER_US   1000000u
#define HZ_TURN_NS           500000u /* what a turn should take at most; a request may take longer */
#define HZ_SLEEP_MS_MAX      100u    /* so often a sleeper beats, unless told shorter */

/* The workers that share an interface, in the order of its queues: a flow belongs to one of them. */
struct hz_worker_iface {
	uint32_t owner_count;
	uint8_t owner[HZ_QUEUES_MAX]; /* worker indices */
};

struct hz_worker_port {
	struct hz_port *port; /* not owned */
	uint8_t iface;        /* index into hz_worker_loop.ifaces */
	uint64_t wait_ns;     /* the shortest wait of a frame since the last step of overload */
};

/* Owned by whoever opened it; after hz_worker_open only its thread touches it, mailbox apart. */
struct hz_worker_loop {
	struct hz_env *env;
	const struct hz_slot *slot;
	struct hz_tcp *tcp;                   /* owned */
	struct hz_net net;                    /* the same on every worker */
	const struct hz_worker_iface *ifaces; /* shared, read-only */
	const struct hz_steer *steer;         /* NULL: one worker */
	struct hz_worker_loop *const *peers;  /* by worker index, to ring their bells; with steer */
	struct hz_worker_port port[HZ_WORKER_PORTS_MAX];
	uint32_t port_count;
	uint32_t index;
	uint16_t burst;
	bool is_stopped;     /* left by HZ_MAIL_STOP */
	uint64_t rung_peers; /* bit per worker that got a frame in this turn */
	uint64_t turns;
	uint64_t turned_ns; /* when the last one began, or the worker woke */
	uint64_t next_beat_ns;
	uint64_t next_second_ns; /* when env->unix_s changes */
	uint64_t idle_since_ns;  /* 0: the last turn found work */
	uint64_t spin_ns;        /* UINT64_MAX: for ever */
	uint64_t sleep_ns_max;
	struct hz_overload overload;
	/* Gauges at its last step. */
	uint64_t overload_busy_ns, overload_frames, overload_requests, overload_shed, overload_late;
	uint16_t turn_frames;              /* 1..burst, that a turn takes from a port */
	bool is_turn_full;                 /* some port had as many */
	struct hz_trace trace;             /* its ring is NULL: off */
	struct hz_trace_ring *trace_asked; /* atomic, of housekeeping; adopted with HZ_MAIL_TRACE */
	struct hz_counter_set drops;       /* their sum is hz_worker.dropped */
	const struct hz_proto_ops *proto;  /* of every listener */
	void *proto_ctx;
	struct hz_conn_census *census; /* lent by housekeeping; NULL: nobody asks */
	bool is_counting;              /* a question of the census is being answered */
	bool was_busy;
	enum hz_state state;
	const struct hz_clock *lent_clock; /* env->clock while not open */
	struct hz_clock clock;             /* this worker's copy, anchored once per second */
	struct rte_mbuf *frame[HZ_LIMIT_burst_max];
	struct hz_mailbox mailbox;
};
_Static_assert(HZ_WORKERS_MAX <= 64, "rung_peers has a bit per worker");

struct hz_worker_open_conf {
	const struct hz_worker_conf *worker; /* env, slot, proto, cpu */
	uint32_t index;
	uint32_t connections_max;
	uint32_t time_wait_max;
	uint32_t burst;        /* 1..HZ_LIMIT_burst_max */
	uint32_t spin_us;      /* HZ_SPIN_FOREVER_US: never sleeps */
	uint32_t sleep_ms_max; /* 0: HZ_SLEEP_MS_MAX */
	enum hz_tcp_cc cc;
	struct hz_tcp_keepalive keepalive; /* this and the next as in struct hz_tcp_conf */
	uint8_t hop_limit, dscp;
	uint16_t lport_first, lport_last;
	uint64_t net_key[2];
	uint8_t tcp_secret[16];
	enum hz_tcp_cookie_mode cookie_mode; /* this and the next two as in struct hz_tcp_conf */
	uint32_t half_open_max;
	struct hz_cookies *cookies;
	uint32_t listen_count;
	const struct hz_endpoint *listens;
	uint64_t exempt_listens; /* bit per index: overload sheds nothing of it */
	uint32_t port_count;
	struct hz_worker_port port[HZ_WORKER_PORTS_MAX];
	const struct hz_worker_iface *ifaces;
	const struct hz_steer *steer;        /* NULL: one worker */
	struct hz_worker_loop *const *peers; /* filled before the first turn */
};

/* 0 or -errno. From here to close env->clock points into the loop. */
int hz_worker_open(struct hz_worker_loop *w, const struct hz_worker_open_conf *conf);

/* One turn; what it found: frames and timers. The calling thread is a registered RCU reader. */
unsigned hz_worker_turn(struct hz_worker_loop *w);

/* What other threads have left for the protocol; how much it was. */
static inline unsigned hz_worker_proto_turn(struct hz_worker_loop *w)
{
	return w->proto->on_turn != NULL ? w->proto->on_turn(w->proto_ctx) : 0;
}

/* After a turn: spins or sleeps, by what the turn found. */
void hz_worker_rest(struct hz_worker_loop *w, unsigned found);

/* Resets every connection and says DOWN. On the worker's thread; accepts a zeroed or closed loop. */
void hz_worker_close(struct hz_worker_loop *w);

/* Which worker of an interface a flow belongs to: no division, no modulo. */
static inline uint8_t hz_worker_owner(const struct hz_worker_iface *iface, uint32_t flow_hash)
{
	return iface->owner[((uint64_t)flow_hash * iface->owner_count) >> 32];
}

#endif
