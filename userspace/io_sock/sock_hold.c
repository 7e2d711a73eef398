/* Unread input of one connection, kept between turns: a small buffer for the usual partial request, a
 * large one up to HZ_LIMIT_hold_bytes_max, both from the worker's pools. */
#include "io_sock/sock_priv.h"
#include <errno.h>
#include <string.h>

static bool is_in_hold(const struct sock_conn *conn)
{
	return conn->hold != NULL && conn->in.data >= conn->hold &&
	       conn->in.data < conn->hold + conn->hold_bytes;
}

static void hold_put(struct sock_worker *worker, uint8_t *hold, uint32_t bytes)
{
	if (hold != NULL)
		hz_pool_put(bytes == SOCK_HOLD_SMALL ? &worker->hold_small : &worker->hold_large,
		            hold);
}

/* Moves the unread bytes, wherever they are, to the start of a buffer of at least need bytes. */
static int hold_move(struct sock_conn *conn, size_t need)
{
	struct sock_worker *worker = conn->worker;
	uint32_t bytes = need <= SOCK_HOLD_SMALL ? SOCK_HOLD_SMALL : SOCK_HOLD_LARGE;
	uint8_t *to = conn->hold;

	if (need > SOCK_HOLD_LARGE)
		return -ENOBUFS;
	if (to == NULL || conn->hold_bytes < bytes) {
		to = hz_pool_get(bytes == SOCK_HOLD_SMALL ? &worker->hold_small
		                                          : &worker->hold_large);
		if (to == NULL)
			return -ENOBUFS;
	}
	if (conn->in.len > 0)
		memmove(to, conn->in.data, conn->in.len);
	if (to != conn->hold) {
		hold_put(worker, conn->hold, conn->hold_bytes);
		conn->hold = to;
		conn->hold_bytes = bytes;
	}
	conn->in.data = to;
	return 0;
}

struct hz_wspan hz_sock_hold_room(struct sock_conn *conn)
{
	struct sock_worker *worker = conn->worker;
	size_t used;

	if (conn->in.len == 0)
		return (struct hz_wspan){ worker->rx, SOCK_RX_BYTES };
	/* Grow while there is more unread than half a small buffer: reads of a few bytes are dear. When no
	 * large one is left, the small one is used to its end. */
	if (conn->in.len > SOCK_HOLD_SMALL / 2 && conn->hold_bytes == SOCK_HOLD_SMALL)
		(void)hold_move(conn, SOCK_HOLD_LARGE);
	used = (size_t)(conn->in.data - conn->hold) + conn->in.len;
	if (conn->hold_bytes - used < conn->hold_bytes / 2 && conn->in.data != conn->hold) {
		(void)hold_move(conn, conn->in.len); /* within the buffer: cannot fail */
		used = conn->in.len;
	}
	return (struct hz_wspan){ conn->hold + used, conn->hold_bytes - used };
}

void hz_sock_hold_added(struct sock_conn *conn, size_t bytes)
{
	if (conn->in.len == 0)
		conn->in.data = conn->worker->rx;
	conn->in.len += bytes;
}

int hz_sock_hold_keep(struct sock_conn *conn)
{
	if (conn->in.len == 0) {
		hz_sock_hold_free(conn);
		return 0;
	}
	return is_in_hold(conn) ? 0 : hold_move(conn, conn->in.len);
}

void hz_sock_hold_free(struct sock_conn *conn)
{
	hold_put(conn->worker, conn->hold, conn->hold_bytes);
	conn->hold = NULL;
	conn->hold_bytes = 0;
	conn->in = (struct hz_span){ NULL, 0 };
}
