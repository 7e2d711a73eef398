#include "collector/web_conns.h"
#include <sys/socket.h>

/* The server sees the end, and closes; the descriptor is its own. */
static void end(struct hz_web_conn *conn)
{
	(void)shutdown(conn->fd, SHUT_RDWR);
	conn->state = HZ_WEB_CONN_ENDED;
}

static struct hz_web_conn *oldest_of(struct hz_web_conns *conns, enum hz_web_conn_state state)
{
	struct hz_web_conn *oldest = NULL;

	for (uint32_t i = 0; i < HZ_WEB_CONNS_MAX; i++) {
		struct hz_web_conn *conn = &conns->conn[i];

		if (conn->state == state && (oldest == NULL || conn->since_ns < oldest->since_ns))
			oldest = conn;
	}
	return oldest;
}

struct hz_web_conn *hz_web_conns_add(struct hz_web_conns *conns, int fd, uint64_t now_ns)
{
	struct hz_web_conn *place = oldest_of(conns, HZ_WEB_CONN_NONE);
	struct hz_web_conn *victim, *other;
	uint32_t open = 0;

	for (uint32_t i = 0; i < HZ_WEB_CONNS_MAX; i++)
		open += conns->conn[i].state != HZ_WEB_CONN_NONE &&
		        conns->conn[i].state != HZ_WEB_CONN_ENDED;
	if (open >= HZ_WEB_CONNS_MAX - HZ_WEB_CONNS_RESERVE) {
		/* Of both together: who has just come with others waits for a head as well. */
		victim = oldest_of(conns, HZ_WEB_CONN_HEAD);
		other = oldest_of(conns, HZ_WEB_CONN_ANSWER);
		if (victim == NULL || (other != NULL && other->since_ns < victim->since_ns))
			victim = other;
		if (victim != NULL)
			end(victim);
	}
	if (place != NULL)
		*place = (struct hz_web_conn){ HZ_WEB_CONN_HEAD, fd, now_ns };
	return place;
}

void hz_web_conns_move(struct hz_web_conn *conn, enum hz_web_conn_state state, uint64_t now_ns)
{
	if (conn->state == HZ_WEB_CONN_ENDED)
		return;
	conn->state = state;
	conn->since_ns = now_ns;
}

void hz_web_conns_remove(struct hz_web_conn *conn)
{
	*conn = (struct hz_web_conn){ 0 };
}

bool hz_web_conns_are_ending(const struct hz_web_conns *conns)
{
	for (uint32_t i = 0; i < HZ_WEB_CONNS_MAX; i++)
		if (conns->conn[i].state == HZ_WEB_CONN_ENDED)
			return true;
	return false;
}

void hz_web_conns_tick(struct hz_web_conns *conns, uint64_t now_ns)
{
	for (uint32_t i = 0; i < HZ_WEB_CONNS_MAX; i++) {
		struct hz_web_conn *conn = &conns->conn[i];
		uint64_t age_ns = now_ns - conn->since_ns;

		if ((conn->state == HZ_WEB_CONN_HEAD &&
		     age_ns > HZ_WEB_CONNS_HEAD_S * HZ_NS_PER_S) ||
		    (conn->state == HZ_WEB_CONN_ANSWER &&
		     age_ns > HZ_WEB_CONNS_TAKE_S * HZ_NS_PER_S))
			end(conn);
	}
}
