/* Queued output of one connection: a chain of page-sized blocks, gathered into one send per turn. */
#include "io_sock/sock_priv.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK_DATA (sizeof(((struct sock_block *)NULL)->data))

_Static_assert(HZ_RESERVE_MAX <= BLOCK_DATA, "a reservation is one piece");

/* How much this connection may queue. When a quarter of the pool is taken, everybody falls back to one block,
 * so that slow readers cannot starve the others. */
static uint32_t tx_limit(const struct sock_conn *conn)
{
	const struct hz_pool *pool = &conn->worker->blocks;

	return pool->in_use > pool->capacity / 4 ? (uint32_t)BLOCK_DATA : HZ_LIMIT_tx_bytes_max;
}

static size_t tail_room(const struct sock_conn *conn)
{
	return conn->tx_tail == NULL ? 0 : BLOCK_DATA - conn->tx_tail->end;
}

static bool block_add(struct sock_conn *conn)
{
	struct sock_block *block = hz_pool_get(&conn->worker->blocks);

	if (block == NULL)
		return false;
	block->next = NULL;
	block->start = 0;
	block->end = 0;
	if (conn->tx_tail != NULL)
		conn->tx_tail->next = block;
	else
		conn->tx_head = block;
	conn->tx_tail = block;
	return true;
}

struct hz_wspan hz_sock_tx_reserve(struct sock_conn *conn, size_t min_bytes)
{
	uint32_t limit = tx_limit(conn);
	size_t left;

	assert(min_bytes <= HZ_RESERVE_MAX);
	left = limit > conn->tx_bytes ? limit - conn->tx_bytes : 0;
	if (left < min_bytes || left == 0 ||
	    (tail_room(conn) < HZ_MAX(min_bytes, 1) && !block_add(conn))) {
		conn->wants_writable = true;
		return (struct hz_wspan){ NULL, 0 };
	}
	return (struct hz_wspan){ conn->tx_tail->data + conn->tx_tail->end,
		                  HZ_MIN(tail_room(conn), left) };
}

void hz_sock_tx_commit(struct sock_conn *conn, size_t bytes)
{
	assert(bytes <= tail_room(conn));
	if (bytes == 0)
		return;
	conn->tx_tail->end += (uint32_t)bytes;
	conn->tx_bytes += (uint32_t)bytes;
}

size_t hz_sock_tx_write(struct sock_conn *conn, struct hz_span bytes)
{
	struct hz_wspan room;
	size_t done = 0, part;

	while (done < bytes.len) {
		room = hz_sock_tx_reserve(conn, 1);
		if (room.len == 0)
			break;
		part = HZ_MIN(room.len, bytes.len - done);
		memcpy(room.data, bytes.data + done, part);
		hz_sock_tx_commit(conn, part);
		done += part;
	}
	return done;
}

bool hz_sock_tx_has_room(const struct sock_conn *conn)
{
	const struct hz_pool *pool = &conn->worker->blocks;

	if (conn->tx_bytes > tx_limit(conn) / 2)
		return false;
	return tail_room(conn) >= HZ_RESERVE_MAX || pool->in_use < pool->capacity;
}

static unsigned gather(const struct sock_conn *conn, struct iovec iov[SOCK_IOV])
{
	unsigned count = 0;

	for (struct sock_block *block = conn->tx_head; block != NULL && count < SOCK_IOV;
	     block = block->next) {
		if (block->start == block->end)
			continue;
		iov[count].iov_base = block->data + block->start;
		iov[count].iov_len = block->end - block->start;
		count++;
	}
	return count;
}

/* Frees blocks whose bytes are gone; an empty last one too, it costs nothing to get again. */
static void sent(struct sock_conn *conn, size_t bytes)
{
	struct sock_block *block;
	size_t part;

	conn->tx_bytes -= (uint32_t)bytes;
	while ((block = conn->tx_head) != NULL) {
		part = HZ_MIN(bytes, (size_t)(block->end - block->start));
		block->start += (uint32_t)part;
		bytes -= part;
		if (block->start != block->end)
			break;
		conn->tx_head = block->next;
		hz_pool_put(&conn->worker->blocks, block);
	}
	if (conn->tx_head == NULL)
		conn->tx_tail = NULL;
}

int hz_sock_tx_flush(struct sock_conn *conn)
{
	struct hz_worker *stats = conn->worker->conf.slot->worker;
	struct iovec iov[SOCK_IOV];
	struct msghdr message = { .msg_iov = iov };
	ssize_t bytes;

	while (conn->tx_bytes > 0 && !conn->tx_blocked) {
		message.msg_iovlen = gather(conn, iov);
		bytes = sendmsg(conn->source.fd, &message, MSG_NOSIGNAL);
		if (bytes >= 0) {
			sent(conn, (size_t)bytes);
			sock_count(&stats->tx_packets, 1);
			sock_count(&stats->tx_bytes, (uint64_t)bytes);
			if (hz_timer_is_armed(&conn->linger)) /* it moves: not stalled */
				hz_wheel_arm(&conn->worker->wheel, &conn->linger,
				             conn->worker->conf.env->now_ns + SOCK_STALL_NS);
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			conn->tx_blocked = true;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	if (conn->tx_bytes == 0)
		hz_sock_tx_free(conn); /* a block that was reserved and never used */
	return 0;
}

void hz_sock_tx_free(struct sock_conn *conn)
{
	struct sock_block *block;

	while ((block = conn->tx_head) != NULL) {
		conn->tx_head = block->next;
		hz_pool_put(&conn->worker->blocks, block);
	}
	conn->tx_tail = NULL;
	conn->tx_bytes = 0;
}
