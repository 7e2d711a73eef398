/* The request machine: Head, Body, Wait, Answer, and back or to Discard. It moves as far as bytes, the application
 * and output space allow, and returns. A request that begins and ends in one call never leaves the worker's
 * scratch flight and is read where the packet lies. */
#include "http/h1_request.h"
#include "http/h1_glitch.h"
#include "http/h1_stage.h"
#include "http/h1_unread.h"
#include "http/http_wait.h"
#include <string.h>

/* --- answering --------------------------------------------------------------------------------------- */

static void answer_count(const struct hz_h1_turn *turn, const struct hz_http_resp *resp)
{
	struct hz_worker *worker = turn->http->conf.slot->worker;
	unsigned class = hz_http_resp_status(resp) / 100u;

	hz_hist_bump(&worker->requests, 1); /* the control socket and hzctl read them at any time */
	hz_hist_bump(&worker->responses_2xx, class == 2);
	hz_hist_bump(&worker->responses_4xx, class == 4);
	hz_hist_bump(&worker->responses_5xx, class == 5);
}

static void answer_end(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	uint64_t idle_ns = hz_h1_limits(turn->conn)->idle_timeout_ns;
	bool is_keep = flight->is_keep;

	flight->sent_ns = hz_h1_stage_end(turn, flight);
	answer_count(turn, &flight->resp);
	hz_h1_flight_end(turn->conn, flight, true);
	turn->answered++;
	hz_h1_unread_next(turn);
	if (!is_keep) {
		hz_h1_turn_shutdown(turn);
		return;
	}
	turn->conn->state = HZ_H1_HEAD;
	hz_h1_deadline_set(turn, idle_ns);
	/* The next request, also one whose beginning is here already, sees what is published then. */
	hz_h1_snapshot_unpin(turn->conn);
}

static void answer_hold(const struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	const struct hz_http_app_ops *ops = turn->http->conf.ops;

	if (flight->req.is_held || ops->hold == NULL)
		return;
	flight->req.is_held = true;
	ops->hold(turn->conn->snapshot, &flight->req);
}

/* What is not finished waits in a flight of the connection's own. */
void hz_h1_answer_run(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	bool was_starved = flight->is_starved;
	enum hz_h1_push push;

	flight->req.wake_ns = 0;
	push = hz_h1_answer_push(turn, flight);

	if (push == HZ_H1_PUSH_DONE) {
		answer_end(turn, flight);
		return;
	}
	turn->is_stopped = true;
	if (push == HZ_H1_PUSH_BROKEN) {
		hz_h1_count(turn, HZ_COUNTER_http_broken);
		hz_h1_flight_end(turn->conn, flight, false);
		hz_h1_turn_abort(turn);
		return;
	}
	if (hz_h1_flight_keep(turn->conn, flight) != 0) {
		hz_h1_count(turn, HZ_COUNTER_http_no_memory);
		hz_h1_flight_end(turn->conn, flight, false);
		hz_h1_turn_abort(turn);
		return;
	}
	answer_hold(turn, flight);
	flight->is_starved = push == HZ_H1_PUSH_STARVED;
	if (was_starved && !flight->is_starved) /* the client is looked at again only now */
		hz_h1_flight_rate_begin(flight, turn->now_ns);
	turn->conn->state = HZ_H1_ANSWER;
	if (turn->conn->is_eof && hz_h1_flight_is_left(flight))
		hz_h1_turn_abort(turn);
}

/* A body of a client that reads goes out at once as far as this; what is longer, or comes from a source, may have to
 * wait, and needs a place for that. Without one the client is told so instead of 200 and a reset. */
#define PLACELESS_BYTES (HZ_LIMIT_tx_bytes_max / 4u)

static bool has_place(const struct hz_h1_flight *flight)
{
	const struct hz_http_resp *resp = &flight->resp;

	if (resp->body_kind != HZ_BODY_SOURCE &&
	    hz_h1_body_bytes(resp, &flight->body) <= PLACELESS_BYTES)
		return true;
	return flight->req.method == HZ_HTTP_HEAD || hz_http_can_wait(&flight->req);
}

static void refusal_send(struct hz_h1_turn *turn, struct hz_h1_flight *flight, uint16_t status,
                         struct hz_span extra);

static const struct hz_span no_fields = { NULL, 0 };

static void answer(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	if (HZ_UNLIKELY(!has_place(flight))) {
		hz_h1_count(turn, HZ_COUNTER_http_no_memory);
		if (flight->resp.source != NULL && flight->resp.source->release != NULL)
			flight->resp.source->release(flight->resp.source_ctx);
		refusal_send(turn, flight, 503, no_fields); /* which has a place */
		return;
	}
	flight->handled_ns = hz_h1_stage_answer(turn, flight);
	flight->owes_continue = false;
	flight->is_answered = true;
	hz_h1_answer_begin(turn, flight);
	hz_h1_answer_run(turn, flight);
}

static void refuse_count(const struct hz_h1_turn *turn, uint16_t status)
{
	if (status == 408)
		hz_h1_count(turn, HZ_COUNTER_http_timeout);
	else if (status == 503)
		hz_h1_count(turn, HZ_COUNTER_http_no_memory);
	else if (status == 413 || status == 414 || status == 431)
		hz_h1_count(turn, HZ_COUNTER_http_too_large);
	else
		hz_h1_count(turn, HZ_COUNTER_http_bad);
}

static void refusal_send(struct hz_h1_turn *turn, struct hz_h1_flight *flight, uint16_t status,
                         struct hz_span extra)
{
	const struct hz_http_app_ops *ops = turn->http->conf.ops;

	hz_h1_body_free(flight);
	flight->resp = (struct hz_http_resp){
		.status = status,
		.body_kind = HZ_BODY_SPAN,
		.content_type = HZ_SPAN_LITERAL("text/plain"),
		.extra = extra,
		.body = hz_http_reason(status),
		.close = true,
	};
	if (ops->refuse != NULL)
		ops->refuse(turn->conn->snapshot, &flight->req, &flight->resp);
	answer(turn, flight);
}

void hz_h1_refuse(struct hz_h1_turn *turn, struct hz_h1_flight *flight, uint16_t status)
{
	refuse_count(turn, status);
	refusal_send(turn, flight, status, no_fields);
}

void hz_h1_refuse_late(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	refusal_send(turn, flight, 503, no_fields);
}

static void flight_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span head,
                         bool is_keep)
{
	const struct hz_http_limits *limits = hz_h1_limits(turn->conn);
	struct hz_http_req *req = &flight->req;

	hz_arena_reset(&flight->arena);
	req->arena = &flight->arena;
	req->env = turn->http->conf.env;
	req->app = NULL;
	req->handler = NULL;
	req->is_held = false;
	req->is_late = false;
	req->wake_ns = 0;
	req->answer_by_ns = limits->answer_timeout_ns != 0
	                            ? turn->now_ns + limits->answer_timeout_ns
	                            : UINT64_MAX;
	flight->resp = (struct hz_http_resp){ 0 };
	flight->route = (struct hz_http_route){ .body_bytes_max = limits->body_bytes };
	flight->stream = turn->stream;
	flight->head = head;
	flight->is_begun = true;
	flight->is_answered = false;
	flight->is_starved = false;
	flight->is_refused = false;
	flight->is_keep = is_keep;
	flight->owes_continue = false;
	flight->received_bytes = 0;
	flight->body_since_ns = 0;
	flight->out_at = 0;
	flight->begun_ns = turn->now_ns;
	flight->body.bytes = 0;
	flight->body.whole = (struct hz_span){ NULL, 0 };
	hz_h1_stage_begin(turn, flight);
}

/* Nothing in req means anything but, where the parser came so far, its method: no content follows the head of an
 * answer to HEAD, whatever its status (RFC 9110 9.3.2). */
void hz_h1_refuse_head(struct hz_h1_turn *turn, uint16_t status)
{
	struct hz_h1_flight *flight = turn->http->scratch;
	struct hz_http_req *req = &flight->req;

	turn->conn->in_head = false;
	flight_begin(turn, flight, (struct hz_span){ NULL, 0 }, false);
	req->method = (enum hz_http_method)turn->conn->parser.method;
	req->minor = 1;
	req->header_count = 0;
	req->fields = req->fields_again = 0;
	req->param_count = 0;
	req->route_index = -1;
	req->body = NULL;
	req->target = req->path = req->query = req->host = (struct hz_span){ NULL, 0 };
	hz_h1_refuse(turn, flight, status);
}

/* --- steps of the application -------------------------------------------------------------------------- */

/* The application answers later: the flight becomes the connection's own. */
static void request_wait(struct hz_h1_turn *turn, struct hz_h1_flight *flight, enum hz_h1_step step)
{
	flight->step = (uint8_t)step;
	turn->is_stopped = true;
	if (hz_h1_flight_keep(turn->conn, flight) != 0) {
		hz_h1_refuse(turn, flight, 503);
		return;
	}
	turn->conn->state = HZ_H1_WAIT;
}

/* From now on the client's body is waited for, which is not the application's time; */
static void body_wait_begin(const struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	turn->conn->state = HZ_H1_BODY;
	flight->body_since_ns = turn->now_ns;
	hz_h1_flight_rate_begin(flight, turn->now_ns);
}

/* and from now on it has all, or enough for its next step. */
static void body_wait_end(const struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	struct hz_http_req *req = &flight->req;

	if (flight->body_since_ns != 0 && req->answer_by_ns != UINT64_MAX)
		req->answer_by_ns += turn->now_ns - flight->body_since_ns;
	flight->body_since_ns = 0;
}

/* The request is complete. */
static void request_handle(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	enum hz_http_next next;

	body_wait_end(turn, flight);
	if (!flight->is_refused) {
		flight->req.body = flight->body.bytes != 0 ? &flight->body : NULL;
		next = turn->http->conf.ops->handle(turn->conn->snapshot, &flight->req,
		                                    &flight->resp);
		hz_h1_stage_next(turn, flight,
		                 next == HZ_HTTP_WAIT ? HZ_STAGE_HANDLER : HZ_STAGE_TX);
		if (HZ_UNLIKELY(next == HZ_HTTP_WAIT)) {
			request_wait(turn, flight, HZ_H1_STEP_HANDLE);
			return;
		}
	}
	answer(turn, flight);
}

/* --- body -------------------------------------------------------------------------------------------- */

/* RFC 9110 10.1.1: the client waits for this before it sends its body. */
void hz_h1_continue_push(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
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
		hz_h1_refuse(turn, flight, status);
		return;
	}
	flight->resp.close = true;
	answer(turn, flight);
}

/* Body bytes of a request whose flight is not yet the connection's: more will come. */
static bool body_keep(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	hz_h1_stage_await(turn, flight);
	if (turn->conn->state == HZ_H1_BODY) {
		flight->owes_continue = flight->owes_continue && flight->received_bytes == 0;
		return true;
	}
	if (hz_h1_flight_keep(turn->conn, flight) != 0) {
		hz_h1_refuse(turn, flight, 503);
		return false;
	}
	body_wait_begin(turn, flight);
	flight->owes_continue = flight->req.expects_continue && flight->received_bytes == 0;
	hz_h1_continue_push(turn, flight);
	return true;
}

/* A streaming route said something else than NEXT to a piece of its body. */
static void body_next(struct hz_h1_turn *turn, struct hz_h1_flight *flight, enum hz_http_next next,
                      bool is_complete)
{
	body_wait_end(turn, flight);
	if (next == HZ_HTTP_ANSWER) {
		flight->resp.close = flight->resp.close || !is_complete;
		answer(turn, flight);
		return;
	}
	request_wait(turn, flight, is_complete ? HZ_H1_STEP_HANDLE : HZ_H1_STEP_BODY);
}

/* Perhaps the request has its answer before its body has come. */
void hz_h1_body_resume(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	const struct hz_span none = { NULL, 0 };
	enum hz_http_next next = HZ_HTTP_NEXT;

	if (flight->route.is_streaming && !flight->is_refused) {
		hz_h1_stage_resume(turn, flight);
		next = turn->http->conf.ops->body(turn->conn->snapshot, &flight->req, &flight->resp,
		                                  none);
		hz_h1_stage_next(turn, flight,
		                 next == HZ_HTTP_NEXT ? HZ_H1_STAGE_NONE : HZ_STAGE_HANDLER);
	}
	if (next != HZ_HTTP_NEXT)
		body_next(turn, flight, next, false);
	else
		hz_h1_continue_push(turn, flight);
}

/* Whether a piece may be the last one, or one that the handler sees. */
static bool is_timed(const struct hz_h1_flight *flight, struct hz_span bytes)
{
	return flight->req.is_chunked || flight->route.is_streaming ||
	       bytes.len >= flight->length_left;
}

size_t hz_h1_body_step(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span bytes)
{
	enum hz_http_next next = HZ_HTTP_NEXT;
	enum hz_parse parse;
	uint16_t status = 0;
	size_t consumed = 0;

	if (is_timed(flight, bytes))
		hz_h1_stage_body(turn, flight);
	parse = hz_h1_body_feed(flight, turn->conn->snapshot, bytes, &consumed, &status, &next);
	if (flight->req.is_chunked && HZ_UNLIKELY(flight->chunked.extensions != 0)) {
		if (hz_h1_glitch_add(turn, flight->chunked.extensions) && parse != HZ_PARSE_BAD) {
			parse = HZ_PARSE_BAD;
			status = 400;
		}
		flight->chunked.extensions = 0;
	}
	if (parse == HZ_PARSE_BAD) {
		body_refuse(turn, flight, status);
		return bytes.len;
	}
	if (HZ_UNLIKELY(next != HZ_HTTP_NEXT))
		body_next(turn, flight, next, parse == HZ_PARSE_DONE);
	else if (parse == HZ_PARSE_DONE)
		request_handle(turn, flight);
	else if (!body_keep(turn, flight))
		return bytes.len;
	return consumed;
}

/* The first look at a body; bytes are what came with the head. */
static size_t body_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight, struct hz_span bytes)
{
	const struct hz_http_req *req = &flight->req;

	hz_h1_body_begin(flight);
	if (req->content_length > flight->route.body_bytes_max) {
		body_refuse(turn, flight, 413);
		return bytes.len;
	}
	if (flight->is_refused && req->expects_continue) {
		flight->resp.close = true; /* the client may send the body or not: we cannot tell */
		answer(turn, flight);
		return bytes.len;
	}
	if (!req->is_chunked && !flight->route.is_streaming && bytes.len >= req->content_length) {
		if (flight->route.takes_body) {
			flight->body.whole =
				(struct hz_span){ bytes.data, (size_t)req->content_length };
			flight->body.bytes = req->content_length;
		}
		request_handle(turn, flight);
		return (size_t)req->content_length;
	}
	return hz_h1_body_step(turn, flight, bytes);
}

/* A request that came in the end, while the worker cannot keep up: an answer that costs next to nothing.
 * why: HZ_COUNTER_shed_request or HZ_COUNTER_shed_late. */
static void request_shed(struct hz_h1_turn *turn, struct hz_h1_flight *flight, enum hz_counter why)
{
	hz_h1_count(turn, why);
	refusal_send(turn, flight, 503, HZ_SPAN_LITERAL("Retry-After: 1\r\n"));
}

/* --- head -------------------------------------------------------------------------------------------- */

/* Asks for the route, again after a wait; returns how many of bytes, which follow the head, are spent. */
static size_t request_route(struct hz_h1_turn *turn, struct hz_h1_flight *flight,
                            struct hz_span bytes)
{
	struct hz_http_req *req = &flight->req;
	enum hz_http_next next;

	next = turn->http->conf.ops->route(turn->conn->snapshot, req, &flight->resp,
	                                   &flight->route);
	hz_h1_stage_next(turn, flight, next == HZ_HTTP_WAIT ? HZ_STAGE_ROUTE : HZ_STAGE_HANDLER);
	if (HZ_UNLIKELY(next == HZ_HTTP_WAIT)) {
		request_wait(turn, flight, HZ_H1_STEP_ROUTE);
		return 0;
	}
	flight->is_refused = next == HZ_HTTP_ANSWER;
	if (!req->is_chunked && req->content_length == 0) {
		request_handle(turn, flight);
		return 0;
	}
	return body_begin(turn, flight, bytes);
}

void hz_h1_step_again(struct hz_h1_turn *turn, struct hz_h1_flight *flight)
{
	flight->req.wake_ns = 0;
	switch ((enum hz_h1_step)flight->step) {
	case HZ_H1_STEP_ROUTE:
		(void)request_route(turn, flight, (struct hz_span){ NULL, 0 });
		break;
	case HZ_H1_STEP_BODY:
		body_wait_begin(turn, flight); /* the transport shows again what it holds */
		hz_h1_body_resume(turn, flight);
		break;
	case HZ_H1_STEP_HANDLE:
		request_handle(turn, flight);
		break;
	}
}

/* A complete head at the start of bytes; returns how many bytes are spent. */
static size_t request_begin(struct hz_h1_turn *turn, struct hz_h1_flight *flight,
                            struct hz_span bytes, size_t head_bytes)
{
	struct hz_h1_conn *conn = turn->conn;
	const struct hz_http_limits *limits = hz_h1_limits(conn);
	struct hz_http_req *req = &flight->req;
	bool is_last = limits->requests_per_connection != 0 &&
	               conn->requests + 1 >= limits->requests_per_connection;
	bool had_empty_line = hz_h1_parse_had_empty_line(&conn->parser, bytes);

	conn->parser = (struct hz_h1_parser){ 0 };
	conn->in_head = false;
	conn->requests++;
	is_last |= hz_h1_glitch_add(turn, hz_h1_glitch_head(req, had_empty_line));
	flight_begin(turn, flight, (struct hz_span){ bytes.data, head_bytes },
	             req->is_keep_alive && !is_last);
	if (req->method == HZ_HTTP_CONNECT) { /* a tunnel: what follows would not be HTTP */
		hz_h1_refuse(turn, flight, 501);
		return bytes.len;
	}
	if (hz_h1_shed_request(turn, conn->requests == 1)) {
		request_shed(turn, flight, HZ_COUNTER_shed_request);
		return bytes.len;
	}
	if (hz_h1_shed_late(turn)) {
		request_shed(turn, flight, HZ_COUNTER_shed_late);
		return bytes.len;
	}
	if (hz_h1_shed_connection(turn)) {
		hz_h1_count(turn, HZ_COUNTER_shed_connection);
		flight->is_keep = false;
	}
	bytes.data += head_bytes;
	bytes.len -= head_bytes;
	return head_bytes + request_route(turn, flight, bytes);
}

/* The empty line was all there is: the connection is as idle as it was before it. */
static void head_leave(struct hz_h1_turn *turn)
{
	struct hz_h1_conn *conn = turn->conn;

	if (conn->in_head && conn->requests != 0)
		hz_h1_deadline_set(turn, hz_h1_limits(conn)->idle_timeout_ns);
	conn->in_head = false;
	hz_h1_snapshot_unpin(conn);
}

size_t hz_h1_head_step(struct hz_h1_turn *turn, struct hz_span bytes)
{
	const struct hz_http_worker_conf *conf = &turn->http->conf;
	struct hz_h1_flight *flight = turn->http->scratch;
	struct hz_h1_conn *conn = turn->conn;
	struct hz_h1_parse_error error;
	size_t head_bytes = 0;

	hz_h1_snapshot_pin(conn);
	if (HZ_TELEMETRY)
		hz_h1_mark(turn);
	switch (hz_h1_parse(&conn->parser, hz_h1_limits(conn), bytes, &flight->req, &head_bytes,
	                    &error)) {
	case HZ_PARSE_DONE:
		return request_begin(turn, flight, bytes, head_bytes);
	case HZ_PARSE_BAD:
		hz_hist_bump(&conf->slot->worker->bad_requests, 1);
		hz_h1_refuse_head(turn, error.status);
		return bytes.len;
	case HZ_PARSE_MORE:
	default:
		break;
	}
	turn->is_stopped = true;
	if (hz_h1_parse_is_empty_line(&conn->parser, bytes)) {
		head_leave(turn);
		return bytes.len;
	}
	/* Absolute from the head's first byte, on a new connection from its beginning. */
	if (!conn->in_head && conn->requests != 0)
		hz_h1_deadline_set(turn, hz_h1_limits(conn)->header_timeout_ns);
	conn->in_head = true;
	return 0;
}
