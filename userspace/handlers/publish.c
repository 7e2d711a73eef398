#include "handlers/publish.h"

#include "handlers/answer.h"
#include <errno.h>

#define AGAIN_NS (100 * HZ_NS_PER_US) /* another thread publishes: that is over in less */
/* Blocks of a body that is no longer than a message may be: all but the last are full. */
#define PARTS_MAX (HZ_LIMIT_message_bytes_max / (HZ_LIMIT_body_block_bytes / 2) + 1)

/* The body's pieces; how many, or PARTS_MAX + 1 when they are too many. */
static uint32_t parts_of(const struct hz_http_body *body, struct hz_span part[PARTS_MAX])
{
	uint32_t count = 0;

	if (body->whole.len != 0) {
		part[0] = body->whole;
		return 1;
	}
	for (const struct hz_http_body_block *block = body->first; block != NULL;
	     block = block->next) {
		if (count == PARTS_MAX)
			return PARTS_MAX + 1;
		part[count++] = (struct hz_span){ block->data, block->used };
	}
	return count;
}

static enum hz_http_next publish_handle(const void *conf, struct hz_http_req *req,
                                        struct hz_http_resp *resp)
{
	struct hz_topic *topic =
		(struct hz_topic *)(uintptr_t)conf; /* it has its own rules for threads */
	struct hz_span part[PARTS_MAX];
	uint64_t seq;
	uint32_t count;
	int err = -EMSGSIZE;

	if (req->body == NULL) {
		hz_answer(resp, 400);
		return HZ_HTTP_ANSWER;
	}
	count = parts_of(req->body, part);
	if (count <= PARTS_MAX)
		err = hz_topic_publish(topic, part, count, &seq);
	if (err == -EAGAIN) {
		req->wake_ns = req->env->now_ns + AGAIN_NS;
		return HZ_HTTP_WAIT;
	}
	if (err != 0) {
		hz_answer(resp, err == -EMSGSIZE ? 413 : 503);
		return HZ_HTTP_ANSWER;
	}
	resp->status = 204;
	return HZ_HTTP_ANSWER;
}

void hz_publish_handler_build(struct hz_topic *topic, struct hz_handler *out)
{
	*out = (struct hz_handler){
		.handle = publish_handle,
		.takes_body = true,
		.has_no_validator = true,
		.conf = topic,
	};
}
