#include "collector/web.h"
#include "collector/sse_hub.h"
#include "collector/web_body.h"
#include "collector/web_conns.h"
#include "collector/web_doc.h"
#include "collector/web_query.h"
#include "core/clock.h"
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTION_BYTES  (32u << 10)
#define CONNECTION_IDLE_S 15
#define PER_ADDRESS_MAX   16 /* beyond loopback, where all have the same one */
#define RETRY_WHEN_FULL_S "5"
#define IDLE_MS           60000
/* The server takes its listening socket out of its poll set when all places are taken, and puts
 * it back in the turn behind the one in which a place became free, for which no event comes. */
#define ENDING_MS 5

struct hz_web {
	struct MHD_Daemon *daemon; /* owned */
	struct hz_feed *feed;
	struct hz_metrics *metrics;
	bool checks_host;
	uint64_t told; /* so many marks went to readers */
	struct hz_web_conns conns;
	struct hz_web_bodies bodies;
	struct hz_web_docs docs;
	struct MHD_Response *scrape[2]; /* of this second: text, protobuf; owned */
	struct hz_sse_hub hub;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response, const char *type)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	hz_web_body_head(response, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, "Retry-After", RETRY_WHEN_FULL_S);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* text: our own words, fit for JSON as they are. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
	char body[256];
	int len = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", text);

	return answer(connection, status,
	              MHD_create_response_from_buffer((size_t)HZ_MIN(len, 255), body,
	                                              MHD_RESPMEM_MUST_COPY),
	              "application/json");
}

static const char *value_of(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                            const char *name)
{
	return MHD_lookup_connection_value(connection, kind, name);
}

/* NULL: there was no place for it. */
static struct hz_web_conn *conn_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
	        ->socket_context;
}

static void conn_move(struct MHD_Connection *connection, enum hz_web_conn_state state)
{
	struct hz_web_conn *conn = conn_of(connection);

	if (conn != NULL)
		hz_web_conns_move(conn, state, hz_clock_monotonic_ns());
}

/* MHD_NotifyConnectionCallback */
static void connection_note(void *ctx, struct MHD_Connection *connection, void **socket_context,
                            enum MHD_ConnectionNotificationCode what)
{
	struct hz_web *web = ctx;
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = hz_web_conns_add(&web->conns, fd, hz_clock_monotonic_ns());
	} else if (*socket_context != NULL) {
		hz_web_conns_remove(*socket_context);
		*socket_context = NULL;
	}
}

/* MHD_RequestCompletedCallback: the answer is with the client, or will never be. */
static void request_end(void *ctx, struct MHD_Connection *connection, void **per_request,
                        enum MHD_RequestTerminationCode why)
{
	(void)ctx;
	(void)per_request;
	(void)why;
	conn_move(connection, HZ_WEB_CONN_HEAD);
}

static enum MHD_Result stream_join(struct hz_web *web, struct MHD_Connection *connection,
                                   bool is_head)
{
	if (is_head)
		return answer(connection, MHD_HTTP_OK,
		              MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
		              "text/event-stream");
	struct MHD_Response *response = hz_sse_hub_join(&web->hub, connection);

	if (response == NULL)
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
		              "as many read /events as may");
	conn_move(connection, HZ_WEB_CONN_STREAM);
	return answer(connection, MHD_HTTP_OK, response, "text/event-stream");
}

static enum MHD_Result doc_send(struct hz_web *web, struct MHD_Connection *connection,
                                const struct hz_web_doc_kind *kind)
{
	struct hz_web_query query = { kind->stage, kind->last, 0 };
	const struct hz_web_kept *kept;
	const char *why = NULL;

	if (hz_web_query_read(&query, value_of(connection, MHD_GET_ARGUMENT_KIND, "stage"),
	                      value_of(connection, MHD_GET_ARGUMENT_KIND, "last"),
	                      value_of(connection, MHD_GET_ARGUMENT_KIND, "kind"),
	                      hz_web_doc_last_max(kind, web->feed), &why) != 0)
		return refuse(connection, MHD_HTTP_BAD_REQUEST, why);
	kept = hz_web_doc_get(&web->docs, web->feed, kind->doc, &query);
	if (kept == NULL)
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
		              "too much is asked for at once");
	return MHD_queue_response(connection, MHD_HTTP_OK, kept->response);
}

static struct MHD_Response *scrape_make(struct hz_web *web, bool is_proto)
{
	const struct hz_doc *doc = hz_metrics_doc_get(web->metrics, web->feed, is_proto);
	struct hz_doc copy = { .is_failed = doc->is_failed };

	hz_doc_text_add(&copy, doc->data, doc->bytes);
	return hz_web_body_make(&web->bodies, &copy,
	                        is_proto ? HZ_METRICS_DOC_PROTO_TYPE : HZ_METRICS_DOC_TEXT_TYPE);
}

static enum MHD_Result metrics_send(struct hz_web *web, struct MHD_Connection *connection)
{
	bool is_proto = hz_web_query_wants_proto(
		value_of(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));

	if (web->scrape[is_proto] == NULL)
		web->scrape[is_proto] = scrape_make(web, is_proto);
	if (web->scrape[is_proto] == NULL)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return MHD_queue_response(connection, MHD_HTTP_OK, web->scrape[is_proto]);
}

static void scrapes_drop(struct hz_web *web)
{
	for (uint32_t i = 0; i < HZ_ARRAY_LEN(web->scrape); i++) {
		if (web->scrape[i] != NULL)
			MHD_destroy_response(web->scrape[i]);
		web->scrape[i] = NULL;
	}
}

static enum MHD_Result page_send(struct MHD_Connection *connection)
{
	struct hz_span page = hz_web_doc_page();
	void *data;

	memcpy(&data, &page.data, sizeof(data)); /* MHD takes no const, and writes nothing */
	return answer(connection, MHD_HTTP_OK,
	              MHD_create_response_from_buffer(page.len, data, MHD_RESPMEM_PERSISTENT),
	              "text/html; charset=utf-8");
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *bytes = value_of(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (bytes != NULL && strcmp(bytes, "0") != 0) ||
	       value_of(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/* MHD_AccessHandlerCallback: once with the head, once to be answered. */
static enum MHD_Result request_take(void *ctx, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *body,
                                    size_t *body_bytes, void **per_request)
{
	struct hz_web *web = ctx;
	bool is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	const struct hz_web_doc_kind *kind;

	(void)version;
	(void)body;
	(void)body_bytes;
	conn_move(connection, HZ_WEB_CONN_ANSWER);
	if (!is_head && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only");
	if (has_body(connection))
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "no request has a body");
	/* What is answered at the first call ends the connection. */
	if (*per_request == NULL) {
		*per_request = web;
		return MHD_YES;
	}
	if (web->checks_host && !hz_web_query_is_local_host(value_of(connection, MHD_HEADER_KIND,
	                                                             MHD_HTTP_HEADER_HOST)))
		return refuse(connection, MHD_HTTP_MISDIRECTED_REQUEST,
		              "Host is neither an address nor localhost");
	if (!web->feed->has_view)
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "nothing was read yet");
	if (strcmp(url, "/") == 0)
		return page_send(connection);
	if (strcmp(url, "/metrics") == 0)
		return metrics_send(web, connection);
	if (strcmp(url, "/events") == 0)
		return stream_join(web, connection, is_head);
	kind = hz_web_doc_find(url);
	if (kind == NULL)
		return refuse(connection, MHD_HTTP_NOT_FOUND,
		              "there are /, /metrics, /events and /api/v1/status, latency, heatmap "
		              "and events");
	return doc_send(web, connection, kind);
}

int hz_web_open(const struct hz_listen *listen, struct hz_feed *feed, struct hz_metrics *metrics,
                struct hz_web **out, struct hz_err *err)
{
	struct hz_web *web = calloc(1, sizeof(*web));

	if (web == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "%s", strerror(ENOMEM));
	web->feed = feed;
	web->metrics = metrics;
	web->docs.bodies = &web->bodies;
	web->checks_host = listen->is_loopback && !listen->is_unix;
	/* A limit of 0 is none. */
	web->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, request_take, web,
		MHD_OPTION_LISTEN_SOCKET, listen->fd, MHD_OPTION_NOTIFY_CONNECTION, connection_note,
		web, MHD_OPTION_NOTIFY_COMPLETED, request_end, web, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)HZ_WEB_CONNS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		listen->is_loopback ? 0u : (unsigned)PER_ADDRESS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (web->daemon == NULL) {
		free(web);
		return hz_err_set(err, -EIO, 1, "http", "", "the HTTP library does not start");
	}
	*out = web;
	return 0;
}

void hz_web_close(struct hz_web *web)
{
	if (web == NULL)
		return;
	hz_sse_hub_close(&web->hub);
	(void)MHD_quiesce_daemon(
		web->daemon); /* or it closes the listening socket, which is not its own */
	MHD_stop_daemon(web->daemon);
	hz_web_doc_close(&web->docs);
	scrapes_drop(web);
	free(web);
}

int hz_web_poll_fd(const struct hz_web *web)
{
	return MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int hz_web_timeout_ms(struct hz_web *web)
{
	MHD_UNSIGNED_LONG_LONG ms;

	int most_ms = hz_web_conns_are_ending(&web->conns) ? ENDING_MS : IDLE_MS;

	if (MHD_get_timeout(web->daemon, &ms) != MHD_YES)
		ms = IDLE_MS;
	return (int)HZ_MIN(ms, (MHD_UNSIGNED_LONG_LONG)most_ms);
}

void hz_web_turn(struct hz_web *web)
{
	(void)MHD_run(web->daemon);
}

void hz_web_tick(struct hz_web *web)
{
	const struct hz_feed *feed = web->feed;
	struct hz_doc tick = { 0 };

	hz_web_conns_tick(&web->conns, hz_clock_monotonic_ns());
	hz_web_doc_expire(&web->docs);
	scrapes_drop(web);
	if (hz_sse_hub_has_readers(&web->hub)) {
		hz_web_doc_tick(&web->docs, feed, web->told, web->hub.lost, &tick);
		if (!tick.is_failed)
			hz_sse_hub_send(&web->hub, "tick", tick.data, tick.bytes);
	}
	web->told = feed->log.mark_count;
	hz_doc_text_close(&tick);
}

void hz_web_event(struct hz_web *web, uint32_t kind, const char *line, size_t bytes)
{
	const char *name = hz_event_log_kind(kind);

	if (name != NULL)
		hz_sse_hub_send(&web->hub, name, line, bytes);
}

uint64_t hz_web_lost(const struct hz_web *web)
{
	return web->hub.lost;
}
