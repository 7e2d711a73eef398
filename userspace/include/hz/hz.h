/* hz as a library: an HTTP server inside your process, and handlers written in C, for it or for hzd.
 *
 *	static int hello(struct hz_request *req, void *ctx)
 *	{
 *		(void)ctx;
 *		return hz_respond(req, 200, "text/plain", "hello\n", 6);
 *	}
 *
 *	struct hz_options options = HZ_INIT(hz_options, .site_file = "site.yaml", .takes_signals = true);
 *	struct hz_error error;
 *	struct hz_app *app;
 *	int status;
 *
 *	if (hz_app_new(&options, &app, &error) != 0)
 *		return hz_error_print(&error);
 *	hz_app_route(app, "GET /hello/:name", hello, NULL);
 *	status = hz_app_run(app, &error);
 *	if (status != 0)
 *		status = hz_error_print(&error);
 *	hz_app_free(app);
 *	return status;
 *
 * Threads. A worker is a thread that serves many connections, and one request lives on one worker from its first byte
 * to its last. Handlers, body functions, pulls and timers are called on a worker's thread, several workers at once:
 * their ctx is shared, what they change in it needs a lock or must be per worker (hz_loop_ctx). They must not block;
 * one that does for longer than the setting workers/stall_ms is named in the log. Work that takes longer takes a
 * ticket, and answers from any thread.
 *
 * Lifetimes. A request, and every span it gives, is valid inside the call that got it: whoever answers later copies
 * first. A ticket is yours from hz_request_ticket to hz_ticket_finish or hz_ticket_drop, one of which must come.
 *
 * Errors. Functions return 0 or a negative errno. Text is UTF-8 and ends with a zero byte; a NULL text is none.
 *
 * Versions. Structs that begin with `size` grow at their end: fill them by HZ_INIT, which sets size and zeroes what
 * you do not name. Zero is always the default. A newer program's fields are refused (-E2BIG) by an older library
 * only where they are not zero. */
#ifndef HZ_HZ_H
#define HZ_HZ_H

#include <hz/span.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HZ_API_VERSION 1
#define HZ_API         __attribute__((visibility("default")))

/* For C; in C++ set size and the fields one by one. */
#define HZ_INIT(type, ...)                                                                         \
	(struct type)                                                                              \
	{                                                                                          \
		.size = sizeof(struct type), __VA_ARGS__                                           \
	}

struct hz_app;     /* a server */
struct hz_request; /* a request, inside a call about it */
struct hz_ticket;  /* the right to answer it, or to wake it, from any thread */
struct hz_loop;    /* the worker that a call is made on */

/* What went wrong, why, and what to type. Texts may be empty. */
struct hz_error {
	int exit_code; /* as hzd's: 2 configuration, 3 address taken, 4 no device, 5 memory, 6 bpf, 7 rights, 70 internal */
	char what[160];
	char why[512];
	char hint[256];
};

/* The three lines to stderr; returns the exit code. */
HZ_API int hz_error_print(const struct hz_error *error);

/* HZ_API_VERSION of the library that is running. */
HZ_API uint32_t hz_api_version(void);

/* --- handlers ------------------------------------------------------------------------------------------------------ */

/* Answers (hz_respond), or takes a ticket and answers later. Called once, with the whole body where the route does not
 * stream. 0, or a negative errno: the client gets 500, as it does when nothing was done at all. */
typedef int hz_handler_fn(struct hz_request *req, void *ctx);

/* A streaming route's body, piece by piece, as it comes; the handler is called after the last. 0: go on. HZ_WAIT: take
 * no more from the client until hz_ticket_wake (a ticket must have been taken); the piece given is taken, and one more
 * may still come. An answer given here ends the connection after it, and so does a negative errno, by 500. */
typedef int hz_body_fn(struct hz_request *req, void *ctx, const void *data, size_t bytes);
#define HZ_WAIT 1

/* A response's body, as there is room for it (64 bytes or more, but never beyond body_bytes): fills some of out and
 * returns how much. 0: nothing yet, call again after
 * hz_ticket_wake. HZ_END: that was all. Any other negative: it broke, the connection is reset. */
typedef int64_t hz_pull_fn(void *ctx, void *out, size_t room);
#define HZ_END INT64_MIN

/* --- requests: on the worker's thread, inside the call -------------------------------------------------------------- */

HZ_API struct hz_span hz_request_method(const struct hz_request *req); /* "GET" */
HZ_API struct hz_span hz_request_path(const struct hz_request *req);   /* as sent, not decoded */
HZ_API struct hz_span
hz_request_query(const struct hz_request *req); /* after '?', as sent; may be empty */
HZ_API struct hz_span hz_request_host(const struct hz_request *req);

/* A parameter of the route, percent-decoded: "id" of "/x/:id". data is NULL where there is none of that name. */
HZ_API struct hz_span hz_request_param(const struct hz_request *req, const char *name);

/* The first field of that name (case does not matter); data is NULL where there is none. */
HZ_API struct hz_span hz_request_header(const struct hz_request *req, const char *name);
/* Field number index, from 0, in the order sent; false: there are not so many. */
HZ_API bool hz_request_header_at(const struct hz_request *req, size_t index, struct hz_span *name,
                                 struct hz_span *value);

/* A body that was not streamed: the piece that begins at offset, empty at the end.
 *	for (at = 0; (piece = hz_request_body(req, at)).len > 0; at += piece.len) */
HZ_API uint64_t hz_request_body_bytes(const struct hz_request *req);
HZ_API struct hz_span hz_request_body(struct hz_request *req, uint64_t offset);

/* The client: an IPv6 address, IPv4 mapped into it, and its port. */
HZ_API void hz_request_peer(const struct hz_request *req, uint8_t addr[16], uint16_t *port);

/* Something of yours that stays with the request from call to call. done, if any, is called on it when the request is
 * over, however it ended: the last call about it. Once per request; -EALREADY. */
HZ_API int hz_request_attach(struct hz_request *req, void *state, void (*done)(void *state));
HZ_API void *hz_request_state(const struct hz_request *req); /* NULL: nothing attached */

HZ_API struct hz_loop *hz_request_loop(const struct hz_request *req);

/* Whether the server would like to be rid of it: a reload has replaced the site that it came to, or the server drains.
 * What has no end of its own, as a stream of events, is to come to one now, best where its client can go on when it
 * comes again. An answer of HZ_LENGTH_UNKNOWN bytes that is still sent timeouts/replaced_ms after the reload is reset;
 * a drain resets all that is left after timeouts/drain_ms. Other requests go on as ever, unless they hold the oldest
 * of HZ_LIMIT_retired_snapshots_max replaced sites by then. */
HZ_API bool hz_request_should_end(const struct hz_request *req);

/* --- answers --------------------------------------------------------------------------------------------------------- */

struct hz_header {
	const char *name;
	const char *value;
};

#define HZ_LENGTH_UNKNOWN UINT64_MAX

/* What says how long a message is and whether the connection goes on is hz's own, and refused as a header (-EINVAL):
 * Connection, Content-Length, Date, Keep-Alive, Proxy-Connection, Trailer, Transfer-Encoding, Upgrade; and
 * Content-Type, which has its own place. Header lines ("Name: value" CRLF) take 8192 bytes together and a content type
 * 1024; beyond: -ENOSPC.
 * With pull the body comes from there: body_bytes long, or HZ_LENGTH_UNKNOWN. Else it is body, which is copied,
 * unless release is set: then it, or what pull needs, stays as it is until release(ctx), which is called exactly
 * once, on any thread, whatever becomes of the answer.
 * should_end is called when hz_request_should_end becomes true, and pull once more after it: on the worker's thread,
 * once, within about a second; not after release. */
struct hz_reply {
	size_t size;
	int status;                      /* 200..599 */
	const char *content_type;        /* copied; NULL: no such field */
	const struct hz_header *headers; /* copied; header_count of them */
	size_t header_count;
	const void *body;
	uint64_t body_bytes;
	hz_pull_fn *pull;
	void (*release)(void *ctx);
	void *ctx;
	void (*should_end)(void *ctx);
};

/* Inside a call about the request, once: -EALREADY. What is not valid (-EINVAL), too long (-ENOSPC) or finds no memory
 * (-ENOMEM) is no answer yet; its release was called. */
HZ_API int hz_respond(struct hz_request *req, int status, const char *content_type,
                      const void *body, size_t body_bytes);
HZ_API int hz_respond_with(struct hz_request *req, const struct hz_reply *reply);
/* A field of the answer that hz_respond gives after it, from the same request. */
HZ_API int hz_respond_header(struct hz_request *req, const char *name, const char *value);

/* --- tickets: from any thread ------------------------------------------------------------------------------------------ */

/* The request's ticket; NULL: as many requests of this worker wait as may (boot/connections_max, and
 * HZ_LIMIT_tickets_per_worker): answer it now, by 503 perhaps. Once per request. Without an answer within
 * timeouts/answer_ms the client gets 503 and the ticket is gone. */
HZ_API struct hz_ticket *hz_request_ticket(struct hz_request *req);

/* Answers and gives the ticket back; it is not yours any more, whatever is returned. 0: under way to the worker.
 * -ECANCELED: the request is gone, nobody is there to read it. -EINVAL, -ENOSPC, -ENOMEM: the client gets 500. */
HZ_API int hz_ticket_finish(struct hz_ticket *ticket, const struct hz_reply *reply);

/* The same, but the ticket stays yours: to wake the pull of this answer. */
HZ_API int hz_ticket_answer(struct hz_ticket *ticket, const struct hz_reply *reply);

/* There is something to pull, or room for more body: the request goes on where it waited. Several threads may. */
HZ_API void hz_ticket_wake(struct hz_ticket *ticket);

/* Whether the client, or its patience, has gone: what is being made for it is in vain. */
HZ_API bool hz_ticket_is_gone(const struct hz_ticket *ticket);

/* As hz_request_should_end, for whoever makes the answer elsewhere. */
HZ_API bool hz_ticket_should_end(const struct hz_ticket *ticket);

/* Gives the ticket back. A request without any answer gets 500. */
HZ_API void hz_ticket_drop(struct hz_ticket *ticket);

/* --- workers: on the worker's thread ------------------------------------------------------------------------------------- */

HZ_API unsigned hz_loop_index(const struct hz_loop *loop); /* from 0 */
/* What worker_begin set: the program's, or in the calls of a module that module's. */
HZ_API void *hz_loop_ctx(const struct hz_loop *loop);
HZ_API uint64_t hz_loop_now_ns(const struct hz_loop *loop); /* monotonic, of this turn */

/* Calls fn once, after_ns from now at the earliest. id, if not NULL, names it until then. -ENOSPC: the worker has
 * HZ_LIMIT_loop_timers of them. What has not fired when the worker ends never does. A timer is its worker's, not a
 * request's or a route's: ctx lives until it has fired or was cancelled, best in the worker's context. */
typedef void hz_timer_fn(struct hz_loop *loop, void *ctx);
HZ_API int hz_loop_timer(struct hz_loop *loop, uint64_t after_ns, hz_timer_fn *fn, void *ctx,
                         uint64_t *id);
HZ_API bool hz_loop_timer_cancel(struct hz_loop *loop, uint64_t id); /* false: it has fired */

/* --- a server in this process ---------------------------------------------------------------------------------------------- */

/* Texts and lists are copied; lists end with NULL. */
struct hz_options {
	size_t size;
	const char *name;           /* in the log, of the first server of a process; default "hz" */
	const char *instance;       /* as hzd -i; servers that run at the same time have one each */
	const char *site_file;      /* as hzd -c; read again at each reload */
	const char *site_text;      /* instead: the site itself; neither: an empty one */
	const char *const *listens; /* "IF,ADDR:PORT", instead of the site's; as hzd -l */
	const char *const *settings; /* "PATH=VALUE", as hzd -o */
	/* hz_app_run drains on SIGTERM and SIGINT and reloads on SIGHUP. To that end hz_app_new blocks them, in its
	 * thread and in those that this one makes after it, until hz_app_free. */
	bool takes_signals;
	void (*ready)(void *ctx); /* on the thread of hz_app_run: it serves from now on */
	/* On each worker's thread, before its first call and after its last. *loop_ctx is what hz_loop_ctx gives. A
	 * negative errno from begin ends hz_app_run. */
	int (*worker_begin)(struct hz_loop *loop, void *ctx, void **loop_ctx);
	void (*worker_end)(struct hz_loop *loop, void *ctx, void *loop_ctx);
	void *ctx;
};

/* error may be NULL everywhere. */
HZ_API int hz_app_new(const struct hz_options *options, struct hz_app **out,
                      struct hz_error *error);

struct hz_route {
	size_t size;
	const char *match; /* "GET,POST /users/:id", as in site.yaml; GET implies HEAD */
	/* In logs, metrics and conflicts, no other route's: 1..31 letters, digits, '_', '-' and '.'. Default: match, what is
	 * longer cut in its middle. */
	const char *name;
	hz_handler_fn *handler;
	hz_body_fn *body; /* set: the body streams */
	void *ctx;
	uint64_t body_bytes_max; /* default: the site's limit */
};

/* Before hz_app_run, which tells what is wrong with a match, or which name is there twice. 0, -EINVAL, -E2BIG, -ENOMEM, or -EBUSY: too late. */
HZ_API int hz_app_route(struct hz_app *app, const char *match, hz_handler_fn *handler, void *ctx);
HZ_API int hz_app_route_with(struct hz_app *app, const struct hz_route *route);

/* Serves until hz_app_stop, a signal (takes_signals) or a failure, once per app. 0, or the exit code of error, which is
 * filled. A worker whose handler does not return within 5 s of the end is left behind: 70, error names the handler, and
 * all that the app had stays, also after hz_app_free; the process should end, by _exit.
 * SIGPIPE is the program's to ignore. Over a NIC one server per process; any number with boot/io=socket. */
HZ_API int hz_app_run(struct hz_app *app, struct hz_error *error);

/* Drains: no new connections, what was begun is answered. Again: at once. Any thread, and signal handlers. */
HZ_API void hz_app_stop(struct hz_app *app);

/* After hz_app_run has returned, and every ticket was finished or dropped. Accepts NULL. */
HZ_API void hz_app_free(struct hz_app *app);

/* --- modules: handlers for hzd -------------------------------------------------------------------------------------------------- */

/* A shared object that a route of site.yaml names:
 *	{ name: map, match: GET /m/ *path, module: { file: /usr/lib/hz/modules/map.so, config: "tiles=/srv/map" } }
 * It defines `hz_module` and is built against this header alone (cc -shared -fPIC); hzd has the functions above. It is
 * loaded when hzd starts; open and close are called for each route that names it, at each start and reload, on the
 * housekeeping thread; hzd -t and hzctl conf check, which serve nothing, call them too. close is called when no request
 * is left. It waits until every ticket was finished or dropped: then every release was called, and the object may be
 * unloaded. */
struct hz_module {
	size_t size;
	uint32_t api_version; /* HZ_API_VERSION */
	const char *name;
	/* config is "" where the site has none. *ctx is what handler and body get. why, of why_bytes, tells people what is
	 * wrong when a negative errno is returned. NULL: ctx is NULL. */
	int (*open)(const char *config, void **ctx, char *why, size_t why_bytes);
	void (*close)(void *ctx);
	hz_handler_fn *handler;
	hz_body_fn *body; /* set: the body streams */
	/* On each worker's thread, before its first call and after its last: what is per worker, whatever the number of
	 * routes and reloads. *loop_ctx is what hz_loop_ctx gives in this module's calls. A negative errno from begin
	 * ends hzd. */
	int (*worker_begin)(struct hz_loop *loop, void **loop_ctx);
	void (*worker_end)(struct hz_loop *loop, void *loop_ctx);
};
#define HZ_MODULE_SYMBOL "hz_module"
HZ_API extern const struct hz_module hz_module; /* yours to define */

#ifdef __cplusplus
}
#endif

#endif
