/* `trace`: a request id, and the W3C trace context: gone on with where the caller has one, begun where not. Both go
 * onto the answer, and for others into the call. */
#include "core/text_put.h"
#include "middleware/chain.h"
#include "middleware/traceparent.h"

#define REQUEST_ID_BYTES 32u /* of one of ours */
#define PARENT_NAME      "traceparent: 00-"
#define ID_NAME          "X-Request-Id: "
#define STATE_NAME       "tracestate: "

/* What the client sent; a field that came twice counts as none. */
struct sent {
	struct hz_span parent, id;
	uint32_t parent_count, id_count, state_count;
	size_t state_bytes; /* all of them, joined with commas */
};

/* All that is built, in one piece of the arena. */
struct build {
	const struct hz_mw_call *call;
	struct sent sent;
	struct hz_traceparent parent;
	bool goes_on; /* parent is valid */
};

static void field_take(struct sent *sent, const struct hz_http_header *field)
{
	switch (field->name.len) { /* names differ in length: most fields end here */
	case sizeof("tracestate") - 1:
		if (!hz_http_equals_nocase(field->name, HZ_SPAN_LITERAL("tracestate")))
			break;
		sent->state_bytes += field->value.len + (sent->state_count++ > 0);
		break;
	case sizeof("traceparent") - 1:
		if (!hz_http_equals_nocase(field->name, HZ_SPAN_LITERAL("traceparent")))
			break;
		sent->parent = field->value;
		sent->parent_count++;
		break;
	case sizeof("x-request-id") - 1:
		if (!hz_http_equals_nocase(field->name, HZ_SPAN_LITERAL("x-request-id")))
			break;
		sent->id = field->value;
		sent->id_count++;
		break;
	default:
		break;
	}
}

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

static struct sent sent_read(const struct hz_http_req *req)
{
	struct sent sent = { 0 };

	for (unsigned i = 0; i < req->header_count; i++)
		field_take(&sent, &req->header[i]);
	if (sent.parent_count != 1)
		sent.parent.len = 0;
	if (sent.id_count != 1 || !is_sane(sent.id))
		sent.id.len = 0;
	if (sent.state_bytes > HZ_LIMIT_trace_state_bytes_max)
		sent.state_bytes = 0;
	return sent;
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

static uint8_t *parent_put(uint8_t *out, const struct build *build, struct hz_mw_trace *trace)
{
	struct hz_rng *rng = &build->call->req->env->rng;
	uint8_t *from;

	out = hz_put_span(out, HZ_SPAN_LITERAL(PARENT_NAME));
	from = out;
	out = build->goes_on ? hz_put_span(out, build->parent.trace_id)
	                     : random_put(random_put(out, rng), rng);
	trace->trace_id = written(from, out);
	*out++ = '-';
	from = out;
	out = random_put(out, rng);
	trace->span_id = written(from, out);
	trace->is_sampled = build->goes_on && build->parent.is_sampled;
	return hz_put_span(out, trace->is_sampled ? HZ_SPAN_LITERAL("-01\r\n")
	                                          : HZ_SPAN_LITERAL("-00\r\n"));
}

/* A trace that begins here is this request's alone, so its id serves as both. */
static uint8_t *id_put(uint8_t *out, const struct build *build, struct hz_mw_trace *trace)
{
	struct hz_rng *rng = &build->call->req->env->rng;
	uint8_t *from;

	out = hz_put_span(out, HZ_SPAN_LITERAL(ID_NAME));
	from = out;
	if (build->sent.id.len > 0)
		out = hz_put_span(out, build->sent.id);
	else if (!build->goes_on)
		out = hz_put_span(out, trace->trace_id);
	else
		out = random_put(random_put(out, rng), rng);
	trace->request_id = written(from, out);
	return hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
}

/* Joined (RFC 9110 5.3); nothing when the list is not valid, or nothing goes on. */
static uint8_t *state_put(uint8_t *out, const struct build *build, struct hz_mw_trace *trace)
{
	const struct hz_http_req *req = build->call->req;
	uint8_t *from, *line = out;
	bool is_first = true;

	if (!build->goes_on || build->sent.state_bytes == 0)
		return line;
	out = hz_put_span(out, HZ_SPAN_LITERAL(STATE_NAME));
	from = out;
	for (unsigned i = 0; i < req->header_count; i++) {
		if (!hz_http_equals_nocase(req->header[i].name, HZ_SPAN_LITERAL("tracestate")))
			continue;
		if (!is_first)
			*out++ = ',';
		is_first = false;
		out = hz_put_span(out, req->header[i].value);
	}
	if (!hz_tracestate_is_valid(written(from, out)))
		return line;
	trace->state = written(from, out);
	return hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
}

static size_t build_bytes(const struct build *build)
{
	return sizeof(PARENT_NAME ID_NAME STATE_NAME "--00\r\n\r\n\r\n") + HZ_TRACE_ID_BYTES +
	       2 * HZ_SPAN_ID_BYTES + HZ_MAX(build->sent.id.len, (size_t)REQUEST_ID_BYTES) +
	       build->sent.state_bytes;
}

static enum hz_mw_verdict trace_before(const void *conf, struct hz_mw_call *call)
{
	const struct hz_mw_trace_conf *trace = conf;
	struct build build = { .call = call };
	uint8_t *text, *end;

	if (trace->accepts)
		build.sent = sent_read(call->req);
	build.goes_on = hz_traceparent_parse(build.sent.parent, &build.parent);
	text = hz_arena_get(call->req->arena, build_bytes(&build));
	if (text == NULL)
		return HZ_MW_NEXT; /* an answer without ids is better than none */
	end = parent_put(text, &build, &call->trace);
	end = id_put(end, &build, &call->trace);
	end = state_put(end, &build, &call->trace);
	call->trace.lines = written(text, end);
	if (build.goes_on)
		call->trace.parent_id = written(end, hz_put_span(end, build.parent.parent_id));
	return HZ_MW_NEXT;
}

static void trace_after(const void *conf, struct hz_mw_call *call)
{
	(void)conf;
	if (call->trace.lines.len > 0)
		(void)hz_http_resp_field(call->resp,
		                         call->trace.lines); /* never full, as headers */
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
