/* Connections as an operator sees them: what the kernel's TCP_INFO says, in the words of conn_info.h. */
#include "io_sock/sock_priv.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* The kernel's numbers of states, include/net/tcp_states.h: ESTABLISHED is 1. */
static const uint8_t state_of_kernel[] = {
	[2] = HZ_CONN_STATE_syn_sent,   [3] = HZ_CONN_STATE_syn_rcvd,
	[4] = HZ_CONN_STATE_fin_wait_1, [5] = HZ_CONN_STATE_fin_wait_2,
	[8] = HZ_CONN_STATE_close_wait, [9] = HZ_CONN_STATE_last_ack,
	[11] = HZ_CONN_STATE_closing,   [1] = HZ_CONN_STATE_established,
};

static uint8_t options_of(const struct tcp_info *kernel)
{
	unsigned options = 0;

	if (kernel->tcpi_options & TCPI_OPT_TIMESTAMPS)
		options |= HZ_CONN_OPT_TIMESTAMPS;
	if (kernel->tcpi_options & TCPI_OPT_SACK)
		options |= HZ_CONN_OPT_SACK;
	if (kernel->tcpi_options & TCPI_OPT_WSCALE)
		options |= HZ_CONN_OPT_WSCALE;
	if (kernel->tcpi_options & TCPI_OPT_ECN)
		options |= HZ_CONN_OPT_ECN;
	return (uint8_t)options;
}

static void local_fill(int fd, struct hz_endpoint *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_storage name = { 0 };
	socklen_t bytes = sizeof(name);
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;

	if (getsockname(fd, (struct sockaddr *)&name, &bytes) != 0)
		return;
	if (name.ss_family == AF_INET6) {
		memcpy(&in6, &name, sizeof(in6));
		memcpy(out->addr.byte, &in6.sin6_addr, 16);
		out->port = ntohs(in6.sin6_port);
		return;
	}
	memcpy(&in4, &name, sizeof(in4));
	memcpy(out->addr.byte, mapped, sizeof(mapped));
	memcpy(out->addr.byte + sizeof(mapped), &in4.sin_addr, 4);
	out->port = ntohs(in4.sin_port);
}

static uint32_t queued(int fd, unsigned long request)
{
	int bytes = 0;

	return ioctl(fd, request, &bytes) == 0 && bytes > 0 ? (uint32_t)bytes : 0;
}

/* What the kernel says; a socket that is gone leaves zeros. */
static void kernel_fill(int fd, struct hz_conn_info *out)
{
	struct tcp_info kernel = { 0 };
	socklen_t bytes = sizeof(kernel);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &kernel, &bytes) != 0)
		return;
	if (kernel.tcpi_state < HZ_ARRAY_LEN(state_of_kernel))
		out->state = state_of_kernel[kernel.tcpi_state];
	out->options = options_of(&kernel);
	out->mss_bytes = (uint16_t)HZ_MIN(kernel.tcpi_snd_mss, (uint32_t)UINT16_MAX);
	out->srtt_us = kernel.tcpi_rtt;
	out->rttvar_us = kernel.tcpi_rttvar;
	out->rto_us = kernel.tcpi_rto;
	out->cwnd_bytes = kernel.tcpi_snd_cwnd * kernel.tcpi_snd_mss;
	out->ssthresh_bytes = kernel.tcpi_snd_ssthresh < INT32_MAX / (kernel.tcpi_snd_mss + 1)
	                              ? kernel.tcpi_snd_ssthresh * kernel.tcpi_snd_mss
	                              : HZ_CONN_UNKNOWN;
	out->retransmits = kernel.tcpi_total_retrans;
	out->idle_ns = HZ_MIN(kernel.tcpi_last_data_recv, kernel.tcpi_last_ack_recv) * HZ_NS_PER_MS;
	out->in_flight_bytes = queued(fd, SIOCOUTQ);
	out->send_queue_bytes += out->in_flight_bytes;
	out->in_flight_bytes -= HZ_MIN(out->in_flight_bytes, kernel.tcpi_notsent_bytes);
	bytes = sizeof(out->cc);
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, out->cc, &bytes) != 0)
		out->cc[0] = '\0';
	out->cc[sizeof(out->cc) - 1] = '\0';
}

static void info_fill(const struct sock_worker *worker, const struct sock_conn *conn,
                      struct hz_conn_info *out)
{
	*out = (struct hz_conn_info){
		.remote.port = conn->peer_port,
		.worker = worker->conf.env->worker_index,
		.state = HZ_CONN_STATE_established,
		.send_queue_bytes = conn->tx_bytes,
		.receive_queue_bytes = (uint32_t)conn->in.len + queued(conn->source.fd, SIOCINQ),
		.age_ns = worker->conf.env->now_ns - conn->opened_ns,
	};
	memcpy(out->remote.addr.byte, conn->peer_addr, sizeof(conn->peer_addr));
	local_fill(conn->source.fd, &out->local);
	kernel_fill(conn->source.fd, out);
}

/* Also of a connection that is free: closing it left worker NULL. ASan forbids the look, so it must not see
 * it. */
__attribute__((no_sanitize("address"))) static bool is_live(const struct sock_conn *conn)
{
	return conn->worker != NULL;
}
_Static_assert(offsetof(struct sock_conn, worker) >= sizeof(void *), "behind the pool's link");

bool hz_sock_info_turn(struct sock_worker *worker)
{
	struct hz_conn_census *census = worker->conf.census;
	bool is_withdrawn = hz_conn_census_is_withdrawn(census);
	uint32_t end = worker->conns.touched;
	struct hz_conn_info info;
	uint32_t stop;

	if (!hz_conn_census_is_asked(census))
		return false;
	stop = is_withdrawn ? 0 : HZ_MIN(census->cursor + SOCK_CENSUS_PLACES, end);
	for (; census->cursor < stop; census->cursor++) {
		const struct sock_conn *conn = hz_pool_at(&worker->conns, census->cursor);

		if (!is_live(conn))
			continue;
		info_fill(worker, conn, &info);
		hz_conn_census_offer(census, &info);
	}
	if (!is_withdrawn && census->cursor < end)
		return true;
	hz_conn_census_finish(census, is_withdrawn);
	return false;
}
