#include "http_rig.h"
#include "http/http_wait.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char long_fields[] = "X-Long: "
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "0123456789012345678901234567890123456789012345678901234567890123"
				  "\r\n";

static const struct hz_span long_line = { (const uint8_t *)long_fields, sizeof(long_fields) - 1 };

static const struct hz_http_prepared hello = {
	.head = { (const uint8_t *)"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	                           "Content-Length: 6\r\n",
	          62 },
	.body = { (const uint8_t *)"hello\n", 6 },
};

static bool path_is(const struct hz_http_req *req, const char *path)
{
	size_t len = strlen(path);

	return req->path.len == len && memcmp(req->path.data, path, len) == 0;
}

static bool path_begins(const struct hz_http_req *req, const char *path)
{
	size_t len = strlen(path);

	return req->path.len >= len && memcmp(req->path.data, path, len) == 0;
}

static const void *rig_pin(void *app, uint32_t worker_index)
{
	struct http_rig *rig = app;

	(void)worker_index;
	rig->pins++;
	rig->parse_due_ns = rig->parse_ns;
	return rig;
}

static void rig_unpin(void *app, uint32_t worker_index, const void *snapshot)
{
	struct http_rig *rig = app;

	(void)worker_index;
	if (snapshot != rig)
		abort();
	rig->unpins++;
}

static const struct hz_http_limits *rig_limits(const void *snapshot)
{
	struct http_rig *rig = (struct http_rig *)(uintptr_t)snapshot;

	rig->env.now_ns += rig->parse_due_ns;
	rig->parse_due_ns = 0;
	return &rig->limits;
}

static enum hz_http_next wait(struct http_rig *rig, const struct hz_http_req *req)
{
	rig->ticket = hz_http_ticket(req);
	rig->waits++;
	return HZ_HTTP_WAIT;
}

bool http_rig_resume(struct http_rig *rig)
{
	struct hz_http_req *req = hz_http_waiting(rig->http, rig->ticket);

	if (req == NULL)
		return false;
	hz_http_resume(req);
	return true;
}

static enum hz_http_next rig_route(const void *snapshot, struct hz_http_req *req,
                                   struct hz_http_resp *resp, struct hz_http_route *route)
{
	struct http_rig *rig = (struct http_rig *)(uintptr_t)snapshot;

	rig->env.now_ns += rig->route_ns;
	if (path_is(req, "/gate") && !rig->is_ready)
		return wait(rig, req);
	route->slot = RIG_SLOT;
	route->is_streaming = path_is(req, "/upload");
	route->takes_body = !path_begins(req, "/drop");
	if (path_is(req, "/missing")) {
		*resp = (struct hz_http_resp){ .status = 404,
			                       .body_kind = HZ_BODY_SPAN,
			                       .body = HZ_SPAN_LITERAL("missing\n") };
		return HZ_HTTP_ANSWER;
	}
	if (path_is(req, "/method")) {
		*resp = (struct hz_http_resp){ .status = 405,
			                       .extra = HZ_SPAN_LITERAL("Allow: PUT\r\n") };
		return HZ_HTTP_ANSWER;
	}
	if (path_is(req, "/small"))
		route->body_bytes_max = 10;
	req->route_index = 7;
	req->param_count = 1;
	req->param[0].name = HZ_SPAN_LITERAL("path");
	req->param[0].value = req->path;
	return HZ_HTTP_NEXT;
}

static void rig_produce(const void *ctx, uint64_t offset, struct hz_wspan out)
{
	(void)ctx;
	for (size_t i = 0; i < out.len; i++)
		out.data[i] = http_rig_byte(offset + i);
}

struct text {
	uint8_t *data;
	size_t len;
	size_t size;
};

static void text_add(struct text *text, struct hz_span what, char end)
{
	if (text->size - text->len < what.len + 1)
		return;
	if (what.len != 0)
		memcpy(text->data + text->len, what.data, what.len);
	text->len += what.len;
	text->data[text->len++] = (uint8_t)end;
}

static uint64_t body_sum(const struct hz_http_body *body)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < body->whole.len; i++)
		sum = sum * 31 + body->whole.data[i];
	for (const struct hz_http_body_block *b = body->first; b != NULL; b = b->next) {
		for (size_t i = 0; i < b->used; i++)
			sum = sum * 31 + b->data[i];
	}
	return sum;
}

/* Method, target, path, query, host, parameter, fields, body: one line each. */
static void spell(struct hz_http_req *req, struct hz_http_resp *resp)
{
	struct text text = { .size = 12000 };
	char number[64];
	int len;

	text.data = hz_arena_get(req->arena, text.size);
	if (text.data == NULL)
		abort();
	text_add(&text, hz_http_method_names[req->method], '\n');
	text_add(&text, req->target, '\n');
	text_add(&text, req->path, '\n');
	text_add(&text, req->query, '\n');
	text_add(&text, req->host, '\n');
	text_add(&text, req->param[0].value, '\n');
	for (unsigned i = 0; i < req->header_count; i++) {
		text_add(&text, req->header[i].name, '=');
		text_add(&text, req->header[i].value, '\n');
	}
	len = snprintf(number, sizeof(number), "1.%u route %d body %llu sum %llu", req->minor,
	               req->route_index, req->body ? (unsigned long long)req->body->bytes : 0,
	               req->body ? (unsigned long long)body_sum(req->body) : 0);
	text_add(&text, (struct hz_span){ (const uint8_t *)number, (size_t)len }, '\n');
	resp->body_kind = HZ_BODY_SPAN;
	resp->body = (struct hz_span){ text.data, text.len };
}

static ssize_t rig_pull(void *ctx, struct hz_wspan out)
{
	struct http_rig *rig = ctx;
	size_t bytes = 0;

	while (bytes < out.len && rig->source_at < rig->source_ready &&
	       rig->source_at < rig->source_end)
		out.data[bytes++] = http_rig_byte(rig->source_at++);
	if (bytes == 0 && rig->source_beat_ns != 0)
		rig->source_req->wake_ns = rig->env.now_ns + rig->source_beat_ns;
	rig->pulls++;
	if (bytes > 0 || rig->source_at < rig->source_end)
		return (ssize_t)bytes;
	rig->source_ends++;
	return rig->source_fails ? -EIO : HZ_SOURCE_END;
}

static void rig_release(void *ctx)
{
	((struct http_rig *)ctx)->releases++;
}

static const struct hz_http_source_ops rig_source = { .pull = rig_pull, .release = rig_release };

static const struct hz_http_source_ops rig_events = {
	.pull = rig_pull,
	.release = rig_release,
	.ends_with_reader = true,
};

/* /source/N, /exact/N, /broken/N, /events/N */
static void source_answer(struct http_rig *rig, struct hz_http_req *req, struct hz_http_resp *resp)
{
	char digits[24] = { 0 };
	const uint8_t *slash = memrchr(req->path.data, '/', req->path.len);
	size_t len = (size_t)(req->path.data + req->path.len - slash) - 1;

	memcpy(digits, slash + 1, len < sizeof(digits) - 1 ? len : sizeof(digits) - 1);
	rig->ticket = hz_http_ticket(req);
	rig->source_at = 0;
	rig->source_req = req;
	rig->source_end = strtoull(digits, NULL, 10);
	rig->source_fails = path_begins(req, "/broken/");
	resp->body_kind = HZ_BODY_SOURCE;
	resp->body_bytes = path_begins(req, "/exact/") ? rig->source_end : HZ_BODY_UNKNOWN;
	if (path_begins(req, "/short/"))
		resp->body_bytes = rig->source_end + 1;
	resp->source = path_begins(req, "/events/") ? &rig_events : &rig_source;
	resp->source_ctx = rig;
}

static enum hz_http_next rig_body(const void *snapshot, struct hz_http_req *req,
                                  struct hz_http_resp *resp, struct hz_span bytes)
{
	struct http_rig *rig = (struct http_rig *)(uintptr_t)snapshot;

	rig->pieces++;
	rig->env.now_ns += rig->body_ns;
	for (size_t i = 0; i < bytes.len; i++)
		rig->upload_sum = rig->upload_sum * 31 + bytes.data[i];
	rig->upload_bytes += bytes.len;
	if (bytes.len > 0 && bytes.data[0] == '!') { /* enough of it */
		resp->status = 403;
		return HZ_HTTP_ANSWER;
	}
	return rig->body_waits && bytes.len > 0 ? wait(rig, req) : HZ_HTTP_NEXT;
}

static void rig_refuse(const void *snapshot, struct hz_http_req *req, struct hz_http_resp *resp)
{
	((struct http_rig *)(uintptr_t)snapshot)->refusals++;
	if (req->route_index >= 0)
		(void)hz_http_resp_field(resp, HZ_SPAN_LITERAL("X-Refused: 1\r\n"));
}

static void rig_finish(const void *snapshot, const struct hz_http_req *req,
                       const struct hz_http_resp *resp, const struct hz_http_outcome *outcome)
{
	struct http_rig *rig = (struct http_rig *)(uintptr_t)snapshot;

	(void)resp;
	rig->finishes++;
	rig->outcome = *outcome;
	rig->finished_route = req->route_index;
}

static void rig_describe(const void *snapshot, const struct hz_http_req *req,
                         struct hz_event_slow *record)
{
	(void)snapshot;
	if (req->route_index >= 0)
		memcpy(record->route_name, RIG_ROUTE, sizeof(RIG_ROUTE));
	record->trace_id[0] = 0xab;
}

static enum hz_http_next rig_handle(const void *snapshot, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	struct http_rig *rig = (struct http_rig *)(uintptr_t)snapshot;
	const struct hz_http_header *type;
	char digits[24] = { 0 };

	rig->env.now_ns += rig->handle_ns;
	if (path_is(req, "/later") && !rig->is_ready)
		return wait(rig, req);
	if ((path_is(req, "/nap") || path_is(req, "/doze")) && req->app == NULL) {
		req->app = rig;
		req->wake_ns = req->env->now_ns + 50 * HZ_NS_PER_MS;
		return HZ_HTTP_WAIT;
	}
	if (path_is(req, "/doze") && !rig->is_ready)
		return wait(rig, req);
	rig->handled++;
	resp->status = 200;
	if (path_is(req, "/") || path_is(req, "/later")) {
		resp->prepared = &hello;
	} else if (path_is(req, "/fields")) {
		resp->prepared = &hello;
		for (unsigned i = 0; i < HZ_HTTP_RESP_FIELDS_MAX + 1; i++)
			rig->waits += hz_http_resp_field(resp, long_line) == -ENOSPC;
	} else if (path_begins(req, "/source/") || path_begins(req, "/exact/") ||
	           path_begins(req, "/broken/") || path_begins(req, "/short/") ||
	           path_begins(req, "/events/")) {
		source_answer(rig, req, resp);
	} else if (path_is(req, "/echo")) {
		type = hz_http_req_header(req, HZ_SPAN_LITERAL("content-type"));
		if (type != NULL)
			resp->content_type = type->value;
		resp->body_kind = HZ_BODY_REQUEST;
	} else if (path_begins(req, "/bytes/") && req->path.len < 7 + sizeof(digits)) {
		memcpy(digits, req->path.data + 7, req->path.len - 7);
		resp->body_kind = HZ_BODY_GENERATED;
		resp->body_bytes = strtoull(digits, NULL, 10);
		resp->produce = rig_produce;
	} else if (path_is(req, "/none")) {
		resp->status = 204;
	} else if (path_is(req, "/split")) {
		resp->content_type = HZ_SPAN_LITERAL("text/plain\r\nX-Evil: 1");
	} else {
		resp->close = path_is(req, "/close");
		if (path_is(req, "/long"))
			resp->extra = (struct hz_span){ (const uint8_t *)long_fields,
				                        sizeof(long_fields) - 1 };
		spell(req, resp);
	}
	return HZ_HTTP_ANSWER;
}

static const struct hz_http_app_ops rig_ops = {
	.pin = rig_pin,
	.unpin = rig_unpin,
	.limits = rig_limits,
	.route = rig_route,
	.body = rig_body,
	.handle = rig_handle,
	.refuse = rig_refuse,
	.finish = rig_finish,
	.describe = rig_describe,
};

struct http_rig *http_rig_open(uint32_t connections_max)
{
	struct http_rig *rig = calloc(1, sizeof(*rig));
	struct hz_http_worker_conf conf = {
		.ops = &rig_ops,
		.app = rig,
		.connections_max = connections_max,
	};

	if (rig == NULL)
		abort();
	rig->env.now_ns = 1000 * HZ_NS_PER_S;
	rig->env.unix_s = RIG_UNIX_S;
	rig->slot.hist = rig->hist;
	rig->slot.worker = &rig->worker;
	rig->slot.routes = rig->routes;
	rig->slow_conf.over_ns = UINT64_MAX;
	hz_slow_ring_init(&rig->slow, &rig->slow_conf);
	conf.slow = &rig->slow;
	rig->limits = (struct hz_http_limits){
		.header_bytes = HZ_LIMIT_header_bytes_max,
		.header_count = HZ_LIMIT_header_count_max,
		.uri_bytes = HZ_LIMIT_uri_bytes_max,
		.body_bytes = HZ_LIMIT_body_bytes_max,
		.header_timeout_ns = 10 * HZ_NS_PER_S,
		.idle_timeout_ns = 60 * HZ_NS_PER_S,
	};
	conf.env = &rig->env;
	conf.slot = &rig->slot;
	if (hz_http_worker_open(&conf, &rig->http) != 0)
		abort();
	return rig;
}

void http_rig_free(struct http_rig *rig)
{
	hz_http_worker_close(rig->http);
	free(rig);
}

void http_rig_connect(struct http_rig *rig, struct fake_stream *fs, size_t window)
{
	if (fake_stream_open(fs, &rig->env, &hz_h1_proto_ops, rig->http, window) != 0)
		abort();
}

bool http_rig_is_clean(const struct http_rig *rig)
{
	return rig->pins == rig->unpins && rig->http->conns.in_use == 0 &&
	       rig->http->flights.in_use == 1 && rig->http->blocks.in_use == 0 &&
	       rig->http->big_heads.in_use == 0 && rig->http->sources.in_use == 0;
}

/* --- reading answers ----------------------------------------------------------------------------------- */

bool http_answer_has_field(const struct http_answer *answer, const char *line)
{
	size_t len = strlen(line);
	const uint8_t *p = answer->head.data;

	for (size_t i = 2; i + len + 2 <= answer->head.len; i++) {
		if (p[i - 2] == '\r' && p[i - 1] == '\n' && memcmp(p + i, line, len) == 0)
			return true;
	}
	return false;
}

static size_t field_number(const struct http_answer *answer, const char *name, bool *found)
{
	size_t len = strlen(name);
	const char *p = (const char *)answer->head.data;

	for (size_t i = 2; i + len < answer->head.len; i++) {
		if (p[i - 1] == '\n' && memcmp(p + i, name, len) == 0) {
			*found = true;
			return strtoul(p + i + len, NULL, 10);
		}
	}
	*found = false;
	return 0;
}

bool http_answer_next(struct hz_span *bytes, bool is_head, struct http_answer *out)
{
	const uint8_t *end;
	size_t length;

	if (bytes->len < 19 || memcmp(bytes->data, "HTTP/1.1 ", 9) != 0)
		return false;
	end = memmem(bytes->data, bytes->len, "\r\n\r\n", 4);
	if (end == NULL)
		return false;
	out->head = (struct hz_span){ bytes->data, (size_t)(end - bytes->data) + 4 };
	out->status = (unsigned)(bytes->data[9] - '0') * 100 +
	              (unsigned)(bytes->data[10] - '0') * 10 + (unsigned)(bytes->data[11] - '0');
	length = field_number(out, "Content-Length: ", &out->has_length);
	if (is_head)
		length = 0;
	if (bytes->len - out->head.len < length)
		return false;
	out->body = (struct hz_span){ bytes->data + out->head.len, length };
	out->says_close = http_answer_has_field(out, "Connection: close\r\n");
	out->says_keep_alive = http_answer_has_field(out, "Connection: keep-alive\r\n");
	bytes->data += out->head.len + length;
	bytes->len -= out->head.len + length;
	return true;
}

unsigned http_rig_status(const struct fake_stream *fs, unsigned n)
{
	struct hz_span rest = { fs->out, fs->out_len };
	struct http_answer answer;

	do {
		if (!http_answer_next(&rest, false, &answer))
			return 0;
	} while (n-- > 0);
	return answer.status;
}

unsigned http_rig_count(const struct fake_stream *fs)
{
	struct hz_span rest = { fs->out, fs->out_len };
	struct http_answer answer;
	unsigned count = 0;

	while (http_answer_next(&rest, false, &answer))
		count++;
	return count;
}
