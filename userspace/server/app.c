/* The application under http: one request's way from the published snapshot to its handler. Runs on the
 * workers; takes no lock and allocates only from the request's arena. */
#include "core/rcu.h"
#include "handlers/answer.h"
#include "handlers/answer_redirect.h"
#include "server/snapshot.h"

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

static void params_set(struct hz_http_req *req, const struct hz_radix_match *match)
{
	for (uint32_t i = 0; i < match->param_count; i++)
		req->param[i] =
			(struct hz_http_param){ match->param[i].name, match->param[i].value };
	req->param_count = (uint16_t)match->param_count;
}

static bool is_for_server(const struct hz_http_req *req)
{
	return req->path.len == 1 && req->path.data[0] == '*';
}

static enum hz_http_next app_route(const void *pinned, struct hz_http_req *req,
                                   struct hz_http_resp *resp, struct hz_http_route *route)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_route_ask ask = {
		.method = HZ_METHOD_BIT(req->method),
		.host = req->host,
		.path = req->path,
		.arena = req->arena,
	};
	struct hz_route_match match;

	if (is_for_server(req)) { /* no path, so no route: only OPTIONS can ask that */
		hz_answer_options(resp, HZ_ANSWER_ALLOW_ALL, req->arena);
		return HZ_HTTP_ANSWER;
	}
	switch (hz_route_table_find(snapshot->table, &ask, &match)) {
	case HZ_ROUTE_FOUND:
		params_set(req, &match.radix);
		req->route_index = (int32_t)match.radix.route;
		route->body_bytes_max = snapshot->routes[match.radix.route].body_bytes_max;
		return HZ_HTTP_NEXT;
	case HZ_ROUTE_REDIRECT:
		hz_answer_redirect(resp, match.location, req->query, req->arena);
		break;
	case HZ_ROUTE_METHOD:
		if (req->method == HZ_HTTP_OPTIONS)
			hz_answer_options(resp, match.radix.allow, req->arena);
		else
			hz_answer_method(resp, match.radix.allow, req->arena);
		break;
	case HZ_ROUTE_NOT_FOUND:
		hz_answer(resp, 404);
		break;
	case HZ_ROUTE_BAD:
		hz_answer(resp, 400);
		break;
	case HZ_ROUTE_NO_ROOM:
		hz_answer(resp, 414);
		break;
	}
	return HZ_HTTP_ANSWER;
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
