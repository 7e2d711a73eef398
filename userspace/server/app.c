/* The application under http: one request's way from the published snapshot to its handler. Runs on the
 * workers; takes no lock and allocates only from the request's arena. */
#include "core/rcu.h"
#include "core/span_ops.h"
#include "handlers/answer.h"
#include "handlers/answer_redirect.h"
#include "http/cond.h"
#include "http/http_wait.h"
#include "server/snapshot.h"
#include <string.h>

/* The pin count has one writer, its worker; the release store lets housekeeping see a zero only after
 * the last use. A new pin can only be taken of the published snapshot, so a retired one drains. */
static void pins_store(const struct hz_snapshot *snapshot, uint32_t worker_index, uint64_t count)
{
	struct hz_snapshot_pins *pins =
		&((struct hz_snapshot *)(uintptr_t)snapshot)->pins[worker_index];

	__atomic_store_n(&pins->count, count, __ATOMIC_RELEASE);
}

struct hz_snapshot *hz_app_publish(struct hz_app_state *app, struct hz_snapshot *snapshot)
{
	snapshot->app = app;
	return hz_rcu_publish(&app->snapshot, snapshot);
}

static const void *app_pin(void *app, uint32_t worker_index)
{
	const struct hz_snapshot *snapshot = hz_rcu_read(&((struct hz_app_state *)app)->snapshot);

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
		req->param[i] = (struct hz_http_param){ match->name[i], match->value[i] };
	req->param_count = (uint16_t)match->param_count;
}

static bool is_for_server(const struct hz_http_req *req)
{
	return req->path.len == 1 && req->path.data[0] == '*';
}

static enum hz_route_result route_find(const struct hz_snapshot *snapshot, struct hz_http_req *req,
                                       struct hz_route_match *match)
{
	const struct hz_route_ask ask = {
		.method = HZ_METHOD_BIT(req->method),
		.host = req->host,
		.path = req->path,
		.arena = req->arena,
	};
	enum hz_route_result result = HZ_ROUTE_METHOD;

	req->route_index = -1;
	if (is_for_server(req)) { /* no path, so no route: only OPTIONS can ask that */
		match->radix.allow = HZ_ANSWER_ALLOW_ALL;
		return result;
	}
	result = hz_route_table_find(snapshot->table, &ask, match);
	if (result != HZ_ROUTE_FOUND)
		return result;
	params_set(req, &match->radix);
	req->route_index = (int32_t)match->radix.route;
	return result;
}

/* What to say where no route is. */
static void not_found_answer(enum hz_route_result result, const struct hz_route_match *match,
                             struct hz_http_req *req, struct hz_http_resp *resp)
{
	switch (result) {
	case HZ_ROUTE_FOUND:
		break;
	case HZ_ROUTE_REDIRECT:
		hz_answer_redirect(resp, match->location, req->query, req->arena);
		break;
	case HZ_ROUTE_METHOD:
		if (req->method == HZ_HTTP_OPTIONS)
			hz_answer_options(resp, match->radix.allow, req->arena);
		else
			hz_answer_method(resp, match->radix.allow, req->arena);
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
}

/* The handler's answer, or one of the middleware's, takes its way back through the chain. */
static enum hz_http_next answered(struct hz_http_req *req)
{
	if (req->app != NULL)
		hz_chain_after(hz_chain_call(req));
	return HZ_HTTP_ANSWER;
}

/* The method that a preflight asks about, as a bit; 0: req is none (Fetch 4.8). */
static uint32_t preflight_method(const struct hz_http_req *req)
{
	const struct hz_http_header *field = NULL;

	if (req->method == HZ_HTTP_OPTIONS)
		field = hz_http_req_header(req, HZ_SPAN_LITERAL("access-control-request-method"));
	for (unsigned i = 0; field != NULL && i < HZ_HTTP_METHOD_COUNT; i++) {
		if (hz_span_equals(field->value, hz_http_method_names[i]))
			return HZ_METHOD_BIT(i);
	}
	return 0;
}

/* Of a preflight where OPTIONS has no route: that of the route it asks about, if pages of other origins are that
 * route's business. */
static const struct hz_chain *preflight_chain(const struct hz_snapshot *snapshot,
                                              const struct hz_http_req *req)
{
	const struct hz_route_ask ask = {
		.method = preflight_method(req),
		.host = req->host,
		.path = req->path,
		.arena = req->arena,
	};
	const struct hz_chain *chain;
	struct hz_route_match match;

	if (ask.method == 0 || is_for_server(req) ||
	    hz_route_table_find(snapshot->table, &ask, &match) != HZ_ROUTE_FOUND)
		return &snapshot->chain;
	chain = &snapshot->routes[match.radix.route].chain;
	return (chain->kinds & 1u << HZ_MW_cors) != 0 ? chain : &snapshot->chain;
}

static const struct hz_chain *chain_of(const struct hz_snapshot *snapshot,
                                       const struct hz_http_req *req)
{
	if (HZ_LIKELY(req->route_index >= 0))
		return &snapshot->routes[req->route_index].chain;
	return req->method == HZ_HTTP_OPTIONS ? preflight_chain(snapshot, req) : &snapshot->chain;
}

/* The route's middleware; NEXT where it has none. */
static enum hz_mw_verdict chain_run(const struct hz_snapshot *snapshot, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	const struct hz_chain *chain = chain_of(snapshot, req);

	if (HZ_LIKELY(chain->count == 0))
		return HZ_MW_NEXT;
	if (req->app == NULL &&
	    hz_chain_enter(chain, &snapshot->app->worker[req->env->worker_index], req, resp) != 0) {
		hz_answer(resp, 414); /* of the arena only the target can take so much */
		return HZ_MW_STOP;
	}
	return hz_chain_before(hz_chain_call(req));
}

/* 0, or the status of who has a condition that does not hold where there is no validator. What GET selects is there;
 * of what other methods would change nothing is known (RFC 9110 13.1.1, 13.1.2). */
static uint16_t condition_judge(const struct hz_handler *handler, const struct hz_http_req *req)
{
	const uint32_t conditions =
		1u << HZ_HTTP_FIELD_IF_MATCH | 1u << HZ_HTTP_FIELD_IF_NONE_MATCH;
	const struct hz_cond_entity entity = {
		.exists = req->method == HZ_HTTP_GET || req->method == HZ_HTTP_HEAD,
	};

	if (HZ_LIKELY((req->fields & conditions) == 0) || !handler->has_no_validator)
		return 0;
	return hz_cond_evaluate(req, &entity, req->env->unix_s);
}

static enum hz_http_next app_route(const void *pinned, struct hz_http_req *req,
                                   struct hz_http_resp *resp, struct hz_http_route *route)
{
	const struct hz_snapshot *snapshot = pinned;
	struct hz_route_match match;
	enum hz_route_result result = route_find(snapshot, req, &match);
	const struct hz_snapshot_route *to;
	uint16_t unmet;

	if (HZ_LIKELY(result == HZ_ROUTE_FOUND)) /* whoever answers: middleware, too */
		route->slot = snapshot->routes[req->route_index].slot;
	switch (chain_run(snapshot, req, resp)) {
	case HZ_MW_WAIT:
		return HZ_HTTP_WAIT;
	case HZ_MW_STOP:
		return answered(req);
	case HZ_MW_NEXT:
		break;
	}
	if (result != HZ_ROUTE_FOUND) {
		not_found_answer(result, &match, req, resp);
		return answered(req);
	}
	to = &snapshot->routes[req->route_index];
	unmet = condition_judge(&to->handler, req);
	if (HZ_UNLIKELY(unmet != 0)) {
		hz_answer_condition(resp, unmet);
		return answered(req);
	}
	route->body_bytes_max = to->body_bytes_max;
	route->is_streaming = to->handler.body != NULL;
	route->takes_body = to->handler.takes_body;
	return HZ_HTTP_NEXT;
}

static enum hz_http_next app_body(const void *pinned, struct hz_http_req *req,
                                  struct hz_http_resp *resp, struct hz_span bytes)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_handler *handler = &snapshot->routes[req->route_index].handler;
	enum hz_http_next next = handler->body(handler->conf, req, resp, bytes);

	return next == HZ_HTTP_ANSWER ? answered(req) : next;
}

static enum hz_http_next app_handle(const void *pinned, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_handler *handler = &snapshot->routes[req->route_index].handler;
	enum hz_http_next next = handler->handle(handler->conf, req, resp);

	return next == HZ_HTTP_ANSWER ? answered(req) : next;
}

static void app_hold(const void *pinned, struct hz_http_req *req)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_handler *handler;

	if (req->handler == NULL)
		return;
	handler = &snapshot->routes[req->route_index].handler;
	if (handler->hold != NULL)
		handler->hold(handler->conf, req);
}

/* Of the requests that keep a replaced snapshot; here, because none of them costs anything before. */
static uint32_t *late_of(const struct hz_snapshot *snapshot, const struct hz_http_req *req)
{
	return &snapshot->late[req->route_index >= 0 ? (uint32_t)req->route_index
	                                             : snapshot->site->route_count];
}

static bool app_is_overdue(const void *pinned, struct hz_http_req *req)
{
	const struct hz_snapshot *snapshot = pinned;
	const uint8_t age = __atomic_load_n(&snapshot->age, __ATOMIC_RELAXED);
	const struct hz_handler *handler;
	bool is_overdue = age == HZ_SNAPSHOT_LAST;

	if (HZ_LIKELY(age == HZ_SNAPSHOT_SERVED && !hz_http_is_draining(req)))
		return false;
	if (age != HZ_SNAPSHOT_SERVED && !req->is_late) {
		req->is_late = true;
		__atomic_fetch_add(late_of(snapshot, req), 1, __ATOMIC_RELAXED);
	}
	if (req->handler == NULL)
		return is_overdue;
	handler = &snapshot->routes[req->route_index].handler;
	if (handler->is_overdue != NULL)
		is_overdue |= handler->is_overdue(handler->conf, req, age >= HZ_SNAPSHOT_OLD);
	return is_overdue;
}

/* http answers itself: to who asked, that is an answer of the route as any other. */
static void app_refuse(const void *pinned, struct hz_http_req *req, struct hz_http_resp *resp)
{
	(void)pinned;
	(void)resp; /* the chain knows it */
	if (req->app == NULL)
		return;
	hz_chain_call(req)->is_refused = true;
	hz_chain_after(hz_chain_call(req));
}

/* http answered itself, before the request came to a chain. */
static void refused_tell(const struct hz_snapshot *snapshot, const struct hz_chain *chain,
                         const struct hz_http_req *req, const struct hz_http_resp *resp,
                         const struct hz_http_outcome *outcome)
{
	const struct hz_mw_call call = {
		.chain = chain,
		.worker = &snapshot->app->worker[req->env->worker_index],
		.req = (struct hz_http_req *)(uintptr_t)req,
		.resp = (struct hz_http_resp *)(uintptr_t)resp,
	};

	hz_chain_refused(&call, outcome);
}

static void chain_finish(const struct hz_snapshot *snapshot, const struct hz_http_req *req,
                         const struct hz_http_resp *resp, const struct hz_http_outcome *outcome)
{
	const struct hz_chain *chain = &snapshot->chain;

	if (req->app != NULL) {
		hz_chain_finish(hz_chain_call(req), outcome);
		return;
	}
	if (req->route_index >= 0)
		chain = &snapshot->routes[req->route_index].chain;
	if (chain->count != 0)
		refused_tell(snapshot, chain, req, resp, outcome);
}

/* The chain looks at the answer, which may be the handler's to take away. */
static void app_finish(const void *pinned, const struct hz_http_req *req,
                       const struct hz_http_resp *resp, const struct hz_http_outcome *outcome)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_handler *handler;

	if (HZ_UNLIKELY(req->is_late))
		__atomic_fetch_sub(late_of(snapshot, req), 1, __ATOMIC_RELAXED);
	chain_finish(snapshot, req, resp, outcome);
	if (HZ_LIKELY(req->handler == NULL))
		return;
	handler = &snapshot->routes[req->route_index].handler;
	if (handler->finish != NULL)
		handler->finish(handler->conf, (struct hz_http_req *)(uintptr_t)req);
}

/* Pairs of hexadecimal digits, which the middleware has made or checked. */
static void id_put(struct hz_span digits, uint8_t *out, size_t bytes)
{
	if (digits.len != 2 * bytes)
		return;
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(hz_hex_digit(digits.data[2 * i]) << 4 |
		                   hz_hex_digit(digits.data[2 * i + 1]));
}

static void app_describe(const void *pinned, const struct hz_http_req *req,
                         struct hz_event_slow *record)
{
	const struct hz_snapshot *snapshot = pinned;
	const struct hz_mw_trace *trace = req->app != NULL ? hz_chain_call(req)->trace : NULL;
	struct hz_span name = { NULL, 0 };

	if (req->route_index >= 0)
		name = snapshot->routes[req->route_index].name;
	if (name.len != 0)
		memcpy(record->route_name, name.data, HZ_MIN(name.len, HZ_ROUTE_NAME_BYTES));
	if (trace == NULL)
		return;
	id_put(trace->trace_id, record->trace_id, sizeof(record->trace_id));
	id_put(trace->span_id, record->span_id, sizeof(record->span_id));
}

static unsigned app_turn(void *app, uint32_t worker_index)
{
	const struct hz_app_state *of = app;
	unsigned count = of->jobs != NULL ? hz_jobs_turn(of->jobs, worker_index) : 0;

	if (of->files != NULL)
		count += hz_files_pool_turn(of->files, worker_index);
	if (of->topics != NULL)
		count += hz_topics_turn(of->topics, worker_index);
	if (of->api != NULL)
		count += hz_api_turn(of->api, worker_index);
	return count;
}

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
	return HZ_MIN(a_ns, b_ns);
}

static uint64_t app_turn_due_ns(void *app, uint32_t worker_index)
{
	const struct hz_app_state *of = app;

	uint64_t due_ns = UINT64_MAX;

	if (of->files != NULL)
		due_ns = hz_files_pool_turn_due_ns(of->files, worker_index);
	if (of->topics != NULL)
		due_ns = sooner(due_ns, hz_topics_turn_due_ns(of->topics, worker_index));
	if (of->api != NULL)
		due_ns = sooner(due_ns, hz_api_turn_due_ns(of->api, worker_index));
	return due_ns;
}

static void app_end(void *app, uint32_t worker_index)
{
	const struct hz_app_state *of = app;

	if (of->api != NULL)
		hz_api_end(of->api, worker_index);
}

const struct hz_http_app_ops hz_snapshot_app_ops = {
	.pin = app_pin,
	.unpin = app_unpin,
	.limits = app_limits,
	.route = app_route,
	.body = app_body,
	.handle = app_handle,
	.hold = app_hold,
	.refuse = app_refuse,
	.is_overdue = app_is_overdue,
	.finish = app_finish,
	.describe = app_describe,
	.turn = app_turn,
	.turn_due_ns = app_turn_due_ns,
	.end = app_end,
};
