/* SIGTERM and `hzctl drain`: probes fail first, then nobody new comes in, then what is left is reset. */
#include "core/log.h"
#include "server/server_priv.h"

void hz_server_drain(struct hz_server *server)
{
	if (server->drain_ns != 0)
		return;
	server->drain_ns = hz_clock_monotonic_ns();
	hz_log(HZ_LOG_INFO,
	       "draining: health answers 503 for %u ms, connections may finish for %u ms",
	       server->conf->tune.timeout_lame_duck_ms, server->conf->tune.timeout_drain_ms);
	hz_server_state_set(server, HZ_STATE_DRAINING);
}

void hz_server_terminate(struct hz_server *server)
{
	if (server->is_terminated)
		server->is_done = true; /* the second signal: skip the wait */
	server->is_terminated = true;
	hz_server_drain(server);
}

/* When no SYN is taken any more, a handshake that is under way ends within this; what is half open then a flood has
 * left, or a client that must send its SYN again, and gets RST. */
#define HANDSHAKE_NS HZ_NS_PER_S /* RFC 6298 2.1 */

/* Those that may still have something to send or to be told. Not FIN_WAIT_2 and TIME_WAIT: the peer has
 * acknowledged our last byte and our FIN, and how long it stays is its own affair. */
static uint64_t connections_open(const struct hz_server *server, uint64_t refusing_ns)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_connections *conns = server->seats.seat[i].slot.conns;

		if (refusing_ns < HANDSHAKE_NS)
			count += __atomic_load_n(&conns->syn_rcvd, __ATOMIC_RELAXED);
		count += __atomic_load_n(&conns->established, __ATOMIC_RELAXED);
		count += __atomic_load_n(&conns->fin_wait_1, __ATOMIC_RELAXED);
		count += __atomic_load_n(&conns->close_wait, __ATOMIC_RELAXED);
		count += __atomic_load_n(&conns->closing, __ATOMIC_RELAXED);
		count += __atomic_load_n(&conns->last_ack, __ATOMIC_RELAXED);
	}
	return count;
}

static void refuse_new(struct hz_server *server)
{
	server->is_refusing = true;
	for (uint32_t i = 0; i < server->seats.count; i++)
		hz_http_worker_drain(server->seats.seat[i].http);
	hz_topics_stir(server->app.topics); /* streams have no other end */
	if (server->fp != NULL)
		hz_fastpath_drain(server->fp);
	if (server->sock != NULL)
		hz_sock_drain(server->sock);
}

void hz_server_drain_step(struct hz_server *server, uint64_t now_ns)
{
	const struct hz_tune *tune = &server->conf->tune;
	uint64_t lame_duck_ns = tune->timeout_lame_duck_ms * HZ_NS_PER_MS;
	uint64_t end_ns = lame_duck_ns + tune->timeout_drain_ms * HZ_NS_PER_MS;
	uint64_t elapsed_ns, open;

	if (server->drain_ns == 0)
		return;
	/* The drain may have begun after the caller read its clock. */
	elapsed_ns = now_ns > server->drain_ns ? now_ns - server->drain_ns : 0;
	if (!server->is_refusing && elapsed_ns >= lame_duck_ns)
		refuse_new(server);
	if (!server->is_refusing)
		return;
	open = connections_open(server, elapsed_ns - lame_duck_ns);
	if (elapsed_ns >= end_ns && open != 0)
		hz_log(HZ_LOG_WARN, "drain time is over: %llu connections are reset",
		       (unsigned long long)open);
	if (elapsed_ns >= end_ns || open == 0)
		server->is_done = true;
}
