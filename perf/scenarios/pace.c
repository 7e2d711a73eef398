/* Requests at a fixed rate over connections that stay open, and how long each answer took from the moment
 * at which its request was due: what waits for a free connection, or for a busy server, counts.
 *   pace ADDRESS PORT PATH PER_S SECONDS CONNECTIONS
 * One thread that never sleeps. Prints one JSON object; exit 1 when it could not. */
#include "abi/hist_bucket.h"
#include "core/base.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 256u
#define GRACE_NS  (2 * HZ_NS_PER_S) /* for the last answers */

struct conn {
	int fd;
	bool is_waiting;
	uint64_t due_ns;
};

struct pace {
	struct sockaddr_in6 to;
	char request[256];
	size_t request_bytes;
	uint64_t per_s, total;
	uint32_t conn_count;
	struct conn conn[CONNS_MAX];
	uint32_t idle[CONNS_MAX], idle_count;
	int epoll_fd;
	uint64_t sent, answered, failed, reopened;
	uint64_t bucket[HZ_HIST_BUCKETS];
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

static int conn_open(struct pace *pace, uint32_t index)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
	struct conn *conn = &pace->conn[index];
	int one = 1;

	conn->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd == -1)
		return -errno;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(conn->fd, (const struct sockaddr *)&pace->to, sizeof(pace->to)) != 0 ||
	    epoll_ctl(pace->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		return -errno;
	conn->is_waiting = false;
	pace->idle[pace->idle_count++] = index;
	return 0;
}

static int conn_reopen(struct pace *pace, uint32_t index)
{
	close(pace->conn[index].fd);
	pace->reopened++;
	return conn_open(pace, index);
}

static void answer_count(struct pace *pace, const struct conn *conn, const char *text,
                         ssize_t bytes)
{
	pace->answered++;
	if (bytes < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0)
		pace->failed++;
	pace->bucket[hz_hist_bucket(clock_ns() - conn->due_ns)]++;
}

/* An answer is small: it comes in one piece, and the end of the connection, if it is the last, with it. */
static int conn_read(struct pace *pace, uint32_t index)
{
	struct conn *conn = &pace->conn[index];
	char text[4096];
	ssize_t got = recv(conn->fd, text, sizeof(text), MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got > 0 && conn->is_waiting) {
		answer_count(pace, conn, text, got);
		conn->is_waiting = false;
		if (recv(conn->fd, text, sizeof(text), MSG_DONTWAIT) == 0)
			return conn_reopen(pace, index);
		pace->idle[pace->idle_count++] = index;
		return 0;
	}
	if (conn->is_waiting)
		pace->failed++;
	for (uint32_t i = 0; i < pace->idle_count; i++)
		if (pace->idle[i] == index)
			pace->idle[i] = pace->idle[--pace->idle_count];
	return conn_reopen(pace, index);
}

static void request_send(struct pace *pace, uint64_t due_ns)
{
	struct conn *conn = &pace->conn[pace->idle[--pace->idle_count]];

	conn->due_ns = due_ns;
	conn->is_waiting = true;
	/* what does not go out shows as a connection that ends, or never answers */
	(void)!send(conn->fd, pace->request, pace->request_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	pace->sent++;
}

static int pace_run(struct pace *pace)
{
	uint64_t start_ns = clock_ns(), end_ns, due_ns = start_ns;
	struct epoll_event event[64];
	int status = 0, count;

	end_ns = start_ns + pace->total * HZ_NS_PER_S / pace->per_s + GRACE_NS;
	while (status == 0 && pace->answered + pace->failed < pace->total && clock_ns() < end_ns) {
		while (pace->sent < pace->total && pace->idle_count > 0 && due_ns <= clock_ns()) {
			request_send(pace, due_ns);
			due_ns = start_ns + pace->sent * HZ_NS_PER_S / pace->per_s;
		}
		count = epoll_wait(pace->epoll_fd, event, (int)HZ_ARRAY_LEN(event), 0);
		for (int i = 0; i < count && status == 0; i++)
			status = conn_read(pace, event[i].data.u32);
	}
	return status;
}

static uint64_t percentile_ns(const struct pace *pace, double part)
{
	uint64_t rank = (uint64_t)(part * (double)pace->answered), seen = 0;

	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++) {
		seen += pace->bucket[i];
		if (seen > rank)
			return hz_hist_bucket_value(i);
	}
	return 0;
}

static bool words_read(struct pace *pace, char **argv)
{
	char mapped[64];
	int len;

	pace->to.sin6_family = AF_INET6;
	pace->to.sin6_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	snprintf(mapped, sizeof(mapped), "%s%s", strchr(argv[1], ':') == NULL ? "::ffff:" : "",
	         argv[1]);
	len = snprintf(pace->request, sizeof(pace->request), "GET %s HTTP/1.1\r\nHost: hz\r\n\r\n",
	               argv[3]);
	pace->request_bytes = (size_t)len;
	pace->per_s = strtoul(argv[4], NULL, 10);
	pace->total = pace->per_s * strtoul(argv[5], NULL, 10);
	pace->conn_count = (uint32_t)strtoul(argv[6], NULL, 10);
	return inet_pton(AF_INET6, mapped, &pace->to.sin6_addr) == 1 &&
	       len < (int)sizeof(pace->request) && pace->total > 0 && pace->conn_count > 0 &&
	       pace->conn_count <= CONNS_MAX;
}

int main(int argc, char **argv)
{
	struct pace *pace = calloc(1, sizeof(*pace));
	int status = 0;

	if (argc != 7 || pace == NULL || !words_read(pace, argv)) {
		fprintf(stderr, "usage: pace ADDRESS PORT PATH PER_S SECONDS CONNECTIONS\n");
		free(pace);
		return 1;
	}
	pace->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < pace->conn_count && status == 0; i++)
		status = conn_open(pace, i);
	if (status == 0)
		status = pace_run(pace);
	if (status != 0)
		fprintf(stderr, "pace: %s\n", strerror(-status));
	printf("{\"sent\": %llu, \"answered\": %llu, \"failed\": %llu, \"reopened\": %llu, "
	       "\"p50_ns\": %llu, \"p99_ns\": %llu}\n",
	       (unsigned long long)pace->sent, (unsigned long long)pace->answered,
	       (unsigned long long)pace->failed, (unsigned long long)pace->reopened,
	       (unsigned long long)percentile_ns(pace, 0.5),
	       (unsigned long long)percentile_ns(pace, 0.99));
	free(pace);
	return status == 0 ? 0 : 1;
}
