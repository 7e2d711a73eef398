#include "ctl_client.h"
#include "core/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_MS 20

void hz_ctl_client_rundir(const char *instance, unsigned index, char *out, size_t bytes)
{
	const char *base = index == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
	int len;

	out[0] = '\0';
	if (base == NULL || base[0] != '/')
		return;
	len = snprintf(out, bytes, "%s/hz%s%s", base, instance ? "-" : "",
	               instance ? instance : "");
	if (len < 0 || (size_t)len >= bytes)
		out[0] = '\0';
}

static int ms_left(uint64_t deadline_ns)
{
	uint64_t now_ns = hz_clock_monotonic_ns();

	return now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / HZ_NS_PER_MS) + 1 : 0;
}

static int socket_wait(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	int count;

	do {
		count = poll(&poll_fd, 1, ms_left(deadline_ns));
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	return count == 0 ? -ETIMEDOUT : 0;
}

/* A connected socket or -errno. */
static int socket_open(const char *path, uint64_t deadline_ns)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, err = 0;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	/* EAGAIN: its queue of clients is full; there is nothing to wait on but time. */
	while (connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
		if (errno == EAGAIN && ms_left(deadline_ns) > 0) {
			usleep(RETRY_MS * 1000);
			continue;
		}
		err = errno == EAGAIN ? -ETIMEDOUT : -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int line_send(int fd, const char *line, size_t bytes, uint64_t deadline_ns)
{
	ssize_t part;
	int status;

	while (bytes > 0) {
		part = send(fd, line, bytes, MSG_NOSIGNAL);
		if (part > 0) {
			line += part;
			bytes -= (size_t)part;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		status = socket_wait(fd, POLLOUT, deadline_ns);
		if (status != 0)
			return status;
	}
	return 0;
}

/* Reads up to the newline. *line is the caller's to free. */
static int line_receive(int fd, uint64_t deadline_ns, char **line, size_t *line_bytes)
{
	size_t size = 0, used = 0;
	char *buffer = NULL, *bigger, *end = NULL;
	ssize_t part;
	int status = 0;

	while (status == 0 && end == NULL) {
		if (used == size) {
			size = size == 0 ? 16384 : size * 2;
			bigger = size > HZ_CTL_CLIENT_ANSWER_MAX ? NULL : realloc(buffer, size);
			if (bigger == NULL) {
				status = -EMSGSIZE;
				break;
			}
			buffer = bigger;
		}
		part = recv(fd, buffer + used, size - used, 0);
		if (part > 0) {
			end = memchr(buffer + used, '\n', (size_t)part);
			used += (size_t)part;
		} else if (part == 0) {
			status = -ECONNRESET;
		} else if (errno == EAGAIN || errno == EINTR) {
			status = socket_wait(fd, POLLIN, deadline_ns);
		} else {
			status = -errno;
		}
	}
	if (status != 0) {
		free(buffer);
		return status;
	}
	*line = buffer;
	*line_bytes = (size_t)(end - buffer);
	return 0;
}

static int exchange_once(const char *path, const char *request, uint64_t deadline_ns,
                         json_t **answer)
{
	char *line = NULL;
	size_t line_bytes;
	int fd, status;

	fd = socket_open(path, deadline_ns);
	if (fd < 0)
		return fd;
	status = line_send(fd, request, strlen(request), deadline_ns);
	if (status == 0)
		status = line_send(fd, "\n", 1, deadline_ns);
	/* EPIPE: sent away before asking; a line may say why. */
	if (status == 0 || status == -EPIPE)
		status = line_receive(fd, deadline_ns, &line, &line_bytes);
	close(fd);
	if (status != 0)
		return status;
	*answer = json_loadb(line, line_bytes, JSON_REJECT_DUPLICATES, NULL);
	free(line);
	return json_is_object(*answer) ? 0 : -EPROTO;
}

static bool is_full(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *code = json_string_value(json_object_get(error, "code"));

	return code != NULL && strcmp(code, "too_many_clients") == 0;
}

/* hzd serves a few clients at once, each for milliseconds: the next one waits for its turn. */
static int exchange(const char *path, const json_t *message, json_t **answer)
{
	char *request = json_dumps(message, JSON_COMPACT);
	uint64_t deadline_ns = hz_clock_monotonic_ns() + HZ_CTL_CLIENT_TIMEOUT_MS * HZ_NS_PER_MS;
	int status;

	if (request == NULL)
		return -ENOMEM;
	status = exchange_once(path, request, deadline_ns, answer);
	while (status == 0 && is_full(*answer) && ms_left(deadline_ns) > RETRY_MS) {
		json_decref(*answer);
		*answer = NULL;
		usleep(RETRY_MS * 1000);
		status = exchange_once(path, request, deadline_ns, answer);
	}
	free(request);
	return status;
}

static void copy_text(char *to, size_t bytes, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(to, bytes, "%s", text != NULL ? text : "");
}

/* hzd's refusal in its own words, with the exit code it asks for. */
static int refusal(const json_t *answer, struct hz_err *err)
{
	const json_t *error = json_object_get(answer, "error");
	json_int_t exit_code = json_integer_value(json_object_get(error, "exit"));

	copy_text(err->code, sizeof(err->code), error, "code");
	copy_text(err->what, sizeof(err->what), error, "message");
	copy_text(err->why, sizeof(err->why), error, "why");
	copy_text(err->hint, sizeof(err->hint), error, "hint");
	err->exit_code = exit_code >= 1 && exit_code <= 6 ? (int)exit_code : 1;
	return -EREMOTEIO;
}

static int transport_error(const char *path, int status, struct hz_err *err)
{
	switch (status) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ENOTDIR:
		return hz_err_set(err, status, 3, "hzd_down", "hzd -c SITE",
		                  "%s: %s: hzd is not running", path, strerror(-status));
	case -EACCES:
	case -EPERM:
		return hz_err_set(err, status, 4, "not_permitted", "sudo hzctl, or join group hz",
		                  "%s: %s", path, strerror(-status));
	case -ETIMEDOUT:
		return hz_err_set(err, status, 6, "timeout", "hzctl worker",
		                  "%s: hzd did not answer within %d s", path,
		                  HZ_CTL_CLIENT_TIMEOUT_MS / 1000);
	default:
		return hz_err_set(err, status, 1, "control_socket", "hzctl doctor", "%s: %s", path,
		                  strerror(-status));
	}
}

int hz_ctl_client_ask_at(const char *path, const json_t *request, json_t **result,
                         struct hz_err *err)
{
	json_t *answer = NULL;
	int status;

	status = exchange(path, request, &answer);
	if (status != 0)
		status = transport_error(path, status, err);
	else if (!json_is_true(json_object_get(answer, "ok")))
		status = refusal(answer, err);
	else if (!json_is_object(json_object_get(answer, "result")))
		status = transport_error(path, -EPROTO, err);
	if (status == 0)
		*result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return status;
}

/* At the usual place, or at the user's own. */
static int ask_either(const char *instance, const json_t *request, json_t **result,
                      struct hz_err *err)
{
	struct hz_err second_err = *err;
	char dir[96], path[112];
	int status, second;

	hz_ctl_client_rundir(instance, 0, dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/ctl.sock", dir);
	status = hz_ctl_client_ask_at(path, request, result, err);
	if (status != -ENOENT && status != -ECONNREFUSED && status != -EACCES)
		return status;
	hz_ctl_client_rundir(instance, 1, dir, sizeof(dir));
	if (dir[0] == '\0')
		return status;
	snprintf(path, sizeof(path), "%s/ctl.sock", dir);
	second = hz_ctl_client_ask_at(path, request, result, &second_err);
	if (second == -ENOENT || (second == -ECONNREFUSED && status != -ENOENT)) {
		if (status == -ENOENT) /* it was at neither place */
			hz_err_set(err, status, err->exit_code, "hzd_down", err->hint,
			           "no control socket in /run or %s: hzd is not running", dir);
		return status;
	}
	*err = second_err;
	return second;
}

int hz_ctl_client_ask(const char *instance, const json_t *request, json_t **result,
                      struct hz_err *err)
{
	int status = ask_either(instance, request, result, err);

	if (status != 0 && instance != NULL && strcmp(err->code, "hzd_down") == 0)
		snprintf(err->hint, sizeof(err->hint), "hzd -i %s -c SITE", instance);
	return status;
}

int hz_ctl_client_call(const char *instance, const char *cmd, json_t **result, struct hz_err *err)
{
	json_t *request = json_pack("{s:s}", "cmd", cmd);
	int status = hz_ctl_client_ask(instance, request, result, err);

	json_decref(request);
	return status;
}

int hz_ctl_client_call_at(const char *path, const char *cmd, json_t **result, struct hz_err *err)
{
	json_t *request = json_pack("{s:s}", "cmd", cmd);
	int status = hz_ctl_client_ask_at(path, request, result, err);

	json_decref(request);
	return status;
}
