#include "feed_client.h"
#include "core/endpoint.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES     65536
#define READS_PER_TURN 16  /* then others have their turn */
#define HELD_MAX       256 /* records before it is known whose they are */

static socklen_t sockaddr_make(const struct hz_endpoint *endpoint, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;

	memset(out, 0, sizeof(*out));
	if (hz_addr_is_v4(&endpoint->addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(endpoint->port);
		memcpy(&v4->sin_addr, &endpoint->addr.byte[12], 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(endpoint->port);
	memcpy(&v6->sin6_addr, &endpoint->addr, 16);
	return sizeof(*v6);
}

int hz_feed_client_open(const struct hz_endpoint *endpoint, const char *instance,
                        hz_feed_client_fn *fn, void *ctx, struct hz_feed_client *out)
{
	struct hz_feed_client client = { .fd = -1, .fn = fn, .ctx = ctx };
	struct sockaddr_storage addr;
	socklen_t bytes = sockaddr_make(endpoint, &addr);
	int status = hz_sse_read_open(&client.reader);

	client.instance = instance;
	client.endpoint = *endpoint;
	client.is_confirmed = instance == NULL;
	client.held = json_array();
	if (status == 0 && client.held == NULL)
		status = -ENOMEM;
	if (status == 0) {
		client.fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (client.fd == -1 ||
		    (connect(client.fd, (const struct sockaddr *)(const void *)&addr, bytes) != 0 &&
		     errno != EINPROGRESS))
			status = -errno;
	}
	if (status != 0)
		hz_feed_client_close(&client);
	*out = client;
	return status;
}

void hz_feed_client_close(struct hz_feed_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->is_asked = false;
	json_decref(client->held);
	client->held = NULL;
	hz_sse_read_close(&client->reader);
}

short hz_feed_client_events(const struct hz_feed_client *client)
{
	return client->is_asked ? POLLIN : POLLOUT;
}

/* The first thing on a connection, and small: it fits the socket's buffer as a whole. */
static int request_send(struct hz_feed_client *client)
{
	char request[192], at[HZ_ENDPOINT_TEXT_MAX];
	socklen_t bytes = sizeof(int);
	int error = 0, len;

	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
		error = errno;
	if (error != 0)
		return -error;
	hz_endpoint_print(&client->endpoint, at);
	len = snprintf(request, sizeof(request),
	               "GET /events HTTP/1.0\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", at);
	if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return errno == EAGAIN ? 0 : -errno;
	client->is_asked = true;
	return 0;
}

/* Records come before the first tick too: until that says which instance they are of, they are nobody's. */
static void record_hold(struct hz_feed_client *client, const char *name, json_t *object)
{
	if (json_array_size(client->held) >= HELD_MAX ||
	    json_array_append_new(client->held, json_pack("[s, O]", name, object)) != 0)
		client->missed++;
}

static void held_release(struct hz_feed_client *client)
{
	const json_t *record;
	size_t i;

	json_array_foreach (client->held, i, record)
		client->fn(client->ctx, json_string_value(json_array_get(record, 0)),
		           json_array_get(record, 1));
	json_array_clear(client->held);
}

/* A tick says which instance it is of. */
static void tick_take(struct hz_feed_client *client, const json_t *object)
{
	const char *of =
		json_string_value(json_object_get(json_object_get(object, "status"), "instance"));

	client->ticks++;
	if (client->instance == NULL || of == NULL)
		return;
	if (strcmp(of, client->instance) != 0) {
		snprintf(client->other, sizeof(client->other), "%s", of[0] != '\0' ? of : "-");
		return;
	}
	client->is_confirmed = true;
	held_release(client);
}

static void event_take(void *ctx, const char *name, const char *data, size_t len)
{
	struct hz_feed_client *client = ctx;
	json_t *object = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(object))
		client->malformed++;
	else if (strcmp(name, "tick") == 0)
		tick_take(client, object);
	else if (client->other[0] == '\0' && client->is_confirmed)
		client->fn(client->ctx, name, object);
	else if (client->other[0] == '\0')
		record_hold(client, name, object);
	json_decref(object);
}

int hz_feed_client_turn(struct hz_feed_client *client)
{
	char bytes[READ_BYTES];
	int status = client->is_asked ? 0 : request_send(client);

	for (unsigned i = 0; i < READS_PER_TURN && status == 0 && client->is_asked; i++) {
		ssize_t got = recv(client->fd, bytes, sizeof(bytes), 0);

		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (got == 0)
			return -ECONNRESET;
		status = hz_sse_read_feed(&client->reader, bytes, (size_t)got, event_take, client);
		if (client->other[0] != '\0')
			status = -EXDEV;
	}
	return status;
}

int hz_feed_client_fail(const struct hz_feed_client *client, int status, struct hz_err *err)
{
	char at[HZ_ENDPOINT_TEXT_MAX];

	hz_endpoint_print(&client->endpoint, at);
	if (status == -EBADMSG)
		return hz_err_set(err, status, 1, "collector", "hz-collector -h",
		                  "%s does not answer as hz-collector does (status %d)", at,
		                  client->reader.http_status);
	if (status == -EXDEV)
		return hz_err_set(err, status, 1, "collector", "say which: from ADDR:PORT",
		                  "the hz-collector at %s is of instance '%s'", at, client->other);
	if (status == -ETIMEDOUT && client->is_asked)
		return hz_err_set(err, status, 1, "collector", "systemctl status hz-collector",
		                  "hz-collector at %s is silent", at);
	if (status == -ECONNRESET && client->is_asked)
		return hz_err_set(err, status, 1, "collector", "pgrep -a hz-collector",
		                  "hz-collector at %s has closed the stream", at);
	return hz_err_set(err, status, 3, "no_collector", "hz-collector -h",
	                  "no hz-collector at %s: %s", at, strerror(-status));
}
