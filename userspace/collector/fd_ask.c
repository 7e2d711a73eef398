#include "collector/fd_ask.h"
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char question[] = "{\"cmd\":\"stream\"}\n";

/* Does not wait: a socket in the file system is connected at once, or its queue is full
 * (EAGAIN). */
static int socket_open(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, status;

	if (len >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	status = -errno;
	close(fd);
	if (status == -EAGAIN)
		return -EBUSY;
	return status == -ECONNREFUSED || status == -ENOTDIR ? -ENOENT : status;
}

static void fds_take(struct hz_fd_ask *ask, struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
	     part = CMSG_NXTHDR(message, part)) {
		uint32_t count;

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		count = (uint32_t)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (uint32_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
			if (ask->fd_count < HZ_FD_ASK_MAX)
				ask->fd[ask->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

/* One line; descriptors come with its first byte. -EAGAIN: there is more to come. */
static int answer_receive(struct hz_fd_ask *ask)
{
	char control[CMSG_SPACE(HZ_FD_ASK_MAX * sizeof(int))];
	struct iovec room;
	struct msghdr message = { .msg_iov = &room, .msg_iovlen = 1 };
	ssize_t got;

	for (;;) {
		room = (struct iovec){ ask->line + ask->used, sizeof(ask->line) - ask->used };
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		got = recvmsg(ask->socket, &message, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		fds_take(ask, &message);
		ask->used += (size_t)got;
		if (got == 0 || (message.msg_flags & MSG_CTRUNC) != 0)
			return -EPROTO;
		if (memchr(ask->line, '\n', ask->used) != NULL)
			return 0;
		if (ask->used == sizeof(ask->line))
			return -EMSGSIZE;
	}
}

static int refusal_read(const json_t *root, struct hz_err *err)
{
	const json_t *error = json_object_get(root, "error");
	const char *why = json_string_value(json_object_get(error, "why"));
	const char *hint = json_string_value(json_object_get(error, "hint"));
	int exit_code = (int)json_integer_value(json_object_get(error, "exit"));

	return hz_err_set(err, -EREMOTEIO, exit_code >= 1 && exit_code <= 6 ? exit_code : 1,
	                  "refused", hint != NULL ? hint : "", "hzd: %s",
	                  why != NULL ? why : "refused");
}

/* Gives each name its descriptor; what is left over is closed by the caller. */
static int names_match(struct hz_fd_ask *ask, const json_t *root, const char *const *names,
                       uint32_t count, int *fd)
{
	const json_t *list = json_object_get(json_object_get(root, "result"), "fds");

	if (!json_is_array(list) || json_array_size(list) != ask->fd_count)
		return -EPROTO;
	for (uint32_t i = 0; i < ask->fd_count; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		for (uint32_t j = 0; name != NULL && j < count; j++) {
			if (strcmp(names[j], name) != 0 || fd[j] != -1)
				continue;
			fd[j] = ask->fd[i];
			ask->fd[i] = -1;
			break;
		}
	}
	return 0;
}

static int answer_read(struct hz_fd_ask *ask, const char *const *names, uint32_t count, int *fd,
                       struct hz_err *err)
{
	json_t *root = json_loadb(ask->line, ask->used, JSON_REJECT_DUPLICATES, NULL);
	int status;

	if (!json_is_object(root))
		status = -EPROTO;
	else if (!json_is_true(json_object_get(root, "ok")))
		status = refusal_read(root, err);
	else
		status = names_match(ask, root, names, count, fd);
	json_decref(root);
	return status;
}

static int fail(struct hz_fd_ask *ask, int status, struct hz_err *err)
{
	int exit_code = status == -ENOENT ? 3 : status == -EACCES ? 4 : 1;

	hz_fd_ask_end(ask);
	if (status == -EREMOTEIO)
		return status;
	return hz_err_set(err, status, exit_code, "control_socket", "hzctl status", "%s: %s",
	                  ask->path, strerror(-status));
}

int hz_fd_ask_begin(struct hz_fd_ask *ask, const char *instance, struct hz_err *err)
{
	int len;

	*ask = (struct hz_fd_ask){ .socket = -1 };
	len = snprintf(ask->path, sizeof(ask->path), "/run/hz%s%s/ctl.sock", instance ? "-" : "",
	               instance ? instance : "");
	if (len < 0 || (size_t)len >= sizeof(ask->path))
		return fail(ask, -ENAMETOOLONG, err);
	ask->socket = socket_open(ask->path);
	if (ask->socket < 0)
		return fail(ask, ask->socket, err);
	ask->is_open = true;
	if (send(ask->socket, question, sizeof(question) - 1, MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(question) - 1)
		return fail(ask, -EPIPE, err);
	return 0;
}

int hz_fd_ask_take(struct hz_fd_ask *ask, const char *const *names, uint32_t count, int *fd,
                   struct hz_err *err)
{
	int status;

	for (uint32_t i = 0; i < count; i++)
		fd[i] = -1;
	status = answer_receive(ask);
	if (status == -EAGAIN)
		return status;
	if (status == 0)
		status = answer_read(ask, names, count, fd, err);
	if (status != 0)
		return fail(ask, status, err);
	hz_fd_ask_end(ask);
	return 0;
}

int hz_fd_ask_wait(struct hz_fd_ask *ask, uint32_t wait_ms, struct hz_err *err)
{
	struct pollfd answer = { ask->socket, POLLIN, 0 };
	int status = poll(&answer, 1, (int)wait_ms);

	if (status > 0)
		return 0;
	return fail(ask, status == 0 ? -ETIMEDOUT : -errno, err);
}

void hz_fd_ask_end(struct hz_fd_ask *ask)
{
	if (ask->is_open)
		close(ask->socket);
	for (uint32_t i = 0; i < ask->fd_count; i++)
		if (ask->fd[i] >= 0)
			close(ask->fd[i]);
	ask->is_open = false;
	ask->fd_count = 0;
}
