#include "collector/fd_ask.h"
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX 4096
#define WAIT_S     5

static const char question[] = "{\"cmd\":\"stream\"}\n";

struct answer {
	char line[ANSWER_MAX];
	size_t used;
	int fd[HZ_FD_ASK_MAX];
	uint32_t fd_count;
};

static int socket_open(const char *instance, char *path, size_t room)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, status, len;

	len = snprintf(path, room, "/run/hz%s%s/ctl.sock", instance ? "-" : "",
	               instance ? instance : "");
	if (len < 0 || (size_t)len >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, (size_t)len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0 ||
	    connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
		status = errno == ECONNREFUSED || errno == ENOTDIR ? -ENOENT : -errno;
		close(fd);
		return status;
	}
	return fd;
}

static void fds_take(struct answer *answer, struct msghdr *message)
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
			if (answer->fd_count < HZ_FD_ASK_MAX)
				answer->fd[answer->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

/* One line; descriptors come with its first byte. */
static int answer_receive(int fd, struct answer *answer)
{
	char control[CMSG_SPACE(HZ_FD_ASK_MAX * sizeof(int))];
	struct iovec room;
	struct msghdr message = { .msg_iov = &room, .msg_iovlen = 1 };
	ssize_t got;

	for (;;) {
		room = (struct iovec){ answer->line + answer->used, ANSWER_MAX - answer->used };
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		fds_take(answer, &message);
		answer->used += (size_t)got;
		if (got == 0 || (message.msg_flags & MSG_CTRUNC) != 0)
			return -EPROTO;
		if (memchr(answer->line, '\n', answer->used) != NULL)
			return 0;
		if (answer->used == ANSWER_MAX)
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
static int names_match(struct answer *answer, const json_t *root, const char *const *names,
                       uint32_t count, int *fd)
{
	const json_t *list = json_object_get(json_object_get(root, "result"), "fds");

	if (!json_is_array(list) || json_array_size(list) != answer->fd_count)
		return -EPROTO;
	for (uint32_t i = 0; i < answer->fd_count; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		for (uint32_t j = 0; name != NULL && j < count; j++) {
			if (strcmp(names[j], name) != 0 || fd[j] != -1)
				continue;
			fd[j] = answer->fd[i];
			answer->fd[i] = -1;
			break;
		}
	}
	return 0;
}

static int exchange(int socket_fd, struct answer *answer, const char *const *names, uint32_t count,
                    int *fd, struct hz_err *err)
{
	json_t *root;
	int status;

	if (send(socket_fd, question, sizeof(question) - 1, MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(question) - 1)
		return errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
	status = answer_receive(socket_fd, answer);
	if (status != 0)
		return status;
	root = json_loadb(answer->line, answer->used, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root))
		status = -EPROTO;
	else if (!json_is_true(json_object_get(root, "ok")))
		status = refusal_read(root, err);
	else
		status = names_match(answer, root, names, count, fd);
	json_decref(root);
	return status;
}

int hz_fd_ask(const char *instance, const char *const *names, uint32_t count, int *fd,
              struct hz_err *err)
{
	struct answer answer = { 0 };
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int socket_fd, status;

	for (uint32_t i = 0; i < count; i++)
		fd[i] = -1;
	socket_fd = socket_open(instance, path, sizeof(path));
	status = socket_fd < 0 ? socket_fd : exchange(socket_fd, &answer, names, count, fd, err);
	if (socket_fd >= 0)
		close(socket_fd);
	for (uint32_t i = 0; i < answer.fd_count; i++)
		if (answer.fd[i] >= 0)
			close(answer.fd[i]);
	if (status == 0 || status == -EREMOTEIO)
		return status;
	return hz_err_set(err, status,
	                  status == -ENOENT   ? 3
	                  : status == -EACCES ? 4
	                                      : 1,
	                  "control_socket", "hzctl status", "%s: %s", path, strerror(-status));
}
