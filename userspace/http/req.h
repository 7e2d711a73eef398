/* A request as the parser leaves it, a response as the application describes it, and the vtable through
 * which http calls the application. http knows neither routes nor configuration. */
#ifndef HZ_HTTP_REQ_H
#define HZ_HTTP_REQ_H

#include "core/arena.h"
#include "core/base.h"
#include "core/env.h"
#include "core/limits.h"
#include "http/token.h"
#include <hz/span.h>
#include <stdbool.h>
#include <sys/types.h>

struct hz_http_header {
	struct hz_span name;  /* as sent; compare without case */
	struct hz_span value; /* outer SP and HTAB trimmed */
};

enum hz_http_field {
#define HZ_FIELD(id, name) HZ_HTTP_FIELD_##id,
#include "http/fields.def"
#undef HZ_FIELD
	HZ_HTTP_FIELD_COUNT,
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
	struct hz_env *env;              /* the worker's: time, random numbers, index */
	void *app;                       /* the application's own, of this request; NULL at first */
	void *handler;                   /* the handler's own, likewise; in the arena */
	bool is_held;                    /* hold() was called: finish() lets go */
	bool is_late;                    /* the application's own: false at first */
	/* Without an answer then: 503; the application may lower it. Moves on while the request's body is waited
	 * for. */
	uint64_t answer_by_ns;
	uint64_t wake_ns;      /* a step that waits, or a source that had nothing, is called again
		          * then, and this reset to 0; 0: never */
	uint32_t fields;       /* bit per enum hz_http_field that came, */
	uint32_t fields_again; /* and that came more than once */
	uint8_t field_at
		[HZ_HTTP_FIELD_COUNT]; /* the first of them, in header; where its bit is set */
	struct hz_http_header header[HZ_LIMIT_header_count_max];
	struct hz_http_param param[HZ_LIMIT_route_params_max];
};

/* First header of that name, or NULL. name is lower case. Looks through all of them. */
const struct hz_http_header *hz_http_req_header(const struct hz_http_req *req, struct hz_span name);

/* Value of the first header of that name; data NULL: there is none. */
static inline struct hz_span hz_http_req_field(const struct hz_http_req *req,
                                               enum hz_http_field field)
{
	if ((req->fields >> field & 1) == 0)
		return (struct hz_span){ NULL, 0 };
	return req->header[req->field_at[field]].value;
}

/* The same of one that came exactly once. */
static inline struct hz_span hz_http_req_only(const struct hz_http_req *req,
                                              enum hz_http_field field)
{
	if (((req->fields & ~req->fields_again) >> field & 1) == 0)
		return (struct hz_span){ NULL, 0 };
	return req->header[req->field_at[field]].value;
}

/* A complete request body: either one span (it arrived in one piece with its head) or blocks. */
struct hz_http_body_block {
	struct hz_http_body_block *next;
	uint32_t used;
	uint32_t room; /* bytes that data has; the first block of a body may be a small one */
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
	HZ_BODY_SOURCE,    /* source->pull() is called as space comes free */
};

#define HZ_BODY_UNKNOWN                                                                            \
	UINT64_MAX /* body_bytes of a source that knows only its end: chunked, or close */

/* A body that comes piece by piece, perhaps later than its head. Calls on the worker's thread. */
struct hz_http_source_ops {
	/* Fills some of out, which is not empty, and returns how much; 0: nothing yet, the request waits until
	 * it is resumed (http_wait.h); HZ_SOURCE_END: that was all; any other negative: it broke, the
	 * connection is reset, as when the end comes before body_bytes. Nothing is asked for beyond them. */
	ssize_t (*pull)(void *ctx, struct hz_wspan out);
	/* The answer is over: all of it sent, or not. Once, also when pull was never called. NULL: no need. */
	void (*release)(void *ctx);
	/* It has no end that its reader waits for: when the client says that it sends no more while there is
	 * nothing for it, it is gone. */
	bool ends_with_reader;
};
#define HZ_SOURCE_END           ((ssize_t)-1)

#define HZ_HTTP_RESP_FIELDS_MAX 8

struct hz_http_resp {
	uint16_t status;
	enum hz_http_body_kind body_kind;
	bool close; /* Connection: close after this answer */
	const struct hz_http_prepared
		*prepared;           /* when set, all else but close and field is ignored */
	struct hz_span content_type; /* empty: no field */
	struct hz_span extra;        /* further complete field lines with CRLF, e.g. Allow */
	struct hz_span body;         /* HZ_BODY_SPAN */
	uint64_t body_bytes;         /* HZ_BODY_GENERATED, HZ_BODY_SOURCE */
	/* Fills out (all of it) with the body from offset on. */
	void (*produce)(const void *ctx, uint64_t offset, struct hz_wspan out);
	const void *produce_ctx;
	const struct hz_http_source_ops *source; /* HZ_BODY_SOURCE, and with no other kind */
	void *source_ctx;
	/* Field lines that do not come from the handler; also with prepared. Snapshot or arena. */
	uint8_t field_count;
	struct hz_span field[HZ_HTTP_RESP_FIELDS_MAX];
};

/* Adds complete field lines with CRLF, which live as long as the request. 0 or -ENOSPC. */
int hz_http_resp_field(struct hz_http_resp *resp, struct hz_span lines);

/* Status of the answer: the prepared one's where there is one. */
uint16_t hz_http_resp_status(const struct hz_http_resp *resp);

struct hz_http_limits {
	uint32_t header_bytes;
	uint32_t header_count;
	uint32_t uri_bytes;
	uint64_t body_bytes;
	uint32_t requests_per_connection; /* 0: no limit */
	uint32_t connections_per_source;  /* on this worker; 0: no limit */
	uint64_t lifetime_ns;             /* of a connection, give or take a tenth; 0: no limit */
	uint64_t header_timeout_ns;
	uint64_t idle_timeout_ns;
	uint64_t answer_timeout_ns; /* to an answer, but for the time the body takes; 0: no limit */
};

/* What a step of the application says. */
enum hz_http_next {
	HZ_HTTP_NEXT,   /* go on: receive the body, then handle */
	HZ_HTTP_ANSWER, /* resp is filled */
	HZ_HTTP_WAIT, /* not yet, resp is as it was: the same step is called again, see http_wait.h */
};

/* What route() says of the route it found; preset. */
struct hz_http_route {
	uint64_t body_bytes_max; /* the route's own limit; preset to the snapshot's */
	bool is_streaming;       /* body() takes the body as it comes, and handle() sees none */
	uint16_t
		slot; /* where its latency is kept, of HZ_ROUTE_SLOTS; 0: with that of all others */
	bool takes_body; /* handle() sees it; else, and without is_streaming, it is dropped */
};

/* How a request ended, for finish(). */
struct hz_http_outcome {
	uint16_t status;      /* 0: no answer was begun */
	bool is_complete;     /* all of the answer went to the transport */
	uint64_t sent_bytes;  /* of the answer's body */
	uint64_t arrived_ns;  /* first seen, */
	uint64_t answered_ns; /* answered (0: never), */
	uint64_t now_ns;      /* and over */
};

struct hz_event_slow;

/* The application above http. A snapshot is pinned from a request's first byte to its last. All calls
 * on the worker's thread; none may block, allocate from the heap or log. */
struct hz_http_app_ops {
	/* Never NULL. limits() of it must stay the same while it is pinned. */
	const void *(*pin)(void *app, uint32_t worker_index);
	void (*unpin)(void *app, uint32_t worker_index, const void *snapshot);
	const struct hz_http_limits *(*limits)(const void *snapshot);
	/* Finds the route of a complete head: sets req->route_index, params and *route, and says NEXT; or
	 * ANSWER (404, 405, 400): no handler, an unread body is discarded; or WAIT. When the body has still to
	 * arrive, or after WAIT, the head has moved: the spans in req follow, others into the head do not. */
	enum hz_http_next (*route)(const void *snapshot, struct hz_http_req *req,
	                           struct hz_http_resp *resp, struct hz_http_route *route);
	/* A piece of a streaming route's body, all of which it takes: NEXT, ANSWER at once (what is left of
	 * the body ends the connection), or WAIT: no more until the request is resumed. Without bytes: it was
	 * resumed, perhaps for no reason, while its body is still coming: NEXT or ANSWER. NULL: no route
	 * streams. */
	enum hz_http_next (*body)(const void *snapshot, struct hz_http_req *req,
	                          struct hz_http_resp *resp, struct hz_span bytes);
	/* The request is complete, body included: ANSWER or WAIT. */
	enum hz_http_next (*handle)(const void *snapshot, struct hz_http_req *req,
	                            struct hz_http_resp *resp);
	/* Sending the answer outlives the call in which it was made: what it is made of, beyond snapshot and arena, has to
	 * stay until finish(). In that call, once. NULL: nothing is beyond. */
	void (*hold)(const void *snapshot, struct hz_http_req *req);
	/* http answers itself, with an error in resp, to which the application may add fields: instead of what its
	 * steps said or would have said, if there were any (req->app tells). NULL: it adds none. */
	void (*refuse)(const void *snapshot, struct hz_http_req *req, struct hz_http_resp *resp);
	/* Of a request that outlives its call, once a second at least: whether it has to end now. True: 503, or where an
	 * answer was begun a reset. May set wake_ns. NULL: none has to. */
	bool (*is_overdue)(const void *snapshot, struct hz_http_req *req);
	/* The last call for a request that route() saw, or for a head that was refused before (then req has
	 * neither target nor route, and perhaps a method). Before the snapshot is unpinned. NULL: not of interest. */
	void (*finish)(const void *snapshot, const struct hz_http_req *req,
	               const struct hz_http_resp *resp, const struct hz_http_outcome *outcome);
	/* Of an answer that is told about (abi/hz_abi.h): what http does not know, route_name, trace_id and span_id, which
	 * are zero. After the answer, before finish(). NULL: nothing. */
	void (*describe)(const void *snapshot, const struct hz_http_req *req,
	                 struct hz_event_slow *record);
	/* Once per turn of the worker: what other threads have left for it; how much it was. NULL: nothing. */
	unsigned (*turn)(void *app, uint32_t worker_index);
	/* When turn is wanted at the latest; NULL: it can wait. And the last call on this thread; NULL: none. */
	uint64_t (*turn_due_ns)(void *app, uint32_t worker_index);
	void (*end)(void *app, uint32_t worker_index);
};

#endif
