/* Listening sockets: one per worker and endpoint, sharing the port by SO_REUSEPORT so that the kernel
 * spreads connections and workers share nothing. */
#include "core/endpoint.h"
#include "io_sock/sock_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t name_of(const struct hz_endpoint *endpoint, struct sockaddr_storage *out)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(endpoint->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port) };

	memset(out, 0, sizeof(*out));
	if (hz_addr_is_v4(&endpoint->addr)) {
		memcpy(&in4.sin_addr, endpoint->addr.byte + 12, 4);
		memcpy(out, &in4, sizeof(in4));
		return sizeof(in4);
	}
	memcpy(&in6.sin6_addr, endpoint->addr.byte, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

static int listen_error(const struct hz_endpoint *endpoint, int error, struct hz_err *err)
{
	char text[HZ_ENDPOINT_TEXT_MAX];
	char hint[64];

	hz_endpoint_print(endpoint, text);
	switch (error) {
	case EADDRINUSE:
		snprintf(hint, sizeof(hint), "ss -ltnp 'sport = :%u'", endpoint->port);
		return hz_err_set(err, -error, 3, "address_in_use", hint, "%s: %s", text,
		                  strerror(error));
	case EACCES:
		snprintf(hint, sizeof(hint), "sysctl net.ipv4.ip_unprivileged_port_start=%u",
		         endpoint->port);
		return hz_err_set(err, -error, 7, "not_permitted", hint,
		                  "%s: %s: ports below 1024 are for root", text, strerror(error));
	case EADDRNOTAVAIL:
		return hz_err_set(err, -error, 4, "no_address", "ip address show", "%s: %s", text,
		                  strerror(error));
	case EMFILE:
	case ENFILE:
		return hz_err_set(err, -error, 5, "no_descriptors", "ulimit -n 65536", "%s: %s",
		                  text, strerror(error));
	default:
		return hz_err_set(err, -error, 5, "listen", "", "%s: %s", text, strerror(error));
	}
}

/* A bound socket; -errno. */
static int socket_bind(const struct hz_endpoint *endpoint, bool is_shared)
{
	struct sockaddr_storage name;
	socklen_t bytes = name_of(endpoint, &name);
	int on = 1, fd, err;

	fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
	    (name.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)&name, bytes) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int hz_sock_listen_probe(const struct hz_endpoint *endpoint, struct hz_err *err)
{
	int fd = socket_bind(endpoint, false);

	if (fd < 0)
		return listen_error(endpoint, -fd, err);
	close(fd);
	return 0;
}

/* The kernel chose the port: every other listener of this endpoint takes the same. */
static void port_settle(int fd, struct hz_endpoint *endpoint)
{
	struct sockaddr_storage name;
	struct sockaddr_in6 in6;
	socklen_t bytes = sizeof(name);

	if (endpoint->port != 0 || getsockname(fd, (struct sockaddr *)&name, &bytes) != 0)
		return;
	memcpy(&in6, &name, sizeof(in6)); /* the port is at the same place in both families */
	endpoint->port = ntohs(in6.sin6_port);
}

static int epoll_add(struct sock_worker *worker, struct sock_listener *listener)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &listener->source };

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, listener->source.fd, &event) == 0
	               ? 0
	               : -errno;
}

static int listener_open(struct sock_worker *worker, struct hz_endpoint *endpoint,
                         struct sock_listener *out)
{
	int on = 1, unsent = SOCK_UNSENT_BYTES, fd, err;

	fd = socket_bind(endpoint, true);
	if (fd < 0)
		return fd;
	/* Accepted sockets inherit both. Output is gathered here already. And what a peer does not take must not
	 * disappear in the kernel, a megabyte for each, where neither blocks nor the least rate of an answer see it. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)) != 0 ||
	    listen(fd, SOCK_BACKLOG) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	port_settle(fd, endpoint);
	out->source = (struct sock_source){ SOCK_SOURCE_LISTEN, fd };
	err = epoll_add(worker, out);
	if (err != 0) {
		close(fd);
		out->source.fd = -1;
	}
	return err;
}

int hz_sock_listen_open(struct sock_worker *worker, struct hz_err *err)
{
	struct hz_sock *sock = worker->sock;
	int status;

	for (uint32_t i = 0; i < sock->listen_count; i++) {
		status = listener_open(worker, &sock->listen[i], &worker->listener[i]);
		if (status != 0)
			return listen_error(&sock->listen[i], -status, err);
		worker->listener_count = i + 1;
	}
	return 0;
}

void hz_sock_listen_close(struct sock_worker *worker)
{
	for (uint32_t i = 0; i < worker->listener_count; i++)
		close(worker->listener[i].source.fd);
	worker->listener_count = 0;
	worker->accept_rest_ns = 0;
}

/* Out of descriptors: the one kept for this moment takes a connection off the queue, to refuse it at once
 * instead of letting it hang. 0, -EAGAIN: nobody was waiting (the kernel looks for a descriptor first), or
 * -errno: not even that worked. */
static int accept_refuse(struct sock_worker *worker, const struct sock_listener *listener)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd, err = 0;

	if (worker->reserve_fd == -1)
		return -EMFILE;
	close(worker->reserve_fd);
	fd = accept4(listener->source.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd == -1) {
		err = -errno;
	} else {
		sock_counter(worker, HZ_COUNTER_drop_syn_full);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(fd);
	}
	worker->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return err;
}

/* Level-triggered epoll would spin over a connection that nobody can take. */
static void accept_rest(struct sock_worker *worker, struct sock_listener *listener)
{
	sock_counter(worker, HZ_COUNTER_drop_syn_full);
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, listener->source.fd, NULL) != 0)
		return;
	listener->is_resting = true;
	worker->accept_rest_ns = worker->conf.env->now_ns + SOCK_ACCEPT_REST_NS;
}

bool hz_sock_listen_accept(struct sock_worker *worker, struct sock_listener *listener)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t bytes;
	int fd, err;

	for (unsigned i = 0; i < SOCK_ACCEPTS; i++) {
		bytes = sizeof(peer);
		fd = accept4(listener->source.fd, (struct sockaddr *)&peer, &bytes,
		             SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			hz_sock_conn_open(worker, fd, &peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		           errno == ENOMEM) {
			err = accept_refuse(worker, listener);
			if (err == 0)
				continue;
			if (err != -EAGAIN)
				accept_rest(worker, listener);
			return false;
		} else if (errno == EAGAIN) {
			return false;
		}
		/* else: it was reset in the queue (ECONNABORTED and the like); the next one, please */
	}
	return true;
}

void hz_sock_listen_wake(struct sock_worker *worker)
{
	bool again = false;

	if (worker->accept_rest_ns == 0 || worker->conf.env->now_ns < worker->accept_rest_ns)
		return;
	if (worker->reserve_fd == -1)
		worker->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < worker->listener_count; i++) {
		if (!worker->listener[i].is_resting)
			continue;
		if (epoll_add(worker, &worker->listener[i]) == 0)
			worker->listener[i].is_resting = false;
		else
			again = true;
	}
	worker->accept_rest_ns = again ? worker->conf.env->now_ns + SOCK_ACCEPT_REST_NS : 0;
}
