/* What an operator sees of connections over kernel sockets. */
#include "hz_test.h"
#include "sock_rig.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 100u /* more than one turn looks at */

static bool answered(const struct hz_conn_census *census)
{
	struct timespec nap = { .tv_nsec = (long)HZ_NS_PER_MS };

	for (int i = 0; i < 5000 && !hz_conn_census_is_done(census); i++)
		nanosleep(&nap, NULL);
	return hz_conn_census_is_done(census);
}

static bool ask(struct rig *rig, struct hz_conn_query query)
{
	query.limit = query.limit != 0 ? query.limit : HZ_LIMIT_census_conns_max;
	if (!hz_conn_census_ask(&rig->census[0], &query))
		return false;
	hz_sock_census(rig->sock, 0);
	return answered(&rig->census[0]);
}

static uint16_t local_port(int fd)
{
	struct sockaddr_in name = { 0 };
	socklen_t bytes = sizeof(name);

	getsockname(fd, (struct sockaddr *)&name, &bytes);
	return ntohs(name.sin_port);
}

static void info_lists_each_connection_once_but_not_the_closed(void)
{
	struct rig *rig = rig_open(1, 256);
	const struct hz_conn_census *census = &rig->census[0];
	int fd[CLIENTS];

	for (unsigned i = 0; i < CLIENTS; i++) {
		fd[i] = rig_connect(rig);
		CU_ASSERT(rig_send(fd[i], "E", 1));
	}
	CU_ASSERT(rig_wait(&rig->seen.presented, CLIENTS));
	for (unsigned i = 0; i < CLIENTS; i += 2)
		close(fd[i]);
	CU_ASSERT(rig_wait(&rig->seen.closes, CLIENTS / 2));
	CU_ASSERT(ask(rig, (struct hz_conn_query){ 0 }));
	CU_ASSERT_EQUAL(census->seen, CLIENTS / 2);
	for (unsigned i = 1; i < CLIENTS; i += 2) {
		unsigned times = 0;

		for (uint32_t j = 0; j < census->count; j++)
			times += census->entry[j].remote.port == local_port(fd[i]);
		CU_ASSERT_EQUAL(times, 1);
		close(fd[i]);
	}
	rig_close(rig);
}

static void info_figures_are_the_kernels(void)
{
	struct rig *rig = rig_open(1, 16);
	const struct hz_conn_info *info = &rig->census[0].entry[0];
	struct timespec nap = { .tv_nsec = 30 * (long)HZ_NS_PER_MS };
	struct in_addr v4;
	int fd = rig_connect(rig);
	char back[4];

	CU_ASSERT(rig_send(fd, "Eabc", 4));
	CU_ASSERT(rig_recv(fd, back, 3));
	nanosleep(&nap, NULL);
	CU_ASSERT(ask(rig, (struct hz_conn_query){ .states = 1u << HZ_CONN_STATE_established }));
	CU_ASSERT_EQUAL_FATAL(rig->census[0].count, 1);
	CU_ASSERT_EQUAL(info->state, HZ_CONN_STATE_established);
	CU_ASSERT_EQUAL(info->local.port, rig->port);
	CU_ASSERT_EQUAL(info->remote.port, local_port(fd));
	memcpy(&v4, info->local.addr.byte + 12, 4);
	CU_ASSERT_EQUAL(v4.s_addr, htonl(INADDR_LOOPBACK));
	CU_ASSERT(info->srtt_us > 0 && info->srtt_us < 1000000);
	CU_ASSERT(info->mss_bytes > 500 && info->cwnd_bytes >= info->mss_bytes);
	CU_ASSERT(info->age_ns >= 30 * HZ_NS_PER_MS && info->age_ns < 60 * HZ_NS_PER_S);
	CU_ASSERT(info->cc[0] != '\0');
	CU_ASSERT_EQUAL(info->send_queue_bytes, 0);
	close(fd);
	rig_close(rig);
}

/* The peer does not read: what was written stays queued, part of it in the kernel. */
static void info_of_deaf_peer_shows_its_queue(void)
{
	struct rig *rig = rig_open(1, 16);
	const struct hz_conn_info *info = &rig->census[0].entry[0];
	struct timespec nap = { .tv_nsec = 50 * (long)HZ_NS_PER_MS };
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "G30000000\n", 10));
	CU_ASSERT(rig_wait(&rig->seen.shorts, 1));
	nanosleep(&nap, NULL);
	CU_ASSERT(ask(rig, (struct hz_conn_query){ 0 }));
	CU_ASSERT_EQUAL_FATAL(rig->census[0].count, 1);
	CU_ASSERT(info->send_queue_bytes > 65536);
	CU_ASSERT(info->in_flight_bytes < info->send_queue_bytes);
	close(fd);
	rig_close(rig);
}

static void info_withdrawn_is_partial(void)
{
	struct hz_conn_query query = { .limit = 1 };
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "Z", 1)); /* the worker is busy meanwhile */
	CU_ASSERT(rig_wait(&rig->seen.presented, 1));
	CU_ASSERT(hz_conn_census_ask(&rig->census[0], &query));
	hz_sock_census(rig->sock, 0);
	hz_conn_census_withdraw(&rig->census[0]);
	CU_ASSERT(answered(&rig->census[0]));
	CU_ASSERT(rig->census[0].is_partial);
	CU_ASSERT_EQUAL(rig->census[0].seen, 0);
	close(fd);
	rig_close(rig);
}

HZ_SUITE(sock_info, CASE(info_lists_each_connection_once_but_not_the_closed),
         CASE(info_figures_are_the_kernels), CASE(info_of_deaf_peer_shows_its_queue),
         CASE(info_withdrawn_is_partial));
