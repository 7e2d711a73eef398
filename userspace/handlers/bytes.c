/* Handler `bytes`. */
#include "handlers/bytes.h"

#include "handlers/answer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	uint32_t param;
	uint64_t count_max;
};

/* Decimal digits without sign, space or leading zero, at most count_max. */
static bool count_parse(struct hz_span text, uint64_t count_max, uint64_t *out)
{
	uint64_t count = 0;

	if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t digit = (uint64_t)text.data[i] - '0';

		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		/* count_max - digit cannot wrap once digit <= count_max is known. */
		if (digit > count_max || count > (count_max - digit) / 10)
			return false;
		count = count * 10 + digit;
	}
	*out = count;
	return true;
}

static void bytes_produce(const void *ctx, uint64_t offset, struct hz_wspan out)
{
	(void)ctx;
	(void)offset;
	memset(out.data, 'x', out.len);
}

static enum hz_http_next bytes_handle(const void *conf, struct hz_http_req *req,
                                      struct hz_http_resp *resp)
{
	const struct bytes *bytes = conf;
	uint64_t count;

	if (!count_parse(hz_handler_param(req, bytes->param), bytes->count_max, &count)) {
		hz_answer(resp, 400);
		return HZ_HTTP_ANSWER;
	}
	resp->status = 200;
	resp->content_type = HZ_SPAN_LITERAL("application/octet-stream");
	resp->body_kind = count == 0 ? HZ_BODY_NONE : HZ_BODY_GENERATED;
	resp->body_bytes = count;
	resp->produce = bytes_produce;
	resp->produce_ctx = NULL;
	return HZ_HTTP_ANSWER;
}

int hz_bytes_build(const struct hz_bytes_conf *conf, struct hz_handler *out)
{
	int param = hz_handler_param_index(&conf->params, conf->count_param);
	struct bytes *bytes;

	if (param < 0)
		return -EINVAL;
	bytes = malloc(sizeof(*bytes));
	if (bytes == NULL)
		return -ENOMEM;
	*bytes = (struct bytes){ .param = (uint32_t)param, .count_max = conf->count_max };
	*out = (struct hz_handler){
		.handle = bytes_handle,
		.has_no_validator = true,
		.free = free,
		.conf = bytes,
	};
	return 0;
}
