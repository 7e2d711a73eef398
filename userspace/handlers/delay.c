#include "handlers/delay.h"

#include "handlers/answer.h"
#include <errno.h>
#include <stdlib.h>

struct delay {
	uint64_t ns;
	struct hz_handler inner; /* owned */
};

/* In the request's arena from the first call on. req->handler is the inner handler's while that runs. */
struct delayed {
	uint64_t due_ns;
	void *inner; /* its req->handler */
};

static struct delayed *delayed_of(const struct delay *delay, struct hz_http_req *req)
{
	struct delayed *delayed = req->handler;

	if (delayed != NULL)
		return delayed;
	delayed = hz_arena_get(req->arena, sizeof(*delayed));
	if (delayed != NULL)
		*delayed = (struct delayed){ .due_ns = req->env->now_ns + delay->ns };
	req->handler = delayed;
	return delayed;
}

static enum hz_http_next delay_handle(const void *conf, struct hz_http_req *req,
                                      struct hz_http_resp *resp)
{
	const struct delay *delay = conf;
	struct delayed *delayed = delayed_of(delay, req);
	enum hz_http_next next;

	if (delayed == NULL) {
		hz_answer(resp, 414);
		return HZ_HTTP_ANSWER;
	}
	if (req->env->now_ns < delayed->due_ns) {
		req->wake_ns = delayed->due_ns;
		return HZ_HTTP_WAIT;
	}
	req->handler = delayed->inner;
	next = delay->inner.handle(delay->inner.conf, req, resp);
	delayed->inner = req->handler;
	req->handler = delayed;
	return next;
}

static void delay_hold(const void *conf, struct hz_http_req *req)
{
	const struct delay *delay = conf;
	struct delayed *delayed = req->handler;

	req->handler = delayed->inner;
	if (req->handler != NULL && delay->inner.hold != NULL)
		delay->inner.hold(delay->inner.conf, req);
	req->handler = delayed;
}

static bool delay_is_overdue(const void *conf, struct hz_http_req *req, bool is_over)
{
	const struct delay *delay = conf;
	struct delayed *delayed = req->handler;
	bool is_overdue = false;

	req->handler = delayed->inner;
	if (req->handler != NULL && delay->inner.is_overdue != NULL)
		is_overdue = delay->inner.is_overdue(delay->inner.conf, req, is_over);
	req->handler = delayed;
	return is_overdue;
}

static void delay_finish(const void *conf, struct hz_http_req *req)
{
	const struct delay *delay = conf;
	const struct delayed *delayed = req->handler;

	req->handler = delayed->inner;
	if (req->handler != NULL && delay->inner.finish != NULL)
		delay->inner.finish(delay->inner.conf, req);
}

static void delay_free(void *conf)
{
	struct delay *delay = conf;

	if (delay == NULL)
		return;
	hz_handler_free(&delay->inner);
	free(delay);
}

int hz_delay_build(uint64_t delay_ns, struct hz_handler *handler)
{
	struct delay *delay;

	if (handler->body != NULL)
		return -EINVAL;
	delay = malloc(sizeof(*delay));
	if (delay == NULL)
		return -ENOMEM;
	*delay = (struct delay){ .ns = delay_ns, .inner = *handler };
	*handler = (struct hz_handler){
		.handle = delay_handle,
		.hold = delay_hold,
		.takes_body = delay->inner.takes_body,
		.has_no_validator = delay->inner.has_no_validator,
		.is_overdue = delay_is_overdue,
		.finish = delay_finish,
		.free = delay_free,
		.conf = delay,
	};
	return 0;
}

const struct hz_handler *hz_delay_inner(const struct hz_handler *handler)
{
	return handler->handle == delay_handle ? &((const struct delay *)handler->conf)->inner
	                                       : handler;
}
