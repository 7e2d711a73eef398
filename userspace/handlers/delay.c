#include "handlers/delay.h"

#include "handlers/answer.h"
#include <errno.h>
#include <stdlib.h>

struct delay {
	uint64_t ns;
	struct hz_handler inner; /* owned */
};

/* The time at which the request is handled stands in its arena from the first call on. */
static enum hz_http_next delay_handle(const void *conf, struct hz_http_req *req,
                                      struct hz_http_resp *resp)
{
	const struct delay *delay = conf;
	uint64_t *due_ns = req->handler;

	if (due_ns == NULL) {
		due_ns = hz_arena_get(req->arena, sizeof(*due_ns));
		if (due_ns == NULL) {
			hz_answer(resp, 414);
			return HZ_HTTP_ANSWER;
		}
		*due_ns = req->env->now_ns + delay->ns;
		req->handler = due_ns;
	}
	if (req->env->now_ns < *due_ns) {
		req->wake_ns = *due_ns;
		return HZ_HTTP_WAIT;
	}
	req->handler = NULL;
	return delay->inner.handle(delay->inner.conf, req, resp);
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
	*handler = (struct hz_handler){ .handle = delay_handle, .free = delay_free, .conf = delay };
	return 0;
}
