#include "http/h1_glitch.h"
#include "core/span_ops.h"

_Static_assert(HZ_LIMIT_glitches_max <= UINT8_MAX && HZ_LIMIT_glitches_warn < HZ_LIMIT_glitches_max,
               "a connection counts them in a byte");

/* An absolute target has an authority of its own, which wins. */
static bool is_host_another(const struct hz_http_req *req)
{
	const struct hz_http_header *host;

	if (HZ_LIKELY(req->target.data[0] == '/') || req->target.len == 1)
		return false;
	host = hz_http_req_header(req, HZ_SPAN_LITERAL("host"));
	return host != NULL && !hz_span_equals_nocase(req->host, host->value);
}

uint32_t hz_h1_glitch_head(const struct hz_http_req *req, bool had_empty_line)
{
	bool expects_nothing =
		req->expects_continue && !req->is_chunked && req->content_length == 0;

	return (uint32_t)had_empty_line + expects_nothing + is_host_another(req);
}

bool hz_h1_glitch_add(const struct hz_h1_turn *turn, uint32_t count)
{
	struct hz_h1_conn *conn = turn->conn;
	const uint32_t before = conn->glitches, now = before + count;

	if (HZ_LIKELY(count == 0))
		return false;
	hz_slot_add(turn->http->conf.slot, HZ_COUNTER_http_glitch, count);
	if (before < HZ_LIMIT_glitches_warn && now >= HZ_LIMIT_glitches_warn)
		hz_h1_count(turn, HZ_COUNTER_http_glitch_warn);
	if (before < HZ_LIMIT_glitches_max && now >= HZ_LIMIT_glitches_max)
		hz_h1_count(turn, HZ_COUNTER_http_glitch_close);
	conn->glitches = (uint8_t)HZ_MIN(now, (uint32_t)HZ_LIMIT_glitches_max);
	return now >= HZ_LIMIT_glitches_max;
}
