#include "http/h1_turn.h"

void hz_h1_turn_begin(struct hz_h1_turn *turn, struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	const struct hz_env *env = conn->http->conf.env;
	const uint64_t came_ns = env->rx_ns != 0 ? env->rx_ns : env->now_ns;

	/* One by one: as a whole gcc clears it by rep stos, which takes longer than all the rest. */
	turn->http = conn->http;
	turn->conn = conn;
	turn->stream = s;
	turn->room = (struct hz_wspan){ NULL, 0 };
	turn->used = 0;
	turn->now_ns = env->now_ns;
	turn->mark_ns = 0;
	turn->came_ns = came_ns;
	turn->last_ns = came_ns;
	turn->answered = 0;
	turn->is_stopped = false;
	turn->has_queued = env->rx_ns != 0;
	hz_h1_date_update(&conn->http->date, env->unix_s);
}

void hz_h1_snapshot_pin(struct hz_h1_conn *conn)
{
	const struct hz_http_worker_conf *conf = &conn->http->conf;

	if (conn->snapshot == NULL)
		conn->snapshot = conf->ops->pin(conf->app, conf->env->worker_index);
}

void hz_h1_snapshot_unpin(struct hz_h1_conn *conn)
{
	const struct hz_http_worker_conf *conf = &conn->http->conf;

	if (conn->snapshot != NULL)
		conf->ops->unpin(conf->app, conf->env->worker_index, conn->snapshot);
	conn->snapshot = NULL;
}

/* Nothing more is read or answered; the transport calls on_close when it is done. */
static void conn_finish(struct hz_h1_turn *turn)
{
	struct hz_h1_conn *conn = turn->conn;

	if (conn->flight != NULL)
		hz_h1_flight_end(conn, conn->flight, false);
	hz_h1_snapshot_unpin(conn);
	conn->state = HZ_H1_DISCARD;
	conn->deadline_ns = UINT64_MAX;
	turn->is_stopped = true;
}

void hz_h1_turn_shutdown(struct hz_h1_turn *turn)
{
	hz_h1_out_flush(turn);
	conn_finish(turn);
	hz_stream_timer(turn->stream, 0);
	hz_stream_shutdown(turn->stream);
}

void hz_h1_turn_abort(struct hz_h1_turn *turn)
{
	turn->used = 0;
	turn->room = (struct hz_wspan){ NULL, 0 };
	conn_finish(turn);
	hz_stream_timer(turn->stream, 0);
	hz_stream_abort(turn->stream);
}

/* When a connection that has something to do is to be looked at again. */
static uint64_t look_ns(const struct hz_h1_turn *turn)
{
	const struct hz_h1_conn *conn = turn->conn;
	const struct hz_h1_flight *flight = conn->flight;
	uint64_t at_ns = turn->now_ns + HZ_H1_CHECK_NS;

	if (conn->resumes)
		return turn->now_ns;
	if (conn->state == HZ_H1_HEAD) {
		/* To look at a million idle connections every second would cost more than their requests. */
		at_ns += turn->http->conns.in_use / HZ_H1_CHECKS_PER_S * HZ_H1_CHECK_NS;
		return HZ_MIN(at_ns, conn->deadline_ns);
	}
	if (conn->state == HZ_H1_WAIT)
		at_ns = HZ_MIN(at_ns, flight->req.answer_by_ns);
	if (conn->state == HZ_H1_WAIT || (conn->state == HZ_H1_ANSWER && flight->is_starved)) {
		if (flight->req.wake_ns != 0)
			at_ns = HZ_MIN(at_ns, flight->req.wake_ns);
	}
	return at_ns;
}

/* The stream's timer is moved only when it would fire too late: deadlines mostly move away from it. */
void hz_h1_turn_end(struct hz_h1_turn *turn, bool is_input_over)
{
	struct hz_h1_conn *conn = turn->conn;
	uint64_t at_ns;

	hz_h1_out_flush(turn);
	if (conn->state == HZ_H1_DISCARD)
		return;
	if (is_input_over && (conn->state == HZ_H1_HEAD || conn->state == HZ_H1_BODY)) {
		hz_h1_turn_shutdown(turn);
		return;
	}
	at_ns = look_ns(turn);
	if (at_ns < conn->armed_ns) {
		hz_stream_timer(turn->stream, at_ns);
		conn->armed_ns = at_ns;
	}
}
