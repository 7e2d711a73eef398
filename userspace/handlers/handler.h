/* What stands behind a route: a function over an immutable configuration. */
#ifndef HZ_HANDLER_H
#define HZ_HANDLER_H

#include "http/req.h"

/* Owned by the snapshot that built it. Calls come from any worker, many at a time: conf is const. What they
 * return is told in http/req.h. */
struct hz_handler {
	enum hz_http_next (*handle)(const void *conf, struct hz_http_req *req,
	                            struct hz_http_resp *resp);
	/* Set: takes the body as it comes. */
	enum hz_http_next (*body)(const void *conf, struct hz_http_req *req,
	                          struct hz_http_resp *resp, struct hz_span bytes);
	/* Its answer goes on being sent after this call; only for those whose req->handler was set. NULL: the answer is
	 * made of what conf and the arena hold. */
	void (*hold)(const void *conf, struct hz_http_req *req);
	bool takes_body; /* handle looks at the body; else it is not kept for it */
	/* Its answers are 2xx and have neither ETag nor Last-Modified: conditions are judged before it is asked (RFC
	 * 9110 13.1.1: a method whose If-Match is false must not be performed). Others judge them, or have none. */
	bool has_no_validator;
	/* The site that the request came to was replaced, or no new requests are taken: once a second at least from then on,
	 * and only for those whose req->handler was set. is_over: long ago. True: it has no end of its own, and is to end
	 * now. NULL: it ends by itself. */
	bool (*is_overdue)(const void *conf, struct hz_http_req *req, bool is_over);
	/* The request is over, however it ended; only for those whose req->handler was set. NULL: none is. */
	void (*finish)(const void *conf, struct hz_http_req *req);
	void (*free)(void *conf); /* accepts NULL */
	void *conf;
};

/* Names of the parameters of the route a handler stands behind, in the order of its pattern: a name's
 * index here is the index of its value in req->param. */
struct hz_handler_params {
	const struct hz_span *name;
	uint32_t count;
};

/* Index of name, or -1. */
int hz_handler_param_index(const struct hz_handler_params *params, struct hz_span name);

/* The value of parameter index; empty when the request has none. */
struct hz_span hz_handler_param(const struct hz_http_req *req, uint32_t index);

static inline void hz_handler_free(struct hz_handler *handler) /* accepts a zeroed one */
{
	if (handler->free != NULL)
		handler->free(handler->conf);
	*handler = (struct hz_handler){ 0 };
}

#endif
