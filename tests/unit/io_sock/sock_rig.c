#include "sock_rig.h"
#include "core/base.h"
#include "core/endpoint.h"
#include "hz_test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct rig_conn {
	struct rig *rig;
	char kind;
	bool is_in_call;
	bool may_echo;
	uint64_t armed_ns;
	size_t left, sent;     /* G */
	uint8_t peer_addr[16]; /* at on_open */
	uint16_t peer_port;
};

uint8_t rig_byte(size_t index)
{
	return (uint8_t)(index * 131u + (index >> 8) * 7u);
}

static void note_max(atomic_ulong *max, size_t value)
{
	if (value > atomic_load(max))
		atomic_store(max, value);
}

static struct rig_conn *enter(struct hz_stream *s)
{
	struct rig_conn *conn = s->owner;

	if (conn->is_in_call)
		atomic_fetch_add(&conn->rig->seen.reentries, 1);
	conn->is_in_call = true;
	return conn;
}

static int rig_on_open(void *ctx, struct hz_stream *s)
{
	struct rig *rig = ctx;
	struct rig_conn *conn;
	uint8_t addr[16];
	uint16_t port;

	atomic_fetch_add(&rig->seen.opens, 1);
	if (rig->refuse_open)
		return -ENOMEM;
	conn = calloc(1, sizeof(*conn));
	if (conn == NULL)
		return -ENOMEM;
	conn->rig = rig;
	s->owner = conn;
	s->ops->peer(s, addr, &port);
	memcpy(conn->peer_addr, addr, sizeof(addr));
	conn->peer_port = port;
	atomic_store(&rig->seen.peer_port, port);
	atomic_store(&rig->seen.peer_is_loopback, addr[10] == 0xff && addr[12] == 127);
	return 0;
}

static size_t echo_lines(struct hz_stream *s, struct hz_span bytes)
{
	size_t done = 0, line;
	struct hz_wspan room;
	const uint8_t *end;

	for (unsigned i = 0; i < 4 && done < bytes.len; i++) {
		end = memchr(bytes.data + done, '\n', bytes.len - done);
		if (end == NULL)
			break;
		line = (size_t)(end - bytes.data) + 1 - done;
		room = hz_stream_reserve(s, line);
		if (room.len < line)
			break;
		memcpy(room.data, bytes.data + done, line);
		hz_stream_commit(s, line);
		done += line;
	}
	return done;
}

static size_t echo_raw(struct rig_conn *conn, struct hz_stream *s, struct hz_span bytes)
{
	size_t done = hz_stream_write(s, bytes);

	note_max(&conn->rig->seen.queued_max, done);
	if (done < bytes.len)
		atomic_fetch_add(&conn->rig->seen.shorts, 1);
	return done;
}

static void generate(struct rig_conn *conn, struct hz_stream *s)
{
	uint8_t chunk[1000];
	size_t burst = 0, part, done = 1;

	while (conn->left > 0 && done > 0) {
		part = HZ_MIN(conn->left, sizeof(chunk));
		for (size_t i = 0; i < part; i++)
			chunk[i] = rig_byte(conn->sent + i);
		done = hz_stream_write(s, (struct hz_span){ chunk, part });
		conn->left -= done;
		conn->sent += done;
		burst += done;
		if (done < part)
			break;
	}
	note_max(&conn->rig->seen.queued_max, burst);
	if (conn->left > 0)
		atomic_fetch_add(&conn->rig->seen.shorts, 1);
	else
		hz_stream_shutdown(s);
}

static size_t begin_generate(struct rig_conn *conn, struct hz_stream *s, struct hz_span bytes)
{
	const uint8_t *end = memchr(bytes.data, '\n', bytes.len);

	if (end == NULL)
		return 0;
	conn->left = strtoul((const char *)bytes.data, NULL, 10);
	generate(conn, s);
	return (size_t)(end - bytes.data) + 1;
}

static void arm(struct rig_conn *conn, struct hz_stream *s, uint64_t after_ms)
{
	conn->armed_ns = hz_clock_monotonic_ns();
	hz_stream_timer(s, conn->rig->env[0].now_ns + after_ms * HZ_NS_PER_MS);
}

static size_t begin(struct rig_conn *conn, struct hz_stream *s)
{
	switch (conn->kind) {
	case 'A':
		hz_stream_abort(s);
		break;
	case 'S':
		(void)hz_stream_write(s, HZ_SPAN_LITERAL("bye"));
		hz_stream_shutdown(s);
		hz_stream_shutdown(s); /* a second one is harmless */
		break;
	case 'K':
		hz_stream_abort(conn->rig->last);
		break;
	case 'N':
		arm(conn, s, 30);
		break;
	case 'Z':
		usleep(RIG_BUSY_MS * 1000);
		break;
	case 'T':
		arm(conn, s, 20);
		break;
	case 'D':
		arm(conn, s, 20);
		hz_stream_timer(s, 0);
		break;
	default:
		break;
	}
	if (conn->kind != 'K')
		conn->rig->last = s;
	return 1;
}

static size_t dispatch(struct rig_conn *conn, struct hz_stream *s, struct hz_span bytes)
{
	switch (conn->kind) {
	case 0:
		conn->kind = (char)bytes.data[0];
		return begin(conn, s);
	case 'L':
		return echo_lines(s, bytes);
	case 'N':
		return conn->may_echo ? echo_raw(conn, s, bytes) : 0;
	case 'G':
		return begin_generate(conn, s, bytes);
	default:
		return echo_raw(conn, s, bytes);
	}
}

static size_t rig_on_data(struct hz_stream *s, struct hz_span bytes)
{
	struct rig_conn *conn = enter(s);
	size_t consumed;

	atomic_fetch_add(&conn->rig->seen.presented, 1);
	note_max(&conn->rig->seen.span_max, bytes.len);
	consumed = dispatch(conn, s, bytes);
	conn->is_in_call = false;
	return consumed;
}

static void rig_on_eof(struct hz_stream *s)
{
	struct rig_conn *conn = enter(s);

	atomic_fetch_add(&conn->rig->seen.eofs, 1);
	if (conn->kind == 'H')
		arm(conn, s, 30);
	else
		hz_stream_shutdown(s);
	conn->is_in_call = false;
}

static void rig_on_writable(struct hz_stream *s)
{
	struct rig_conn *conn = enter(s);

	atomic_fetch_add(&conn->rig->seen.writables, 1);
	if (conn->kind == 'G')
		generate(conn, s);
	conn->is_in_call = false;
}

static void rig_on_timer(struct hz_stream *s)
{
	struct rig_conn *conn = enter(s);

	atomic_fetch_add(&conn->rig->seen.timers, 1);
	atomic_store(&conn->rig->seen.timer_ns, hz_clock_monotonic_ns() - conn->armed_ns);
	conn->may_echo = true;
	if (conn->kind == 'T')
		(void)hz_stream_write(s, HZ_SPAN_LITERAL("tick"));
	if (conn->kind == 'H') {
		(void)hz_stream_write(s, HZ_SPAN_LITERAL("bye"));
		hz_stream_shutdown(s);
	}
	conn->is_in_call = false;
}

static void rig_on_close(struct hz_stream *s, enum hz_close_why why)
{
	struct rig_conn *conn = enter(s);
	struct rig_seen *seen = &conn->rig->seen;
	uint8_t addr[16];
	uint16_t port;

	s->ops->peer(s, addr, &port);
	if (port != conn->peer_port || memcmp(addr, conn->peer_addr, sizeof(addr)) != 0)
		atomic_fetch_add(&seen->peers_lost, 1);
	if (hz_stream_write(s, HZ_SPAN_LITERAL("late")) != 0 || hz_stream_reserve(s, 1).len != 0)
		atomic_fetch_add(&seen->calls_after_close, 1);
	free(conn);
	s->owner = NULL;
	atomic_fetch_add(&seen->closed[why], 1);
	atomic_fetch_add(&seen->closes, 1);
}

static const struct hz_proto_ops rig_ops = {
	.on_open = rig_on_open,
	.on_data = rig_on_data,
	.on_eof = rig_on_eof,
	.on_writable = rig_on_writable,
	.on_timer = rig_on_timer,
	.on_close = rig_on_close,
};

struct rig *rig_open_at(uint32_t workers, uint32_t connections_max, const char *address,
                        uint16_t port)
{
	struct hz_endpoint listen = { .port = port };
	struct rig *rig = calloc(1, sizeof(*rig));
	struct hz_sock_conf conf = { .worker_count = workers,
		                     .listen_count = 1,
		                     .listens = &listen,
		                     .connections_max = connections_max };
	struct hz_err err = { 0 };

	CU_ASSERT_FATAL(rig != NULL && workers <= RIG_WORKERS_MAX);
	CU_ASSERT_FATAL(hz_addr_parse(address, &listen.addr) == 0);
	rig->worker_count = workers;
	for (uint32_t i = 0; i < workers; i++) {
		rig->env[i].worker_index = i;
		CU_ASSERT_EQUAL_FATAL(hz_conn_census_open(&rig->census[i]), 0);
		rig->slot[i] = (struct hz_slot){ .beat = &rig->beat[i],
			                         .worker = &rig->worker[i],
			                         .conns = &rig->conns[i] };
		rig->conf[i] = (struct hz_worker_conf){ .env = &rig->env[i],
			                                .slot = &rig->slot[i],
			                                .proto = &rig_ops,
			                                .proto_ctx = rig,
			                                .census = &rig->census[i],
			                                .cpu = -1 };
	}
	conf.workers = rig->conf;
	if (hz_sock_open(&conf, &rig->sock, &err) != 0 || hz_sock_start(rig->sock, &err) != 0) {
		hz_err_print(stderr, "rig", &err);
		for (uint32_t i = 0; i < workers; i++)
			hz_conn_census_close(&rig->census[i]);
		free(rig);
		return NULL;
	}
	rig->port = hz_sock_port(rig->sock, 0);
	return rig;
}

struct rig *rig_open(uint32_t workers, uint32_t connections_max)
{
	struct rig *rig = rig_open_at(workers, connections_max, "127.0.0.1", 0);

	CU_ASSERT_FATAL(rig != NULL);
	return rig;
}

void rig_close(struct rig *rig)
{
	hz_sock_close(rig->sock);
	CU_ASSERT_EQUAL(rig->seen.reentries, 0);
	CU_ASSERT_EQUAL(rig->seen.calls_after_close, 0);
	if (!rig->refuse_open)
		CU_ASSERT_EQUAL(rig->seen.opens, rig->seen.closes);
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		CU_ASSERT_EQUAL(rig->worker[i].connections, 0);
		CU_ASSERT_EQUAL(rig->conns[i].established + rig->conns[i].close_wait +
		                        rig->conns[i].fin_wait_2 + rig->conns[i].last_ack,
		                0);
		CU_ASSERT_EQUAL(rig->beat[i].state, HZ_STATE_DOWN);
		hz_conn_census_close(&rig->census[i]);
	}
	free(rig);
}

int rig_connect(const struct rig *rig)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		                    .sin_port = htons(rig->port),
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool rig_send(int fd, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	ssize_t part;

	for (; bytes > 0; at += part, bytes -= (size_t)part) {
		part = send(fd, at, bytes, MSG_NOSIGNAL);
		if (part <= 0)
			return false;
	}
	return true;
}

bool rig_recv(int fd, void *data, size_t bytes)
{
	return recv(fd, data, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

bool rig_is_eof(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0;
}

bool rig_is_reset(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == -1 && errno == ECONNRESET;
}

bool rig_wait(const atomic_uint *counter, unsigned want)
{
	const struct timespec pause = { .tv_nsec = 2000000 };

	for (unsigned i = 0; i < 2500; i++) {
		if (atomic_load(counter) >= want)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

uint64_t rig_load(const __u64 *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}
