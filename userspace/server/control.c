/* The control socket: newline-delimited JSON over a unix socket, run by housekeeping, never by a worker.
 * Every size, count and time a client could stretch has a limit. */
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_NS (5 * HZ_NS_PER_S)    /* from accept or the last answer to a whole line */
#define ACCEPT_REST_NS    (100 * HZ_NS_PER_MS) /* out of descriptors or memory */

struct control_client {
	int fd; /* -1: free */
	bool may_change;
	size_t used;
	uint64_t deadline_ns;
	json_t *asked; /* a request whose answer takes several turns; owned */
	char *out;     /* owned; what of an answer the socket has not taken */
	size_t out_bytes, out_sent;
	bool with_stream; /* the first byte of it takes the telemetry's descriptors along */
	char line[HZ_LIMIT_control_request_bytes_max + 1];
};

struct hz_control { /* owned by the server */
	struct hz_server *server;
	int epoll_fd;
	int listen_fd;
	uint64_t accept_rest_ns; /* the listener is not looked at until then; 0: it is */
	char path[HZ_RUNDIR_PATH_MAX];
	struct control_client
		*round_of; /* whose question the workers have; NULL: nobody's any more */
	struct control_client client[HZ_LIMIT_control_clients_max];
};

/* Supplementary groups count: SO_PEERGROUPS lists them. */
static bool peer_is_in_group(int fd, gid_t primary, const char *name)
{
	const struct group *group = getgrnam(name);
	gid_t groups[256];
	socklen_t bytes = sizeof(groups);

	if (group == NULL)
		return false;
	if (group->gr_gid == primary)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) != 0)
		return false;
	for (size_t i = 0; i < bytes / sizeof(groups[0]); i++)
		if (groups[i] == group->gr_gid)
			return true;
	return false;
}

/* Root, the user hzd runs as, and group hz-admin may change things. */
static bool peer_may_change(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || peer_is_in_group(fd, peer.gid, "hz-admin");
}

/* Who may open the pins may have their descriptors: group hz, and all that may change things. */
static bool peer_may_read(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
		return false;
	return peer_may_change(fd) || peer_is_in_group(fd, peer.gid, "hz");
}

static void client_close(struct hz_control *control, struct control_client *client)
{
	close(client->fd); /* leaves the epoll set with it */
	client->fd = -1;
	json_decref(client->asked);
	client->asked = NULL;
	free(client->out);
	client->out = NULL;
	if (control->round_of == client)
		control->round_of = NULL;
}

/* Its next line has to wait. */
static bool client_is_busy(const struct control_client *client)
{
	return client->asked != NULL || client->out != NULL;
}

/* Listens for what the client may do next: read on, or take more. */
static void client_watch(struct hz_control *control, struct control_client *client)
{
	struct epoll_event event = { .data.ptr = client };

	if (client->fd == -1)
		return;
	event.events = client->out != NULL ? EPOLLOUT : client->asked != NULL ? 0 : EPOLLIN;
	if (epoll_ctl(control->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) != 0)
		client_close(control, client);
}

static int listener_watch(struct hz_control *control, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = NULL };

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_MOD, control->listen_fd, &event) == 0
	               ? 0
	               : -errno;
}

/* Level-triggered epoll would spin over a client that nobody can take. */
static void accept_rest(struct hz_control *control, uint64_t now_ns)
{
	if (listener_watch(control, 0) == 0)
		control->accept_rest_ns = now_ns + ACCEPT_REST_NS;
}

/* The answer as a line of *bytes, the caller's to free; NULL without memory. Takes the reference. */
static char *answer_line(json_t *answer, size_t *bytes)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	if (text == NULL)
		return NULL;
	*bytes = strlen(text) + 1;
	text[*bytes - 1] = '\n'; /* takes the place of the terminator */
	return text;
}

/* As much as the socket takes; the rest when it has room, within the client's deadline. */
static void out_flush(struct hz_control *control, struct control_client *client)
{
	const char *rest = client->out + client->out_sent;
	size_t rest_bytes = client->out_bytes - client->out_sent;
	ssize_t sent;

	if (client->with_stream && client->out_sent == 0)
		sent = hz_control_stream_send(control->server, client->fd, rest, rest_bytes);
	else
		sent = send(client->fd, rest, rest_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		client_close(control, client);
		return;
	}
	client->out_sent += sent > 0 ? (size_t)sent : 0;
	if (client->out_sent < client->out_bytes)
		return;
	free(client->out);
	client->out = NULL;
	client->with_stream = false;
}

/* Takes the reference. */
static void client_answer(struct hz_control *control, struct control_client *client, json_t *answer)
{
	client->out = answer_line(answer, &client->out_bytes);
	client->out_sent = 0;
	if (client->out == NULL)
		client_close(control, client);
	else
		out_flush(control, client);
}

/* A last word to who is sent away. */
static void refuse(int fd, const char *code, const char *why, const char *hint)
{
	struct hz_err err = { 0 };
	size_t bytes;
	char *line;

	hz_err_what(&err, "request refused");
	(void)hz_err_set(&err, -EBUSY, 1, code, hint, "%s", why);
	line = answer_line(hz_control_cmd_error(&err), &bytes);
	if (line != NULL)
		(void)!send(fd, line, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(line);
}

static void client_accept(struct hz_control *control, uint64_t now_ns)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct control_client *client = NULL;

	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			accept_rest(control, now_ns);
		return;
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client) && client == NULL; i++)
		if (control->client[i].fd == -1)
			client = &control->client[i];
	if (client != NULL) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

		client->fd = fd;
		client->used = 0;
		client->with_stream = false;
		client->may_change = peer_may_change(fd);
		client->deadline_ns = now_ns + CLIENT_TIMEOUT_NS;
		if (epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
			return;
		client->fd = -1;
	}
	refuse(fd, "too_many_clients", "hzd has as many clients as it serves at once", "try again");
	close(fd);
}

static bool is_cmd(const json_t *request, const char *name)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));

	return cmd != NULL && strcmp(cmd, name) == 0;
}

static json_t *client_stream(struct hz_control *control, struct control_client *client)
{
	struct hz_err err = { 0 };
	json_t *result;

	hz_err_what(&err, "stream failed");
	if (hz_control_stream(control->server, peer_may_read(client->fd), &result, &err) != 0)
		return hz_control_cmd_error(&err);
	client->with_stream = true;
	return hz_control_cmd_ok(result);
}

static void client_request(struct hz_control *control, struct control_client *client,
                           size_t line_bytes)
{
	json_error_t error;
	json_t *request = json_loadb(client->line, line_bytes, JSON_REJECT_DUPLICATES, &error);
	struct hz_err err = { 0 };
	json_t *answer;

	if (is_cmd(request, "conn")) {
		client->asked = request;
		return;
	}
	if (is_cmd(request, "stream")) {
		answer = client_stream(control, client);
	} else if (json_is_object(request)) {
		answer = hz_control_cmd_run(control->server, request, client->may_change);
	} else {
		hz_err_what(&err, "bad request");
		(void)hz_err_set(&err, -EINVAL, 2, "bad_json", "hzctl help", "%s",
		                 request == NULL ? error.text : "not an object");
		answer = hz_control_cmd_error(&err);
	}
	json_decref(request);
	client_answer(control, client, answer);
}

/* Closed on both sides: who asked has given up, after a timeout of its own, and tells its user that
 * nothing happened. A client that only ended its writing side waits for the answer. */
static bool client_is_gone(const struct control_client *client)
{
	struct pollfd peer = { .fd = client->fd };

	return poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR)) != 0;
}

/* Whole lines, one after the other, as long as each is answered at once. */
static void client_lines(struct hz_control *control, struct control_client *client, uint64_t now_ns)
{
	char *end;

	while (client->fd != -1 && !client_is_busy(client) &&
	       (end = memchr(client->line, '\n', client->used)) != NULL) {
		size_t line_bytes = (size_t)(end - client->line);

		if (client_is_gone(client)) {
			client_close(control, client);
			return;
		}
		client_request(control, client, line_bytes);
		client->deadline_ns = now_ns + CLIENT_TIMEOUT_NS;
		client->used -= line_bytes + 1;
		memmove(client->line, end + 1, client->used);
	}
	if (client->fd != -1 && !client_is_busy(client) &&
	    client->used == HZ_LIMIT_control_request_bytes_max) {
		refuse(client->fd, "too_long", "a request is one line of at most 4 KiB",
		       "hzctl help");
		client_close(control, client);
	}
	client_watch(control, client);
}

static void client_read(struct hz_control *control, struct control_client *client, uint64_t now_ns)
{
	size_t room = HZ_LIMIT_control_request_bytes_max - client->used;
	ssize_t got = recv(client->fd, client->line + client->used, room, 0);

	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			client_close(control, client);
		return;
	}
	client->used += (size_t)got;
	client_lines(control, client, now_ns);
}

static void client_event(struct hz_control *control, struct control_client *client, uint32_t events,
                         uint64_t now_ns)
{
	if (!client_is_busy(client)) {
		client_read(control, client, now_ns);
		return;
	}
	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		client_close(control, client); /* gone before its answer */
		return;
	}
	if (client->out == NULL)
		return;
	out_flush(control, client);
	if (client->fd != -1 && client->out == NULL)
		client_lines(control, client, now_ns);
}

/* The end of a question that took several turns; lines behind it are next. */
static void client_settle(struct hz_control *control, struct control_client *client, json_t *answer,
                          uint64_t now_ns)
{
	json_decref(client->asked);
	client->asked = NULL;
	client_answer(control, client, answer);
	client_lines(control, client, now_ns);
}

/* Puts the next question to the workers, one round at a time. */
static void round_begin(struct hz_control *control, uint64_t now_ns)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client); i++) {
		struct control_client *client = &control->client[i];
		struct hz_err err = { 0 };

		if (client->fd == -1 || client->asked == NULL)
			continue;
		hz_err_what(&err, "conn show failed");
		if (hz_control_conn_begin(control->server, client->asked, now_ns, &err) == 0) {
			control->round_of = client;
			return;
		}
		client_settle(control, client, hz_control_cmd_error(&err), now_ns);
	}
}

static void rounds_step(struct hz_control *control, uint64_t now_ns)
{
	struct control_client *client;
	json_t *result;

	if (!control->server->round.is_running)
		round_begin(control, now_ns);
	if (!control->server->round.is_running ||
	    !hz_control_conn_turn(control->server, now_ns, &result))
		return;
	client = control->round_of;
	control->round_of = NULL;
	if (client != NULL)
		client_settle(control, client, hz_control_cmd_ok(result), now_ns);
	else
		json_decref(result); /* who asked is gone */
}

bool hz_control_is_waiting(const struct hz_control *control)
{
	if (control->server->round.is_running)
		return true;
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client); i++)
		if (control->client[i].fd != -1 && control->client[i].asked != NULL)
			return true;
	return false;
}

int hz_control_poll_fd(const struct hz_control *control)
{
	return control->epoll_fd;
}

void hz_control_turn(struct hz_control *control, uint64_t now_ns)
{
	struct epoll_event events[HZ_LIMIT_control_clients_max + 1];
	int count;

	if (control->accept_rest_ns != 0 && now_ns >= control->accept_rest_ns &&
	    listener_watch(control, EPOLLIN) == 0)
		control->accept_rest_ns = 0;
	count = epoll_wait(control->epoll_fd, events, (int)HZ_ARRAY_LEN(events), 0);
	for (int i = 0; i < count; i++) {
		struct control_client *client = events[i].data.ptr;

		if (client == NULL)
			client_accept(control, now_ns);
		else if (client->fd != -1)
			client_event(control, client, events[i].events, now_ns);
	}
	rounds_step(control, now_ns);
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client); i++)
		if (control->client[i].fd != -1 && now_ns > control->client[i].deadline_ns)
			client_close(control, &control->client[i]);
}

static int listen_open(struct hz_control *control)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	struct group *group = getgrnam("hz");

	memcpy(address.sun_path, control->path, strlen(control->path));
	unlink(control->path); /* of a dead run: we hold the instance's lock */
	if (bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    chmod(control->path, 0660) != 0 ||
	    (geteuid() == 0 && group != NULL && chown(control->path, 0, group->gr_gid) != 0) ||
	    listen(control->listen_fd, HZ_LIMIT_control_clients_max) != 0 ||
	    epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, control->listen_fd, &event) != 0)
		return -errno;
	return 0;
}

int hz_control_open(struct hz_server *server, struct hz_control **out, struct hz_err *err)
{
	struct hz_control *control = calloc(1, sizeof(*control));
	int status;

	if (control == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	control->server = server;
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client); i++)
		control->client[i].fd = -1;
	snprintf(control->path, sizeof(control->path), "%s/ctl.sock", server->rundir.path);
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	status =
		control->epoll_fd == -1 || control->listen_fd == -1 ? -errno : listen_open(control);
	if (status != 0) {
		hz_control_close(control);
		return hz_err_set(err, status, 7, "control_socket", "", "control socket in %s: %s",
		                  server->rundir.path, strerror(-status));
	}
	*out = control;
	return 0;
}

void hz_control_close(struct hz_control *control)
{
	if (control == NULL)
		return;
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client); i++)
		if (control->client[i].fd != -1)
			client_close(control, &control->client[i]);
	if (control->listen_fd != -1) {
		close(control->listen_fd);
		unlink(control->path);
	}
	if (control->epoll_fd != -1)
		close(control->epoll_fd);
	free(control);
}
