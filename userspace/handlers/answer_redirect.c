#include "handlers/answer_redirect.h"

#include "core/span_ops.h"
#include "handlers/answer.h"
#include <string.h>

static uint8_t *append(uint8_t *at, struct hz_span text)
{
	if (text.len > 0)
		memcpy(at, text.data, text.len);
	return at + text.len;
}

void hz_answer_redirect(struct hz_http_resp *resp, struct hz_span path, struct hz_span query,
                        struct hz_arena *arena)
{
	const struct hz_span name = HZ_SPAN_LITERAL("Location: ");
	const struct hz_span end = HZ_SPAN_LITERAL("\r\n");
	uint8_t *line = hz_arena_get(arena, name.len + path.len + 1 + query.len + end.len);
	uint8_t *at;

	if (line == NULL) {
		hz_answer(resp, 414);
		return;
	}
	at = append(append(line, name), path);
	if (query.len > 0)
		at = append(append(at, HZ_SPAN_LITERAL("?")), query);
	at = append(at, end);
	resp->status = 308;
	resp->prepared = NULL;
	resp->body_kind = HZ_BODY_SPAN;
	resp->content_type = HZ_SPAN_LITERAL("text/plain");
	resp->extra = (struct hz_span){ line, (size_t)(at - line) };
	resp->body = HZ_SPAN_LITERAL("Permanent Redirect\n");
}
