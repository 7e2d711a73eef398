/* Answers as handlers describe them, checked and made into what http sends. */
#include "api/api_priv.h"
#include "core/span_ops.h"
#include <errno.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX 2048u /* what is longer has memory of its own */

/* RFC 9110 5.6.2. */
static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* What says how long a message is and whether the connection goes on is http's; Content-Type has its own place. */
static const char *const own_fields[] = {
	"connection",       "content-length", "content-type",      "date",    "keep-alive",
	"proxy-connection", "trailer",        "transfer-encoding", "upgrade",
};

static bool is_name(const char *name)
{
	if (name == NULL || name[0] == '\0' || name[strspn(name, token_bytes)] != '\0')
		return false;
	for (size_t i = 0; i < HZ_ARRAY_LEN(own_fields); i++)
		if (hz_span_equals_nocase(hz_span_text(name), hz_span_text(own_fields[i])))
			return false;
	return true;
}

/* RFC 9110 5.5: no control bytes but HTAB; a line break here would be another field, or the end of the head. */
static bool is_value(const char *value)
{
	if (value == NULL)
		return false;
	for (; *value != '\0'; value++)
		if (((uint8_t)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

static void put(struct hz_wspan out, size_t *used, const char *text, size_t len)
{
	memcpy(out.data + *used, text, len);
	*used += len;
}

int hz_api_reply_line(const char *name, const char *value, struct hz_wspan out, size_t *used)
{
	size_t name_len, value_len;

	if (!is_name(name) || !is_value(value))
		return -EINVAL;
	name_len = strlen(name);
	value_len = strlen(value);
	if (name_len > out.len || value_len > out.len || name_len + value_len + 4 > out.len - *used)
		return -ENOSPC;
	put(out, used, name, name_len);
	put(out, used, ": ", 2);
	put(out, used, value, value_len);
	put(out, used, "\r\n", 2);
	return 0;
}

/* Bytes that the fields of reply take, behind more of them; -EINVAL or -ENOSPC. */
static ssize_t lines_measure(const struct hz_reply *reply, size_t more)
{
	size_t bytes = 0;

	for (size_t i = 0; i < reply->header_count; i++) {
		if (!is_name(reply->headers[i].name) || !is_value(reply->headers[i].value))
			return -EINVAL;
		bytes += strlen(reply->headers[i].name) + strlen(reply->headers[i].value) + 4;
		if (bytes > HZ_LIMIT_reply_head_bytes_max - more)
			return -ENOSPC;
	}
	return (ssize_t)bytes;
}

static bool is_valid(const struct hz_reply *reply)
{
	bool has_none = reply->status == 204 || reply->status == 304;

	return reply->status >= 200 && reply->status <= 599 &&
	       (reply->content_type == NULL ||
	        (reply->content_type[0] != '\0' && is_value(reply->content_type))) &&
	       (reply->header_count == 0 || reply->headers != NULL) &&
	       (reply->pull != NULL || reply->body_bytes == 0 || reply->body != NULL) &&
	       (reply->pull == NULL || reply->body == NULL) &&
	       (!has_none || reply->body_bytes == 0) &&
	       (reply->pull != NULL || reply->body_bytes <= SIZE_MAX / 2);
}

/* The arena is the chain's too, which comes after us. */
static uint8_t *room_get(size_t bytes, struct hz_arena *arena, void **memory)
{
	uint8_t *room = NULL;

	if (arena != NULL && bytes <= ARENA_BYTES_MAX)
		room = hz_arena_get(arena, bytes);
	if (room == NULL)
		room = *memory = malloc(bytes + 1);
	return room;
}

static int answer_build(const struct hz_reply *reply, struct hz_span more, struct hz_arena *arena,
                        struct api_answer *out)
{
	bool is_copied = reply->pull == NULL && reply->release == NULL;
	size_t type_bytes, body_bytes = is_copied ? (size_t)reply->body_bytes : 0, used = 0;
	struct hz_wspan room;
	ssize_t line_bytes;

	if (!is_valid(reply))
		return -EINVAL;
	line_bytes = lines_measure(reply, more.len);
	if (line_bytes < 0)
		return (int)line_bytes;
	type_bytes = reply->content_type != NULL ? strlen(reply->content_type) : 0;
	if (type_bytes > HZ_LIMIT_reply_type_bytes_max)
		return -ENOSPC;
	room.len = type_bytes + more.len + (size_t)line_bytes + body_bytes;
	room.data = room_get(room.len, arena, &out->memory);
	if (room.data == NULL)
		return -ENOMEM;
	if (type_bytes > 0)
		put(room, &used, reply->content_type, type_bytes);
	out->type = (struct hz_span){ room.data, used };
	if (more.len > 0)
		put(room, &used, (const char *)more.data, more.len);
	for (size_t i = 0; i < reply->header_count; i++)
		(void)hz_api_reply_line(reply->headers[i].name, reply->headers[i].value, room,
		                        &used);
	out->lines = (struct hz_span){ room.data + type_bytes, used - type_bytes };
	if (body_bytes > 0)
		memcpy(room.data + used, reply->body, body_bytes);
	out->body = is_copied ? (struct hz_span){ room.data + used, body_bytes }
	                      : (struct hz_span){ reply->body, (size_t)reply->body_bytes };
	return 0;
}

int hz_api_reply_build(const struct hz_reply *reply, struct hz_span more, struct hz_arena *arena,
                       struct api_answer *out)
{
	struct api_answer answer = { 0 };
	struct hz_reply own;
	int err = hz_api_struct_copy(&own, sizeof(own), reply);

	if (err != 0) /* of a version that we cannot read: what its release is, we do not know */
		return err;
	err = answer_build(&own, more, arena, &answer);
	if (err != 0) {
		if (own.release != NULL)
			own.release(own.ctx);
		return err;
	}
	answer.is_set = true;
	answer.status = (uint16_t)own.status;
	answer.body_bytes = own.body_bytes;
	answer.pull = own.pull;
	answer.release = own.release;
	answer.should_end = own.should_end;
	answer.ctx = own.ctx;
	*out = answer;
	return 0;
}

void hz_api_reply_free(struct api_answer *answer)
{
	if (answer->is_set && answer->release != NULL)
		answer->release(answer->ctx);
	free(answer->memory);
	*answer = (struct api_answer){ 0 };
}
