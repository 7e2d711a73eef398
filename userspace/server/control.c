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
	char line[HZ_LIMIT_control_request_bytes_max + 1];
};

struct hz_control { /* owned by the server */
	struct hz_server *server;
	int epoll_fd;
	int listen_fd;
	uint64_t accept_rest_ns; /* the listener is not looked at until then; 0: it is */
	char path[HZ_RUNDIR_PATH_MAX];
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

static void client_close(struct control_client *client)
{
	close(client->fd); /* leaves the epoll set with it */
	client->fd = -1;
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

/* Takes the reference. Answers are small against a socket buffer; a client that does not read loses its
 * connection: false. */
static bool answer_send(int fd, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);
	size_t bytes = text != NULL ? strlen(text) : 0;
	bool is_sent = false;

	json_decref(answer);
	if (text == NULL)
		return false;
	text[bytes] = '\n'; /* takes the place of the terminator */
	is_sent = send(fd, text, bytes + 1, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(bytes + 1);
	free(text);
	return is_sent;
}

/* A last word to who is sent away. */
static void refuse(int fd, const char *code, const char *why, const char *hint)
{
	struct hz_err err = { 0 };

	hz_err_what(&err, "request refused");
	(void)hz_err_set(&err, -EBUSY, 1, code, hint, "%s", why);
	(void)answer_send(fd, hz_control_cmd_error(&err));
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
		client->may_change = peer_may_change(fd);
		client->deadline_ns = now_ns + CLIENT_TIMEOUT_NS;
		if (epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
			return;
		client->fd = -1;
	}
	refuse(fd, "too_many_clients", "hzd has as many clients as it serves at once", "try again");
	close(fd);
}

static void client_request(struct hz_control *control, struct control_client *client,
                           size_t line_bytes)
{
	json_error_t error;
	json_t *request = json_loadb(client->line, line_bytes, JSON_REJECT_DUPLICATES, &error);
	struct hz_err err = { 0 };
	json_t *answer;

	if (json_is_object(request)) {
		answer = hz_control_cmd_run(control->server, request, client->may_change);
	} else {
		hz_err_what(&err, "bad request");
		(void)hz_err_set(&err, -EINVAL, 2, "bad_json", "hzctl help", "%s",
		                 request == NULL ? error.text : "not an object");
		answer = hz_control_cmd_error(&err);
	}
	json_decref(request);
	if (!answer_send(client->fd, answer))
		client_close(client);
}

/* Closed on both sides: who asked has given up, after a timeout of its own, and tells its user that
 * nothing happened. A client that only ended its writing side waits for the answer. */
static bool client_is_gone(const struct control_client *client)
{
	struct pollfd peer = { .fd = client->fd };

	return poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR)) != 0;
}

static void client_read(struct hz_control *control, struct control_client *client, uint64_t now_ns)
{
	size_t room = HZ_LIMIT_control_request_bytes_max - client->used;
	ssize_t got = recv(client->fd, client->line + client->used, room, 0);
	char *end;

	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			client_close(client);
		return;
	}
	client->used += (size_t)got;
	while (client->fd != -1 && (end = memchr(client->line, '\n', client->used)) != NULL) {
		size_t line_bytes = (size_t)(end - client->line);

		if (client_is_gone(client)) {
			client_close(client);
			return;
		}
		client_request(control, client, line_bytes);
		client->deadline_ns = now_ns + CLIENT_TIMEOUT_NS;
		client->used -= line_bytes + 1;
		memmove(client->line, end + 1, client->used);
	}
	if (client->fd != -1 && client->used == HZ_LIMIT_control_request_bytes_max) {
		refuse(client->fd, "too_long", "a request is one line of at most 4 KiB",
		       "hzctl help");
		client_close(client);
	}
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
			client_read(control, client, now_ns);
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(control->client); i++)
		if (control->client[i].fd != -1 && now_ns > control->client[i].deadline_ns)
			client_close(&control->client[i]);
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
			client_close(&control->client[i]);
	if (control->listen_fd != -1) {
		close(control->listen_fd);
		unlink(control->path);
	}
	if (control->epoll_fd != -1)
		close(control->epoll_fd);
	free(control);
}
