#include "api_rig.h"
#include <stdlib.h>
#include <string.h>

static const void *rig_pin(void *app, uint32_t worker_index)
{
	struct api_rig *rig = app;

	(void)worker_index;
	rig->pins++;
	return rig;
}

static void rig_unpin(void *app, uint32_t worker_index, const void *snapshot)
{
	struct api_rig *rig = app;

	(void)worker_index;
	(void)snapshot;
	rig->pins--;
}

static const struct hz_http_limits *rig_limits(const void *snapshot)
{
	return &((const struct api_rig *)snapshot)->limits;
}

static enum hz_http_next rig_route(const void *snapshot, struct hz_http_req *req,
                                   struct hz_http_resp *resp, struct hz_http_route *route)
{
	const struct api_rig *rig = snapshot;
	size_t at = req->path.len;

	(void)resp;
	while (req->path.data[at - 1] != '/')
		at--;
	req->route_index = 0;
	req->param_count = 1;
	req->param[0].name = HZ_SPAN_LITERAL("id");
	req->param[0].value = (struct hz_span){ req->path.data + at, req->path.len - at };
	route->is_streaming = rig->handler.body != NULL;
	route->takes_body = rig->handler.takes_body;
	return HZ_HTTP_NEXT;
}

static enum hz_http_next rig_body(const void *snapshot, struct hz_http_req *req,
                                  struct hz_http_resp *resp, struct hz_span bytes)
{
	const struct api_rig *rig = snapshot;

	return rig->handler.body(rig->handler.conf, req, resp, bytes);
}

static enum hz_http_next rig_handle(const void *snapshot, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	const struct api_rig *rig = snapshot;
	enum hz_http_next next = rig->handler.handle(rig->handler.conf, req, resp);

	if (next == HZ_HTTP_ANSWER && rig->fields.len > 0)
		CU_ASSERT_EQUAL(hz_http_resp_field(resp, rig->fields), 0);
	return next;
}

static bool rig_is_overdue(const void *snapshot, struct hz_http_req *req)
{
	const struct api_rig *rig = snapshot;

	return rig->is_replaced && req->handler != NULL &&
	       rig->handler.is_overdue(rig->handler.conf, req, rig->is_over);
}

static void rig_finish(const void *snapshot, const struct hz_http_req *req,
                       const struct hz_http_resp *resp, const struct hz_http_outcome *outcome)
{
	struct api_rig *rig = (struct api_rig *)(uintptr_t)snapshot;

	(void)resp;
	(void)outcome;
	rig->finishes++;
	if (req->handler != NULL)
		rig->handler.finish(rig->handler.conf, (struct hz_http_req *)(uintptr_t)req);
}

static const struct hz_http_app_ops rig_ops = {
	.pin = rig_pin,
	.unpin = rig_unpin,
	.limits = rig_limits,
	.route = rig_route,
	.body = rig_body,
	.handle = rig_handle,
	.is_overdue = rig_is_overdue,
	.finish = rig_finish,
};

static void rig_ring(void *ctx, uint32_t worker)
{
	struct api_rig *rig = ctx;

	(void)worker;
	__atomic_fetch_add(&rig->rings, 1, __ATOMIC_RELAXED);
}

static void parts_open(struct api_rig *rig, hz_handler_fn *handler, hz_body_fn *body)
{
	const struct hz_http_worker_conf http = {
		.env = &rig->env,
		.slot = &rig->slot,
		.ops = &rig_ops,
		.app = rig,
		.connections_max = 64,
	};
	const struct hz_api_owner program = { 0 };
	const struct hz_api_run run = { rig_ring, rig, 100 * HZ_NS_PER_MS };
	struct hz_api_route route = { .name = "rig", .handler = handler, .body = body, .ctx = rig };

	if (hz_http_worker_open(&http, &rig->http) != 0 || hz_api_open(&program, &rig->api) != 0)
		abort();
	route.api = rig->api;
	hz_api_seat(rig->api, 0, &rig->env, &rig->slot);
	hz_api_start(rig->api, &run);
	if (hz_api_handler_build(&route, &rig->handler) != 0 ||
	    fake_stream_open(&rig->fs, &rig->env, &hz_h1_proto_ops, rig->http, 1u << 24) != 0)
		abort();
}

struct api_rig *api_rig_open(hz_handler_fn *handler, hz_body_fn *body)
{
	struct api_rig *rig = calloc(1, sizeof(*rig));

	if (rig == NULL)
		abort();
	rig->env.now_ns = 1000 * HZ_NS_PER_S;
	rig->slot.hist = rig->hist;
	rig->slot.worker = &rig->worker;
	rig->limits = (struct hz_http_limits){
		.header_bytes = HZ_LIMIT_header_bytes_max,
		.header_count = HZ_LIMIT_header_count_max,
		.uri_bytes = HZ_LIMIT_uri_bytes_max,
		.body_bytes = HZ_LIMIT_body_bytes_max,
		.header_timeout_ns = 10 * HZ_NS_PER_S,
		.idle_timeout_ns = 600 * HZ_NS_PER_S,
		.answer_timeout_ns = 30 * HZ_NS_PER_S,
	};
	parts_open(rig, handler, body);
	return rig;
}

void api_rig_close(struct api_rig *rig)
{
	CU_ASSERT_PTR_NULL(rig->fs.broken);
	fake_stream_free(&rig->fs);
	hz_api_turn(rig->api, 0);
	CU_ASSERT_EQUAL(rig->pins, 0);
	CU_ASSERT_EQUAL(rig->http->flights.in_use, 1);
	CU_ASSERT_EQUAL(rig->http->blocks.in_use, 0);
	CU_ASSERT_EQUAL(rig->api->loop[0].tickets.in_use, 0);
	hz_api_stop(rig->api);
	hz_handler_free(&rig->handler);
	hz_http_worker_close(rig->http);
	hz_api_close(rig->api);
	free(rig);
}

void api_rig_feed(struct api_rig *rig, const char *text)
{
	fake_stream_feed(&rig->fs, text, strlen(text));
}

void api_rig_turn(struct api_rig *rig)
{
	hz_api_turn(rig->api, 0);
	(void)fake_stream_take(&rig->fs, 0);
}

unsigned api_rig_status(const struct api_rig *rig)
{
	char digits[4] = "";

	if (rig->fs.out_len < 12)
		return 0;
	memcpy(digits, rig->fs.out + 9, 3);
	return (unsigned)strtoul(digits, NULL, 10);
}

bool api_rig_said(const struct api_rig *rig, const char *text)
{
	return rig->fs.out_len > 0 &&
	       memmem(rig->fs.out, rig->fs.out_len, text, strlen(text)) != NULL;
}

void api_rig_release(void *ctx)
{
	struct api_rig *rig = ctx;

	__atomic_fetch_add(&rig->releases, 1, __ATOMIC_RELAXED);
}

void api_rig_should_end(void *ctx)
{
	struct api_rig *rig = ctx;

	CU_ASSERT_EQUAL(rig->releases, 0);
	rig->tells++;
}

void api_rig_wait(struct api_rig *rig, unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s++) {
		(void)fake_stream_advance(&rig->fs, HZ_NS_PER_S);
		api_rig_turn(rig);
	}
}
