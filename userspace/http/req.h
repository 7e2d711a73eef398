/* A request as the parser leaves it, a response as the application describes it, and the vtable through
 * which http calls the application. http knows neither routes nor configuration. */
#ifndef HZ_HTTP_REQ_H
#define HZ_HTTP_REQ_H

#include "core/arena.h"
#include "core/base.h"
#include "core/limits.h"
#include "http/token.h"
#include <hz/span.h>

struct hz_http_header {
	struct hz_span name;  /* as sent; compare without case */
	struct hz_span value; /* outer SP and HTAB trimmed */
};

struct hz_http_param {
	struct hz_span name;
	struct hz_span value; /* percent-decoded once */
};

/* Spans point into the stream's bytes (or the body blocks, the arena) and live until the response is
 * complete or the handler returned, whichever is first: a handler that answers later must copy into
 * the arena. */
struct hz_http_req {
	enum hz_http_method method;
	uint8_t minor;      /* HTTP/1.minor: 0 or 1 */
	bool is_keep_alive; /* what the client wants */
	bool is_chunked;
	bool has_length;
	bool expects_continue;
	uint16_t header_count;
	uint16_t param_count;
	int32_t route_index; /* -1 until routed */
	uint64_t content_length;
	struct hz_span target;           /* request target as sent */
	struct hz_span path;             /* of the target, undecoded, at least "/" (or "*") */
	struct hz_span query;            /* after '?', may be empty */
	struct hz_span host;             /* authority of an absolute target, else Host */
	const struct hz_http_body *body; /* complete when handle is called; NULL: none */
	struct hz_arena *arena;          /* reset when the request ends */
	struct hz_http_header header[HZ_LIMIT_header_count_max];
	struct hz_http_param param[HZ_LIMIT_route_params_max];
};

/* First header of that name, or NULL. name is lower case. */
const struct hz_http_header *hz_http_req_header(const struct hz_http_req *req, struct hz_span name);

/* A complete request body: either one span (it arrived in one piece with its head) or blocks. */
struct hz_http_body_block {
	struct hz_http_body_block *next;
	uint32_t used;
	uint8_t data[];
};

struct hz_http_body {
	uint64_t bytes;
	struct hz_span whole;             /* when the body is contiguous; else len 0 */
	struct hz_http_body_block *first; /* else this list */
	struct hz_http_body_block *last;
};

/* A response ready to send: status line and fields built at load. Date is written into its place. */
struct hz_http_prepared {
	struct hz_span head; /* up to and including the last field's CRLF; no Date, no blank line */
	struct hz_span body;
};

enum hz_http_body_kind {
	HZ_BODY_NONE,      /* 204, 304; or Content-Length: 0 */
	HZ_BODY_SPAN,      /* bytes valid to the end of the request (snapshot or arena) */
	HZ_BODY_REQUEST,   /* the request's own body, echoed */
	HZ_BODY_GENERATED, /* produce() is called until body_bytes are out */
};

struct hz_http_resp {
	uint16_t status;
	enum hz_http_body_kind body_kind;
	bool close; /* Connection: close after this answer */
	const struct hz_http_prepared
		*prepared;           /* when set, everything else but close is ignored */
	struct hz_span content_type; /* empty: no field */
	struct hz_span extra;        /* further complete field lines with CRLF, e.g. Allow */
	struct hz_span body;         /* HZ_BODY_SPAN */
	uint64_t body_bytes;         /* HZ_BODY_GENERATED */
	/* Fills out (all of it) with the body from offset on. */
	void (*produce)(const void *ctx, uint64_t offset, struct hz_wspan out);
	const void *produce_ctx;
};

struct hz_http_limits {
	uint32_t header_bytes;
	uint32_t header_count;
	uint32_t uri_bytes;
	uint64_t body_bytes;
	uint32_t requests_per_connection; /* 0: no limit */
	uint32_t connections_per_source;  /* on this worker; 0: no limit */
	uint64_t header_timeout_ns;
	uint64_t idle_timeout_ns;
};

/* The application above http. A snapshot is pinned from a request's first byte to its last. All calls
 * on the worker's thread; none may block, allocate from the heap or log. */
struct hz_http_app_ops {
	/* Never NULL. limits() of it must stay the same while it is pinned. */
	const void *(*pin)(void *app, uint32_t worker_index);
	void (*unpin)(void *app, uint32_t worker_index, const void *snapshot);
	const struct hz_http_limits *(*limits)(const void *snapshot);
	/* Finds the route of a complete head: sets req->route_index and params, and 0; or fills resp (404,
	 * 405, 400) and returns 1: no handler, an unread body is discarded. *body_bytes_max is the route's
	 * own body limit, preset to the snapshot's. When the body has still to arrive, the head moves
	 * before handle is called: the spans in req follow, others into the head would not. */
	int (*route)(const void *snapshot, struct hz_http_req *req, struct hz_http_resp *resp,
	             uint64_t *body_bytes_max);
	/* The request is complete, body included: fills resp. */
	void (*handle)(const void *snapshot, struct hz_http_req *req, struct hz_http_resp *resp);
};

#endif
