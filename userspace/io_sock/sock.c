#include "io_sock/sock.h"
#include "io_sock/sock_priv.h"
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_TURN_S_MAX 10 /* what handlers do first included */

static int conf_check(const struct hz_sock_conf *conf, struct hz_err *err)
{
	if (conf->worker_count == 0 || conf->worker_count > HZ_WORKERS_MAX)
		return hz_err_set(err, -EINVAL, 2, "workers", "hzd -o boot/workers=1",
		                  "%u workers: 1..%d", conf->worker_count, HZ_WORKERS_MAX);
	if (conf->listen_count == 0 || conf->listen_count > HZ_SOCK_LISTENS_MAX)
		return hz_err_set(err, -EINVAL, 2, "listen", "hzd -l IF,ADDR:PORT",
		                  "%u addresses to listen on: 1..%d", conf->listen_count,
		                  HZ_SOCK_LISTENS_MAX);
	if (conf->connections_max == 0)
		return hz_err_set(err, -EINVAL, 2, "connections_max", "", "no connections allowed");
	return 0;
}

/* Best effort: what the hard limit does not allow is refused connection by connection, and counted. */
static void descriptors_raise(const struct hz_sock_conf *conf)
{
	struct rlimit limit;
	rlim_t need = (rlim_t)conf->worker_count *
	                      (conf->connections_max + (rlim_t)conf->listen_count + 8) +
	              64;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = HZ_MIN(need, limit.rlim_max);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int workers_open(struct hz_sock *sock, const struct hz_sock_conf *conf, struct hz_err *err)
{
	int status = 0;

	for (uint32_t i = 0; i < sock->listen_count && status == 0; i++)
		status = hz_sock_listen_probe(&sock->listen[i], err);
	for (uint32_t i = 0; i < sock->worker_count && status == 0; i++) {
		status = hz_sock_worker_open(&sock->worker[i], sock, &conf->workers[i],
		                             conf->connections_max, err);
		if (status == 0)
			status = hz_sock_listen_open(&sock->worker[i], err);
	}
	return status;
}

int hz_sock_open(const struct hz_sock_conf *conf, struct hz_sock **out, struct hz_err *err)
{
	struct hz_sock *sock;
	int status;

	hz_err_what(err, "opening sockets failed");
	status = conf_check(conf, err);
	if (status != 0)
		return status;
	sock = calloc(1, sizeof(*sock));
	if (sock == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "%s", strerror(ENOMEM));
	sock->worker_count = conf->worker_count;
	sock->listen_count = conf->listen_count;
	memcpy(sock->listen, conf->listens, conf->listen_count * sizeof(sock->listen[0]));
	(void)sem_init(&sock->turned, 0, 0); /* fails only for a value out of range */
	descriptors_raise(conf);
	sock->worker = aligned_alloc(_Alignof(struct sock_worker),
	                             conf->worker_count * sizeof(*sock->worker));
	if (sock->worker == NULL) {
		status = hz_err_set(err, -ENOMEM, 5, "memory", "", "%s", strerror(ENOMEM));
	} else {
		memset(sock->worker, 0, conf->worker_count * sizeof(*sock->worker));
		status = workers_open(sock, conf, err);
	}
	if (status != 0) {
		(void)hz_sock_close(sock); /* no worker has run */
		return status;
	}
	*out = sock;
	return 0;
}

static int thread_start(struct sock_worker *worker, struct hz_err *err)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int error;

	error = pthread_attr_init(&attr);
	if (error == 0 && worker->conf.cpu >= 0) {
		CPU_ZERO(&cpus);
		if (worker->conf.cpu < CPU_SETSIZE)
			CPU_SET((size_t)worker->conf.cpu, &cpus);
		error = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	if (error == 0)
		error = pthread_create(&worker->thread, &attr, hz_sock_worker_run, worker);
	pthread_attr_destroy(&attr);
	if (error == EINVAL)
		return hz_err_set(err, -error, 2, "cpu", "hzd -o boot/cpus=0",
		                  "cannot run on CPU %d: %s", worker->conf.cpu, strerror(error));
	if (error != 0)
		return hz_err_set(err, -error, 5, "thread", "ulimit -u",
		                  "cannot start a thread: %s", strerror(error));
	worker->is_running = true;
	return 0;
}

static int turns_wait(struct hz_sock *sock, struct hz_err *err)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FIRST_TURN_S_MAX;
	for (uint32_t i = 0; i < sock->worker_count; i++)
		while (sem_clockwait(&sock->turned, CLOCK_MONOTONIC, &until) != 0)
			if (errno != EINTR)
				return hz_err_set(err, -errno, 70, "worker_start", "",
				                  "a worker did not turn: %s", strerror(errno));
	return 0;
}

/* Signals are the housekeeping thread's business: workers start with all of them blocked. */
int hz_sock_start(struct hz_sock *sock, struct hz_err *err)
{
	sigset_t all, before;
	int status = 0;

	hz_err_what(err, "starting workers failed");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (uint32_t i = 0; i < sock->worker_count && status == 0; i++)
		status = thread_start(&sock->worker[i], err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status == 0 ? turns_wait(sock, err) : status;
}

static void flag_raise(struct hz_sock *sock, bool *flag)
{
	uint64_t one = 1;

	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < sock->worker_count; i++)
		if (sock->worker[i].is_running)
			(void)!write(sock->worker[i].wake.fd, &one, sizeof(one));
}

void hz_sock_drain(struct hz_sock *sock)
{
	flag_raise(sock, &sock->is_draining);
}

void hz_sock_ring(struct hz_sock *sock, uint32_t worker)
{
	uint64_t one = 1;

	assert(worker < sock->worker_count);
	/* Fails only when one is pending already. */
	(void)!write(sock->worker[worker].wake.fd, &one, sizeof(one));
}

void hz_sock_census(struct hz_sock *sock, uint32_t worker)
{
	hz_sock_ring(sock, worker); /* the worker looks at its census after each wake */
}

static bool threads_join(struct hz_sock *sock)
{
	struct timespec until;
	bool all = true;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HZ_LIMIT_worker_stop_s;
	for (uint32_t i = 0; i < sock->worker_count; i++) {
		struct sock_worker *worker = &sock->worker[i];

		if (worker->is_running)
			worker->is_running = pthread_clockjoin_np(worker->thread, NULL,
			                                          CLOCK_MONOTONIC, &until) != 0;
		all = all && !worker->is_running;
	}
	return all;
}

int hz_sock_close(struct hz_sock *sock)
{
	if (sock == NULL)
		return 0;
	if (sock->worker != NULL) {
		flag_raise(sock, &sock->is_stopping);
		if (!threads_join(sock))
			return -ETIMEDOUT;
		for (uint32_t i = 0; i < sock->worker_count; i++)
			hz_sock_worker_close(&sock->worker[i]);
	}
	sem_destroy(&sock->turned);
	free(sock->worker);
	free(sock);
	return 0;
}

uint16_t hz_sock_port(const struct hz_sock *sock, uint32_t index)
{
	return sock->listen[index].port;
}
