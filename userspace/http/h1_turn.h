/* One call from the transport: the output being built, the clock, and what may become of the connection.
 * Private to http. */
#ifndef HZ_H1_TURN_H
#define HZ_H1_TURN_H

#include "http/h1_worker.h"

/* On the stack of that call. */
struct hz_h1_turn {
	struct hz_http_worker *http;
	struct hz_h1_conn *conn;
	struct hz_stream *stream;
	struct hz_wspan room; /* reserved, of which used is filled and not yet committed */
	size_t used;
	uint64_t now_ns;
	uint64_t mark_ns; /* the clock as it was read last, h1_stage.h; 0: not yet */
	/* When the bytes it brings came, h1_unread.h: those of the next request, and all others at
	 * the latest. */
	uint64_t came_ns, last_ns;
	unsigned answered; /* requests finished in this call */
	bool is_stopped;   /* no progress without the transport */
	bool has_queued;   /* XDP saw the bytes, or they were behind another request of theirs */
};

void hz_h1_turn_begin(struct hz_h1_turn *turn, struct hz_stream *s);
/* Last in a call: output leaves, deadlines are armed. is_input_over: no further byte will come, so that
 * neither a request nor a body that has begun is completed. */
void hz_h1_turn_end(struct hz_h1_turn *turn, bool is_input_over);

/* Ends the connection after what was answered so far, or at once. */
void hz_h1_turn_shutdown(struct hz_h1_turn *turn);
void hz_h1_turn_abort(struct hz_h1_turn *turn);

void hz_h1_snapshot_pin(struct hz_h1_conn *conn); /* when it is not */
void hz_h1_snapshot_unpin(struct hz_h1_conn *conn);

static inline const struct hz_http_limits *hz_h1_limits(const struct hz_h1_conn *conn)
{
	return conn->http->conf.ops->limits(conn->snapshot);
}

static inline bool hz_h1_is_draining(const struct hz_http_worker *http)
{
	return __atomic_load_n(&http->is_draining, __ATOMIC_RELAXED);
}

static inline void hz_h1_deadline_set(struct hz_h1_turn *turn, uint64_t timeout_ns)
{
	turn->conn->deadline_ns = timeout_ns == 0 ? UINT64_MAX : turn->now_ns + timeout_ns;
}

/* It has lived long enough: new connections find what changed meanwhile (addresses, weights, keys). */
static inline bool hz_h1_is_expired(const struct hz_h1_turn *turn)
{
	return turn->now_ns / HZ_NS_PER_S >= turn->conn->expires_s;
}

/* --- overload: what core/overload.h says is shed at the moment --- */

/* One in a thousand, permille times. */
static inline bool hz_h1_is_drawn(const struct hz_http_worker *http, uint32_t permille)
{
	return HZ_UNLIKELY(permille != 0) && hz_rng_below(&http->conf.env->rng, 1000) < permille;
}

/* Who is served already goes on being served, as long as there is room. */
static inline bool hz_h1_shed_request(const struct hz_h1_turn *turn, bool is_first)
{
	const struct hz_overload *overload = turn->http->conf.env->overload;

	return overload != NULL &&
	       hz_h1_is_drawn(turn->http,
	                      is_first ? overload->refuse_permille : overload->kept_permille) &&
	       !hz_stream_is_exempt(turn->stream);
}

/* Not one of those that were there before the rush, as a client opens some ahead: within two seconds of its
 * handshake. The clock goes round every 256 s, when such a connection is long closed as idle. */
static inline bool hz_h1_is_new(const struct hz_h1_turn *turn)
{
	return turn->conn->requests == 1 &&
	       (uint8_t)(turn->now_ns / HZ_NS_PER_S - turn->conn->opened_s) < 2;
}

/* Flows are refused, and it waited too long: to say so costs little, and those behind it are served in time. */
static inline bool hz_h1_shed_late(const struct hz_h1_turn *turn)
{
	const struct hz_env *env = turn->http->conf.env;

	return env->overload != NULL && HZ_UNLIKELY(env->overload->late_ns != 0) &&
	       hz_h1_is_new(turn) && hz_overload_is_late(env->overload, hz_env_clock_ns(env)) &&
	       !hz_stream_is_exempt(turn->stream);
}

static inline bool hz_h1_shed_connection(const struct hz_h1_turn *turn)
{
	const struct hz_overload *overload = turn->http->conf.env->overload;

	return overload != NULL && hz_h1_is_drawn(turn->http, overload->close_permille) &&
	       !hz_stream_is_exempt(turn->stream);
}

static inline void hz_h1_count(const struct hz_h1_turn *turn, enum hz_counter counter)
{
	hz_slot_count(turn->http->conf.slot, counter);
}

#endif
