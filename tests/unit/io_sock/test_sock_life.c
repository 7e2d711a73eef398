/* Connections' and workers' lives over sockets: aborts, timers, limits, drain, errors of open. */
#include "core/endpoint.h"
#include "hz_test.h"
#include "sock_rig.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void abort_resets_the_peer_and_closes_later(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "A", 1));
	CU_ASSERT(rig_is_reset(fd));
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_ABORT], 1);
	close(fd);
	rig_close(rig);
}

static void abort_of_another_stream_closes_that_one(void)
{
	struct rig *rig = rig_open(1, 16);
	int victim = rig_connect(rig), killer = rig_connect(rig);
	char back[2] = "";

	CU_ASSERT(rig_send(victim, "E", 1));
	CU_ASSERT(rig_wait(&rig->seen.presented, 1));
	CU_ASSERT(rig_send(killer, "Kx", 2));
	CU_ASSERT(rig_is_reset(victim));
	CU_ASSERT(rig_recv(killer, back, 1));
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_ABORT], 1);
	close(victim);
	close(killer);
	rig_close(rig);
}

static void reset_by_peer_is_told_as_reset(void)
{
	struct linger now = { .l_onoff = 1 };
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "L partial", 9));
	CU_ASSERT(rig_wait(&rig->seen.presented, 1));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_RESET], 1);
	CU_ASSERT_EQUAL(rig->seen.peers_lost, 0); /* the kernel has forgotten it */
	CU_ASSERT_EQUAL(rig->seen.eofs, 0);
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].counters[HZ_COUNTER_reset_received]), 1);
	rig_close(rig);
}

static void refused_open_resets_and_makes_no_further_call(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd;

	rig->refuse_open = true;
	fd = rig_connect(rig);
	CU_ASSERT(rig_is_reset(fd));
	CU_ASSERT_EQUAL(rig->seen.opens, 1);
	CU_ASSERT_EQUAL(rig->seen.closes, 0);
	close(fd);
	rig_close(rig);
}

static void timer_fires_once_and_not_early(void)
{
	struct rig *rig = rig_open(1, 16);
	char back[5] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "T", 1));
	CU_ASSERT(rig_recv(fd, back, 4));
	CU_ASSERT_STRING_EQUAL(back, "tick");
	usleep(60000);
	CU_ASSERT_EQUAL(rig->seen.timers, 1);
	CU_ASSERT(rig->seen.timer_ns >= 19 * HZ_NS_PER_MS);
	close(fd);
	rig_close(rig);
}

static void timer_disarmed_never_fires(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "D", 1));
	CU_ASSERT(rig_wait(&rig->seen.presented, 1));
	usleep(80000);
	CU_ASSERT_EQUAL(rig->seen.timers, 0);
	close(fd);
	rig_close(rig);
}

static void thousand_connections_all_echo(void)
{
	enum { COUNT = 1000 };
	struct rig *rig = rig_open(2, COUNT);
	static int fd[COUNT];
	unsigned echoed = 0;
	uint16_t back;

	for (uint16_t i = 0; i < COUNT; i++) {
		fd[i] = rig_connect(rig);
		CU_ASSERT_FATAL(fd[i] != -1);
		CU_ASSERT(rig_send(fd[i], "E", 1));
		CU_ASSERT(rig_send(fd[i], &i, sizeof(i)));
	}
	for (uint16_t i = 0; i < COUNT; i++)
		echoed += rig_recv(fd[i], &back, sizeof(back)) && back == i;
	CU_ASSERT_EQUAL(echoed, COUNT);
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].connections) +
	                        rig_load(&rig->worker[1].connections),
	                COUNT);
	CU_ASSERT(rig_load(&rig->worker[0].connections) > 0); /* the kernel spreads them */
	CU_ASSERT(rig_load(&rig->worker[1].connections) > 0);
	for (uint16_t i = 0; i < COUNT; i++)
		close(fd[i]);
	CU_ASSERT(rig_wait(&rig->seen.closes, COUNT));
	rig_close(rig);
}

static void connection_over_the_limit_is_reset_and_counted(void)
{
	struct rig *rig = rig_open(1, 2);
	int fd[3];
	char back;

	for (unsigned i = 0; i < 2; i++) {
		fd[i] = rig_connect(rig);
		CU_ASSERT(rig_send(fd[i], "Ex", 2));
		CU_ASSERT(rig_recv(fd[i], &back, 1));
	}
	fd[2] = rig_connect(rig);
	CU_ASSERT(rig_is_reset(fd[2]));
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].counters[HZ_COUNTER_drop_syn_full]), 1);
	close(fd[0]);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	close(fd[2]);
	fd[2] = rig_connect(rig);
	CU_ASSERT(rig_send(fd[2], "Ex", 2));
	CU_ASSERT(rig_recv(fd[2], &back, 1)); /* the place is free again */
	close(fd[1]);
	close(fd[2]);
	rig_close(rig);
}

/* Connects sockets made before descriptors ran out; how many got an answer. */
static unsigned echo_all(const struct rig *rig, const int *fd, unsigned count)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		                    .sin_port = htons(rig->port),
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_usec = 300000 };
	unsigned answered = 0;
	char back;

	for (unsigned i = 0; i < count; i++) {
		setsockopt(fd[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (connect(fd[i], (const struct sockaddr *)&name, sizeof(name)) == 0 &&
		    rig_send(fd[i], "Ex", 2))
			answered += rig_recv(fd[i], &back, 1);
	}
	return answered;
}

/* Client sockets made while there were descriptors, then a limit that leaves room for `room` more. */
static void descriptors_limit(int fd[], unsigned count, rlim_t room, struct rlimit *before)
{
	struct rlimit low;

	for (unsigned i = 0; i < count; i++)
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, before);
	low = *before;
	low.rlim_cur = room > 0 ? (rlim_t)fd[count - 1] + 1 + room : 3;
	setrlimit(RLIMIT_NOFILE, &low);
}

static void connection_without_a_descriptor_is_reset_at_once(void)
{
	enum { COUNT = 8 };
	struct rig *rig = rig_open(1, 64);
	uint64_t began_ns = hz_clock_monotonic_ns();
	struct rlimit before;
	int fd[COUNT];

	descriptors_limit(fd, COUNT, 2, &before);
	CU_ASSERT_EQUAL(echo_all(rig, fd, COUNT), 2);
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].counters[HZ_COUNTER_drop_syn_full]), COUNT - 2);
	CU_ASSERT(hz_clock_monotonic_ns() - began_ns < 250 * HZ_NS_PER_MS); /* nobody hangs */
	setrlimit(RLIMIT_NOFILE, &before);
	for (unsigned i = 0; i < COUNT; i++)
		close(fd[i]);
	rig_close(rig);
}

static void listener_that_cannot_accept_rests_then_recovers(void)
{
	struct rig *rig = rig_open(1, 64);
	struct rlimit before;
	uint64_t turns;
	int fd[2], late;
	char back;

	descriptors_limit(fd, 2, 0, &before); /* below what is open: nothing can be opened */
	CU_ASSERT_EQUAL(echo_all(rig, fd, 2), 0);
	turns = rig_load(&rig->beat[0].turns);
	usleep(300000);
	CU_ASSERT(rig_load(&rig->beat[0].turns) - turns < 50); /* it does not spin */
	setrlimit(RLIMIT_NOFILE, &before);
	late = rig_connect(rig);
	CU_ASSERT(rig_send(late, "Ex", 2));
	CU_ASSERT(rig_recv(late, &back, 1));
	close(late);
	close(fd[0]);
	close(fd[1]);
	rig_close(rig);
}

static void drain_refuses_new_and_serves_old_connections(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig), late;
	char back;

	CU_ASSERT(rig_send(fd, "Ea", 2));
	CU_ASSERT(rig_recv(fd, &back, 1));
	hz_sock_drain(rig->sock);
	for (unsigned i = 0; i < 100; i++) {
		if (__atomic_load_n(&rig->beat[0].state, __ATOMIC_RELAXED) == HZ_STATE_DRAINING)
			break;
		usleep(5000);
	}
	CU_ASSERT_EQUAL(__atomic_load_n(&rig->beat[0].state, __ATOMIC_RELAXED), HZ_STATE_DRAINING);
	late = rig_connect(rig);
	CU_ASSERT_EQUAL(late, -1);
	CU_ASSERT(rig_send(fd, "b", 1));
	CU_ASSERT(rig_recv(fd, &back, 1) && back == 'b');
	close(fd);
	rig_close(rig);
}

/* Their handshake is done, so they count as connected: a reset now would be ours. */
static void drain_serves_who_was_waiting_to_be_accepted(void)
{
	enum { COUNT = 150 }; /* more than one turn accepts */
	struct rig *rig = rig_open(1, 256);
	int busy = rig_connect(rig), fd[COUNT];
	unsigned served = 0;
	char back;

	CU_ASSERT(rig_send(busy, "Z", 1));
	CU_ASSERT(rig_wait(&rig->seen.presented, 1));
	for (unsigned i = 0; i < COUNT; i++) {
		fd[i] = rig_connect(rig);
		CU_ASSERT(rig_send(fd[i], "Ea", 2));
	}
	hz_sock_drain(rig->sock);
	for (unsigned i = 0; i < COUNT; i++) {
		served += rig_recv(fd[i], &back, 1) && back == 'a';
		close(fd[i]);
	}
	CU_ASSERT_EQUAL(served, COUNT);
	close(busy);
	rig_close(rig);
}

static void close_resets_open_connections_and_tells_them(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);
	char back;

	CU_ASSERT(rig_send(fd, "Ea", 2));
	CU_ASSERT(rig_recv(fd, &back, 1));
	rig_close(rig); /* asserts opens == closes */
	CU_ASSERT(rig_is_reset(fd));
	close(fd);
}

static void idle_worker_beats_within_its_sleep(void)
{
	struct rig *rig = rig_open(1, 16);
	uint64_t first = rig_load(&rig->beat[0].beat_ns), turns;

	turns = rig_load(&rig->beat[0].turns);
	usleep(350000);
	CU_ASSERT(rig_load(&rig->beat[0].beat_ns) - first >= 200 * HZ_NS_PER_MS);
	CU_ASSERT(hz_clock_monotonic_ns() - rig_load(&rig->beat[0].beat_ns) < 150 * HZ_NS_PER_MS);
	CU_ASSERT(rig_load(&rig->beat[0].turns) - turns < 20); /* and does not spin */
	CU_ASSERT_EQUAL(rig->beat[0].pid, (unsigned)getpid());
	rig_close(rig);
}

static void gauges_count_bytes_and_states(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);
	char back[4];
	uint16_t port;
	struct sockaddr_in name;
	socklen_t bytes = sizeof(name);

	CU_ASSERT(rig_send(fd, "Eabcd", 5));
	CU_ASSERT(rig_recv(fd, back, 4));
	CU_ASSERT(getsockname(fd, (struct sockaddr *)&name, &bytes) == 0);
	port = ntohs(name.sin_port);
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].rx_bytes), 5);
	for (unsigned i = 0; i < 100 && rig_load(&rig->worker[0].tx_bytes) != 4; i++)
		usleep(1000); /* counted after send: the bytes may be here first */
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].tx_bytes), 4);
	CU_ASSERT_EQUAL(rig_load(&rig->worker[0].connections), 1);
	CU_ASSERT_EQUAL(rig_load(&rig->conns[0].established), 1);
	CU_ASSERT_EQUAL(rig->seen.peer_port, port);
	CU_ASSERT_EQUAL(rig->seen.peer_is_loopback, 1);
	close(fd);
	rig_close(rig);
}

static void ipv6_and_ipv4_share_a_port(void)
{
	struct rig *rig = rig_open(1, 16), *six;
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
		                     .sin6_port = htons(rig->port),
		                     .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd;
	char back;

	six = rig_open_at(1, 16, "::1", rig->port);
	if (six == NULL) {
		rig_close(rig);
		HZ_SKIP("no IPv6 loopback");
	}
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	CU_ASSERT(rig_send(fd, "Ex", 2));
	CU_ASSERT(rig_recv(fd, &back, 1));
	CU_ASSERT_EQUAL(six->seen.opens, 1);
	CU_ASSERT_EQUAL(rig->seen.opens, 0);
	close(fd);
	rig_close(six);
	rig_close(rig);
}

static void open_where_somebody_listens_is_address_in_use(void)
{
	struct rig *rig = rig_open(1, 16);
	struct hz_endpoint listen = { .port = rig->port };
	struct hz_sock_conf conf = { .worker_count = 1,
		                     .workers = rig->conf,
		                     .listen_count = 1,
		                     .listens = &listen,
		                     .connections_max = 16 };
	struct hz_sock *sock = NULL;
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(hz_addr_parse("127.0.0.1", &listen.addr), 0);
	CU_ASSERT_EQUAL(hz_sock_open(&conf, &sock, &err), -EADDRINUSE);
	CU_ASSERT_PTR_NULL(sock);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_STRING_EQUAL(err.code, "address_in_use");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "ss -ltnp"));
	rig_close(rig);
}

static void open_at_a_foreign_address_names_it(void)
{
	struct hz_env env = { 0 };
	struct hz_slot slot = { 0 };
	struct hz_worker_conf worker = { .env = &env, .slot = &slot, .cpu = -1 };
	struct hz_endpoint listen = { .port = 8080 };
	struct hz_sock_conf conf = { .worker_count = 1,
		                     .workers = &worker,
		                     .listen_count = 1,
		                     .listens = &listen,
		                     .connections_max = 16 };
	struct hz_sock *sock = NULL;
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(hz_addr_parse("203.0.113.9", &listen.addr), 0);
	CU_ASSERT_EQUAL(hz_sock_open(&conf, &sock, &err), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "203.0.113.9:8080"));
}

HZ_SUITE(sock_life, CASE(abort_resets_the_peer_and_closes_later),
         CASE(abort_of_another_stream_closes_that_one), CASE(reset_by_peer_is_told_as_reset),
         CASE(refused_open_resets_and_makes_no_further_call), CASE(timer_fires_once_and_not_early),
         CASE(timer_disarmed_never_fires), CASE(thousand_connections_all_echo),
         CASE(connection_over_the_limit_is_reset_and_counted),
         CASE(connection_without_a_descriptor_is_reset_at_once),
         CASE(listener_that_cannot_accept_rests_then_recovers),
         CASE(drain_refuses_new_and_serves_old_connections),
         CASE(drain_serves_who_was_waiting_to_be_accepted),
         CASE(close_resets_open_connections_and_tells_them),
         CASE(idle_worker_beats_within_its_sleep), CASE(gauges_count_bytes_and_states),
         CASE(ipv6_and_ipv4_share_a_port), CASE(open_where_somebody_listens_is_address_in_use),
         CASE(open_at_a_foreign_address_names_it));
