/* Looking up route parameters, common to handlers. */
#include "handlers/handler.h"

#include <string.h>

int hz_handler_param_index(const struct hz_handler_params *params, struct hz_span name)
{
	for (uint32_t i = 0; i < params->count && i < HZ_LIMIT_route_params_max; i++) {
		if (params->name[i].len == name.len && name.len > 0 &&
		    memcmp(params->name[i].data, name.data, name.len) == 0)
			return (int)i;
	}
	return -1;
}

struct hz_span hz_handler_param(const struct hz_http_req *req, uint32_t index)
{
	if (index >= req->param_count || index >= HZ_LIMIT_route_params_max)
		return (struct hz_span){ NULL, 0 };
	return req->param[index].value;
}
