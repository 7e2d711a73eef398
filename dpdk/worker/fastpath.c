/* hz_fastpath.h: EAL, ports, workers and their threads, opened in that order and closed in the
 * reverse. */
#include "core/log.h"
#include "core/rcu.h"
#include "hz_fastpath.h"
#include "port/intr_gate.h"
#include "port/link_watch.h"
#include "port/port_eal.h"
#include "worker/eal_log.h"
#include "worker/fastpath_ports.h"
#include "worker/launch.h"
#include "worker/worker.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_TURN_S_MAX 10 /* page faults and a shared core included */

struct hz_fastpath_thread {
	struct hz_worker_loop *loop;
	pthread_t id;
	sem_t turned; /* posted once: after the first turn, or when it failed before */
	int err;      /* why it failed, valid after the post */
	int cpu;
	bool is_started;
};

struct hz_fastpath {
	struct hz_eal_log *log;
	bool is_eal_up;
	bool is_degraded;
	struct hz_fastpath_ports ports;
	struct hz_steer steer;
	struct hz_link_watch *watch;
	struct hz_intr_gate *gate; /* boot/io=memif; else NULL */
	uint32_t worker_count;
	struct hz_worker_loop *loop[HZ_WORKERS_MAX];
	struct hz_fastpath_thread thread[HZ_WORKERS_MAX];
};

static int check_conf(const struct hz_fastpath_conf *conf, struct hz_err *err)
{
	if (conf->io == HZ_IO_SOCKET || conf->worker_count == 0 ||
	    conf->worker_count > HZ_WORKERS_MAX || conf->burst == 0 ||
	    conf->burst > HZ_LIMIT_burst_max || conf->mbufs == 0 || conf->ring_slots < 64 ||
	    conf->ring_slots > 32768 || (conf->ring_slots & (conf->ring_slots - 1)) != 0)
		return hz_err_set(err, -EINVAL, 2, "fastpath_conf", "",
		                  "%u workers, burst %u, %u ring slots: out of range",
		                  conf->worker_count, conf->burst, conf->ring_slots);
	return 0;
}

static int worker_open(struct hz_fastpath *fp, const struct hz_fastpath_conf *conf, uint32_t index,
                       const uint64_t key[2], const uint8_t secret[16])
{
	struct hz_worker_open_conf open = {
		.worker = &conf->workers[index],
		.index = index,
		.connections_max = conf->connections_max,
		.time_wait_max = conf->time_wait_max,
		.burst = conf->burst,
		.spin_us = conf->spin_us,
		.cc = conf->congestion == HZ_CONGESTION_NEWRENO ? HZ_TCP_CC_NEWRENO
		                                                : HZ_TCP_CC_CUBIC,
		.keepalive = { conf->tcp.keepalive_idle_s, conf->tcp.keepalive_interval_s,
		               conf->tcp.keepalive_count, conf->tcp.is_keepalive },
		.hop_limit = conf->tcp.hop_limit,
		.dscp = conf->tcp.dscp,
		.lport_first = conf->tcp.lport_first,
		.lport_last = conf->tcp.lport_last,
		.cookie_mode = (enum hz_tcp_cookie_mode)conf->tcp.cookie_mode,
		.half_open_max = conf->tcp.half_open_max,
		.cookies = conf->cookies,
		.sleep_ms_max = conf->sleep_ms_max,
		.listen_count = conf->listen_count,
		.listens = conf->listens,
		.exempt_listens = conf->exempt_listens,
		.ifaces = fp->ports.iface,
		.steer = fp->worker_count > 1 ? &fp->steer : NULL,
		.peers = fp->loop,
	};
	struct hz_worker_loop *loop = aligned_alloc(_Alignof(struct hz_worker_loop), sizeof(*loop));
	int err;

	if (loop == NULL)
		return -ENOMEM;
	memcpy(open.net_key, key, sizeof(open.net_key));
	memcpy(open.tcp_secret, secret, sizeof(open.tcp_secret));
	open.port_count = hz_fastpath_ports_of(&fp->ports, index, open.port);
	err = hz_worker_open(loop, &open);
	if (err != 0) {
		free(loop);
		return err;
	}
	fp->loop[index] = loop;
	fp->thread[index].loop = loop;
	fp->thread[index].cpu = conf->workers[index].cpu;
	return 0;
}

static int workers_open(struct hz_fastpath *fp, const struct hz_fastpath_conf *conf,
                        struct hz_err *err)
{
	uint64_t key[2];
	uint8_t secret[16];
	int status = hz_rng_secret(key, sizeof(key));

	if (status == 0)
		status = hz_rng_secret(secret, sizeof(secret));
	if (status != 0)
		return hz_err_set(err, status, 70, "getrandom", "", "no random numbers: %s",
		                  strerror(-status));
	if (fp->worker_count > 1)
		status = hz_steer_open(&fp->steer, fp->worker_count);
	for (uint32_t i = 0; i < fp->worker_count && status == 0; i++)
		status = worker_open(fp, conf, i, key, secret);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(key, sizeof(key));
	if (status != 0)
		return hz_err_set(err, status, status == -ENOMEM ? 5 : 70, "worker",
		                  "lower boot/connections_max", "worker not opened: %s",
		                  strerror(-status));
	return 0;
}

static int watch_open(struct hz_fastpath *fp, struct hz_err *err)
{
	int status;

	fp->watch = calloc(1, sizeof(*fp->watch));
	if (fp->watch == NULL)
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for a link watch");
	status = hz_link_watch_open(fp->watch, fp->ports.port, fp->ports.count);
	if (status != 0)
		return hz_err_set(err, status, 70, "rtnetlink", "", "no link watch: %s",
		                  strerror(-status));
	return 0;
}

/* Before EAL starts; no more than HZ_LAUNCH_DEVICES_MAX. */
static void bus_devices(const struct hz_fastpath_conf *conf, struct hz_launch_conf *launch)
{
	for (uint32_t i = 0; i < conf->port_count && conf->io == HZ_IO_EAL; i++) {
		if (launch->device_count < HZ_LAUNCH_DEVICES_MAX &&
		    hz_port_eal_is_bus_address(conf->ports[i].ifname))
			launch->device[launch->device_count++] = conf->ports[i].ifname;
	}
}

static int gate_open(struct hz_fastpath *fp, const struct hz_fastpath_conf *conf,
                     struct hz_err *err)
{
	int status = conf->io == HZ_IO_MEMIF ? hz_intr_gate_open(&fp->gate) : 0;

	if (status != 0)
		return hz_err_set(err, status, 70, "interrupts", "", "DPDK's interrupt thread: %s",
		                  strerror(-status));
	return 0;
}

int hz_fastpath_open(const struct hz_fastpath_conf *conf, struct hz_fastpath **out,
                     struct hz_err *err)
{
	struct hz_launch_conf launch = { .file_prefix = conf->file_prefix,
		                         .hugepages = conf->hugepages };
	struct hz_fastpath *fp;
	int status = check_conf(conf, err);

	if (status != 0)
		return status;
	fp = calloc(1, sizeof(*fp));
	if (fp == NULL)
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for the fast path");
	fp->worker_count = conf->worker_count;
	bus_devices(conf, &launch);
	status = hz_fastpath_ports_plan(&fp->ports, conf, &launch.memory_bytes, err);
	if (status != 0)
		goto fail;
	status = hz_eal_log_open(&fp->log);
	if (status != 0) {
		hz_err_set(err, status, 5, "no_memory", "", "no memory for DPDK's log");
		goto fail;
	}
	status = hz_launch_eal(&launch, &fp->is_degraded, err);
	if (status != 0)
		goto explain;
	fp->is_eal_up = true;
	status = hz_fastpath_ports_open(&fp->ports, conf, err);
	if (status != 0)
		goto explain;
	status = watch_open(fp, err);
	if (status == 0)
		status = gate_open(fp, conf, err);
	if (status == 0)
		status = workers_open(fp, conf, err);
	if (status != 0)
		goto fail;
	*out = fp;
	return 0;
explain:
	hz_eal_log_explain(fp->log, err);
fail:
	(void)hz_fastpath_close(fp); /* no worker has run */
	return status;
}

static void *thread_main(void *arg)
{
	struct hz_fastpath_thread *thread = arg;
	struct hz_worker_loop *loop = thread->loop;
	unsigned found;

	/* An lcore id of our own: without one each buffer goes through the pool's shared ring. */
	if (rte_thread_register() != 0) {
		thread->err = -rte_errno;
		sem_post(&thread->turned);
		return NULL;
	}
	hz_rcu_reader_register();
	found = hz_worker_turn(loop);
	sem_post(&thread->turned);
	while (!loop->is_stopped) {
		hz_worker_rest(loop, found);
		found = hz_worker_turn(loop);
	}
	hz_worker_close(loop);
	hz_rcu_reader_unregister();
	rte_thread_unregister();
	return NULL;
}

static int thread_start(struct hz_fastpath_thread *thread, uint32_t index)
{
	pthread_attr_t attr;
	char name[32];
	int err;

	if (sem_init(&thread->turned, 0, 0) != 0)
		return -errno;
	pthread_attr_init(&attr);
	if (thread->cpu >= 0) {
		cpu_set_t cpus;

		CPU_ZERO(&cpus);
		CPU_SET((size_t)thread->cpu, &cpus);
		pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	err = -pthread_create(&thread->id, &attr, thread_main, thread);
	pthread_attr_destroy(&attr);
	if (err != 0) {
		sem_destroy(&thread->turned);
		return err;
	}
	thread->is_started = true;
	snprintf(name, sizeof(name), "hz-worker-%u", index);
	pthread_setname_np(thread->id, name);
	return 0;
}

/* 0, what the thread failed with, or -ETIMEDOUT. */
static int thread_wait_turn(struct hz_fastpath_thread *thread, const struct timespec *until)
{
	while (sem_clockwait(&thread->turned, CLOCK_MONOTONIC, until) != 0) {
		if (errno != EINTR)
			return -errno;
	}
	return thread->err;
}

int hz_fastpath_start(struct hz_fastpath *fp, struct hz_err *err)
{
	struct timespec until;
	uint32_t i;
	int status;

	for (i = 0; i < fp->worker_count; i++) {
		status = thread_start(&fp->thread[i], i);
		if (status == -EINVAL) /* of the affinity: there is no such CPU, or not for us */
			return hz_err_set(err, status, 2, "cpu", "hzd -o boot/cpus=0",
			                  "boot/cpus: worker %u cannot run on CPU %d: %s", i,
			                  fp->thread[i].cpu, strerror(EINVAL));
		if (status != 0)
			return hz_err_set(err, status, 5, "worker_thread", "ulimit -u",
			                  "worker %u on CPU %d not started: %s", i,
			                  fp->thread[i].cpu, strerror(-status));
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FIRST_TURN_S_MAX;
	for (i = 0; i < fp->worker_count; i++) {
		status = thread_wait_turn(&fp->thread[i], &until);
		if (status != 0)
			return hz_err_set(err, status, 70, "worker_start", "",
			                  "worker %u did not turn: %s", i, strerror(-status));
	}
	return 0;
}

void hz_fastpath_drain(struct hz_fastpath *fp)
{
	for (uint32_t i = 0; i < fp->worker_count; i++)
		hz_mailbox_post(&fp->loop[i]->mailbox, HZ_MAIL_DRAIN);
}

void hz_fastpath_census(struct hz_fastpath *fp, uint32_t worker)
{
	assert(worker < fp->worker_count);
	hz_mailbox_post(&fp->loop[worker]->mailbox, HZ_MAIL_CENSUS);
}

void hz_fastpath_trace(struct hz_fastpath *fp, uint32_t worker, struct hz_trace_ring *ring)
{
	assert(worker < fp->worker_count);
	__atomic_store_n(&fp->loop[worker]->trace_asked, ring, __ATOMIC_RELEASE);
	hz_mailbox_post(&fp->loop[worker]->mailbox, HZ_MAIL_TRACE);
}

void hz_fastpath_ring(struct hz_fastpath *fp, uint32_t worker)
{
	assert(worker < fp->worker_count);
	hz_mailbox_ring(&fp->loop[worker]->mailbox);
}

int hz_fastpath_failed(const struct hz_fastpath *fp, struct hz_err *err)
{
	const struct hz_port *gone = hz_link_watch_poll(fp->watch);

	if (gone == NULL)
		return 0;
	hz_err_set(err, -ENXIO, 4, "device_gone", "ip -br link",
	           "%s (queue %u) was deleted or moved away", gone->ifname, gone->queue);
	return err->exit_code;
}

void hz_fastpath_turn(struct hz_fastpath *fp)
{
	uint64_t now_ns = hz_clock_monotonic_ns();

	for (uint32_t i = 0; i < fp->ports.count; i++)
		if (fp->ports.neigh[i] != NULL)
			hz_neigh_kernel_turn(fp->ports.neigh[i], now_ns);
	if (fp->gate == NULL)
		return;
	for (uint32_t i = 0; i < fp->ports.count; i++)
		hz_port_hold(fp->ports.port[i], true);
	hz_rcu_synchronize(); /* every worker is past the turn in which it could have looked before */
	hz_intr_gate_round(fp->gate);
	for (uint32_t i = 0; i < fp->ports.count; i++)
		hz_port_hold(fp->ports.port[i], false);
}

bool hz_fastpath_is_degraded(const struct hz_fastpath *fp)
{
	return fp->is_degraded;
}

/* False: the thread did not leave its loop in time. */
static bool thread_stop(struct hz_fastpath_thread *thread, const struct timespec *until)
{
	if (!thread->is_started)
		return true;
	if (pthread_clockjoin_np(thread->id, NULL, CLOCK_MONOTONIC, until) != 0)
		return false;
	sem_destroy(&thread->turned);
	thread->is_started = false;
	return true;
}

static bool workers_close(struct hz_fastpath *fp)
{
	struct timespec until;
	bool all = true;

	for (uint32_t i = 0; i < fp->worker_count; i++) {
		if (fp->thread[i].is_started)
			hz_mailbox_post(&fp->loop[i]->mailbox, HZ_MAIL_STOP);
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HZ_LIMIT_worker_stop_s;
	for (uint32_t i = 0; i < fp->worker_count; i++)
		all = thread_stop(&fp->thread[i], &until) && all;
	if (!all)
		return false;
	for (uint32_t i = 0; i < fp->worker_count; i++) {
		if (fp->loop[i] == NULL)
			continue;
		hz_worker_close(fp->loop[i]); /* one that never started */
		free(fp->loop[i]);
	}
	return true;
}

int hz_fastpath_close(struct hz_fastpath *fp)
{
	if (fp == NULL)
		return 0;
	if (!workers_close(fp)) /* a wedged worker still uses all of this */
		return -ETIMEDOUT;
	if (fp->watch != NULL)
		hz_link_watch_close(fp->watch);
	free(fp->watch);
	hz_steer_close(&fp->steer);
	hz_fastpath_ports_close(&fp->ports);
	if (fp->is_eal_up)
		hz_launch_eal_end();
	hz_eal_log_close(fp->log);
	free(fp);
	return 0;
}

struct hz_fastpath_ports *hz_fastpath_ports(struct hz_fastpath *fp)
{
	return &fp->ports;
}
