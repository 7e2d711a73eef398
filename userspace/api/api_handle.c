/* From http's steps to handlers, and back. */
#include "api/api_priv.h"
#include "handlers/answer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The first call about it makes the request's object. NULL: no room; resp is filled. */
static struct hz_request *request_of(const struct api_handler *to, struct hz_http_req *http,
                                     struct hz_http_resp *resp)
{
	struct hz_request *req = http->handler;
	uint64_t now_ns = http->env->now_ns;
	struct hz_loop *loop;

	if (HZ_LIKELY(req != NULL))
		return req;
	loop = &to->route.api->loop[http->env->worker_index];
	if (HZ_UNLIKELY(!hz_api_loop_begin(loop))) {
		hz_answer(resp, 503);
		return NULL;
	}
	req = hz_arena_get(http->arena, sizeof(*req));
	if (req == NULL) {
		hz_answer(resp, 414); /* of the arena only the target can take so much */
		return NULL;
	}
	*req = (struct hz_request){
		.http = http, .loop = loop, .to = to, .patience_ns = UINT64_MAX
	};
	if (http->answer_by_ns != UINT64_MAX)
		req->patience_ns = http->answer_by_ns > now_ns ? http->answer_by_ns - now_ns : 0;
	http->handler = req;
	return req;
}

/* --- its answer ------------------------------------------------------------------------------------ */

static ssize_t answer_pull(void *ctx, struct hz_wspan out)
{
	struct hz_request *req = ctx;
	const struct api_handler *to = req->to;
	uint64_t since_ns = hz_api_stall_enter(req->loop, to->route.owner, to->name);
	int64_t bytes = req->answer.pull(req->answer.ctx, out.data, out.len);

	hz_api_stall_leave(req->loop, to->name, since_ns);
	if (bytes == HZ_END)
		return HZ_SOURCE_END;
	return bytes < 0 || (uint64_t)bytes > out.len ? HZ_SOURCE_END - 1 : (ssize_t)bytes;
}

static const struct hz_http_source_ops pull_ops = { .pull = answer_pull };

static enum hz_http_next answer_give(struct hz_request *req, struct hz_http_resp *resp)
{
	const struct api_answer *answer = &req->answer;

	resp->status = answer->status;
	resp->content_type = answer->type;
	resp->extra = answer->lines;
	resp->body_bytes = answer->body_bytes;
	if (answer->body_bytes == 0) {
		resp->body_kind = HZ_BODY_NONE;
	} else if (answer->pull != NULL) {
		resp->body_kind = HZ_BODY_SOURCE;
		resp->source = &pull_ops;
		resp->source_ctx = req;
	} else {
		resp->body_kind = HZ_BODY_SPAN;
		resp->body = answer->body;
	}
	return HZ_HTTP_ANSWER;
}

static enum hz_http_next answer_none(const struct hz_request *req, struct hz_http_resp *resp)
{
	hz_slot_count(req->loop->slot, HZ_COUNTER_handler_failed);
	hz_answer(resp, 500);
	return HZ_HTTP_ANSWER;
}

/* A streaming body may take longer than an answer may: patience begins anew when the client's part is done, or stands
 * still because of us. */
static void patience_renew(struct hz_request *req)
{
	if (req->to->route.body != NULL && req->patience_ns != UINT64_MAX)
		req->http->answer_by_ns = req->loop->env->now_ns + req->patience_ns;
}

/* --- steps ----------------------------------------------------------------------------------------- */

static enum hz_http_next api_handle(const void *conf, struct hz_http_req *http,
                                    struct hz_http_resp *resp)
{
	const struct api_handler *to = conf;
	struct hz_request *req = request_of(to, http, resp);
	uint64_t since_ns;
	int err = 0;

	if (HZ_UNLIKELY(req == NULL))
		return HZ_HTTP_ANSWER;
	if (!req->is_handled && !req->answer.is_set) {
		req->is_handled = true;
		patience_renew(req);
		since_ns = hz_api_stall_enter(req->loop, to->route.owner, to->name);
		err = to->route.handler(req, to->route.ctx);
		hz_api_stall_leave(req->loop, to->name, since_ns);
	}
	if (req->answer.is_set)
		return answer_give(req, resp);
	if (err >= 0 && req->ticket != NULL)
		return HZ_HTTP_WAIT;
	return answer_none(req, resp);
}

static enum hz_http_next api_body(const void *conf, struct hz_http_req *http,
                                  struct hz_http_resp *resp, struct hz_span bytes)
{
	const struct api_handler *to = conf;
	struct hz_request *req = request_of(to, http, resp);
	uint64_t since_ns;
	int next = 0;

	if (HZ_UNLIKELY(req == NULL))
		return HZ_HTTP_ANSWER;
	if (!req->answer.is_set && bytes.len > 0) {
		since_ns = hz_api_stall_enter(req->loop, to->route.owner, to->name);
		next = to->route.body(req, to->route.ctx, bytes.data, bytes.len);
		hz_api_stall_leave(req->loop, to->name, since_ns);
	}
	if (req->answer.is_set)
		return answer_give(req, resp);
	if (next == 0)
		return HZ_HTTP_NEXT;
	if (next != HZ_WAIT || req->ticket == NULL)
		return answer_none(req, resp); /* nobody could wake it */
	patience_renew(req);
	return HZ_HTTP_WAIT;
}

/* The answer may have come since the request was told: then it is the answer's turn. */
static void end_tell(const struct api_handler *to, struct hz_request *req)
{
	void (*should_end)(void *ctx) = req->answer.should_end;
	uint64_t since_ns;

	if (req->ticket != NULL)
		__atomic_store_n(&req->ticket->should_end, true, __ATOMIC_RELEASE);
	if (!req->should_end || should_end != NULL)
		req->http->wake_ns = req->loop->env->now_ns; /* a pull that waits looks around */
	req->should_end = true;
	req->answer.should_end = NULL;
	if (should_end == NULL)
		return;
	since_ns = hz_api_stall_enter(req->loop, to->route.owner, to->name);
	should_end(req->answer.ctx);
	hz_api_stall_leave(req->loop, to->name, since_ns);
}

static bool api_is_overdue(const void *conf, struct hz_http_req *http, bool is_over)
{
	struct hz_request *req = http->handler;

	end_tell(conf, req);
	return is_over && req->answer.is_set && req->answer.body_bytes == HZ_LENGTH_UNKNOWN;
}

static void api_finish(const void *conf, struct hz_http_req *http)
{
	const struct api_handler *to = conf;
	struct hz_request *req = http->handler;
	const bool calls_others =
		req->done != NULL || req->answer.release != NULL || req->ticket != NULL;
	uint64_t since_ns = 0;

	if (calls_others)
		since_ns = hz_api_stall_enter(req->loop, to->route.owner, to->name);
	hz_api_ticket_over(req);
	hz_api_reply_free(&req->answer);
	free(req->lines_memory);
	if (req->done != NULL)
		req->done(req->state);
	if (calls_others)
		hz_api_stall_leave(req->loop, to->name, since_ns);
}

static void api_free(void *conf)
{
	struct api_handler *to = conf;

	if (to != NULL && to->route.close != NULL)
		to->route.close(to->route.ctx);
	free(to);
}

int hz_api_handler_build(const struct hz_api_route *route, struct hz_handler *out)
{
	struct api_handler *to = malloc(sizeof(*to));

	if (to == NULL)
		return -ENOMEM;
	to->route = *route;
	snprintf(to->name, sizeof(to->name), "%s", route->name);
	*out = (struct hz_handler){
		.handle = api_handle,
		.takes_body = true,
		.body = route->body != NULL ? api_body : NULL,
		.is_overdue = api_is_overdue,
		.finish = api_finish,
		.free = api_free,
		.conf = to,
	};
	return 0;
}
