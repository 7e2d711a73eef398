/* `trace`: a request id, and the W3C trace context: gone on with where the caller has one, begun where not. Both go
 * onto the answer, and for others into the call. */
#include "core/text_put.h"
#include "middleware/chain.h"
#include "middleware/traceparent.h"

#define REQUEST_ID_BYTES 32u /* of one of ours */
#define PARENT_NAME      "traceparent: 00-"
#define ID_NAME          "X-Request-Id: "
#define STATE_NAME       "tracestate: "
#define ZEROS_16         "0000000000000000"

/* Both lines with ids of ours, which are written over the zeros. */
static const char lines_own[] =
	PARENT_NAME ZEROS_16 ZEROS_16 "-" ZEROS_16 "-00\r\n" ID_NAME ZEROS_16 ZEROS_16 "\r\n";
#define TRACE_ID_AT   (sizeof(PARENT_NAME) - 1)
#define SPAN_ID_AT    (TRACE_ID_AT + HZ_TRACE_ID_BYTES + 1)
#define FLAGS_AT      (SPAN_ID_AT + HZ_SPAN_ID_BYTES + 1)
#define REQUEST_ID_AT (FLAGS_AT + 4 + sizeof(ID_NAME) - 1)
_Static_assert(REQUEST_ID_AT + REQUEST_ID_BYTES + 2 == sizeof(lines_own) - 1, "places in it");

/* What the client sent; a field that came twice counts as none. */
struct sent {
	struct hz_span id;
	size_t state_bytes;           /* of all tracestate fields, joined with commas; 0: none */
	struct hz_traceparent parent; /* with goes_on */
	bool goes_on;
};

/* All that is kept of a request. */
struct traced {
	struct hz_mw_trace trace;
	uint8_t text[];
};

/* What may stand in a log line, a URI and a file name without quoting. */
static bool is_sane(struct hz_span id)
{
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_' || c == '.' || c == '~'))
			return false;
	}
	return id.len > 0 && id.len <= HZ_LIMIT_request_id_bytes_max;
}

static bool is_state(const struct hz_http_header *field)
{
	return hz_http_equals_nocase(field->name, HZ_SPAN_LITERAL("tracestate"));
}

static size_t state_bytes(const struct hz_http_req *req)
{
	size_t bytes = 0, commas = 0;

	for (unsigned i = req->field_at[HZ_HTTP_FIELD_TRACESTATE]; i < req->header_count; i++) {
		if (!is_state(&req->header[i]))
			continue;
		bytes += req->header[i].value.len + commas;
		commas = 1;
	}
	return bytes <= HZ_LIMIT_trace_state_bytes_max ? bytes : 0;
}

static void sent_read(const struct hz_http_req *req, struct sent *sent)
{
	struct hz_span id = hz_http_req_only(req, HZ_HTTP_FIELD_X_REQUEST_ID);

	if (is_sane(id))
		sent->id = id;
	sent->goes_on = hz_traceparent_parse(hz_http_req_only(req, HZ_HTTP_FIELD_TRACEPARENT),
	                                     &sent->parent);
	if (sent->goes_on && (req->fields >> HZ_HTTP_FIELD_TRACESTATE & 1) != 0)
		sent->state_bytes = state_bytes(req);
}

/* What was written from `from` on. */
static struct hz_span written(const uint8_t *from, const uint8_t *end)
{
	return (struct hz_span){ from, (size_t)(end - from) };
}

/* Not zero, which the format has no meaning for. */
static uint8_t *random_put(uint8_t *out, struct hz_rng *rng)
{
	return hz_put_hex(out, hz_rng_next(rng) | 1);
}

/* What all of them have. Filled one by one: for a whole one compilers take `rep stos`, which is slow to start. */
static struct traced *traced_get(struct hz_arena *arena, size_t text_bytes)
{
	struct traced *traced = hz_arena_get(arena, sizeof(*traced) + text_bytes);
	struct hz_mw_trace *trace;

	if (traced == NULL)
		return NULL;
	trace = &traced->trace;
	memcpy(traced->text, lines_own, sizeof(lines_own) - 1);
	trace->trace_id = (struct hz_span){ traced->text + TRACE_ID_AT, HZ_TRACE_ID_BYTES };
	trace->span_id = (struct hz_span){ traced->text + SPAN_ID_AT, HZ_SPAN_ID_BYTES };
	trace->request_id = (struct hz_span){ traced->text + REQUEST_ID_AT, REQUEST_ID_BYTES };
	trace->lines = (struct hz_span){ traced->text, sizeof(lines_own) - 1 };
	trace->parent_id = trace->state = (struct hz_span){ NULL, 0 };
	trace->is_sampled = false;
	return traced;
}

/* A trace that begins here is this request's alone, so its id serves as both. */
static void ids_own(struct traced *traced, struct hz_rng *rng)
{
	uint64_t high = hz_rng_next(rng) | 1, low = hz_rng_next(rng) | 1;

	hz_put_hex(hz_put_hex(traced->text + TRACE_ID_AT, high), low);
	hz_put_hex(hz_put_hex(traced->text + REQUEST_ID_AT, high), low);
	random_put(traced->text + SPAN_ID_AT, rng);
}

/* Joined (RFC 9110 5.3); nothing when the list is not valid. */
static uint8_t *state_put(uint8_t *out, const struct hz_http_req *req, struct hz_mw_trace *trace)
{
	uint8_t *from, *line = out;

	out = hz_put_span(out, HZ_SPAN_LITERAL(STATE_NAME));
	from = out;
	for (unsigned i = req->field_at[HZ_HTTP_FIELD_TRACESTATE]; i < req->header_count; i++) {
		if (!is_state(&req->header[i]))
			continue;
		if (out != from)
			*out++ = ',';
		out = hz_put_span(out, req->header[i].value);
	}
	if (out == from || !hz_tracestate_is_valid(written(from, out)))
		return line;
	trace->state = written(from, out);
	return hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
}

/* The caller's trace, which goes on; the request id stays one of ours. */
static void parent_set(struct traced *traced, const struct hz_traceparent *parent)
{
	memcpy(traced->text + TRACE_ID_AT, parent->trace_id.data, HZ_TRACE_ID_BYTES);
	traced->text[FLAGS_AT + 1] = parent->is_sampled ? '1' : '0';
	traced->trace.is_sampled = parent->is_sampled;
}

/* Lines for what the client sent; NULL: no room. */
static struct traced *traced_sent(const struct hz_http_req *req, struct hz_rng *rng)
{
	struct sent sent = { .goes_on = false };
	struct hz_mw_trace *trace;
	struct traced *traced;
	uint8_t *end;

	sent_read(req, &sent);
	traced = traced_get(req->arena, sizeof(lines_own) + sizeof(STATE_NAME "\r\n") +
	                                        sent.id.len + sent.state_bytes + HZ_SPAN_ID_BYTES);
	if (traced == NULL)
		return NULL;
	trace = &traced->trace;
	ids_own(traced, rng);
	if (sent.goes_on)
		parent_set(traced, &sent.parent);
	end = traced->text + REQUEST_ID_AT;
	if (sent.id.len > 0)
		trace->request_id = written(end, hz_put_span(end, sent.id));
	end = hz_put_span(end + trace->request_id.len, HZ_SPAN_LITERAL("\r\n"));
	if (sent.state_bytes > 0)
		end = state_put(end, req, trace);
	trace->lines = written(traced->text, end);
	if (sent.goes_on)
		trace->parent_id = written(end, hz_put_span(end, sent.parent.parent_id));
	return traced;
}

static enum hz_mw_verdict trace_before(const void *conf, struct hz_mw_call *call)
{
	const uint32_t fields = 1u << HZ_HTTP_FIELD_TRACEPARENT | 1u << HZ_HTTP_FIELD_X_REQUEST_ID;
	const struct hz_mw_trace_conf *trace = conf;
	const struct hz_http_req *req = call->req;
	struct traced *traced;

	if (trace->accepts && (req->fields & fields) != 0) {
		traced = traced_sent(req, &req->env->rng);
	} else {
		traced = traced_get(req->arena, sizeof(lines_own));
		if (traced != NULL)
			ids_own(traced, &req->env->rng);
	}
	if (traced != NULL) /* an answer without ids is better than none */
		call->trace = &traced->trace;
	return HZ_MW_NEXT;
}

static void trace_after(const void *conf, struct hz_mw_call *call)
{
	(void)conf;
	if (call->trace != NULL)
		(void)hz_http_resp_field(call->resp,
		                         call->trace->lines); /* never full, as headers */
}

static const struct hz_mw_ops trace_ops = {
	.name = "trace",
	.before = trace_before,
	.after = trace_after,
};

int hz_mw_trace_build(const struct hz_mw_trace_conf *conf, struct hz_mw *out)
{
	*out = (struct hz_mw){ .ops = &trace_ops, .conf = (void *)(uintptr_t)conf };
	return 0;
}
