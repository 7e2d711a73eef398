/* What the files of io_sock share. One struct sock_worker per thread; everything below it is touched by
 * that thread only, apart from the two atomic flags and the descriptor that wakes it. */
#ifndef HZ_SOCK_PRIV_H
#define HZ_SOCK_PRIV_H

#include "core/list.h"
#include "core/pool.h"
#include "core/timer_wheel.h"
#include "io_sock/sock.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define SOCK_RX_BYTES       65536u /* read per connection and turn */
#define SOCK_HOLD_SMALL     4096u  /* most partial requests fit */
#define SOCK_HOLD_LARGE     HZ_LIMIT_hold_bytes_max
#define SOCK_BLOCK_BYTES    4096u /* of queued output, header included */
#define SOCK_BLOCKS         16384u
#define SOCK_IOV            64
#define SOCK_UNSENT_BYTES   65536 /* in the kernel, of a connection: what waits is ours to bound */
#define SOCK_EVENTS         256
#define SOCK_ACCEPTS        64                   /* per listener and turn */
#define SOCK_BACKLOG        4096                 /* the kernel lowers it to net.core.somaxconn */
#define SOCK_ROUNDS         32                   /* up-calls per connection and turn */
#define SOCK_TIMERS         1024                 /* fired per turn */
#define SOCK_SLEEP_NS       (100 * HZ_NS_PER_MS) /* longest sleep: the beat must stay fresh */
#define SOCK_BEAT_NS        HZ_NS_PER_MS
#define SOCK_ANCHOR_NS      HZ_NS_PER_S
#define SOCK_LINGER_NS      (2 * HZ_NS_PER_S)    /* after the ACK of our FIN, for the peer's */
#define SOCK_DISCARD_NS     HZ_NS_PER_S          /* the same, of a peer that goes on sending, */
#define SOCK_DISCARD_BYTES  65536u               /* and not more than that */
#define SOCK_FIN_LOOK_NS    (100 * HZ_NS_PER_MS) /* how often that ACK is looked for */
#define SOCK_STALL_NS       (30 * HZ_NS_PER_S)   /* after shutdown, output that nobody takes */
#define SOCK_CENSUS_PLACES  64                   /* per turn: three system calls each */
#define SOCK_ACCEPT_REST_NS (100 * HZ_NS_PER_MS) /* out of descriptors or memory */

_Static_assert(SOCK_RX_BYTES <= SOCK_HOLD_LARGE, "one read can be kept whole");

/* What an epoll event points to. */
enum sock_source_kind { SOCK_SOURCE_WAKE, SOCK_SOURCE_LISTEN, SOCK_SOURCE_CONN };

struct sock_source {
	enum sock_source_kind kind;
	int fd;
};

struct sock_block { /* of queued output; from worker->blocks */
	struct sock_block *next;
	uint32_t start, end; /* data[start..end) is to be sent */
	uint8_t data[SOCK_BLOCK_BYTES - 16];
};
_Static_assert(sizeof(struct sock_block) == SOCK_BLOCK_BYTES, "block is one page");

enum sock_timer_kind { SOCK_TIMER_PROTO, SOCK_TIMER_LINGER };

/* One connection. From worker->conns, owned by its worker until on_close returned. */
struct sock_conn {
	struct hz_stream stream;
	const struct hz_proto_ops *proto; /* NULL: it refused, no further call */
	struct sock_source source;
	struct sock_worker *worker; /* NULL: the place is free */
	struct hz_list all;         /* worker->all */
	struct hz_list pending;     /* worker->pending or worker->starved */
	struct hz_timer timer;      /* the protocol's */
	struct hz_timer linger;
	/* input: in is what the protocol has not consumed, in the worker's rx buffer during a turn and in
	 * hold between turns */
	struct hz_span in;
	uint8_t *hold; /* NULL, or of hold_bytes from one of the two hold pools */
	uint32_t hold_bytes;
	/* output */
	uint32_t tx_bytes; /* queued */
	struct sock_block *tx_head, *tx_tail;
	__u64 *gauge; /* the state's counter in struct hz_connections */
	uint8_t peer_addr[16];
	uint16_t peer_port;
	uint64_t opened_ns;
	uint64_t give_up_ns; /* after our FIN */
	uint32_t unacked;    /* after our FIN: bytes the kernel still kept for the peer */
	uint32_t discarded;  /* after shutdown: bytes of input that were dropped */
	uint32_t events;     /* epoll interest */
	uint8_t why;         /* enum hz_close_why, when is_ending */
	bool is_ending;      /* close it at the end of its turn */
	bool wants_writable; /* reserve or write came back short */
	bool present_due;    /* on_data is owed */
	bool peer_fin;       /* the peer will send no more */
	bool eof_told;       /* on_eof was called */
	bool shut_wanted;    /* shutdown() was called */
	bool fin_sent;
	bool tx_blocked; /* the socket took no more; EPOLLOUT will tell */
};

struct sock_listener {
	struct sock_source source;
	bool is_resting; /* out of the epoll set until accept_rest_ns */
};

struct sock_worker {
	struct hz_worker_conf conf;
	struct hz_sock *sock;
	struct hz_clock clock;               /* env->clock points here */
	const struct hz_clock *clock_before; /* what it pointed to, put back at close */
	pthread_t thread;
	bool is_running; /* thread was created; the owner's, not the thread's */
	int epoll_fd;
	int reserve_fd; /* given up to refuse a connection when descriptors run out */
	struct sock_source wake;
	uint32_t listener_count;
	struct sock_listener *listener; /* owned */
	uint64_t accept_rest_ns;        /* 0: no listener rests */
	struct hz_wheel wheel;
	struct hz_pool conns;
	struct hz_pool blocks;
	struct hz_pool hold_small;
	struct hz_pool hold_large;
	uint8_t *rx;               /* owned, SOCK_RX_BYTES */
	struct hz_list all;        /* every struct sock_conn.all */
	struct hz_list pending;    /* run again next turn */
	struct hz_list starved;    /* waiting for a free output block */
	struct sock_conn *current; /* whose turn it is; NULL between turns */
	uint64_t beat_due_ns, anchor_due_ns;
	bool is_counting; /* a question of the census is being answered */
	bool timers_left; /* more were due than one turn fires */
	bool is_draining; /* the worker has seen sock->is_draining */
} HZ_LINE_ALIGNED;

struct hz_sock {
	uint32_t worker_count;
	uint32_t listen_count;
	struct hz_endpoint listen[HZ_SOCK_LISTENS_MAX];
	struct sock_worker *worker; /* owned, worker_count of them */
	sem_t turned;               /* posted by each worker after its first turn */
	bool is_draining;           /* atomic */
	bool is_stopping;           /* atomic */
};

/* Counters have one writer; readers of other threads take 64-bit loads. */
static inline void sock_count(__u64 *counter, uint64_t add)
{
	__atomic_store_n(counter, *counter + add, __ATOMIC_RELAXED);
}

static inline void sock_set(__u64 *gauge, uint64_t value)
{
	__atomic_store_n(gauge, value, __ATOMIC_RELAXED);
}

static inline void sock_counter(struct sock_worker *worker, enum hz_counter counter)
{
	sock_count(&worker->conf.slot->worker->counters[counter], 1);
}

/* --- sock_listen.c ------------------------------------------------------------------------------ */

/* Opens worker->listener[0..count-1] on sock->listen; the first worker's settle ports given as 0. */
int hz_sock_listen_open(struct sock_worker *worker, struct hz_err *err);
void hz_sock_listen_close(struct sock_worker *worker);
/* Is somebody else listening there already? Ours share the port by SO_REUSEPORT, and so would a second
 * hzd of the same user. */
int hz_sock_listen_probe(const struct hz_endpoint *endpoint, struct hz_err *err);
/* Takes in who waits, SOCK_ACCEPTS at most; true when there may be more. */
bool hz_sock_listen_accept(struct sock_worker *worker, struct sock_listener *listener);
void hz_sock_listen_wake(struct sock_worker *worker); /* listeners that rested long enough */

/* --- sock_worker.c ------------------------------------------------------------------------------ */

int hz_sock_worker_open(struct sock_worker *worker, struct hz_sock *sock,
                        const struct hz_worker_conf *conf, uint32_t connections_max,
                        struct hz_err *err);
void hz_sock_worker_close(struct sock_worker *worker); /* after its thread ended */
void *hz_sock_worker_run(void *worker);                /* the thread */

/* --- sock_conn.c -------------------------------------------------------------------------------- */

/* Takes over fd, connected to peer; resets it when there is no room or the protocol refuses. */
void hz_sock_conn_open(struct sock_worker *worker, int fd, const struct sockaddr_storage *peer);
void hz_sock_conn_event(struct sock_conn *conn, uint32_t events);
void hz_sock_conn_timer(void *worker, struct hz_timer *timer);
/* Makes every up-call that is owed, flushes, and closes when it is time. */
void hz_sock_conn_run(struct sock_conn *conn);
void hz_sock_conn_close(struct sock_conn *conn, enum hz_close_why why);

/* --- sock_hold.c -------------------------------------------------------------------------------- */

/* Room behind the unread bytes to read into, joined with them; len 0: full, or no buffer left. */
struct hz_wspan hz_sock_hold_room(struct sock_conn *conn);
void hz_sock_hold_added(struct sock_conn *conn, size_t bytes);
/* At the end of a turn: unread bytes move out of the shared rx buffer; an empty hold goes back to its
 * pool. 0 or -ENOBUFS: no buffer, the connection cannot go on. */
int hz_sock_hold_keep(struct sock_conn *conn);
void hz_sock_hold_free(struct sock_conn *conn);

/* --- sock_info.c -------------------------------------------------------------------------------- */

/* A part of the answer to a question of the census. False: that was the end of it, or there is none. */
bool hz_sock_info_turn(struct sock_worker *worker);

/* --- sock_tx.c ---------------------------------------------------------------------------------- */

struct hz_wspan hz_sock_tx_reserve(struct sock_conn *conn, size_t min_bytes);
void hz_sock_tx_commit(struct sock_conn *conn, size_t bytes);
size_t hz_sock_tx_write(struct sock_conn *conn, struct hz_span bytes);
bool hz_sock_tx_has_room(const struct sock_conn *conn); /* worth an on_writable */
/* Hands queued output to the socket until it is empty or takes no more. 0 or -errno: broken. */
int hz_sock_tx_flush(struct sock_conn *conn);
void hz_sock_tx_free(struct sock_conn *conn);

/* --- sock_stream.c ------------------------------------------------------------------------------ */

extern const struct hz_stream_ops hz_sock_stream_ops;

#endif
