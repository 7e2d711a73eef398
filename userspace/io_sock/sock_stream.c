/* The down-calls of core/stream.h. They only change the connection; what follows from them happens at the
 * end of its turn, so that nothing re-enters the protocol. */
#include "io_sock/sock_priv.h"
#include <string.h>
#include <sys/socket.h>

static struct sock_conn *conn_of(struct hz_stream *s)
{
	return HZ_CONTAINER_OF(s, struct sock_conn, stream);
}

static bool is_writing(const struct sock_conn *conn)
{
	return !conn->is_ending && !conn->shut_wanted;
}

/* Called from outside its own turn (another stream's, a hand-over): it needs a turn. */
static void kick(struct sock_conn *conn)
{
	struct sock_worker *worker = conn->worker;

	if (worker->current == conn || hz_list_is_linked(&conn->pending))
		return;
	hz_list_push_back(&worker->pending, &conn->pending);
}

static struct hz_wspan stream_reserve(struct hz_stream *s, size_t min_bytes)
{
	struct sock_conn *conn = conn_of(s);
	struct hz_wspan room = { NULL, 0 };

	if (is_writing(conn))
		room = hz_sock_tx_reserve(conn, min_bytes);
	kick(conn);
	return room;
}

static void stream_commit(struct hz_stream *s, size_t bytes)
{
	struct sock_conn *conn = conn_of(s);

	if (is_writing(conn))
		hz_sock_tx_commit(conn, bytes);
}

static size_t stream_write(struct hz_stream *s, struct hz_span bytes)
{
	struct sock_conn *conn = conn_of(s);
	size_t done = 0;

	if (is_writing(conn))
		done = hz_sock_tx_write(conn, bytes);
	kick(conn);
	return done;
}

static void stream_shutdown(struct hz_stream *s)
{
	struct sock_conn *conn = conn_of(s);

	if (!is_writing(conn))
		return;
	conn->shut_wanted = true;
	conn->wants_writable = false;
	hz_wheel_arm(&conn->worker->wheel, &conn->linger,
	             conn->worker->conf.env->now_ns + SOCK_STALL_NS);
	kick(conn);
}

static void stream_abort(struct hz_stream *s)
{
	struct sock_conn *conn = conn_of(s);

	if (conn->is_ending)
		return;
	conn->is_ending = true;
	conn->why = HZ_CLOSE_ABORT;
	kick(conn);
}

static void stream_timer(struct hz_stream *s, uint64_t deadline_ns)
{
	struct sock_conn *conn = conn_of(s);

	if (deadline_ns == 0)
		hz_wheel_cancel(&conn->worker->wheel, &conn->timer);
	else
		hz_wheel_arm(&conn->worker->wheel, &conn->timer, deadline_ns);
}

static void stream_wake(struct hz_stream *s)
{
	struct sock_conn *conn = conn_of(s);

	if (!is_writing(conn))
		return;
	conn->wants_writable = true;
	kick(conn);
}

static void stream_peer(const struct hz_stream *s, uint8_t addr[16], uint16_t *port)
{
	const struct sock_conn *conn =
		(const struct sock_conn *)((const char *)s - offsetof(struct sock_conn, stream));

	memcpy(addr, conn->peer_addr, 16);
	*port = conn->peer_port;
}

const struct hz_stream_ops hz_sock_stream_ops = {
	.reserve = stream_reserve,
	.commit = stream_commit,
	.write = stream_write,
	.shutdown = stream_shutdown,
	.abort = stream_abort,
	.timer = stream_timer,
	.wake = stream_wake,
	.peer = stream_peer,
};
