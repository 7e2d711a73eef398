#include "collector/listen_at.h"
#include "core/common.h"
#include "core/endpoint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
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
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	if (connect(fd, &address->any, bytes) != 0 && errno == ECONNREFUSED)
		unlink(address->local.sun_path);
	close(fd);
}

/* Mode 0660 from the beginning: what bind makes has the mode of all files, less the umask. One
 * thread. */
static int local_bind(int fd, const union address *address, socklen_t bytes)
{
	mode_t before = umask(0117);
	int status = bind(fd, &address->any, bytes) == 0 ? 0 : -errno;

	umask(before);
	return status;
}

/* To user, so that it may connect and remove, and group hz. By a descriptor of what is there
 * now: the folder may be somebody's who puts a link to another file in its place; what has
 * another name, or another owner, is not ours. */
static int local_give(const char *path, const char *user, struct stat *file)
{
	const struct passwd *owner = user != NULL ? getpwnam(user) : NULL;
	const struct group *group = getgrnam("hz");
	uid_t uid = owner != NULL ? owner->pw_uid : (uid_t)-1;
	gid_t gid = group != NULL ? group->gr_gid : owner != NULL ? owner->pw_gid : (gid_t)-1;
	int status = 0, fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	if (fstat(fd, file) != 0 || !S_ISSOCK(file->st_mode) || file->st_nlink != 1 ||
	    file->st_uid != geteuid())
		status = -EPERM;
	/* Who is not root may not give to groups it is not in, and need not. */
	else if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0 && geteuid() == 0)
		status = -errno;
	close(fd);
	return status;
}

static int local_open(int fd, const union address *address, socklen_t bytes, const char *user,
                      struct hz_listen *out)
{
	struct stat file;
	int status;

	dead_socket_remove(address, bytes);
	status = local_bind(fd, address, bytes);
	if (status != 0)
		return status;
	status = local_give(address->local.sun_path, user, &file);
	if (status != 0) {
		unlink(address->local.sun_path);
		return status;
	}
	memcpy(out->path, address->local.sun_path, sizeof(address->local.sun_path));
	out->device = file.st_dev;
	out->inode = file.st_ino;
	return 0;
}

static int socket_open(const union address *address, socklen_t bytes, const char *user,
                       struct hz_listen *out)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, status;

	if (fd == -1)
		return -errno;
	if (address->any.sa_family == AF_UNIX) {
		status = local_open(fd, address, bytes, user, out);
	} else {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		status = bind(fd, &address->any, bytes) == 0 ? 0 : -errno;
	}
	out->fd = fd;
	if (status == 0 && listen(fd, BACKLOG) != 0)
		status = -errno;
	if (status != 0)
		hz_listen_at_close(out);
	return status;
}

int hz_listen_at_open(const char *text, const char *user, struct hz_listen *out, struct hz_err *err)
{
	union address address;
	struct hz_listen tmp = { .fd = -1 };
	socklen_t bytes;
	int status;

	if (address_read(text, &address, &bytes) != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "--listen 127.0.0.1:9477",
		                  "'%.80s' is neither ADDR:PORT nor the path of a socket", text);
	status = socket_open(&address, bytes, user, &tmp);
	if (status != 0)
		return hz_err_set(err, status, 1, "listen", "--listen ADDR:PORT", "%.80s: %s", text,
		                  strerror(-status));
	tmp.is_loopback = is_loopback(&address);
	tmp.is_unix = address.any.sa_family == AF_UNIX;
	*out = tmp;
	return 0;
}

/* What is there may by now be another one's. */
static void local_remove(const struct hz_listen *listen)
{
	struct stat file;

	if (lstat(listen->path, &file) == 0 && file.st_ino == listen->inode &&
	    file.st_dev == listen->device)
		unlink(listen->path);
}

void hz_listen_at_close(struct hz_listen *listen)
{
	if (listen->fd < 0)
		return;
	if (listen->path[0] != '\0')
		local_remove(listen);
	close(listen->fd);
	*listen = (struct hz_listen){ .fd = -1 };
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
