/* Lives of a request that outgrows the call it began in. */
#include "http/h1_worker.h"
#include <errno.h>
#include <string.h>

void hz_h1_flight_init(struct hz_http_worker *http, struct hz_h1_flight *flight)
{
	memset(flight, 0, offsetof(struct hz_h1_flight, head_copy));
	flight->http = http;
	hz_arena_init(&flight->arena, flight->arena_memory, sizeof(flight->arena_memory));
}

/* A span that lies in from moves with it to to. Addresses, because span may be of another object. */
static void rebase(struct hz_span *span, struct hz_span from, const uint8_t *to)
{
	uintptr_t at = (uintptr_t)span->data - (uintptr_t)from.data;

	if (at <= from.len && span->len <= from.len - at)
		span->data = to + at;
}

/* req's spans and those the answer may have taken over from it. Spans into the arena or the snapshot
 * stay. */
static void flight_rebase(struct hz_h1_flight *flight, const uint8_t *to)
{
	struct hz_span from = flight->head;
	struct hz_http_req *req = &flight->req;

	rebase(&req->target, from, to);
	rebase(&req->path, from, to);
	rebase(&req->query, from, to);
	rebase(&req->host, from, to);
	for (unsigned i = 0; i < req->header_count; i++) {
		rebase(&req->header[i].name, from, to);
		rebase(&req->header[i].value, from, to);
	}
	for (unsigned i = 0; i < req->param_count; i++)
		rebase(&req->param[i].value, from, to);
	rebase(&flight->resp.content_type, from, to);
	rebase(&flight->resp.extra, from, to);
	rebase(&flight->resp.body, from, to);
	flight->head.data = to;
}

/* A body that lies in the packet: all of it goes to blocks when the handler has yet to see it again, of an echo what
 * was not sent, and nothing of any other. */
static int body_detach(struct hz_h1_flight *flight)
{
	struct hz_http_body *body = &flight->body;
	struct hz_span rest = body->whole;
	uint64_t bytes = body->bytes;
	int err;

	if (rest.len == 0)
		return 0;
	body->whole = (struct hz_span){ NULL, 0 };
	if (flight->is_answered &&
	    (flight->resp.body_kind != HZ_BODY_REQUEST || flight->resp.prepared != NULL))
		return 0;
	rest.data += flight->out_at;
	rest.len -= flight->out_at;
	err = hz_h1_body_append(flight, rest);
	body->bytes = bytes;
	flight->out_block = body->first;
	flight->out_block_at = 0;
	return err;
}

static uint8_t *head_room(struct hz_http_worker *http, struct hz_h1_flight *flight)
{
	if (flight->head.len <= sizeof(flight->head_copy))
		return flight->head_copy;
	if (flight->head.len > HZ_LIMIT_header_bytes_max)
		return NULL;
	flight->big_head = hz_pool_get(&http->big_heads);
	return flight->big_head;
}

int hz_h1_flight_keep(struct hz_h1_conn *conn, struct hz_h1_flight *flight)
{
	struct hz_http_worker *http = conn->http;
	struct hz_h1_flight *fresh;
	uint8_t *head;

	if (conn->flight == flight)
		return 0;
	if (body_detach(flight) != 0)
		return -ENOMEM;
	fresh = hz_pool_get(&http->flights);
	if (fresh == NULL)
		return -ENOMEM;
	head = head_room(http, flight);
	if (head == NULL) {
		hz_pool_put(&http->flights, fresh);
		return -ENOMEM;
	}
	if (flight->head.len != 0) {
		memcpy(head, flight->head.data, flight->head.len);
		hz_slot_add(http->conf.slot, HZ_COUNTER_input_copied_bytes, flight->head.len);
		flight_rebase(flight, head);
	}
	hz_h1_flight_init(http, fresh);
	http->scratch = fresh;
	conn->flight = flight;
	return 0;
}

static void finish_tell(const struct hz_h1_conn *conn, const struct hz_h1_flight *flight,
                        bool is_complete)
{
	const struct hz_http_worker_conf *conf = &conn->http->conf;
	struct hz_http_outcome outcome = {
		.status = flight->is_answered ? hz_http_resp_status(&flight->resp) : 0,
		.is_complete = is_complete,
		.sent_bytes = flight->out_at,
		.arrived_ns = flight->begun_ns,
		.answered_ns = flight->is_answered ? flight->handled_ns : 0,
		.now_ns = is_complete ? flight->sent_ns : hz_env_clock_ns(conf->env),
	};

	conf->ops->finish(conn->snapshot, &flight->req, &flight->resp, &outcome);
}

static void big_put(struct hz_http_worker *http, uint8_t **head)
{
	if (*head != NULL)
		hz_pool_put(&http->big_heads, *head);
	*head = NULL;
}

void hz_h1_flight_end(struct hz_h1_conn *conn, struct hz_h1_flight *flight, bool is_complete)
{
	struct hz_http_worker *http = conn->http;
	const struct hz_http_resp *resp = &flight->resp;

	if (resp->source != NULL && resp->source->release != NULL)
		resp->source->release(resp->source_ctx);
	if (flight->is_begun && http->conf.ops->finish != NULL)
		finish_tell(conn, flight, is_complete);
	flight->is_begun = false;
	flight->resp.source = NULL;
	if (flight->has_ticket)
		http->ticket[hz_pool_index(&http->flights, flight)] = 0;
	flight->has_ticket = false;
	if (flight->body.first != NULL)
		hz_h1_body_free(flight);
	big_put(http, &flight->big_head);
	big_put(http, &flight->big_out);
	if (conn->flight == flight) {
		conn->flight = NULL;
		hz_pool_put(&http->flights, flight);
	}
}

void hz_h1_flight_rate_begin(struct hz_h1_flight *flight, uint64_t now_ns)
{
	flight->rate_due_ns = now_ns + HZ_H1_RATE_GRACE_NS;
	flight->rate_bytes = 0;
}

/* Every byte moves the deadline by its time at the least rate. Without a bound a client could send fast
 * once, then hold buffers for as long as all of that would have taken at the least rate. */
bool hz_h1_flight_is_slow(struct hz_h1_flight *flight, uint64_t now_ns, uint64_t bytes)
{
	const uint64_t byte_ns = HZ_NS_PER_S / HZ_H1_RATE_BYTES_PER_S;

	flight->rate_due_ns += (bytes - flight->rate_bytes) * byte_ns;
	flight->rate_due_ns = HZ_MIN(flight->rate_due_ns, now_ns + HZ_H1_STALL_NS);
	flight->rate_bytes = bytes;
	return now_ns > flight->rate_due_ns;
}
