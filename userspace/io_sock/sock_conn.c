/* A connection's life: opened by accept, run whenever something happened to it, closed at the end of a
 * turn. All up-calls are made here and in one place each, so the rules of core/stream.h can be read off
 * hz_sock_conn_run. */
#include "io_sock/sock_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void gauge_move(struct sock_conn *conn, __u64 *to)
{
	if (conn->gauge == to)
		return;
	if (conn->gauge != NULL)
		sock_set(conn->gauge, *conn->gauge - 1);
	if (to != NULL)
		sock_set(to, *to + 1);
	conn->gauge = to;
}

/* The state TCP is in, as far as a socket's user can tell. */
static void gauge_update(struct sock_conn *conn)
{
	struct hz_connections *states = conn->worker->conf.slot->conns;

	if (conn->fin_sent && conn->peer_fin)
		gauge_move(conn, &states->last_ack);
	else if (conn->fin_sent)
		gauge_move(conn, conn->unacked > 0 ? &states->fin_wait_1 : &states->fin_wait_2);
	else
		gauge_move(conn, conn->peer_fin ? &states->close_wait : &states->established);
}

/* RST instead of FIN. */
static void close_hard(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void end(struct sock_conn *conn, enum hz_close_why why)
{
	if (conn->is_ending)
		return;
	conn->is_ending = true;
	conn->why = (uint8_t)why;
}

static void end_errno(struct sock_conn *conn, int error)
{
	if (error == ETIMEDOUT) {
		sock_counter(conn->worker, HZ_COUNTER_timeout);
		end(conn, HZ_CLOSE_TIMEOUT);
	} else {
		sock_counter(conn->worker, HZ_COUNTER_reset_received);
		end(conn, HZ_CLOSE_RESET);
	}
}

/* Kept, as the kernel forgets the name of a peer that reset. */
static void peer_set(struct sock_conn *conn, const struct sockaddr_storage *peer)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;

	if (peer->ss_family == AF_INET6) {
		memcpy(&in6, peer, sizeof(in6));
		memcpy(conn->peer_addr, &in6.sin6_addr, 16);
		conn->peer_port = ntohs(in6.sin6_port);
		return;
	}
	memcpy(&in4, peer, sizeof(in4));
	memcpy(conn->peer_addr, mapped, sizeof(mapped));
	memcpy(conn->peer_addr + sizeof(mapped), &in4.sin_addr, 4);
	conn->peer_port = ntohs(in4.sin_port);
}

void hz_sock_conn_open(struct sock_worker *worker, int fd, const struct sockaddr_storage *peer)
{
	struct sock_conn *conn = hz_pool_get(&worker->conns);
	struct epoll_event event = { .events = EPOLLIN };

	if (conn == NULL) {
		sock_counter(worker, HZ_COUNTER_drop_syn_full);
		close_hard(fd);
		return;
	}
	memset(conn, 0, sizeof(*conn));
	conn->stream.ops = &hz_sock_stream_ops;
	conn->proto = worker->conf.proto;
	conn->source = (struct sock_source){ SOCK_SOURCE_CONN, fd };
	conn->worker = worker;
	peer_set(conn, peer);
	conn->opened_ns = worker->conf.env->now_ns;
	conn->timer.kind = SOCK_TIMER_PROTO;
	conn->linger.kind = SOCK_TIMER_LINGER;
	conn->events = EPOLLIN;
	event.data.ptr = &conn->source;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		sock_counter(worker, HZ_COUNTER_drop_syn_full);
		conn->worker = NULL;
		hz_pool_put(&worker->conns, conn);
		close_hard(fd);
		return;
	}
	hz_list_push_back(&worker->all, &conn->all);
	gauge_update(conn);
	sock_count(&worker->conf.slot->worker->connections_opened, 1);
	sock_counter(worker, HZ_COUNTER_passive_opens);
	sock_set(&worker->conf.slot->worker->connections, worker->conns.in_use);
	worker->current = conn;
	if (conn->proto->on_open(worker->conf.proto_ctx, &conn->stream) != 0) {
		conn->proto = NULL; /* refused: no further call */
		end(conn, HZ_CLOSE_ABORT);
	}
	hz_sock_conn_run(conn);
}

void hz_sock_conn_close(struct sock_conn *conn, enum hz_close_why why)
{
	struct sock_worker *worker = conn->worker;

	worker->current = conn;
	conn->is_ending = true; /* down-calls from on_close change nothing any more */
	if (conn->proto != NULL)
		conn->proto->on_close(&conn->stream, why);
	worker->current = NULL;
	hz_wheel_cancel(&worker->wheel, &conn->timer);
	hz_wheel_cancel(&worker->wheel, &conn->linger);
	hz_list_remove(&conn->pending);
	hz_list_remove(&conn->all);
	hz_sock_tx_free(conn);
	hz_sock_hold_free(conn);
	if (why == HZ_CLOSE_DONE) {
		close(conn->source.fd);
	} else {
		sock_counter(worker, HZ_COUNTER_estab_resets);
		if (why != HZ_CLOSE_RESET)
			sock_counter(worker, HZ_COUNTER_reset_sent);
		close_hard(conn->source.fd);
	}
	gauge_move(conn, NULL);
	conn->worker = NULL;
	hz_pool_put(&worker->conns, conn);
	sock_set(&worker->conf.slot->worker->connections, worker->conns.in_use);
}

/* One read per event: with level-triggered epoll the rest comes back next turn, and nobody is starved. */
static void input_read(struct sock_conn *conn)
{
	struct hz_worker *stats = conn->worker->conf.slot->worker;
	struct hz_wspan room = hz_sock_hold_room(conn);
	ssize_t bytes;

	if (room.len == 0)
		return; /* full: the interest goes away at the end of the turn */
	do {
		bytes = recv(conn->source.fd, room.data, room.len, 0);
	} while (bytes < 0 && errno == EINTR);
	if (bytes > 0) {
		sock_count(&stats->rx_packets, 1);
		sock_count(&stats->rx_bytes, (uint64_t)bytes);
		if (conn->shut_wanted) { /* the linger time: dropped */
			conn->discarded += (uint32_t)bytes;
			return;
		}
		hz_sock_hold_added(conn, (size_t)bytes);
		conn->present_due = true;
	} else if (bytes == 0) {
		conn->peer_fin = true;
	} else if (errno != EAGAIN) {
		end_errno(conn, errno);
	}
}

void hz_sock_conn_event(struct sock_conn *conn, uint32_t events)
{
	socklen_t bytes = sizeof(int);
	int error = 0;

	conn->worker->current = conn;
	if (events & EPOLLOUT)
		conn->tx_blocked = false;
	if (events & EPOLLERR) {
		if (getsockopt(conn->source.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 &&
		    error != 0)
			end_errno(conn, error);
	}
	/* EPOLLHUP alone: both directions are closed, read to learn how. */
	if ((events & (EPOLLIN | EPOLLHUP)) && !conn->is_ending && !conn->peer_fin)
		input_read(conn);
	hz_sock_conn_run(conn);
}

/* What the kernel has not yet seen acknowledged, our FIN included. */
static uint32_t unacked_read(const struct sock_conn *conn)
{
	int bytes = 0;

	return ioctl(conn->source.fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint32_t)bytes : 0;
}

/* More is not read, so that the peer stops, and when it has what we said it is reset. */
static bool is_discard_full(const struct sock_conn *conn)
{
	return conn->discarded >= SOCK_DISCARD_BYTES;
}

/* A reader may be slow, not deaf: giving up resets the connection, and with it what the kernel still keeps
 * for the peer. The kernel tells nobody when that is acknowledged. */
static void fin_look(struct sock_conn *conn)
{
	uint64_t now_ns = conn->worker->conf.env->now_ns;
	uint32_t unacked = unacked_read(conn);

	if (conn->give_up_ns == 0 || unacked != conn->unacked) {
		conn->unacked = unacked;
		conn->give_up_ns = now_ns + (unacked > 0 ? SOCK_STALL_NS : SOCK_LINGER_NS);
	}
	if (unacked == 0 && conn->discarded > 0)
		conn->give_up_ns = HZ_MIN(conn->give_up_ns, now_ns + SOCK_DISCARD_NS);
	if (now_ns >= conn->give_up_ns || (unacked == 0 && is_discard_full(conn))) {
		sock_counter(conn->worker, HZ_COUNTER_timeout);
		end(conn, HZ_CLOSE_TIMEOUT);
		return;
	}
	hz_wheel_arm(&conn->worker->wheel, &conn->linger,
	             HZ_MIN(conn->give_up_ns, now_ns + SOCK_FIN_LOOK_NS));
}

void hz_sock_conn_timer(void *ctx, struct hz_timer *timer)
{
	struct sock_worker *worker = ctx;
	struct sock_conn *conn;

	if (timer->kind == SOCK_TIMER_LINGER) {
		conn = HZ_CONTAINER_OF(timer, struct sock_conn, linger);
		worker->current = conn;
		if (conn->fin_sent) {
			fin_look(conn);
		} else {
			sock_counter(worker, HZ_COUNTER_timeout);
			end(conn, HZ_CLOSE_TIMEOUT);
		}
	} else {
		conn = HZ_CONTAINER_OF(timer, struct sock_conn, timer);
		worker->current = conn;
		if (!conn->is_ending) {
			conn->proto->on_timer(&conn->stream);
			conn->present_due = true;
		}
	}
	hz_sock_conn_run(conn);
}

static void present(struct sock_conn *conn)
{
	size_t consumed;

	conn->present_due = false;
	if (conn->in.len == 0)
		return;
	consumed = conn->proto->on_data(&conn->stream, conn->in);
	if (consumed > conn->in.len)
		consumed = conn->in.len;
	conn->in.data += consumed;
	conn->in.len -= consumed;
	/* It made progress and could go on: a pipeline longer than one call's share. */
	if (consumed > 0 && conn->in.len > 0 && !conn->wants_writable)
		conn->present_due = true;
}

/* One up-call that is owed, the earliest first. False: none is. */
static bool step(struct sock_conn *conn)
{
	if (conn->wants_writable && hz_sock_tx_has_room(conn)) {
		conn->wants_writable = false;
		conn->present_due = true;
		conn->proto->on_writable(&conn->stream);
		return true;
	}
	if (conn->present_due) {
		present(conn);
		return true;
	}
	if (conn->peer_fin && !conn->eof_told && !conn->wants_writable) {
		conn->eof_told = true;
		conn->proto->on_eof(&conn->stream);
		return true;
	}
	return false;
}

/* After shutdown(): our FIN goes out behind the last byte; the peer takes what it has not yet, then has
 * SOCK_LINGER_NS for its own. */
static void finish(struct sock_conn *conn)
{
	conn->in = (struct hz_span){ NULL, 0 };
	conn->present_due = false;
	if (!conn->fin_sent && conn->tx_bytes == 0) {
		if (shutdown(conn->source.fd, SHUT_WR) != 0) {
			end_errno(conn, errno);
			return;
		}
		conn->fin_sent = true;
		fin_look(conn);
	}
	if (conn->fin_sent && conn->peer_fin)
		end(conn, HZ_CLOSE_DONE);
}

static void interest_update(struct sock_conn *conn)
{
	struct epoll_event event = { 0 };
	bool is_full = conn->in.len > 0 && hz_sock_hold_room(conn).len == 0;

	if (conn->shut_wanted)
		is_full = is_discard_full(conn);
	else
		is_full = is_full || conn->wants_writable;
	if (!conn->peer_fin && !is_full)
		event.events |= EPOLLIN;
	if (conn->tx_blocked)
		event.events |= EPOLLOUT;
	if (event.events == conn->events)
		return;
	event.data.ptr = &conn->source;
	if (epoll_ctl(conn->worker->epoll_fd, EPOLL_CTL_MOD, conn->source.fd, &event) != 0)
		end(conn, HZ_CLOSE_ABORT); /* ENOMEM: it would never be heard of again */
	conn->events = event.events;
}

/* Where the connection waits for its next turn when no event will bring it. */
static void queue_update(struct sock_conn *conn, bool has_more)
{
	struct sock_worker *worker = conn->worker;

	hz_list_remove(&conn->pending);
	if (has_more)
		hz_list_push_back(&worker->pending, &conn->pending);
	else if (conn->wants_writable && conn->tx_bytes == 0)
		hz_list_push_back(&worker->starved, &conn->pending);
}

void hz_sock_conn_run(struct sock_conn *conn)
{
	bool has_more = true;
	int err;

	conn->worker->current = conn;
	for (unsigned round = 0; round < SOCK_ROUNDS && !conn->is_ending && has_more; round++) {
		has_more = !conn->shut_wanted && step(conn);
		if (conn->is_ending)
			break;
		err = hz_sock_tx_flush(conn);
		if (err != 0)
			end_errno(conn, -err);
	}
	if (conn->shut_wanted && !conn->is_ending)
		finish(conn);
	if (!conn->is_ending && hz_sock_hold_keep(conn) != 0) {
		sock_counter(conn->worker, HZ_COUNTER_drop_hold_full);
		end(conn, HZ_CLOSE_ABORT);
	}
	if (!conn->is_ending)
		interest_update(conn);
	if (conn->is_ending) {
		hz_sock_conn_close(conn, (enum hz_close_why)conn->why);
		return;
	}
	gauge_update(conn);
	queue_update(conn, has_more && !conn->shut_wanted);
	conn->worker->current = NULL;
}
