#include "collector/web.h"
#include "collector/sse_hub.h"
#include "collector/web_doc.h"
#include "collector/web_query.h"
#include "core/hint.h"
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX   64
#define CONNECTION_BYTES  (32u << 10)
#define CONNECTION_IDLE_S 15
#define RETRY_WHEN_FULL_S "5"

struct hz_web {
	struct MHD_Daemon *daemon; /* owned */
	struct hz_feed *feed;
	struct hz_metrics *metrics;
	bool checks_host;
	int64_t told_s; /* marks up to here went to readers */
	struct hz_web_docs docs;
	struct hz_sse_hub hub;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response, const char *type)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	/* Nobody else's page may frame this one; what the page itself may do stands in it. */
	MHD_add_response_header(response, "Content-Security-Policy", "frame-ancestors 'none'");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Content-Type", type);
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
	return answer(connection, MHD_HTTP_OK, response, "text/event-stream");
}

static enum MHD_Result doc_send(struct hz_web *web, struct MHD_Connection *connection,
                                const struct hz_web_doc_kind *kind)
{
	struct hz_web_query query = { kind->stage, kind->last, 0 };
	const struct hz_doc *doc;
	const char *why = NULL;

	if (hz_web_query_read(&query, value_of(connection, MHD_GET_ARGUMENT_KIND, "stage"),
	                      value_of(connection, MHD_GET_ARGUMENT_KIND, "last"),
	                      value_of(connection, MHD_GET_ARGUMENT_KIND, "kind"),
	                      hz_web_doc_last_max(kind, web->feed), &why) != 0)
		return refuse(connection, MHD_HTTP_BAD_REQUEST, why);
	doc = hz_web_doc_get(&web->docs, web->feed, kind->doc, &query);
	if (doc->is_failed)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return answer(connection, MHD_HTTP_OK,
	              MHD_create_response_from_buffer(doc->bytes, doc->data, MHD_RESPMEM_MUST_COPY),
	              "application/json");
}

static enum MHD_Result metrics_send(struct hz_web *web, struct MHD_Connection *connection)
{
	bool is_proto = hz_web_query_wants_proto(
		value_of(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	const struct hz_doc *doc = hz_metrics_doc_get(web->metrics, web->feed, is_proto);

	if (doc->is_failed)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return answer(connection, MHD_HTTP_OK,
	              MHD_create_response_from_buffer(doc->bytes, doc->data, MHD_RESPMEM_MUST_COPY),
	              is_proto ? HZ_METRICS_DOC_PROTO_TYPE : HZ_METRICS_DOC_TEXT_TYPE);
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
	web->checks_host = listen->is_loopback && !listen->is_unix;
	web->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
	                               request_take, web, MHD_OPTION_LISTEN_SOCKET, listen->fd,
	                               MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
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
	MHD_stop_daemon(web->daemon);
	hz_web_doc_close(&web->docs);
	free(web);
}

int hz_web_poll_fd(const struct hz_web *web)
{
	return MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int hz_web_timeout_ms(struct hz_web *web)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(web->daemon, &ms) != MHD_YES)
		return -1;
	return (int)HZ_MIN(ms, (MHD_UNSIGNED_LONG_LONG)60000);
}

void hz_web_turn(struct hz_web *web)
{
	(void)MHD_run(web->daemon);
}

void hz_web_tick(struct hz_web *web)
{
	const struct hz_feed *feed = web->feed;
	struct hz_doc tick = { 0 };

	hz_web_doc_expire(&web->docs);
	if (hz_sse_hub_has_readers(&web->hub)) {
		hz_web_doc_tick(&web->docs, feed, web->told_s + 1, web->hub.lost, &tick);
		if (!tick.is_failed)
			hz_sse_hub_send(&web->hub, "tick", tick.data, tick.bytes);
	}
	web->told_s = feed->known_s;
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
