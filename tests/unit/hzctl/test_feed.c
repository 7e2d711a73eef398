/* What hzctl understands of hz-collector's stream. */
#include "../../../tools/hzctl/feed_client.h"
#include "../../../tools/hzctl/sse_read.h"
#include "feed_rig.h"
#include "hz_test.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Fed in pieces of piece bytes. */
static int stream_read(const char *bytes, size_t len, size_t piece, struct heard *heard)
{
	struct hz_sse_read reader;
	int status = hz_sse_read_open(&reader);

	memset(heard, 0, sizeof(*heard));
	for (size_t at = 0; at < len && status == 0; at += piece)
		status = hz_sse_read_feed(&reader, bytes + at, HZ_MIN(piece, len - at),
		                          feed_rig_hear, heard);
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
	int listener = feed_rig_listen(&endpoint), peer, status;
	char request[512] = "";

	memset(heard, 0, sizeof(*heard));
	CU_ASSERT_FATAL(hz_feed_client_open(&endpoint, instance, feed_rig_record, heard, &client) ==
	                0);
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
	int listener = feed_rig_listen(&endpoint), peer;
	FILE *to;

	CU_ASSERT_FATAL(hz_feed_client_open(&endpoint, "", feed_rig_record, &heard, &client) == 0);
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
	int listener = feed_rig_listen(&endpoint), status;

	close(listener);
	status = hz_feed_client_open(&endpoint, NULL, feed_rig_record, &heard, &client);
	if (status == 0)
		status = client_drive(&client, 3);
	CU_ASSERT_EQUAL(status, -ECONNREFUSED);
	(void)hz_feed_client_fail(&client, status, &err);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	hz_feed_client_close(&client);
}

HZ_SUITE(feed, CASE(stream_split_anywhere_gives_the_same_events),
         CASE(stream_that_is_none_is_refused), CASE(stream_line_beyond_all_bounds_is_skipped_alone),
         CASE(client_hands_over_objects_and_counts_what_is_none),
         CASE(client_holds_records_until_a_tick_says_whose_they_are),
         CASE(client_counts_records_beyond_what_it_holds), CASE(client_of_another_instance_is_told),
         CASE(client_of_nobody_is_refused));
