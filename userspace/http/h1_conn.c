/* A connection: what the transport tells it, and its deadlines. */
#include "http/h1_conn.h"
#include "http/h1_request.h"
#include "http/h1_unread.h"
#include "http/http_wait.h"
#include "telemetry/slow_ring.h"
#include <errno.h>

static int source_add(const struct hz_h1_conn *conn, const struct hz_stream *s)
{
	uint8_t addr[16];
	uint16_t port;

	s->ops->peer(s, addr, &port);
	return hz_source_table_add(&conn->http->sources, addr,
	                           hz_h1_limits(conn)->connections_per_source);
}

static void source_remove(const struct hz_h1_conn *conn, const struct hz_stream *s)
{
	uint8_t addr[16];
	uint16_t port;

	s->ops->peer(s, addr, &port);
	hz_source_table_remove(&conn->http->sources, addr);
}

/* What opened at once must not end at once. */
static uint32_t expiry_s(const struct hz_h1_turn *turn)
{
	uint64_t life_ns = hz_h1_limits(turn->conn)->lifetime_ns;

	if (life_ns == 0)
		return UINT32_MAX;
	life_ns += life_ns / 10 - hz_rng_below(&turn->http->conf.env->rng, life_ns / 5 + 1);
	return (uint32_t)HZ_MIN((turn->now_ns + life_ns) / HZ_NS_PER_S, UINT32_MAX - 1u);
}

static int on_open(void *proto_ctx, struct hz_stream *s)
{
	struct hz_http_worker *http = proto_ctx;
	struct hz_h1_conn *conn = hz_pool_get(&http->conns);
	struct hz_h1_turn turn;

	if (conn == NULL)
		return -ENOMEM;
	*conn = (struct hz_h1_conn){ .http = http, .armed_ns = UINT64_MAX };
	s->owner = conn;
	hz_h1_turn_begin(&turn, s);
	hz_h1_snapshot_pin(conn);
	if (source_add(conn, s) != 0) {
		hz_h1_count(&turn, HZ_COUNTER_http_source_full);
		hz_h1_snapshot_unpin(conn);
		hz_pool_put(&http->conns, conn);
		s->owner = NULL;
		return -EMFILE;
	}
	conn->expires_s = expiry_s(&turn);
	conn->opened_s = (uint8_t)(turn.now_ns / HZ_NS_PER_S);
	hz_h1_deadline_set(&turn, hz_h1_limits(conn)->header_timeout_ns);
	hz_h1_snapshot_unpin(conn);
	hz_h1_turn_end(&turn, false);
	return 0;
}

static bool takes_input(const struct hz_h1_conn *conn)
{
	return conn->state == HZ_H1_HEAD || conn->state == HZ_H1_BODY;
}

static size_t on_data(struct hz_stream *s, struct hz_span bytes)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;
	size_t at = 0;

	if (conn->state == HZ_H1_DISCARD)
		return bytes.len;
	hz_h1_turn_begin(&turn, s);
	hz_h1_unread_take(&turn);
	conn->resumes = false;
	while (at < bytes.len && !turn.is_stopped && takes_input(conn)) {
		struct hz_span rest = { bytes.data + at, bytes.len - at };

		if (conn->state == HZ_H1_BODY) {
			at += hz_h1_body_step(&turn, conn->flight, rest);
		} else if (turn.answered == HZ_LIMIT_pipeline_depth_max) {
			conn->resumes = true;
			break;
		} else {
			at += hz_h1_head_step(&turn, rest);
		}
	}
	if (conn->state == HZ_H1_DISCARD)
		at = bytes.len;
	conn->has_unread = at < bytes.len;
	hz_h1_unread_put(&turn, at != 0);
	hz_h1_turn_end(&turn, conn->is_eof && !conn->resumes);
	return at;
}

static void on_eof(struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;

	conn->is_eof = true;
	if (conn->state == HZ_H1_DISCARD)
		return;
	if (conn->state == HZ_H1_ANSWER && hz_h1_flight_is_left(conn->flight)) {
		hz_h1_turn_begin(&turn, s);
		hz_h1_turn_abort(&turn);
		return;
	}
	/* Answers under way are finished first; bytes we left on purpose come again. */
	if (conn->state == HZ_H1_ANSWER || conn->state == HZ_H1_WAIT || conn->resumes)
		return;
	hz_h1_turn_begin(&turn, s);
	hz_h1_turn_shutdown(&turn);
}

static void on_writable(struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;

	if (conn->state == HZ_H1_DISCARD)
		return;
	hz_h1_turn_begin(&turn, s);
	conn->is_shown_again = conn->has_unread;
	if (conn->state == HZ_H1_ANSWER)
		hz_h1_answer_run(&turn, conn->flight);
	else if (conn->state == HZ_H1_WAIT)
		hz_h1_step_again(&turn, conn->flight);
	else if (conn->state == HZ_H1_BODY)
		hz_h1_body_resume(&turn, conn->flight);
	hz_h1_turn_end(&turn, conn->is_eof && !conn->has_unread);
}

/* Room runs out: an idle connection ends before its time, of which a second is left at least. The deadline of one that
 * has not asked for anything yet is that of its first head. */
static bool is_idle_cut(const struct hz_h1_turn *turn)
{
	const struct hz_overload *overload = turn->http->conf.env->overload;
	struct hz_h1_conn *conn = turn->conn;
	uint64_t idle_ns;

	if (overload == NULL || overload->idle_permille == 0 || conn->in_head ||
	    conn->requests == 0 || hz_stream_is_exempt(turn->stream))
		return false;
	hz_h1_snapshot_pin(conn); /* idle, so it has none */
	idle_ns = hz_h1_limits(conn)->idle_timeout_ns;
	hz_h1_snapshot_unpin(conn);
	if (idle_ns <= HZ_NS_PER_S)
		return false;
	return turn->now_ns + (idle_ns - HZ_NS_PER_S) / 1000 * overload->idle_permille >=
	       conn->deadline_ns;
}

static void head_check(struct hz_h1_turn *turn)
{
	struct hz_h1_conn *conn = turn->conn;
	bool is_due = turn->now_ns >= conn->deadline_ns, is_cut = is_idle_cut(turn);

	if (conn->in_head && is_due)
		hz_h1_refuse_head(turn, 408);
	else if (!conn->in_head && !conn->has_unread &&
	         (is_due || is_cut || hz_h1_is_draining(turn->http) || hz_h1_is_expired(turn))) {
		if (is_cut && !is_due)
			hz_h1_count(turn, HZ_COUNTER_shed_idle);
		hz_h1_turn_shutdown(turn);
	}
}

static void wait_check(struct hz_h1_turn *turn)
{
	struct hz_h1_flight *flight = turn->conn->flight;

	if (turn->now_ns >= flight->req.answer_by_ns) {
		hz_h1_count(turn, HZ_COUNTER_http_answer_late);
		hz_h1_refuse_late(turn, flight);
	} else if (flight->req.wake_ns != 0 && turn->now_ns >= flight->req.wake_ns) {
		hz_h1_step_again(turn, flight);
	}
}

static void answer_check(struct hz_h1_turn *turn)
{
	struct hz_h1_flight *flight = turn->conn->flight;

	if (flight->is_starved) {
		if (flight->req.wake_ns != 0 && turn->now_ns >= flight->req.wake_ns)
			hz_h1_answer_run(turn, flight);
		return;
	}
	if (!hz_h1_flight_is_slow(flight, turn->now_ns, flight->out_at))
		return;
	hz_h1_count(turn, HZ_COUNTER_http_timeout);
	hz_h1_turn_abort(turn);
}

static bool is_overdue(const struct hz_h1_turn *turn)
{
	const struct hz_http_app_ops *ops = turn->http->conf.ops;
	struct hz_h1_conn *conn = turn->conn;

	return ops->is_overdue != NULL && ops->is_overdue(conn->snapshot, &conn->flight->req);
}

static void overdue_end(struct hz_h1_turn *turn)
{
	hz_h1_count(turn, HZ_COUNTER_http_overdue);
	if (turn->conn->state == HZ_H1_ANSWER)
		hz_h1_turn_abort(turn);
	else
		hz_h1_refuse_late(turn, turn->conn->flight);
}

static void on_timer(struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;

	conn->armed_ns = UINT64_MAX;
	if (conn->state == HZ_H1_DISCARD)
		return;
	hz_h1_turn_begin(&turn, s);
	conn->is_shown_again = conn->has_unread;
	conn->resumes = false;
	if (conn->state == HZ_H1_HEAD)
		head_check(&turn);
	else if (HZ_UNLIKELY(is_overdue(&turn)))
		overdue_end(&turn);
	else if (conn->state == HZ_H1_WAIT)
		wait_check(&turn);
	else if (conn->state == HZ_H1_ANSWER)
		answer_check(&turn);
	else if (hz_h1_flight_is_slow(conn->flight, turn.now_ns, conn->flight->received_bytes))
		hz_h1_refuse(&turn, conn->flight, 408);
	hz_h1_turn_end(&turn, conn->is_eof && !conn->has_unread);
}

static void on_close(struct hz_stream *s, enum hz_close_why why)
{
	struct hz_h1_conn *conn = s->owner;

	(void)why;
	if (conn->flight != NULL)
		hz_h1_flight_end(conn, conn->flight, false);
	hz_h1_snapshot_unpin(conn);
	source_remove(conn, s);
	hz_pool_put(&conn->http->conns, conn);
	s->owner = NULL;
}

static unsigned on_turn(void *proto_ctx)
{
	const struct hz_http_worker_conf *conf = &((struct hz_http_worker *)proto_ctx)->conf;

	if (conf->slow != NULL && !hz_slow_ring_turn(conf->slow, conf->env->now_ns))
		hz_slot_count(conf->slot, HZ_COUNTER_slow_lost);
	return conf->ops->turn != NULL ? conf->ops->turn(conf->app, conf->env->worker_index) : 0;
}

static uint64_t turn_due_ns(void *proto_ctx)
{
	const struct hz_http_worker_conf *conf = &((struct hz_http_worker *)proto_ctx)->conf;

	return conf->ops->turn_due_ns != NULL
	               ? conf->ops->turn_due_ns(conf->app, conf->env->worker_index)
	               : UINT64_MAX;
}

static void on_end(void *proto_ctx)
{
	const struct hz_http_worker_conf *conf = &((struct hz_http_worker *)proto_ctx)->conf;

	if (conf->ops->end != NULL)
		conf->ops->end(conf->app, conf->env->worker_index);
}

static bool is_idle(const struct hz_stream *s)
{
	const struct hz_h1_conn *conn = s->owner;

	return conn->state == HZ_H1_HEAD && !conn->in_head && !conn->has_unread;
}

const struct hz_proto_ops hz_h1_proto_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_writable = on_writable,
	.on_timer = on_timer,
	.on_close = on_close,
	.on_turn = on_turn,
	.turn_due_ns = turn_due_ns,
	.on_end = on_end,
	.is_idle = is_idle,
};
