/* The standard answers. Their heads are constants, so an error costs what a prepared 200 costs. */
#include "handlers/answer.h"

#include "core/base.h"
#include <string.h>

struct answer {
	uint16_t status;
	struct hz_http_prepared prepared;
};

/* One answer. length is that of its body, reason and newline; a test compares them. */
#define ANSWER(code, reason, length)                                                               \
	{                                                                                          \
		code,                                                                              \
			{ HZ_SPAN_LITERAL("HTTP/1.1 " #code " " reason "\r\n"                      \
			                  "Content-Type: text/plain\r\n"                           \
			                  "Content-Length: " #length "\r\n"),                      \
			  HZ_SPAN_LITERAL(reason "\n") },                                          \
	}

/* The last one stands for every status that is not listed. */
static const struct answer answers[] = {
	ANSWER(400, "Bad Request", 12),
	ANSWER(404, "Not Found", 10),
	ANSWER(412, "Precondition Failed", 20),
	ANSWER(413, "Content Too Large", 18),
	ANSWER(414, "URI Too Long", 13),
	ANSWER(431, "Request Header Fields Too Large", 32),
	ANSWER(501, "Not Implemented", 16),
	ANSWER(503, "Service Unavailable", 20),
	ANSWER(500, "Internal Server Error", 22),
};

static const struct answer *answer_of(uint16_t status)
{
	size_t i = 0;

	while (i < HZ_ARRAY_LEN(answers) - 1 && answers[i].status != status)
		i++;
	return &answers[i];
}

const struct hz_http_prepared *hz_answer_prepared(uint16_t status)
{
	return &answer_of(status)->prepared;
}

void hz_answer(struct hz_http_resp *resp, uint16_t status)
{
	const struct answer *answer = answer_of(status);

	resp->status = answer->status;
	resp->prepared = &answer->prepared;
}

void hz_answer_condition(struct hz_http_resp *resp, uint16_t status)
{
	if (status != 304) {
		hz_answer(resp, status);
		return;
	}
	resp->status = status;
	resp->body_kind = HZ_BODY_NONE;
}

/* "Allow: GET, HEAD\r\n" into out, which has room for every method; returns its length. */
static size_t allow_write(uint32_t allow, uint8_t *out)
{
	static const char field[] = "Allow: ";
	size_t at = sizeof(field) - 1;
	bool is_first = true;

	memcpy(out, field, at);
	for (unsigned method = 0; method < HZ_HTTP_METHOD_COUNT; method++) {
		struct hz_span name = hz_http_method_names[method];

		if ((allow & HZ_METHOD_BIT(method)) == 0)
			continue;
		if (!is_first) {
			memcpy(out + at, ", ", 2);
			at += 2;
		}
		memcpy(out + at, name.data, name.len);
		at += name.len;
		is_first = false;
	}
	memcpy(out + at, "\r\n", 2);
	return at + 2;
}

/* The Allow field in arena; empty: no room, and resp is 500. */
static struct hz_span allow_field(struct hz_http_resp *resp, uint32_t allow, struct hz_arena *arena)
{
	size_t room = sizeof("Allow: \r\n");
	uint8_t *line;

	for (unsigned method = 0; method < HZ_HTTP_METHOD_COUNT; method++)
		room += hz_http_method_names[method].len + 2;
	line = hz_arena_get(arena, room);
	if (line == NULL) {
		hz_answer(resp, 500);
		return (struct hz_span){ NULL, 0 };
	}
	return (struct hz_span){ line, allow_write(allow, line) };
}

void hz_answer_method(struct hz_http_resp *resp, uint32_t allow, struct hz_arena *arena)
{
	struct hz_span field = allow_field(resp, allow, arena);

	if (field.len == 0)
		return;
	resp->status = 405;
	resp->prepared = NULL;
	resp->body_kind = HZ_BODY_SPAN;
	resp->content_type = HZ_SPAN_LITERAL("text/plain");
	resp->extra = field;
	resp->body = HZ_SPAN_LITERAL("Method Not Allowed\n");
}

void hz_answer_options(struct hz_http_resp *resp, uint32_t allow, struct hz_arena *arena)
{
	struct hz_span field = allow_field(resp, allow | HZ_METHOD_BIT(HZ_HTTP_OPTIONS), arena);

	if (field.len == 0)
		return;
	resp->status = 204;
	resp->prepared = NULL;
	resp->body_kind = HZ_BODY_NONE;
	resp->extra = field;
}
