/* What hzctl understands of hz-collector's stream. */
#include "../../../tools/hzctl/feed_link.h"
#include "../../../tools/hzctl/sse_read.h"
#include "core/clock.h"
#include "core/endpoint.h"
#include "hz_test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

struct heard {
	unsigned count;
	uint64_t skipped;
	char text[512]; /* "name=data;" */
};

static void hear(void *ctx, const char *name, const char *data, size_t len)
{
	struct heard *heard = ctx;
	size_t at = strlen(heard->text);

	heard->count++;
	snprintf(heard->text + at, sizeof(heard->text) - at, "%s=%.*s;", name,
	         (int)HZ_MIN(len, 64u), data);
}

/* Fed in pieces of piece bytes. */
static int stream_read(const char *bytes, size_t len, size_t piece, struct heard *heard)
{
	struct hz_sse_read reader;
	int status = hz_sse_read_open(&reader);

	memset(heard, 0, sizeof(*heard));
	for (size_t at = 0; at < len && status == 0; at += piece)
		status =
			hz_sse_read_feed(&reader, bytes + at, HZ_MIN(piece, len - at), hear, heard);
	heard->skipped = reader.skipped;
	hz_sse_read_close(&reader);
	return status;
}

static void stream_split_anywhere_gives_the_same_events(void)
{
	static const char bytes[] =
		HEAD ": a comment\n\nevent: slow\ndata: {\"a\":1}\nid: "
		     "5\n\nevent:state\r\ndata:x\r\n\r\n"
		     "data: unnamed\n\nevent: empty\n\nretry: 3\nevent: cut\ndata: never";
	struct heard heard;

	for (size_t piece = 1; piece < sizeof(bytes); piece++) {
		CU_ASSERT_EQUAL(stream_read(bytes, sizeof(bytes) - 1, piece, &heard), 0);
		CU_ASSERT_STRING_EQUAL(heard.text, "slow={\"a\":1};state=x;=unnamed;");
	}
}

static void stream_that_is_none_is_refused(void)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	struct heard heard;

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(stream_read(bad[i], strlen(bad[i]), 3, &heard), -EBADMSG);
}

static void stream_line_beyond_all_bounds_is_skipped_alone(void)
{
	size_t len = 3 * (size_t)HZ_SSE_READ_LINE_MAX;
	char *bytes = malloc(len);
	struct heard heard;
	int at = snprintf(bytes, len, HEAD "event: tick\ndata: ");

	memset(bytes + at, 'x', len - (size_t)at);
	memcpy(bytes + len - 30, "\n\nevent: slow\ndata: y\n\n        ", 30);
	CU_ASSERT_EQUAL(stream_read(bytes, len, 4093, &heard), 0);
	CU_ASSERT_STRING_EQUAL(heard.text, "slow=y;");
	CU_ASSERT_EQUAL(heard.skipped, 1);
	free(bytes);
}

/* --- over a socket -------------------------------------------------------------------------------------- */

static int listen_open(struct hz_endpoint *endpoint)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CU_ASSERT_FATAL(listen(fd, 1) == 0);
	CU_ASSERT_FATAL(getsockname(fd, (struct sockaddr *)&addr, &bytes) == 0);
	CU_ASSERT_FATAL(hz_addr_parse("127.0.0.1", &endpoint->addr) == 0);
	endpoint->port = ntohs(addr.sin_port);
	return fd;
}

static void record_hear(void *ctx, const char *name, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	hear(ctx, name, text, strlen(text));
	free(text);
}

/* Turns until the client ends; what it ended with. */
static int client_drive(struct hz_feed_client *client, unsigned turns)
{
	int status = 0;

	for (unsigned i = 0; i < turns && status == 0; i++) {
		struct pollfd fd = { .fd = client->fd, .events = hz_feed_client_events(client) };

		(void)poll(&fd, 1, 1000);
		status = hz_feed_client_turn(client);
	}
	return status;
}

/* What a client of instance makes of such an answer. */
static int exchange(const char *instance, const char *answer, struct heard *heard, char *other)
{
	struct hz_feed_client client;
	struct hz_endpoint endpoint;
	int listener = listen_open(&endpoint), peer, status;
	char request[512] = "";

	memset(heard, 0, sizeof(*heard));
	CU_ASSERT_FATAL(hz_feed_client_open(&endpoint, instance, record_hear, heard, &client) == 0);
	(void)client_drive(&client, 1);
	peer = accept(listener, NULL, NULL);
	CU_ASSERT(recv(peer, request, sizeof(request) - 1, 0) > 0);
	CU_ASSERT(strncmp(request, "GET /events HTTP/1.0\r\n", 22) == 0);
	CU_ASSERT(send(peer, answer, strlen(answer), 0) == (ssize_t)strlen(answer));
	close(peer);
	status = client_drive(&client, 8);
	snprintf(other, 64, "%s", client.other);
	CU_ASSERT_EQUAL(client.malformed, strstr(answer, "not json") != NULL);
	hz_feed_client_close(&client);
	close(listener);
	return status;
}

static void client_hands_over_objects_and_counts_what_is_none(void)
{
	struct heard heard;
	char other[64];

	CU_ASSERT_EQUAL(exchange("a",
	                         HEAD "event: tick\ndata: {\"status\":{\"instance\":\"a\"}}\n\n"
	                              "event: slow\ndata: {\"total_ns\":7}\n\n"
	                              "event: shed\ndata: not json\n\n",
	                         &heard, other),
	                -ECONNRESET);
	CU_ASSERT_STRING_EQUAL(heard.text, "slow={\"total_ns\":7};");
}

static void client_holds_records_until_a_tick_says_whose_they_are(void)
{
	static const char record[] = HEAD "event: slow\ndata: {\"total_ns\":7}\n\n";
	char ours[256], theirs[256], other[64];
	struct heard heard;

	CU_ASSERT_EQUAL(exchange("a", record, &heard, other), -ECONNRESET);
	CU_ASSERT_EQUAL(heard.count, 0);
	snprintf(ours, sizeof(ours), "%sevent: tick\ndata: {\"status\":{\"instance\":\"\"}}\n\n",
	         record);
	CU_ASSERT_EQUAL(exchange("", ours, &heard, other), -ECONNRESET);
	CU_ASSERT_STRING_EQUAL(heard.text, "slow={\"total_ns\":7};");
	/* the default instance is one of its own */
	snprintf(theirs, sizeof(theirs),
	         "%sevent: tick\ndata: {\"status\":{\"instance\":\"b\"}}\n\n", record);
	CU_ASSERT_EQUAL(exchange("", theirs, &heard, other), -EXDEV);
	CU_ASSERT_EQUAL(heard.count, 0);
	CU_ASSERT_EQUAL(exchange(NULL, theirs, &heard, other), -ECONNRESET);
	CU_ASSERT_STRING_EQUAL(heard.text, "slow={\"total_ns\":7};");
}

static void client_counts_records_beyond_what_it_holds(void)
{
	struct hz_feed_client client;
	struct hz_endpoint endpoint;
	struct heard heard = { 0 };
	int listener = listen_open(&endpoint), peer;
	FILE *to;

	CU_ASSERT_FATAL(hz_feed_client_open(&endpoint, "", record_hear, &heard, &client) == 0);
	(void)client_drive(&client, 1);
	peer = accept(listener, NULL, NULL);
	to = fdopen(peer, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	fputs(HEAD, to);
	for (unsigned i = 0; i < 300; i++)
		fputs("event: slow\ndata: {}\n\n", to);
	fputs("event: tick\ndata: {\"status\":{\"instance\":\"\"}}\n\n", to);
	fclose(to);
	CU_ASSERT_EQUAL(client_drive(&client, 20), -ECONNRESET);
	CU_ASSERT_EQUAL(heard.count, 256);
	CU_ASSERT_EQUAL(client.missed, 44);
	hz_feed_client_close(&client);
	close(listener);
}

static void instance_of_the_collector_is_ours_unless_only_an_address_is_given(void)
{
	CU_ASSERT_STRING_EQUAL(hz_feed_link_instance("a", false), "a");
	CU_ASSERT_STRING_EQUAL(hz_feed_link_instance("a", true), "a");
	CU_ASSERT_PTR_NOT_NULL_FATAL(hz_feed_link_instance(NULL, false));
	CU_ASSERT_STRING_EQUAL(hz_feed_link_instance(NULL, false), "");
	CU_ASSERT_PTR_NULL(hz_feed_link_instance(NULL, true));
}

static void client_of_another_instance_is_told(void)
{
	struct heard heard;
	char other[64];

	CU_ASSERT_EQUAL(exchange("a",
	                         HEAD "event: tick\ndata: {\"status\":{\"instance\":\"b\"}}\n\n"
	                              "event: slow\ndata: {\"total_ns\":7}\n\n",
	                         &heard, other),
	                -EXDEV);
	CU_ASSERT_EQUAL(heard.count, 0);
	CU_ASSERT_STRING_EQUAL(other, "b");
}

static void client_of_nobody_is_refused(void)
{
	struct hz_feed_client client;
	struct hz_endpoint endpoint;
	struct hz_err err = { 0 };
	struct heard heard = { 0 };
	int listener = listen_open(&endpoint), status;

	close(listener);
	status = hz_feed_client_open(&endpoint, NULL, record_hear, &heard, &client);
	if (status == 0)
		status = client_drive(&client, 3);
	CU_ASSERT_EQUAL(status, -ECONNREFUSED);
	(void)hz_feed_client_fail(&client, status, &err);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	hz_feed_client_close(&client);
}

/* --- a link that lasts ---------------------------------------------------------------------------------- */

#define TICK HEAD "event: tick\ndata: {\"status\":{\"instance\":\"\"}}\n\n"

/* Its next turn, when what it waits for is there. */
static int link_turn(struct hz_feed_link *link, uint64_t now_ns, struct hz_err *err)
{
	struct pollfd fd = { .fd = link->client.fd,
		             .events = hz_feed_client_events(&link->client) };

	if (fd.fd >= 0)
		(void)poll(&fd, 1, 200);
	return hz_feed_link_turn(link, fd.fd >= 0 && fd.revents != 0, now_ns, err);
}

/* A collector takes the connection, and says what. */
static int link_answer(struct hz_feed_link *link, int listener, const char *what, uint64_t now_ns)
{
	struct hz_err err = { 0 };
	char request[512];
	int peer;

	CU_ASSERT_EQUAL(link_turn(link, now_ns, &err), 0); /* connects */
	CU_ASSERT_EQUAL(link_turn(link, now_ns, &err), 0); /* asks */
	peer = accept(listener, NULL, NULL);
	CU_ASSERT(recv(peer, request, sizeof(request), 0) > 0);
	CU_ASSERT(send(peer, what, strlen(what), 0) == (ssize_t)strlen(what));
	return peer;
}

static void link_without_ticks_is_silent_then_made_anew(void)
{
	struct hz_endpoint endpoint;
	int listener = listen_open(&endpoint), peer;
	uint64_t now_ns = 100 * HZ_NS_PER_S;
	struct heard heard = { 0 };
	struct hz_feed_link link;
	struct hz_err err = { 0 };

	hz_feed_link_init(&endpoint, "", record_hear, &heard, &link);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns), HZ_FEED_DOWN);
	peer = link_answer(&link, listener, TICK, now_ns);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns), HZ_FEED_TRIES);
	CU_ASSERT_EQUAL(link_turn(&link, now_ns, &err), 0);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns + 3 * HZ_NS_PER_S), HZ_FEED_LIVE);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns + 4 * HZ_NS_PER_S), HZ_FEED_SILENT);
	now_ns += 14 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL(hz_feed_link_turn(&link, false, now_ns, &err), 0);
	now_ns += 2 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL_FATAL(hz_feed_link_turn(&link, false, now_ns, &err), -ETIMEDOUT);
	CU_ASSERT(hz_feed_link_is_passing(&link, -ETIMEDOUT));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "is silent"));
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns), HZ_FEED_DOWN);
	close(peer);
	peer = link_answer(&link, listener, TICK, now_ns + HZ_NS_PER_S);
	CU_ASSERT_EQUAL(link_turn(&link, now_ns + HZ_NS_PER_S, &err), 0);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns + HZ_NS_PER_S), HZ_FEED_LIVE);
	close(peer);
	close(listener);
	hz_feed_link_close(&link);
}

static void link_to_nobody_tries_at_growing_pauses(void)
{
	struct hz_endpoint endpoint;
	uint64_t now_ns = 100 * HZ_NS_PER_S, end_ns = now_ns + 60 * HZ_NS_PER_S;
	struct heard heard = { 0 };
	struct hz_feed_link link;
	struct hz_err err = { 0 };
	unsigned failed = 0;

	close(listen_open(&endpoint));
	hz_feed_link_init(&endpoint, "", record_hear, &heard, &link);
	for (; now_ns < end_ns; now_ns += HZ_NS_PER_S / 5)
		failed += link_turn(&link, now_ns, &err) == -ECONNREFUSED;
	/* after 0, 1, 3, 7, 15, 23, 31, 39, 47 and 55 s */
	CU_ASSERT_EQUAL(failed, 10);
	CU_ASSERT(!link.was_live);
	hz_feed_link_close(&link);
}

static void link_to_a_stranger_does_not_pass_and_to_a_busy_one_does(void)
{
	static const struct {
		const char *answer;
		bool is_passing;
	} rows[] = {
		{ "HTTP/1.1 503 Service Unavailable\r\n\r\n", true },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", false },
		{ HEAD "event: tick\ndata: {\"status\":{\"instance\":\"b\"}}\n\n", false },
		{ TICK, true }, /* and then it ends */
	};
	struct hz_endpoint endpoint;
	int listener = listen_open(&endpoint);

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct heard heard = { 0 };
		struct hz_feed_link link;
		struct hz_err err = { 0 };
		int status = 0;

		hz_feed_link_init(&endpoint, "", record_hear, &heard, &link);
		close(link_answer(&link, listener, rows[i].answer, 1));
		for (unsigned turn = 0; turn < 5 && status == 0; turn++)
			status = link_turn(&link, 1, &err);
		CU_ASSERT(status != 0);
		CU_ASSERT_EQUAL(hz_feed_link_is_passing(&link, status), rows[i].is_passing);
		hz_feed_link_close(&link);
	}
	close(listener);
}

HZ_SUITE(feed, CASE(stream_split_anywhere_gives_the_same_events),
         CASE(stream_that_is_none_is_refused), CASE(stream_line_beyond_all_bounds_is_skipped_alone),
         CASE(client_hands_over_objects_and_counts_what_is_none),
         CASE(client_of_another_instance_is_told), CASE(client_of_nobody_is_refused),
         CASE(client_holds_records_until_a_tick_says_whose_they_are),
         CASE(client_counts_records_beyond_what_it_holds),
         CASE(instance_of_the_collector_is_ours_unless_only_an_address_is_given),
         CASE(link_without_ticks_is_silent_then_made_anew),
         CASE(link_to_nobody_tries_at_growing_pauses),
         CASE(link_to_a_stranger_does_not_pass_and_to_a_busy_one_does));
