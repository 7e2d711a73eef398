/* New connections at a fixed rate, whatever becomes of those before, each with one request; beside them connections
 * that stay open and ask every 100 ms. For tests of overload.
 *   helper_rush ADDRESS PORT PATH PER_S MILLISECONDS KEPT
 * Prints counts and the times of answers as JSON; `in_time` of the `ok` came within MILLISECONDS. `offered` is `ok` + `told` (503) + `reset` + `silent` (nothing
 * within a second) + `failed`; times are from when a connection was due to its answer. Exit: 0, or 1 when it could
 * not. */
#include "abi/hist_bucket.h"
#include "core/base.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 40000u
#define KEPT_MAX  64u
#define PATIENCE  HZ_NS_PER_S
#define KEPT_NS   (100 * HZ_NS_PER_MS)
#define SCAN_NS   (10 * HZ_NS_PER_MS)
/* So long it may be a burst, which is served: not in the percentiles. */
#define BURST_NS (HZ_NS_PER_S / 2)

enum conn_state { FREE, OPENING, ASKED, ANSWERED };

struct conn {
	int fd;
	enum conn_state state;
	uint64_t due_ns;
};

struct rush {
	struct sockaddr_in to;
	char once[256], again[256];
	uint64_t per_s, span_ns;
	uint32_t kept;
	int epoll_fd;
	uint32_t free_count;
	uint32_t free_slot[CONNS_MAX];
	struct conn conn[CONNS_MAX + KEPT_MAX]; /* the kept ones are the last */
	uint64_t end_ns;                        /* nothing is offered from then on */
	uint64_t offered, ok, timed, in_time, told, reset, silent, failed, kept_asked, kept_ok,
		kept_lost;
	uint64_t bucket[HZ_HIST_BUCKETS];
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool is_kept(uint32_t index)
{
	return index >= CONNS_MAX;
}

/* Gone at once, with a RST where the other end still waits for something. */
static void conn_end(struct rush *rush, uint32_t index)
{
	const struct linger now = { .l_onoff = 1 };
	struct conn *conn = &rush->conn[index];

	(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(conn->fd);
	conn->state = FREE;
	if (!is_kept(index))
		rush->free_slot[rush->free_count++] = index;
}

static bool conn_open(struct rush *rush, uint32_t index, uint64_t due_ns)
{
	struct epoll_event event = { .events = EPOLLOUT, .data.u32 = index };
	struct conn *conn = &rush->conn[index];
	int one = 1;

	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd == -1)
		return false;
	conn->state = OPENING;
	conn->due_ns = due_ns;
	(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if ((connect(conn->fd, (const struct sockaddr *)&rush->to, sizeof(rush->to)) == 0 ||
	     errno == EINPROGRESS) &&
	    epoll_ctl(rush->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) == 0)
		return true;
	conn_end(rush, index);
	return false;
}

static bool conn_ask(struct rush *rush, uint32_t index)
{
	const char *request = is_kept(index) ? rush->again : rush->once;
	struct conn *conn = &rush->conn[index];

	conn->state = ASKED;
	return send(conn->fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request);
}

static void opened(struct rush *rush, uint32_t index)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
	socklen_t bytes = sizeof(int);
	int error = 0;

	(void)getsockopt(rush->conn[index].fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	if (error == 0 &&
	    epoll_ctl(rush->epoll_fd, EPOLL_CTL_MOD, rush->conn[index].fd, &event) == 0 &&
	    (is_kept(index) || conn_ask(rush, index))) {
		if (is_kept(index))
			rush->conn[index].state = ANSWERED;
		return;
	}
	if (error == ECONNREFUSED)
		rush->reset++;
	else
		rush->failed++;
	conn_end(rush, index);
}

static void answered(struct rush *rush, uint32_t index, const char *text)
{
	struct conn *conn = &rush->conn[index];
	bool is_ok = memcmp(text, "HTTP/1.1 200", 12) == 0;

	conn->state = ANSWERED;
	if (is_kept(index)) {
		rush->kept_ok += is_ok;
		return;
	}
	if (is_ok) {
		uint64_t now_ns = clock_ns();

		if (conn->due_ns >= rush->end_ns - rush->span_ns + BURST_NS) {
			rush->bucket[hz_hist_bucket(now_ns - conn->due_ns)]++;
			rush->timed++;
		}
		rush->in_time += now_ns < rush->end_ns;
		rush->ok++;
	} else if (memcmp(text, "HTTP/1.1 503", 12) == 0)
		rush->told++;
	else
		rush->failed++;
}

static void readable(struct rush *rush, uint32_t index)
{
	struct conn *conn = &rush->conn[index];
	char text[4096];
	ssize_t got = recv(conn->fd, text, sizeof(text), 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got >= 12 && conn->state == ASKED) {
		answered(rush, index, text);
		return;
	}
	if (got > 0)
		return;
	if (is_kept(index))
		rush->kept_lost++;
	else if (conn->state == ASKED)
		rush->failed++;
	conn_end(rush, index);
}

/* Who waited long enough; and the kept ones ask again. */
static void scan(struct rush *rush, uint64_t now_ns, bool asks)
{
	for (uint32_t i = 0; i < CONNS_MAX; i++) {
		struct conn *conn = &rush->conn[i];

		if (conn->state == FREE || now_ns < conn->due_ns + PATIENCE)
			continue;
		rush->silent += conn->state == OPENING;
		rush->failed += conn->state == ASKED;
		conn_end(rush, i);
	}
	for (uint32_t i = CONNS_MAX; i < CONNS_MAX + rush->kept && asks; i++) {
		struct conn *conn = &rush->conn[i];

		if (conn->state != ANSWERED || now_ns < conn->due_ns + KEPT_NS)
			continue;
		conn->due_ns = now_ns;
		rush->kept_asked++;
		(void)conn_ask(rush, i);
	}
}

static void events(struct rush *rush, int timeout_ms)
{
	struct epoll_event event[256];
	int count = epoll_wait(rush->epoll_fd, event, (int)HZ_ARRAY_LEN(event), timeout_ms);

	for (int i = 0; i < count; i++) {
		uint32_t index = event[i].data.u32;

		if (rush->conn[index].state == OPENING)
			opened(rush, index);
		else
			readable(rush, index);
	}
}

static bool run(struct rush *rush)
{
	uint64_t start_ns, scan_ns = 0, now_ns, due_ns;

	for (uint32_t i = CONNS_MAX; i < CONNS_MAX + rush->kept; i++)
		if (!conn_open(rush, i, clock_ns()))
			return false;
	for (int i = 0; i < 20; i++)
		events(rush, 10);
	for (uint32_t i = CONNS_MAX; i < CONNS_MAX + rush->kept; i++) {
		(void)conn_ask(rush, i); /* an established flow is one that was served */
		for (int k = 0; k < 50 && rush->conn[i].state == ASKED; k++)
			events(rush, 10);
	}
	rush->kept_ok = 0;
	start_ns = clock_ns();
	rush->end_ns = start_ns + rush->span_ns;
	for (uint32_t i = 0; i < rush->kept; i++) /* one after the other, not all at once */
		rush->conn[CONNS_MAX + i].due_ns = start_ns - KEPT_NS + i * KEPT_NS / rush->kept;
	for (due_ns = start_ns; (now_ns = clock_ns()) < rush->end_ns + 2 * PATIENCE;) {
		while (due_ns <= now_ns && due_ns < rush->end_ns) {
			rush->offered++;
			if (rush->free_count == 0)
				rush->failed++;
			else if (!conn_open(rush, rush->free_slot[--rush->free_count], due_ns))
				rush->failed++;
			due_ns = start_ns + rush->offered * HZ_NS_PER_S / rush->per_s;
		}
		if (now_ns >= scan_ns) {
			scan(rush, now_ns, now_ns < rush->end_ns);
			scan_ns = now_ns + SCAN_NS;
		}
		events(rush, 1); /* what came due meanwhile goes out at once: its wait counts */
	}
	return true;
}

static uint64_t percentile_us(const struct rush *rush, double part)
{
	uint64_t rank = (uint64_t)(part * (double)rush->timed), seen = 0;

	for (uint32_t i = 0; i < HZ_HIST_BUCKETS; i++) {
		seen += rush->bucket[i];
		if (seen > rank)
			return hz_hist_bucket_value(i) / HZ_NS_PER_US;
	}
	return 0;
}

static bool words_read(struct rush *rush, char **argv)
{
	rush->to.sin_family = AF_INET;
	rush->to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	snprintf(rush->once, sizeof(rush->once),
	         "GET %s HTTP/1.1\r\nHost: hz\r\nConnection: close\r\n\r\n", argv[3]);
	snprintf(rush->again, sizeof(rush->again), "GET %s HTTP/1.1\r\nHost: hz\r\n\r\n", argv[3]);
	rush->per_s = strtoul(argv[4], NULL, 10);
	rush->span_ns = strtoul(argv[5], NULL, 10) * HZ_NS_PER_MS;
	rush->kept = (uint32_t)strtoul(argv[6], NULL, 10);
	for (uint32_t i = 0; i < CONNS_MAX; i++)
		rush->free_slot[rush->free_count++] = i;
	return inet_pton(AF_INET, argv[1], &rush->to.sin_addr) == 1 && rush->per_s > 0 &&
	       rush->kept <= KEPT_MAX;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { CONNS_MAX + 1000, CONNS_MAX + 1000 };
	struct rush *rush = calloc(1, sizeof(*rush));

	if (argc != 7 || rush == NULL || !words_read(rush, argv)) {
		fprintf(stderr, "usage: rush ADDRESS PORT PATH PER_S MILLISECONDS KEPT\n");
		return 1;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files);
	rush->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (rush->epoll_fd == -1 || !run(rush))
		return 1;
	printf("{\"offered\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"in_time\":%" PRIu64
	       ",\"told\":%" PRIu64 ",\"reset\":%" PRIu64 ",\"silent\":%" PRIu64
	       ",\"failed\":%" PRIu64 ",\"kept_asked\":%" PRIu64 ",\"kept_ok\":%" PRIu64
	       ",\"kept_lost\":%" PRIu64 ",\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 "}\n",
	       rush->offered, rush->ok, rush->in_time, rush->told, rush->reset, rush->silent,
	       rush->failed, rush->kept_asked, rush->kept_ok, rush->kept_lost,
	       percentile_us(rush, 0.5), percentile_us(rush, 0.99));
	free(rush);
	return 0;
}
