/* `cors`: which origins' pages may read the answers (the CORS protocol of the Fetch standard). What an origin is told
 * is written at load: no byte of a request's Origin ever comes back. */
#include "core/span_ops.h"
#include "core/text_put.h"
#include "middleware/chain.h"
#include <errno.h>
#include <stdlib.h>

struct origin {
	struct hz_span name;
	struct hz_span answer;    /* lines of any answer */
	struct hz_span preflight; /* and of one to a preflight */
};

struct cors {
	bool is_any;
	uint32_t count;          /* with is_any: 1 */
	struct hz_span stranger; /* lines for who is not listed */
	struct origin origin[];
};

/* Fetch 4.8: OPTIONS with these two fields. */
static bool is_preflight(const struct hz_http_req *req)
{
	return req->method == HZ_HTTP_OPTIONS && (req->fields >> HZ_HTTP_FIELD_ORIGIN & 1) != 0 &&
	       hz_http_req_header(req, HZ_SPAN_LITERAL("access-control-request-method")) != NULL;
}

static enum hz_mw_verdict cors_before(const void *conf, struct hz_mw_call *call)
{
	(void)conf;
	if (HZ_LIKELY(call->req->method != HZ_HTTP_OPTIONS) || !is_preflight(call->req))
		return HZ_MW_NEXT;
	call->resp->status = 204;
	call->resp->body_kind = HZ_BODY_NONE;
	return HZ_MW_STOP;
}

static const struct origin *origin_find(const struct cors *cors, struct hz_span name)
{
	if (name.len == 0)
		return NULL;
	for (uint32_t i = 0; i < cors->count; i++) {
		if (cors->is_any || hz_span_equals(cors->origin[i].name, name))
			return &cors->origin[i];
	}
	return NULL;
}

static void cors_after(const void *conf, struct hz_mw_call *call)
{
	const struct cors *cors = conf;
	/* Several are none: no browser sends them. */
	const struct origin *origin =
		origin_find(cors, hz_http_req_only(call->req, HZ_HTTP_FIELD_ORIGIN));
	struct hz_span lines = cors->stranger;

	if (origin != NULL)
		lines = is_preflight(call->req) ? origin->preflight : origin->answer;
	if (lines.len > 0)
		(void)hz_http_resp_field(call->resp, lines); /* one place per link: never full */
}

static const struct hz_mw_ops cors_ops = {
	.name = "cors",
	.before = cors_before,
	.after = cors_after,
	.free = free,
};

/* Writes, or with at NULL counts. */
struct text {
	uint8_t *at;
	size_t bytes;
};

static void text_add(struct text *text, struct hz_span what)
{
	if (text->at != NULL)
		text->at = hz_put_span(text->at, what);
	text->bytes += what.len;
}

static void line_add(struct text *text, struct hz_span name, struct hz_span value)
{
	if (value.len == 0)
		return;
	text_add(text, name);
	text_add(text, value);
	text_add(text, HZ_SPAN_LITERAL("\r\n"));
}

static void max_age_add(struct text *text, uint32_t seconds)
{
	uint8_t digits[HZ_DECIMAL_MAX];
	uint8_t *end = hz_put_decimal(digits, seconds);

	if (seconds > 0)
		line_add(text, HZ_SPAN_LITERAL("Access-Control-Max-Age: "),
		         (struct hz_span){ digits, (size_t)(end - digits) });
}

/* The caches' rule: where answers differ by origin, every answer says so. */
static void vary_add(struct text *text, const struct hz_mw_cors_conf *conf)
{
	if (!conf->is_any)
		text_add(text, HZ_SPAN_LITERAL("Vary: Origin\r\n"));
}

static struct hz_span lines_add(struct text *text, const struct hz_mw_cors_conf *conf,
                                struct hz_span name, bool is_preflight)
{
	const uint8_t *from = text->at;
	size_t before = text->bytes;

	line_add(text, HZ_SPAN_LITERAL("Access-Control-Allow-Origin: "), name);
	if (conf->has_credentials)
		text_add(text, HZ_SPAN_LITERAL("Access-Control-Allow-Credentials: true\r\n"));
	if (is_preflight) {
		line_add(text, HZ_SPAN_LITERAL("Access-Control-Allow-Methods: "), conf->methods);
		line_add(text, HZ_SPAN_LITERAL("Access-Control-Allow-Headers: "), conf->headers);
		max_age_add(text, conf->max_age_s);
	} else {
		line_add(text, HZ_SPAN_LITERAL("Access-Control-Expose-Headers: "), conf->expose);
	}
	vary_add(text, conf);
	return (struct hz_span){ from, text->bytes - before };
}

/* Into cors, or with cors NULL only counted. */
static void origins_add(struct text *text, const struct hz_mw_cors_conf *conf, struct cors *cors)
{
	uint32_t count = conf->is_any ? 1 : conf->origin_count;

	for (uint32_t i = 0; i < count; i++) {
		struct origin origin = { .name = conf->is_any ? HZ_SPAN_LITERAL("*")
			                                      : conf->origin[i] };

		origin.answer = lines_add(text, conf, origin.name, false);
		origin.preflight = lines_add(text, conf, origin.name, true);
		if (cors != NULL)
			cors->origin[cors->count++] = origin;
	}
}

int hz_mw_cors_build(const struct hz_mw_cors_conf *conf, struct hz_mw *out)
{
	size_t count = conf->is_any ? 1 : conf->origin_count;
	struct text text = { 0 };
	struct cors *cors;

	origins_add(&text, conf, NULL);
	cors = calloc(1, sizeof(*cors) + count * sizeof(cors->origin[0]) + text.bytes);
	if (cors == NULL)
		return -ENOMEM;
	cors->is_any = conf->is_any;
	if (!conf->is_any)
		cors->stranger = HZ_SPAN_LITERAL("Vary: Origin\r\n");
	text = (struct text){ .at = (uint8_t *)&cors->origin[count] };
	origins_add(&text, conf, cors);
	*out = (struct hz_mw){ .ops = &cors_ops, .conf = cors };
	return 0;
}
