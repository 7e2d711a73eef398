/* A JSON object with holes: split once at load into what is constant and which parameter comes next. */
#ifndef HZ_JSON_TEMPLATE_H
#define HZ_JSON_TEMPLATE_H

#include "handlers/respond.h"

#define HZ_JSON_HOLES_MAX 256u

/* literal[0] hole[0] literal[1] hole[1] ... literal[hole_count] */
struct hz_json_template {
	uint32_t hole_count;
	uint32_t literal_bytes;                      /* of all literals together */
	uint8_t *text;                               /* owned: the literals, one after another */
	uint32_t literal_end[HZ_JSON_HOLES_MAX + 1]; /* where each ends in text */
	uint8_t param[HZ_JSON_HOLES_MAX];            /* index of the parameter in each hole */
};

/* 0, -EINVAL (unknown parameter, lone brace, too many holes, too long) or -ENOMEM. */
int hz_json_template_build(const struct hz_respond_conf *conf, struct hz_json_template **out);
void hz_json_template_free(struct hz_json_template *tmpl); /* accepts NULL */

/* The object for this request, in its arena. 0 or -ENOMEM. */
int hz_json_template_fill(const struct hz_json_template *tmpl, struct hz_http_req *req,
                          struct hz_span *out);

#endif
