/* Requests at a fixed rate over connections that stay open, and how long each answer took from the moment
 * at which its request was due: what waits for a free connection, or for a busy server, counts.
 *   pace ADDRESS PORT PATH PER_S SECONDS CONNECTIONS [PORT PATH]
 * A second port of that address is asked as often, half an interval later: what the client itself and the way
 * take shows there at the same moments. One thread that never sleeps. Prints one JSON object for each; exit 1
 * when it could not. */
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

#define SIDES_MAX 2u

struct conn {
	int fd;
	struct side *side;
	bool is_waiting;
	uint64_t due_ns;
};

/* A server that is asked, with connections of its own. */
struct side {
	struct sockaddr_in6 to;
	char request[256];
	size_t request_bytes;
	uint64_t start_ns;
	uint32_t idle[CONNS_MAX], idle_count;
	uint64_t sent, answered, failed, reopened;
	uint64_t bucket[HZ_HIST_BUCKETS];
};

struct pace {
	struct side side[SIDES_MAX];
	uint32_t side_count;
	uint64_t per_s, total; /* of each side */
	uint32_t conn_count;
	struct conn conn[SIDES_MAX * CONNS_MAX];
	int epoll_fd;
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
	if (connect(conn->fd, (const struct sockaddr *)&conn->side->to, sizeof(conn->side->to)) !=
	            0 ||
	    epoll_ctl(pace->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		return -errno;
	conn->is_waiting = false;
	conn->side->idle[conn->side->idle_count++] = index;
	return 0;
}

static int conn_reopen(struct pace *pace, uint32_t index)
{
	close(pace->conn[index].fd);
	pace->conn[index].side->reopened++;
	return conn_open(pace, index);
}

static void answer_count(const struct conn *conn, const char *text, ssize_t bytes)
{
	struct side *side = conn->side;

	side->answered++;
	if (bytes < 12 || memcmp(text, "HTTP/1.1 2", 10) != 0)
		side->failed++;
	side->bucket[hz_hist_bucket(clock_ns() - conn->due_ns)]++;
}

/* An answer is small: it comes in one piece, and the end of the connection, if it is the last, with it. */
static int conn_read(struct pace *pace, uint32_t index)
{
	struct conn *conn = &pace->conn[index];
	struct side *side = conn->side;
	char text[4096];
	ssize_t got = recv(conn->fd, text, sizeof(text), MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got > 0 && conn->is_waiting) {
		answer_count(conn, text, got);
		conn->is_waiting = false;
		if (recv(conn->fd, text, sizeof(text), MSG_DONTWAIT) == 0)
			return conn_reopen(pace, index);
		side->idle[side->idle_count++] = index;
		return 0;
	}
	if (conn->is_waiting)
		side->failed++;
	for (uint32_t i = 0; i < side->idle_count; i++)
		if (side->idle[i] == index)
			side->idle[i] = side->idle[--side->idle_count];
	return conn_reopen(pace, index);
}

static uint64_t due_ns(const struct pace *pace, const struct side *side)
{
	return side->start_ns + side->sent * HZ_NS_PER_S / pace->per_s;
}

static void request_send(struct pace *pace, struct side *side)
{
	struct conn *conn = &pace->conn[side->idle[--side->idle_count]];

	conn->due_ns = due_ns(pace, side);
	conn->is_waiting = true;
	/* what does not go out shows as a connection that ends, or never answers */
	(void)!send(conn->fd, side->request, side->request_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	side->sent++;
}

/* Sends what is due; whether anything is still to be sent or answered. */
static bool sides_turn(struct pace *pace)
{
	bool is_going = false;

	for (uint32_t i = 0; i < pace->side_count; i++) {
		struct side *side = &pace->side[i];

		while (side->sent < pace->total && side->idle_count > 0 &&
		       due_ns(pace, side) <= clock_ns())
			request_send(pace, side);
		is_going |= side->answered + side->failed < pace->total;
	}
	return is_going;
}

static int pace_run(struct pace *pace)
{
	uint64_t start_ns = clock_ns(), end_ns;
	struct epoll_event event[64];
	int status = 0, count;

	end_ns = start_ns + pace->total * HZ_NS_PER_S / pace->per_s + GRACE_NS;
	for (uint32_t i = 0; i < pace->side_count; i++)
		pace->side[i].start_ns =
			start_ns + i * HZ_NS_PER_S / pace->per_s / pace->side_count;
	while (status == 0 && sides_turn(pace) && clock_ns() < end_ns) {
		count = epoll_wait(pace->epoll_fd, event, (int)HZ_ARRAY_LEN(event), 0);
		for (int i = 0; i < count && status == 0; i++)
			status = conn_read(pace, event[i].data.u32);
	}
	return status;
}

static uint64_t percentile_ns(const struct side *side, double part)
{
	uint64_t rank = (uint64_t)(part * (double)side->answered), seen = 0;

	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++) {
		seen += side->bucket[i];
		if (seen > rank)
			return hz_hist_bucket_value(i);
	}
	return 0;
}

static bool side_read(struct side *side, const char *address, const char *port, const char *path)
{
	char mapped[64];
	int len;

	side->to.sin6_family = AF_INET6;
	side->to.sin6_port = htons((uint16_t)strtoul(port, NULL, 10));
	snprintf(mapped, sizeof(mapped), "%s%s", strchr(address, ':') == NULL ? "::ffff:" : "",
	         address);
	len = snprintf(side->request, sizeof(side->request), "GET %s HTTP/1.1\r\nHost: hz\r\n\r\n",
	               path);
	side->request_bytes = (size_t)len;
	return inet_pton(AF_INET6, mapped, &side->to.sin6_addr) == 1 &&
	       len < (int)sizeof(side->request);
}

static bool words_read(struct pace *pace, int argc, char **argv)
{
	pace->per_s = strtoul(argv[4], NULL, 10);
	pace->total = pace->per_s * strtoul(argv[5], NULL, 10);
	pace->conn_count = (uint32_t)strtoul(argv[6], NULL, 10);
	pace->side_count = argc > 7 ? 2 : 1;
	if (argc > 7 && !side_read(&pace->side[1], argv[1], argv[7], argv[8]))
		return false;
	return side_read(&pace->side[0], argv[1], argv[2], argv[3]) && pace->total > 0 &&
	       pace->conn_count > 0 && pace->conn_count <= CONNS_MAX;
}

static void side_print(const struct side *side)
{
	printf("{\"sent\": %llu, \"answered\": %llu, \"failed\": %llu, \"reopened\": %llu, "
	       "\"p50_ns\": %llu, \"p75_ns\": %llu, \"p99_ns\": %llu, \"p995_ns\": %llu}\n",
	       (unsigned long long)side->sent, (unsigned long long)side->answered,
	       (unsigned long long)side->failed, (unsigned long long)side->reopened,
	       (unsigned long long)percentile_ns(side, 0.5),
	       (unsigned long long)percentile_ns(side, 0.75),
	       (unsigned long long)percentile_ns(side, 0.99),
	       (unsigned long long)percentile_ns(side, 0.995));
}

int main(int argc, char **argv)
{
	struct pace *pace = calloc(1, sizeof(*pace));
	int status = 0;

	if ((argc != 7 && argc != 9) || pace == NULL || !words_read(pace, argc, argv)) {
		fprintf(stderr,
		        "usage: pace ADDRESS PORT PATH PER_S SECONDS CONNECTIONS [PORT PATH]\n");
		free(pace);
		return 1;
	}
	pace->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < pace->side_count * pace->conn_count && status == 0; i++) {
		pace->conn[i].side = &pace->side[i / pace->conn_count];
		status = conn_open(pace, i);
	}
	if (status == 0)
		status = pace_run(pace);
	if (status != 0)
		fprintf(stderr, "pace: %s\n", strerror(-status));
	for (uint32_t i = 0; i < pace->side_count; i++)
		side_print(&pace->side[i]);
	free(pace);
	return status == 0 ? 0 : 1;
}
