#include "collector/listen_at.h"
#include "core/common.h"
#include "core/endpoint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

/* 0 or -EINVAL. */
static int address_read(const char *text, union address *out, socklen_t *bytes)
{
	struct hz_endpoint endpoint;

	memset(out, 0, sizeof(*out));
	if (text[0] == '/') {
		if (strlen(text) >= sizeof(out->local.sun_path))
			return -EINVAL;
		out->local.sun_family = AF_UNIX;
		memcpy(out->local.sun_path, text, strlen(text));
		*bytes = sizeof(out->local);
		return 0;
	}
	if (hz_endpoint_parse(text, &endpoint) != 0)
		return -EINVAL;
	if (hz_addr_is_v4(&endpoint.addr)) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(endpoint.port);
		memcpy(&out->v4.sin_addr, endpoint.addr.byte + 12, 4);
		*bytes = sizeof(out->v4);
	} else {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(endpoint.port);
		memcpy(&out->v6.sin6_addr, endpoint.addr.byte, 16);
		*bytes = sizeof(out->v6);
	}
	return 0;
}

static bool is_loopback(const union address *address)
{
	if (address->any.sa_family == AF_INET)
		return (ntohl(address->v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
	return address->any.sa_family == AF_UNIX || IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

/* A socket file that nobody listens behind would make bind fail for ever. */
static void dead_socket_remove(const union address *address, socklen_t bytes)
{
	struct stat file;
	int fd;

	if (lstat(address->local.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	if (connect(fd, &address->any, bytes) != 0 && errno == ECONNREFUSED)
		unlink(address->local.sun_path);
	close(fd);
}

static int socket_open(const union address *address, socklen_t bytes)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, status;

	if (fd == -1)
		return -errno;
	if (address->any.sa_family == AF_UNIX)
		dead_socket_remove(address, bytes);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &address->any, bytes) == 0 &&
	    (address->any.sa_family != AF_UNIX || chmod(address->local.sun_path, 0660) == 0) &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	status = -errno;
	close(fd);
	return status;
}

int hz_listen_at_open(const char *text, struct hz_listen *out, struct hz_err *err)
{
	union address address;
	socklen_t bytes;
	int fd;

	if (address_read(text, &address, &bytes) != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "--listen 127.0.0.1:9477",
		                  "'%.80s' is neither ADDR:PORT nor the path of a socket", text);
	fd = socket_open(&address, bytes);
	if (fd < 0)
		return hz_err_set(err, fd, 1, "listen", "--listen ADDR:PORT", "%.80s: %s", text,
		                  strerror(-fd));
	*out = (struct hz_listen){ fd, is_loopback(&address), address.any.sa_family == AF_UNIX };
	return 0;
}

void hz_listen_at_print(const struct hz_listen *listen, char *out, size_t room)
{
	char text[INET6_ADDRSTRLEN] = "?";
	union address address = { 0 };
	socklen_t bytes = sizeof(address);

	(void)getsockname(listen->fd, &address.any, &bytes);
	if (address.any.sa_family == AF_UNIX) {
		snprintf(out, room, "%.100s", address.local.sun_path);
	} else if (address.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text));
		snprintf(out, room, "%s:%u", text, ntohs(address.v4.sin_port));
	} else {
		(void)inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text));
		snprintf(out, room, "[%s]:%u", text, ntohs(address.v6.sin6_port));
	}
}
