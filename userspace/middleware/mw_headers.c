/* `headers`: fields added to every answer, as lines built at load. */
#include "core/text_put.h"
#include "middleware/chain.h"
#include <errno.h>
#include <stdlib.h>

struct headers {
	struct hz_span lines;
	uint8_t text[];
};

static void headers_after(const void *conf, struct hz_mw_call *call)
{
	const struct headers *headers = conf;

	(void)hz_http_resp_field(call->resp, headers->lines); /* one place per link: never full */
}

static const struct hz_mw_ops headers_ops = {
	.name = "headers",
	.after = headers_after,
	.free = free,
};

int hz_mw_headers_build(const struct hz_mw_headers_conf *conf, struct hz_mw *out)
{
	struct headers *headers;
	size_t bytes = 0;
	uint8_t *at;

	for (uint32_t i = 0; i < conf->count; i++)
		bytes += conf->field[i].name.len + conf->field[i].value.len + sizeof(": \r\n") - 1;
	headers = malloc(sizeof(*headers) + bytes);
	if (headers == NULL)
		return -ENOMEM;
	at = headers->text;
	for (uint32_t i = 0; i < conf->count; i++) {
		at = hz_put_span(at, conf->field[i].name);
		at = hz_put_span(at, HZ_SPAN_LITERAL(": "));
		at = hz_put_span(at, conf->field[i].value);
		at = hz_put_span(at, HZ_SPAN_LITERAL("\r\n"));
	}
	headers->lines = (struct hz_span){ headers->text, bytes };
	*out = (struct hz_mw){ .ops = &headers_ops, .conf = headers };
	return 0;
}
