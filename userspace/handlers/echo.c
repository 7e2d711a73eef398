/* Handler `echo`. */
#include "handlers/echo.h"

#include "handlers/answer.h"
#include <string.h>

static enum hz_http_next echo_handle(const void *conf, struct hz_http_req *req,
                                     struct hz_http_resp *resp)
{
	const struct hz_http_header *type =
		hz_http_req_header(req, HZ_SPAN_LITERAL("content-type"));
	struct hz_span content_type = HZ_SPAN_LITERAL("application/octet-stream");

	(void)conf;
	if (type != NULL && type->value.len > 0) {
		/* The field lies in the stream's bytes, which the answer may outlive. */
		uint8_t *copy = type->value.len <= HZ_ECHO_CONTENT_TYPE_MAX
		                        ? hz_arena_get(req->arena, type->value.len)
		                        : NULL;

		if (copy == NULL) {
			hz_answer(resp, 431);
			return HZ_HTTP_ANSWER;
		}
		memcpy(copy, type->value.data, type->value.len);
		content_type = (struct hz_span){ copy, type->value.len };
	}
	resp->status = 200;
	resp->content_type = content_type;
	resp->body_kind =
		req->body == NULL || req->body->bytes == 0 ? HZ_BODY_NONE : HZ_BODY_REQUEST;
	return HZ_HTTP_ANSWER;
}

void hz_echo_build(struct hz_handler *out)
{
	*out = (struct hz_handler){
		.handle = echo_handle,
		.takes_body = true,
		.has_no_validator = true,
	};
}
