/* Handler `respond`: a fixed text, or a JSON object whose values may hold route parameters. What is fixed is encoded
 * at load where that saves a tenth, and sent as the client likes best. */
#ifndef HZ_RESPOND_H
#define HZ_RESPOND_H

#include "handlers/handler.h"

/* One member of the object. In value {name} stands for a route parameter, {{ and }} for braces; the
 * key is taken as it is. Both are written as JSON strings. */
struct hz_respond_member {
	struct hz_span key;
	struct hz_span value;
};

struct hz_respond_conf {
	uint16_t status;             /* 200..599; a 204, 205 or 304 has no body */
	struct hz_span content_type; /* empty: no field */
	struct hz_span body;         /* without json */
	const struct hz_respond_member *json;
	uint32_t json_count; /* > 0: the object instead of body */
	struct hz_handler_params params;
};

/* Copies all it needs of conf. Everything that does not depend on the request is prepared here, so that
 * most answers are two copies. 0, -EINVAL (template, status, or a body where there can be none) or
 * -ENOMEM. Releases with hz_handler_free. A request whose escaped parameters do not fit its arena is
 * answered 414: the answer is that long because the target is. */
int hz_respond_build(const struct hz_respond_conf *conf, struct hz_handler *out);

#endif
