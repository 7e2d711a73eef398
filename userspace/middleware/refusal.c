#include "middleware/refusal.h"
#include "core/text_put.h"

void hz_refusal(struct hz_http_resp *resp, uint16_t status)
{
	resp->status = status;
	resp->body_kind = HZ_BODY_SPAN;
	resp->content_type = HZ_SPAN_LITERAL("text/plain");
	resp->body = hz_http_reason(status);
}

uint64_t hz_refusal_seconds(uint64_t ns)
{
	return ns <= HZ_NS_PER_S ? 1 : (ns - 1) / HZ_NS_PER_S + 1;
}

void hz_refusal_for(struct hz_http_resp *resp, uint16_t status, uint64_t ns, struct hz_arena *arena)
{
	const struct hz_span name = HZ_SPAN_LITERAL("Retry-After: ");
	uint8_t *line = hz_arena_get(arena, name.len + HZ_DECIMAL_MAX + 2);
	uint8_t *end = line;

	hz_refusal(resp, status);
	if (line == NULL)
		return;
	end = hz_put_span(end, name);
	end = hz_put_decimal(end, hz_refusal_seconds(ns));
	end = hz_put_span(end, HZ_SPAN_LITERAL("\r\n"));
	resp->extra = (struct hz_span){ line, (size_t)(end - line) };
}
