#include "http/req.h"
#include <errno.h>

const struct hz_http_header *hz_http_req_header(const struct hz_http_req *req, struct hz_span name)
{
	for (unsigned i = 0; i < req->header_count; i++) {
		if (hz_http_equals_nocase(req->header[i].name, name))
			return &req->header[i];
	}
	return NULL;
}

int hz_http_resp_field(struct hz_http_resp *resp, struct hz_span lines)
{
	if (resp->field_count == HZ_HTTP_RESP_FIELDS_MAX)
		return -ENOSPC;
	resp->field[resp->field_count++] = lines;
	return 0;
}

uint16_t hz_http_resp_status(const struct hz_http_resp *resp)
{
	const uint8_t *digit;

	if (resp->prepared == NULL)
		return resp->status;
	digit = resp->prepared->head.data + sizeof("HTTP/1.1 ") - 1;
	return (uint16_t)((digit[0] - '0') * 100 + (digit[1] - '0') * 10 + (digit[2] - '0'));
}
