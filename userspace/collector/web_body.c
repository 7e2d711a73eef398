#include "collector/web_body.h"
#include <stdlib.h>

struct body { /* owned by the answer */
	struct hz_web_bodies *bodies;
	char *data;
	size_t bytes;
};

static void body_free(void *ctx)
{
	struct body *body = ctx;

	body->bodies->bytes -= body->bytes;
	free(body->data);
	free(body);
}

void hz_web_body_head(struct MHD_Response *response, const char *type)
{
	/* Nobody else's page may frame this one; what the page itself may do stands in it. */
	MHD_add_response_header(response, "Content-Security-Policy", "frame-ancestors 'none'");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Content-Type", type);
}

static struct body *body_take(struct hz_web_bodies *bodies, struct hz_doc *doc)
{
	struct body *body;

	if (doc->is_failed || doc->data == NULL)
		return NULL;
	if (doc->bytes > HZ_WEB_BODY_SMALL && bodies->bytes + doc->bytes > HZ_WEB_BODIES_MAX)
		return NULL;
	body = malloc(sizeof(*body));
	if (body == NULL)
		return NULL;
	*body = (struct body){ bodies, doc->data, doc->bytes };
	*doc = (struct hz_doc){ 0 };
	bodies->bytes += body->bytes;
	return body;
}

struct MHD_Response *hz_web_body_make(struct hz_web_bodies *bodies, struct hz_doc *doc,
                                      const char *type)
{
	struct body *body = body_take(bodies, doc);
	struct MHD_Response *response;

	hz_doc_text_close(doc);
	if (body == NULL)
		return NULL;
	response = MHD_create_response_from_buffer_with_free_callback_cls(body->bytes, body->data,
	                                                                  body_free, body);
	if (response == NULL)
		body_free(body);
	else
		hz_web_body_head(response, type);
	return response;
}
