#include "http/req.h"

const struct hz_http_header *hz_http_req_header(const struct hz_http_req *req, struct hz_span name)
{
	for (unsigned i = 0; i < req->header_count; i++) {
		if (hz_http_equals_nocase(req->header[i].name, name))
			return &req->header[i];
	}
	return NULL;
}
