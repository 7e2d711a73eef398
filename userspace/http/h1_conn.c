/* The request machine: Head, Body, Answer, and back or to Discard. The transport calls, the machine
 * moves as far as bytes and output space allow, and returns. A request that begins and ends in one call
 * never leaves the worker's scratch flight and is read where the packet lies. */
#include "http/h1_worker.h"
#include <errno.h>
#include <string.h>

/* --- a turn: one call from the transport ------------------------------------------------------------ */

static void turn_begin(struct hz_h1_turn *turn, struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	const struct hz_env *env = conn->http->conf.env;

	*turn = (struct hz_h1_turn){
		.http = conn->http,
		.conn = conn,
		.stream = s,
		.now_ns = env->now_ns,
	};
	hz_h1_date_update(&conn->http->date, env->unix_s);
}

static uint64_t mark(struct hz_h1_turn *turn)
{
	if (turn->mark_ns == 0)
		turn->mark_ns = hz_env_clock_ns(turn->http->conf.env);
	return turn->mark_ns;
}

static void record(const struct hz_h1_turn *turn, enum hz_stage stage, uint64_t from_ns,
                   uint64_t to_ns)
{
	/* The clock may have been anchored anew between the two readings. */
	hz_slot_record(turn->http->conf.slot, stage, to_ns > from_ns ? to_ns - from_ns : 0);
}

/* The stage that began at the last mark ends now. */
static void stage_end(struct hz_h1_turn *turn, enum hz_stage stage)
{
	uint64_t now_ns = hz_env_clock_ns(turn->http->conf.env);

	record(turn, stage, turn->mark_ns, now_ns);
	turn->mark_ns = now_ns;
}

static void count(const struct hz_h1_turn *turn, enum hz_counter counter)
{
	hz_slot_count(turn->http->conf.slot, counter);
}

static void deadline_set(struct hz_h1_turn *turn, uint64_t timeout_ns)
{
	turn->conn->deadline_ns = timeout_ns == 0 ? UINT64_MAX : turn->now_ns + timeout_ns;
}

static void snapshot_unpin(struct hz_h1_conn *conn)
{
	const struct hz_http_worker_conf *conf = &conn->http->conf;

	if (conn->snapshot != NULL)
		conf->ops->unpin(conf->app, conf->env->worker_index, conn->snapshot);
	conn->snapshot = NULL;
}

static const struct hz_http_limits *limits_of(const struct hz_h1_conn *conn)
{
	return conn->http->conf.ops->limits(conn->snapshot);
}

/* Nothing more is read or answered; the transport calls on_close when it is done. */
static void conn_finish(struct hz_h1_turn *turn)
{
	struct hz_h1_conn *conn = turn->conn;

	if (conn->flight != NULL)
		hz_h1_flight_end(conn, conn->flight);
	snapshot_unpin(conn);
	conn->state = HZ_H1_DISCARD;
	conn->deadline_ns = UINT64_MAX;
	turn->is_stopped = true;
}

static void conn_shutdown(struct hz_h1_turn *turn)
{
	hz_h1_out_flush(turn);
	conn_finish(turn);
	hz_stream_timer(turn->stream, 0);
	hz_stream_shutdown(turn->stream);
}

static void conn_abort(struct hz_h1_turn *turn)
{
	turn->used = 0;
	turn->room = (struct hz_wspan){ NULL, 0 };
	conn_finish(turn);
	hz_stream_timer(turn->stream, 0);
	hz_stream_abort(turn->stream);
}

/* The stream's timer is moved only when it would fire too late: deadlines mostly move away from it. */
static void turn_end(struct hz_h1_turn *turn, bool is_input_over)
{
	struct hz_h1_conn *conn = turn->conn;
	uint64_t at_ns = turn->now_ns + HZ_H1_CHECK_NS;

	hz_h1_out_flush(turn);
	/* To look at a million idle connections every second would cost more than their requests. */
	if (conn->state == HZ_H1_HEAD)
		at_ns += turn->http->conns.in_use / HZ_H1_CHECKS_PER_S * HZ_H1_CHECK_NS;
	if (conn->state == HZ_H1_DISCARD)
		return;
	if (conn->state == HZ_H1_HEAD && is_input_over) {
		conn_shutdown(turn);
		return;
	}
	if (conn->state == HZ_H1_HEAD && !conn->in_head)
		snapshot_unpin(conn);
	if (conn->resumes)
		at_ns = turn->now_ns;
	else if (conn->state == HZ_H1_HEAD && conn->deadline_ns < at_ns)
		at_ns = conn->deadline_ns;
	if (at_ns < conn->armed_ns) {
		hz_stream_timer(turn->stream, at_ns);
		conn->armed_ns = at_ns;
	}
}

/* --- answering --------------------------------------------------------------------------------------- */

/* Of "HTTP/1.1 404 ...": the only field of resp that counts is the prepared head. */
#define STATUS_CLASS_AT 9

static void answer_count(const struct hz_h1_turn *turn, const struct hz_http_resp *resp)
{
	struct hz_worker *worker = turn->http->conf.slot->worker;
	unsigned class = resp->status / 100u;

	if (resp->prepared != NULL)
		class = (unsigned)resp->prepared->head.data[STATUS_CLASS_AT] - '0';
	hz_hist_bump(&worker->requests, 1); /* the control socket and hzctl read them at any time */
	hz_hist_bump(&worker->responses_2xx, class == 2);
	hz_hist_bump(&worker->responses_4xx, class == 4);
	hz_hist_bump(&worker->responses_5xx, class == 5);
}

static void answer_end(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	uint64_t now_ns = hz_env_clock_ns(turn->http->conf.env);
	bool is_keep = flight->is_keep;

	record(turn, HZ_STAGE_TX, flight->handled_ns, now_ns);
	record(turn, HZ_STAGE_TOTAL, flight->arrived_ns, now_ns);
	turn->mark_ns = now_ns;
	answer_count(turn, &flight->resp);
	hz_h1_flight_end(turn->conn, flight);
	turn->answered++;
	if (!is_keep) {
		conn_shutdown(turn);
		return;
	}
	turn->conn->state = HZ_H1_HEAD;
	deadline_set(turn, limits_of(turn->conn)->idle_timeout_ns);
}

/* Pushes until done or blocked; a blocked answer waits in a flight of the connection's own. */
static void answer_run(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (hz_h1_answer_push(turn, flight)) {
		answer_end(turn, flight);
		return;
	}
	turn->is_stopped = true;
	if (hz_h1_flight_keep(turn->conn, flight) != 0) {
		count(turn, HZ_COUNTER_http_no_memory);
		hz_h1_flight_end(turn->conn, flight);
		conn_abort(turn);
		return;
	}
	turn->conn->state = HZ_H1_ANSWER;
}

static void answer(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	flight->arrived_ns = turn->now_ns;
	flight->handled_ns = mark(turn);
	flight->owes_continue = false;
	hz_h1_answer_begin(turn, flight);
	answer_run(turn, flight);
}

static void refuse_count(const struct hz_h1_turn *turn, uint16_t status)
{
	if (status == 408)
		count(turn, HZ_COUNTER_http_timeout);
	else if (status == 503)
		count(turn, HZ_COUNTER_http_no_memory);
	else if (status == 413 || status == 414 || status == 431)
		count(turn, HZ_COUNTER_http_too_large);
	else
		count(turn, HZ_COUNTER_http_bad);
}

/* Answers with an error of ours and closes: where this request ends is not known, or not worth
 * reading on for. */
static void refuse(struct hz_h1_turn *turn, struct hz_h1_flight *flight, uint16_t status)
{
	refuse_count(turn, status);
	hz_h1_body_free(turn->http, &flight->body);
	flight->resp = (struct hz_http_resp){
		.status = status,
		.body_kind = HZ_BODY_SPAN,
		.content_type = HZ_SPAN_LITERAL("text/plain"),
		.body = hz_http_reason(status),
		.close = true,
	};
	answer(turn, flight);
}

/* As refuse, for a head that did not parse: nothing in req means anything. */
static void refuse_head(struct hz_h1_turn *turn, uint16_t status)
{
	struct hz_h1_flight *flight = turn->http->scratch;

	turn->conn->in_head = false;
	flight->req.method = HZ_HTTP_OTHER;
	flight->req.minor = 1;
	flight->req.header_count = 0;
	flight->req.param_count = 0;
	flight->head = (struct hz_span){ NULL, 0 };
	flight->is_keep = false;
	refuse(turn, flight, status);
}

/* The request is complete. */
static void request_handle(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (!flight->is_refused) {
		flight->req.body = flight->body.bytes != 0 ? &flight->body : NULL;
		mark(turn);
		turn->http->conf.ops->handle(turn->conn->snapshot, &flight->req, &flight->resp);
		stage_end(turn, HZ_STAGE_HANDLER);
	}
	answer(turn, flight);
}

/* --- body -------------------------------------------------------------------------------------------- */

/* RFC 9110 10.1.1: the client waits for this before it sends its body. */
static void continue_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	static const uint8_t line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const size_t bytes = sizeof(line) - 1;

	if (!flight->owes_continue || !hz_h1_out_room(turn, bytes))
		return;
	memcpy(turn->room.data + turn->used, line, bytes);
	turn->used += bytes;
	flight->owes_continue = false;
}

/* A body that the request may not have. What route() said goes first; both end the connection. */
static void body_refuse(struct hz_h1_turn *turn, struct hz_h1_flight *flight, uint16_t status)
{
	if (!flight->is_refused || status == 400) {
		if (status == 400)
			hz_hist_bump(&turn->http->conf.slot->worker->bad_requests, 1);
		refuse(turn, flight, status);
		return;
	}
	flight->resp.close = true;
	answer(turn, flight);
}

/* Body bytes that follow those fed before; returns how many of them are spent. */
static size_t body_step(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span bytes)
{
	uint16_t status = 0;
	size_t consumed = 0;

	switch (hz_h1_body_feed(turn->http, flight, bytes, &consumed, &status)) {
	case HZ_PARSE_DONE:
		request_handle(turn, flight);
		return consumed;
	case HZ_PARSE_BAD:
		body_refuse(turn, flight, status);
		return bytes.len;
	case HZ_PARSE_MORE:
	default:
		break;
	}
	if (turn->conn->state == HZ_H1_BODY) {
		flight->owes_continue = flight->owes_continue && flight->received_bytes == 0;
		return consumed;
	}
	if (hz_h1_flight_keep(turn->conn, flight) != 0) {
		refuse(turn, flight, 503);
		return bytes.len;
	}
	turn->conn->state = HZ_H1_BODY;
	hz_h1_flight_rate_begin(flight, turn->now_ns);
	flight->owes_continue = flight->req.expects_continue && flight->received_bytes == 0;
	continue_push(turn, flight);
	return consumed;
}

/* The first look at a body; bytes are what came with the head. */
static size_t body_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span bytes)
{
	const struct hz_http_req *req = &flight->req;

	hz_h1_body_begin(flight);
	if (req->content_length > flight->body_max) {
		body_refuse(turn, flight, 413);
		return bytes.len;
	}
	if (flight->is_refused && req->expects_continue) {
		flight->resp.close = true; /* the client may send the body or not: we cannot tell */
		answer(turn, flight);
		return bytes.len;
	}
	if (!req->is_chunked && bytes.len >= req->content_length) {
		flight->body.whole = (struct hz_span){ bytes.data, (size_t)req->content_length };
		flight->body.bytes = req->content_length;
		request_handle(turn, flight);
		return (size_t)req->content_length;
	}
	return body_step(turn, flight, bytes);
}

/* --- head -------------------------------------------------------------------------------------------- */

static void flight_begin(struct hz_h1_flight *flight, struct hz_span head, bool is_keep)
{
	hz_arena_reset(&flight->arena);
	flight->req.arena = &flight->arena;
	flight->resp = (struct hz_http_resp){ 0 };
	flight->head = head;
	flight->is_refused = false;
	flight->is_keep = is_keep;
	flight->owes_continue = false;
	flight->received_bytes = 0;
	flight->body.bytes = 0;
	flight->body.whole = (struct hz_span){ NULL, 0 };
}

/* A complete head at the start of bytes; returns how many bytes are spent. */
static size_t request_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight,
                            struct hz_span bytes, size_t head_bytes)
{
	struct hz_h1_conn *conn = turn->conn;
	const struct hz_http_limits *limits = limits_of(conn);
	struct hz_http_req *req = &flight->req;
	bool is_last = limits->requests_per_connection != 0 &&
	               conn->requests + 1 >= limits->requests_per_connection;

	conn->parser = (struct hz_h1_parser){ 0 };
	conn->in_head = false;
	conn->requests++;
	flight_begin(flight, (struct hz_span){ bytes.data, head_bytes },
	             req->is_keep_alive && !is_last);
	if (req->method == HZ_HTTP_CONNECT) { /* a tunnel: what follows would not be HTTP */
		refuse(turn, flight, 501);
		return bytes.len;
	}
	flight->body_max = limits->body_bytes;
	flight->is_refused = turn->http->conf.ops->route(conn->snapshot, req, &flight->resp,
	                                                 &flight->body_max) != 0;
	stage_end(turn, HZ_STAGE_ROUTE);
	if (!req->is_chunked && req->content_length == 0) {
		request_handle(turn, flight);
		return head_bytes;
	}
	bytes.data += head_bytes;
	bytes.len -= head_bytes;
	return head_bytes + body_begin(turn, flight, bytes);
}

static size_t head_step(struct hz_h1_turn *turn, struct hz_span bytes)
{
	const struct hz_http_worker_conf *conf = &turn->http->conf;
	struct hz_h1_flight *flight = turn->http->scratch;
	struct hz_h1_conn *conn = turn->conn;
	struct hz_h1_parse_error error;
	size_t head_bytes = 0;

	if (conn->snapshot == NULL)
		conn->snapshot = conf->ops->pin(conf->app, conf->env->worker_index);
	mark(turn);
	switch (hz_h1_parse(&conn->parser, limits_of(conn), bytes, &flight->req, &head_bytes,
	                    &error)) {
	case HZ_PARSE_DONE:
		stage_end(turn, HZ_STAGE_PARSE);
		return request_begin(turn, flight, bytes, head_bytes);
	case HZ_PARSE_BAD:
		stage_end(turn, HZ_STAGE_PARSE);
		hz_hist_bump(&conf->slot->worker->bad_requests, 1);
		refuse_head(turn, error.status);
		return bytes.len;
	case HZ_PARSE_MORE:
	default:
		break;
	}
	turn->is_stopped = true;
	/* Absolute from the head's first byte, on a new connection from its beginning. */
	if (!conn->in_head && conn->requests != 0)
		deadline_set(turn, limits_of(conn)->header_timeout_ns);
	conn->in_head = true;
	return 0;
}

/* --- struct hz_proto_ops ----------------------------------------------------------------------------- */

static int source_add(const struct hz_h1_conn *conn, const struct hz_stream *s)
{
	uint8_t addr[16];
	uint16_t port;

	s->ops->peer(s, addr, &port);
	return hz_source_table_add(&conn->http->sources, addr,
	                           limits_of(conn)->connections_per_source);
}

static void source_remove(const struct hz_h1_conn *conn, const struct hz_stream *s)
{
	uint8_t addr[16];
	uint16_t port;

	s->ops->peer(s, addr, &port);
	hz_source_table_remove(&conn->http->sources, addr);
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
	turn_begin(&turn, s);
	conn->snapshot = http->conf.ops->pin(http->conf.app, http->conf.env->worker_index);
	if (source_add(conn, s) != 0) {
		count(&turn, HZ_COUNTER_http_source_full);
		snapshot_unpin(conn);
		hz_pool_put(&http->conns, conn);
		s->owner = NULL;
		return -EMFILE;
	}
	deadline_set(&turn, limits_of(conn)->header_timeout_ns);
	turn_end(&turn, false);
	return 0;
}

static size_t on_data(struct hz_stream *s, struct hz_span bytes)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;
	size_t at = 0;

	if (conn->state == HZ_H1_DISCARD)
		return bytes.len;
	turn_begin(&turn, s);
	conn->resumes = false;
	while (at < bytes.len && !turn.is_stopped && conn->state != HZ_H1_ANSWER) {
		struct hz_span rest = { bytes.data + at, bytes.len - at };

		if (conn->state == HZ_H1_BODY) {
			at += body_step(&turn, conn->flight, rest);
		} else if (turn.answered == HZ_LIMIT_pipeline_depth_max) {
			conn->resumes = true;
			break;
		} else {
			at += head_step(&turn, rest);
		}
	}
	if (conn->state == HZ_H1_DISCARD)
		at = bytes.len;
	conn->has_unread = at < bytes.len;
	turn_end(&turn, conn->is_eof && !conn->resumes);
	return at;
}

static void on_eof(struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;

	conn->is_eof = true;
	/* A blocked answer is finished first; bytes we left on purpose come again. */
	if (conn->state == HZ_H1_DISCARD || conn->state == HZ_H1_ANSWER || conn->resumes)
		return;
	turn_begin(&turn, s);
	conn_shutdown(&turn);
}

static void on_writable(struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;

	if (conn->state == HZ_H1_DISCARD)
		return;
	turn_begin(&turn, s);
	if (conn->state == HZ_H1_ANSWER)
		answer_run(&turn, conn->flight);
	else if (conn->state == HZ_H1_BODY)
		continue_push(&turn, conn->flight);
	turn_end(&turn, conn->is_eof && !conn->has_unread);
}

static void head_check(struct hz_h1_turn *turn)
{
	struct hz_h1_conn *conn = turn->conn;
	bool is_due = turn->now_ns >= conn->deadline_ns;

	if (conn->in_head && is_due)
		refuse_head(turn, 408);
	else if (!conn->in_head && !conn->has_unread &&
	         (is_due || __atomic_load_n(&turn->http->is_draining, __ATOMIC_RELAXED)))
		conn_shutdown(turn);
}

static void on_timer(struct hz_stream *s)
{
	struct hz_h1_conn *conn = s->owner;
	struct hz_h1_turn turn;

	conn->armed_ns = UINT64_MAX;
	if (conn->state == HZ_H1_DISCARD)
		return;
	turn_begin(&turn, s);
	conn->resumes = false;
	if (conn->state == HZ_H1_HEAD) {
		head_check(&turn);
	} else if (conn->state == HZ_H1_BODY) {
		if (hz_h1_flight_is_slow(conn->flight, turn.now_ns, conn->flight->received_bytes))
			refuse(&turn, conn->flight, 408);
	} else if (hz_h1_flight_is_slow(conn->flight, turn.now_ns, conn->flight->out_at)) {
		count(&turn, HZ_COUNTER_http_timeout);
		conn_abort(&turn);
	}
	turn_end(&turn, conn->is_eof && !conn->has_unread);
}

static void on_close(struct hz_stream *s, enum hz_close_why why)
{
	struct hz_h1_conn *conn = s->owner;

	(void)why;
	if (conn->flight != NULL)
		hz_h1_flight_end(conn, conn->flight);
	snapshot_unpin(conn);
	source_remove(conn, s);
	hz_pool_put(&conn->http->conns, conn);
	s->owner = NULL;
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
	.is_idle = is_idle,
};
