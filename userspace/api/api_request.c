/* What a handler sees of its request. */
#include "api/api_priv.h"
#include "core/span_ops.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hz_span hz_request_method(const struct hz_request *req)
{
	return hz_http_method_names[req->http->method]; /* unknown ones have no route */
}

struct hz_span hz_request_path(const struct hz_request *req)
{
	return req->http->path;
}

struct hz_span hz_request_query(const struct hz_request *req)
{
	return req->http->query;
}

struct hz_span hz_request_host(const struct hz_request *req)
{
	return req->http->host;
}

struct hz_span hz_request_param(const struct hz_request *req, const char *name)
{
	const struct hz_span wanted = hz_span_text(name);

	for (uint32_t i = 0; i < req->http->param_count; i++)
		if (hz_span_equals(req->http->param[i].name, wanted))
			return req->http->param[i].value;
	return (struct hz_span){ NULL, 0 };
}

struct hz_span hz_request_header(const struct hz_request *req, const char *name)
{
	const struct hz_span wanted = hz_span_text(name);

	for (uint32_t i = 0; i < req->http->header_count; i++)
		if (hz_span_equals_nocase(req->http->header[i].name, wanted))
			return req->http->header[i].value;
	return (struct hz_span){ NULL, 0 };
}

bool hz_request_header_at(const struct hz_request *req, size_t index, struct hz_span *name,
                          struct hz_span *value)
{
	if (index >= req->http->header_count)
		return false;
	*name = req->http->header[index].name;
	*value = req->http->header[index].value;
	return true;
}

uint64_t hz_request_body_bytes(const struct hz_request *req)
{
	return req->http->body != NULL ? req->http->body->bytes : 0;
}

/* Reading goes forward: the block of the last piece is where the next one is looked for. */
struct hz_span hz_request_body(struct hz_request *req, uint64_t offset)
{
	const struct hz_http_body *body = req->http->body;

	if (body == NULL || offset >= body->bytes)
		return (struct hz_span){ NULL, 0 };
	if (body->whole.len != 0)
		return hz_span_skip(body->whole, (size_t)offset);
	if (req->block == NULL || offset < req->block_at) {
		req->block = body->first;
		req->block_at = 0;
	}
	while (offset - req->block_at >= req->block->used) {
		req->block_at += req->block->used;
		req->block = req->block->next;
	}
	return hz_span_skip((struct hz_span){ req->block->data, req->block->used },
	                    (size_t)(offset - req->block_at));
}

void hz_request_peer(const struct hz_request *req, uint8_t addr[16], uint16_t *port)
{
	hz_http_peer(req->http, addr, port);
}

int hz_request_attach(struct hz_request *req, void *state, void (*done)(void *state))
{
	if (req->has_state)
		return -EALREADY;
	req->has_state = true;
	req->state = state;
	req->done = done;
	return 0;
}

void *hz_request_state(const struct hz_request *req)
{
	return req->state;
}

struct hz_loop *hz_request_loop(const struct hz_request *req)
{
	return req->loop;
}

bool hz_request_should_end(const struct hz_request *req)
{
	return req->should_end || hz_http_is_draining(req->http);
}

/* --- answers --------------------------------------------------------------------------------------- */

int hz_respond_with(struct hz_request *req, const struct hz_reply *reply)
{
	struct hz_span lines = { req->lines.data, req->lines_used };
	struct api_answer answer = { 0 };
	int err = hz_api_reply_build(reply, lines, req->http->arena, &answer);

	if (err == 0 && req->answer.is_set) {
		hz_api_reply_free(&answer);
		return -EALREADY;
	}
	if (err == 0)
		req->answer = answer;
	return err;
}

int hz_respond(struct hz_request *req, int status, const char *content_type, const void *body,
               size_t body_bytes)
{
	const struct hz_reply reply =
		HZ_INIT(hz_reply, .status = status, .content_type = content_type, .body = body,
	                .body_bytes = body_bytes);

	return hz_respond_with(req, &reply);
}

#define LINES_FIRST 512u /* in the arena; who needs more gets all there may be */

static int lines_grow(struct hz_request *req)
{
	const size_t len = req->lines.len == 0 ? LINES_FIRST : HZ_LIMIT_reply_head_bytes_max;
	uint8_t *data = NULL;

	if (req->lines_memory != NULL)
		return -ENOSPC;
	if (len == LINES_FIRST)
		data = hz_arena_get(req->http->arena, len);
	if (data == NULL)
		data = req->lines_memory = malloc(HZ_LIMIT_reply_head_bytes_max);
	if (data == NULL)
		return -ENOMEM;
	if (req->lines_used > 0)
		memcpy(data, req->lines.data, req->lines_used);
	req->lines.len = req->lines_memory != NULL ? HZ_LIMIT_reply_head_bytes_max : len;
	req->lines.data = data;
	return 0;
}

int hz_respond_header(struct hz_request *req, const char *name, const char *value)
{
	int err = req->answer.is_set ? -EALREADY : -ENOSPC;

	while (err == -ENOSPC) {
		err = hz_api_reply_line(name, value, req->lines, &req->lines_used);
		if (err == -ENOSPC) {
			int grown = lines_grow(req);

			if (grown != 0)
				return grown;
		}
	}
	return err;
}
