/* The application under http: one request's way from the published snapshot to its handler. Runs on the
 * workers; takes no lock and allocates only from the request's arena. */
#include "core/rcu.h"
#include "handlers/answer.h"
#include "router/path.h"
#include "server/snapshot.h"
#include <errno.h>

/* The pin count has one writer, its worker; the release store lets housekeeping see a zero only after
 * the last use. A new pin can only be taken of the published snapshot, so a retired one drains. */
static void pins_store(const struct hz_snapshot *snapshot, uint32_t worker_index, uint64_t count)
{
	struct hz_snapshot_pins *pins =
		&((struct hz_snapshot *)(uintptr_t)snapshot)->pins[worker_index];

	__atomic_store_n(&pins->count, count, __ATOMIC_RELEASE);
}

static const void *app_pin(void *app, uint32_t worker_index)
{
	const struct hz_snapshot *snapshot = hz_rcu_read((void *const *)app);

	pins_store(snapshot, worker_index, snapshot->pins[worker_index].count + 1);
	return snapshot;
}

static void app_unpin(void *app, uint32_t worker_index, const void *pinned)
{
	const struct hz_snapshot *snapshot = pinned;

	(void)app;
	pins_store(snapshot, worker_index, snapshot->pins[worker_index].count - 1);
}

static const struct hz_http_limits *app_limits(const void *pinned)
{
	const struct hz_snapshot *snapshot = pinned;

	return &snapshot->limits;
}

static int params_set(struct hz_http_req *req, const struct hz_radix_match *match)
{
	for (uint32_t i = 0; i < match->param_count; i++) {
		req->param[i].name = match->param[i].name;
		if (hz_path_param(match->param[i].value, req->arena, &req->param[i].value) != 0)
			return -ENOMEM;
	}
	req->param_count = (uint16_t)match->param_count;
	return 0;
}

static bool is_for_server(const struct hz_http_req *req)
{
	return req->path.len == 1 && req->path.data[0] == '*';
}

static enum hz_http_next app_route(const void *pinned, struct hz_http_req *req,
                                   struct hz_http_resp *resp, struct hz_http_route *route)
{
	const struct hz_snapshot *snapshot = pinned;
	struct hz_radix_match match;
	struct hz_span path;
	int err;

	if (is_for_server(req)) { /* no path, so no route: only OPTIONS can ask that */
		hz_answer_options(resp, HZ_ANSWER_ALLOW_ALL, req->arena);
		return HZ_HTTP_ANSWER;
	}
	err = hz_path_decode(req->path, req->arena, &path);
	if (err != 0) {
		hz_answer(resp, err == -ENOMEM ? 414 : 400);
		return HZ_HTTP_ANSWER;
	}
	switch (hz_radix_lookup(snapshot->radix, HZ_METHOD_BIT(req->method), path, &match)) {
	case HZ_RADIX_NOT_FOUND:
		hz_answer(resp, 404);
		return HZ_HTTP_ANSWER;
	case HZ_RADIX_METHOD:
		if (req->method == HZ_HTTP_OPTIONS)
			hz_answer_options(resp, match.allow, req->arena);
		else
			hz_answer_method(resp, match.allow, req->arena);
		return HZ_HTTP_ANSWER;
	case HZ_RADIX_FOUND:
		break;
	}
	if (params_set(req, &match) != 0) {
		hz_answer(resp, 414);
		return HZ_HTTP_ANSWER;
	}
	req->route_index = (int32_t)match.route;
	route->body_bytes_max = snapshot->routes[match.route].body_bytes_max;
	return HZ_HTTP_NEXT;
}

static enum hz_http_next app_handle(const void *pinned, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_handler *handler = &snapshot->routes[req->route_index].handler;

	return handler->handle(handler->conf, req, resp);
}

const struct hz_http_app_ops hz_snapshot_app_ops = {
	.pin = app_pin,
	.unpin = app_unpin,
	.limits = app_limits,
	.route = app_route,
	.handle = app_handle,
};
