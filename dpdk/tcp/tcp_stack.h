/* The stack of one worker: every connection, their timers and buffers. Not for users of tcp/. */
#ifndef HZ_TCP_STACK_H
#define HZ_TCP_STACK_H

#include "core/cookie_keys.h"
#include "core/pool.h"
#include "tcp/cc.h"
#include "tcp/tcp.h"
#include "tcp/tcp_pcb.h"
#include "tcp/tcp_table.h"
#include "tcp/tcp_time_wait.h"

/* Output segments a connection may have queued, however short they are; and the parts of the packet
 * pool that all output and all out-of-order input may hold. What is left receives: without it no ACK
 * would come in that frees the rest. */
#define HZ_TCP_TX_SEGMENTS_MAX  512u
#define HZ_TCP_TX_POOL_PART     2u
#define HZ_TCP_REASM_POOL_PART  4u
#define HZ_TCP_HALF_OPEN_MAX    4096u
#define HZ_TCP_SYN_WINDOW       65535u /* of a SYN-ACK that carries a cookie; unscaled */
#define HZ_TCP_HOLD_SMALL_BYTES 4096u
/* Twice the window, so that moving the rest to the front is rare however little is consumed. */
#define HZ_TCP_HOLD_LARGE_BYTES (2u * HZ_LIMIT_hold_bytes_max)
#define HZ_TCP_PROTOS_MAX       8u /* kinds of connections: what listens, and what opens by itself */
#define HZ_TCP_CHALLENGES_PER_S 500u /* plus a random number below it, RFC 5961 7 */

/* When a connection's receive window was last filled, tcp_window.c. */
#define HZ_TCP_MARKS 256u

struct hz_tcp_mark {
	uint32_t ref; /* pool index + 1, 0: none */
	uint32_t tick;
	uint32_t seq; /* rcv_nxt then */
};

/* Connections with something to do, in the order in which they got it. */
struct hz_tcp_turn {
	struct hz_tcp_pcb **pcb; /* owned; each connection once at most */
	uint32_t count;
};

struct hz_tcp {
	struct hz_tcp_conf conf; /* listens: owned copy */
	struct hz_tcp_table table;
	struct hz_pool pcbs, recs;
	struct hz_tcp_paths paths;
	struct hz_pool hold_small, hold_large;
	struct hz_tcp_tw_queue time_wait;
	struct hz_wheel wheel;
	struct hz_tcp_turn turn, turn_now; /* of the next flush; of the one that runs */

	/* A buffer for reserve(): valid until the next down-call, so one per stack will do. */
	struct rte_mbuf *spare;
	struct hz_tcp_pcb *reserved_by;
	struct rte_mbuf *reserved_in;
	uint32_t reserved_bytes;

	const struct hz_cc_ops *cc;
	const struct hz_proto_ops *protos[HZ_TCP_PROTOS_MAX]; /* 0: of every listener */

	uint32_t half_open_count;
	uint32_t half_open_max;
	struct hz_tcp_mark mark[HZ_TCP_MARKS];
	uint32_t evict_at;      /* slot of the flow table where the next search begins */
	uint64_t evict_next_ns; /* no search for a reader before */
	uint32_t mbufs;         /* in the packet pool of the port that opened a connection last */
	struct hz_cookies *cookies; /* conf's, shared with XDP and other workers, or the next */
	struct hz_cookies own_cookies;
	uint32_t reasm_total; /* packet buffers in all out-of-order queues */
	uint32_t tx_total;    /* and in all output queues */
	uint32_t challenges_left;
	uint64_t challenges_until_ns;
	uint32_t lport_next; /* of RFC 6056 3.3.3 */
	uint16_t ip_id;      /* RFC 6864 4.1: unique enough while a fragment may live */
	bool is_draining;
};

/* Whom connections of this kind belong to. One call away, so that a connection need not keep it. */
static inline const struct hz_proto_ops *hz_tcp_proto(const struct hz_tcp_pcb *pcb)
{
	return hz_tcp_of(pcb)->protos[pcb->proto];
}

static inline uint64_t hz_tcp_now(const struct hz_tcp *tcp)
{
	return tcp->conf.env->now_ns;
}

static inline void hz_tcp_count(const struct hz_tcp *tcp, enum hz_counter counter)
{
	hz_slot_count(tcp->conf.slot, counter);
}

/* A frame refused: its reason, and the sum of all. */
static inline void hz_tcp_count_drop(const struct hz_tcp *tcp, enum hz_counter reason)
{
	hz_slot_count(tcp->conf.slot, reason);
	tcp->conf.slot->worker->dropped++;
}

/* Microseconds modulo 2^32, never 0: for what is timed only now and then. */
static inline uint32_t hz_tcp_us(const struct hz_tcp *tcp)
{
	uint32_t us = (uint32_t)(hz_tcp_now(tcp) / HZ_NS_PER_US);

	return us != 0 ? us : 1;
}

/* Timestamp clock of RFC 7323 5.4 in milliseconds; each connection adds its own offset. */
static inline uint32_t hz_tcp_ts_clock(const struct hz_tcp *tcp)
{
	return (uint32_t)(hz_tcp_now(tcp) / HZ_NS_PER_MS);
}

#endif
