/* A whole fast path, opened, started, drained and closed. EAL starts once per process, so each case runs
 * in a child of its own, which sends back one line: nothing, a reason, or "skip: " and a reason. */
#include "../port/rig.h"
#include "../port/veth_wire.h"
#include "hz_fastpath.h"
#include "hz_test.h"
#include "port/mbuf_span.h"
#include "tcp_wire.h"
#include "worker/fastpath_ports.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 2u
#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return #condition;                                                         \
	} while (0)

struct parts {
	struct rig_slot slot[WORKERS];
	struct hz_env env[WORKERS];
	struct hz_worker_conf worker[WORKERS];
	struct hz_fastpath_port port;
	struct hz_endpoint listen;
	struct hz_clock clock;
	struct hz_fastpath_conf conf;
};

static struct parts parts;
static uint32_t aborted; /* streams closed by the stop, atomic */

static int quiet_open(void *ctx, struct hz_stream *s)
{
	s->owner = ctx;
	return 0;
}

static size_t quiet_data(struct hz_stream *s, struct hz_span bytes)
{
	return hz_stream_write(s, bytes);
}

static void quiet(struct hz_stream *s)
{
	(void)s;
}

static void quiet_close(struct hz_stream *s, enum hz_close_why why)
{
	(void)s;
	if (why == HZ_CLOSE_ABORT)
		__atomic_fetch_add(&aborted, 1, __ATOMIC_RELAXED);
}

static const struct hz_proto_ops quiet_ops = {
	.on_open = quiet_open,
	.on_data = quiet_data,
	.on_eof = quiet,
	.on_writable = quiet,
	.on_timer = quiet,
	.on_close = quiet_close,
};

static struct hz_fastpath_conf *parts_init(enum hz_io io, uint32_t workers)
{
	memset(&parts, 0, sizeof(parts));
	hz_clock_open(&parts.clock);
	parts.listen.port = 80;
	for (uint32_t i = 0; i < workers; i++) {
		rig_slot_init(&parts.slot[i]);
		parts.env[i] = (struct hz_env){ .clock = &parts.clock, .worker_index = i };
		parts.worker[i] = (struct hz_worker_conf){ .env = &parts.env[i],
			                                   .slot = &parts.slot[i].slot,
			                                   .proto = &quiet_ops,
			                                   .cpu = -1 };
	}
	parts.conf = (struct hz_fastpath_conf){ .file_prefix = "hz-unit-fastpath",
		                                .io = io,
		                                .hugepages = HZ_HUGEPAGES_OFF,
		                                .mbufs = 8192,
		                                .ring_slots = 512,
		                                .connections_max = 1024,
		                                .time_wait_max = 1024,
		                                .burst = 32,
		                                .spin_us = 0,
		                                .worker_count = workers,
		                                .workers = parts.worker,
		                                .port_count = 0,
		                                .ports = &parts.port,
		                                .listen_count = 1,
		                                .listens = &parts.listen };
	return &parts.conf;
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define HAS_TSAN true
#else
#define HAS_TSAN false
#endif

static void case_in_child(const char *(*scenario)(void))
{
	char line[256] = "";
	int ends[2], status = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		const char *why;

		alarm(60);
		why = scenario();
		if (why != NULL)
			(void)!write(ends[1], why, strlen(why));
		_exit(why == NULL ? 0 : 1);
	}
	close(ends[1]);
	CU_ASSERT_FATAL(pid > 0);
	(void)!read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	if (strncmp(line, "skip: ", 6) == 0) {
		static char why[256];

		snprintf(why, sizeof(why), "%s", line + 6);
		HZ_SKIP(why);
	}
	if (line[0] != '\0')
		fprintf(stderr, "failed: %s\n", line);
	CU_ASSERT_STRING_EQUAL(line, "");
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Where workers run. TSan sees no order in the rings of DPDK's drivers, which are built without it, nor in
 * pthread_clockjoin_np, which it does not know: every buffer and every close would be a race to it. */
static void case_with_threads(const char *(*scenario)(void))
{
	if (HAS_TSAN)
		HZ_SKIP("TSan does not see into DPDK's drivers");
	case_in_child(scenario);
}

static bool wait_until(bool (*is_true)(void *), void *arg, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		if (is_true(arg))
			return true;
		usleep(1000);
	}
	return is_true(arg);
}

static const char *bad_confs(void)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_RING, 1);
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };

	conf->ring_slots = 500;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == -EINVAL && err.exit_code == 2);
	conf->ring_slots = 512;
	conf->burst = HZ_LIMIT_burst_max + 1;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == -EINVAL && err.exit_code == 2);
	conf->burst = 32;
	conf->worker_count = 0;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == -EINVAL && err.exit_code == 2);
	conf = parts_init(HZ_IO_AF_XDP, 2);
	conf->port_count = 1;
	parts.port = (struct hz_fastpath_port){ .ifname = "lo", .ifindex = 1, .queue_count = 1 };
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == -EINVAL && err.exit_code == 2);
	REQUIRE(strcmp(err.code, "too_few_queues") == 0);
	parts.port.queue_count = HZ_QUEUES_MAX + 1;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) < 0 && err.exit_code == 2);
	parts.port = (struct hz_fastpath_port){ .ifname = "hz-none", .queue_count = 2 };
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == -ENODEV && err.exit_code == 4);
	REQUIRE(fp == NULL);
	hz_fastpath_close(NULL);
	return NULL;
}

static const char *no_hugepages(void)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_RING, 1);
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };
	unsigned long pages = 1;
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");

	if (file != NULL) {
		if (fscanf(file, "%lu", &pages) != 1)
			pages = 1;
		fclose(file);
		if (pages != 0)
			return "skip: this machine has huge pages";
	}
	conf->hugepages = HZ_HUGEPAGES_ON;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == -ENOMEM && err.exit_code == 5);
	REQUIRE(strstr(err.why, "needed") != NULL && strstr(err.why, "available") != NULL);
	REQUIRE(strncmp(err.hint, "sysctl -w vm.nr_hugepages=", 26) == 0 && err.hint[26] >= '1' &&
	        err.hint[26] <= '9');
	conf->hugepages = HZ_HUGEPAGES_AUTO;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == 0);
	REQUIRE(hz_fastpath_is_degraded(fp));
	hz_fastpath_close(fp);
	return NULL;
}

static bool is_beating(void *arg)
{
	const struct rig_slot *slot = arg;
	static uint64_t last;
	uint64_t now = __atomic_load_n(&slot->beat.beat_ns, __ATOMIC_RELAXED);
	bool has_moved = last != 0 && now != last;

	last = now;
	return has_moved;
}

static bool has_state(const struct rig_slot *slot, enum hz_state state)
{
	return __atomic_load_n(&slot->beat.state, __ATOMIC_RELAXED) == state;
}

static bool is_draining(void *arg)
{
	(void)arg;
	return has_state(&parts.slot[0], HZ_STATE_DRAINING) &&
	       has_state(&parts.slot[1], HZ_STATE_DRAINING);
}

static struct tcp_wire_flow client(uint16_t port)
{
	return (struct tcp_wire_flow){ .client_ip = 0x0a070001,
		                       .server_ip = 0x0a070002,
		                       .client_port = port,
		                       .server_port = 80,
		                       .seq = 7 };
}

/* The next TCP segment at the far end of any ring, within two seconds; the worker it came from, or
 * WORKERS. */
static uint32_t ring_take(struct hz_fastpath_ports *ports, struct tcp_wire_seg *out)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct rte_mbuf *mbuf;
		uint32_t worker = i % WORKERS;
		bool is_good;

		if (hz_port_rx(hz_port_ring_far(ports->ring[worker]), &mbuf, 1) == 0) {
			usleep(1000);
			continue;
		}
		is_good = tcp_wire_read(hz_mbuf_bytes(mbuf).data, hz_mbuf_bytes(mbuf).len, out);
		rte_pktmbuf_free(mbuf);
		return is_good ? worker : WORKERS;
	}
	return WORKERS;
}

static bool ring_send(struct hz_port_ring *ring, const struct tcp_wire_flow *flow, uint8_t flags)
{
	struct hz_port *far = hz_port_ring_far(ring);
	struct rte_mbuf *mbuf = hz_port_alloc(far, false);

	if (mbuf == NULL)
		return false;
	mbuf->data_len = (uint16_t)tcp_wire_build(hz_mbuf_bytes(mbuf).data, flow, flags, NULL, 0);
	mbuf->pkt_len = mbuf->data_len;
	hz_port_tx(far, mbuf);
	hz_port_flush(far);
	return true;
}

/* A flow of each worker, all frames through the first worker's queue; both threads sleep when idle, so
 * the hand-over must also wake the other. */
static const char *connect_both(struct hz_fastpath *fp)
{
	struct hz_fastpath_ports *ports = hz_fastpath_ports(fp);
	bool has_answered[WORKERS] = { false };
	struct tcp_wire_seg seg;

	for (uint16_t i = 0; i < 64; i++) {
		struct tcp_wire_flow flow = client((uint16_t)(5000 + i));
		uint32_t owner;

		REQUIRE(ring_send(ports->ring[0], &flow, TCP_WIRE_SYN));
		owner = ring_take(ports, &seg);
		REQUIRE(owner < WORKERS);
		REQUIRE(seg.flags == (TCP_WIRE_SYN | TCP_WIRE_ACK));
		flow.seq++;
		flow.ack = seg.seq + 1;
		REQUIRE(ring_send(ports->ring[0], &flow, TCP_WIRE_ACK));
		has_answered[owner] = true;
		if (has_answered[0] && has_answered[1])
			return NULL;
	}
	return "all of 64 flows belong to one worker";
}

static const char *ring_life(void)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_RING, WORKERS);
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };
	char dir[PATH_MAX];
	const char *why;
	struct stat st;

	REQUIRE(hz_fastpath_open(conf, &fp, &err) == 0);
	REQUIRE(hz_fastpath_is_degraded(fp)); /* off, as asked for: slower all the same */
	REQUIRE(hz_fastpath_failed(fp, &err) == 0);
	REQUIRE(has_state(&parts.slot[0], HZ_STATE_STARTING));
	REQUIRE(hz_fastpath_start(fp, &err) == 0);
	REQUIRE(has_state(&parts.slot[0], HZ_STATE_READY));
	REQUIRE(has_state(&parts.slot[1], HZ_STATE_READY));
	REQUIRE(wait_until(is_beating, &parts.slot[1], 1000));
	why = connect_both(fp);
	if (why != NULL)
		return why;
	usleep(20000); /* the last ACK */
	hz_fastpath_drain(fp);
	REQUIRE(wait_until(is_draining, NULL, 1000));
	hz_fastpath_close(fp);
	REQUIRE(has_state(&parts.slot[0], HZ_STATE_DOWN));
	REQUIRE(has_state(&parts.slot[1], HZ_STATE_DOWN));
	REQUIRE(aborted >= 2);
	snprintf(dir, sizeof(dir), "/run/dpdk/%s", conf->file_prefix);
	REQUIRE(stat(dir, &st) != 0 && errno == ENOENT);
	REQUIRE(hz_fastpath_open(conf, &fp, &err) < 0 && err.exit_code == 70);
	return NULL;
}

static const char *close_unstarted(void)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_RING, WORKERS);
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };

	REQUIRE(hz_fastpath_open(conf, &fp, &err) == 0);
	hz_fastpath_close(fp);
	REQUIRE(has_state(&parts.slot[0], HZ_STATE_DOWN));
	return NULL;
}

static const char *bad_cpu(void)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_RING, WORKERS);
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };

	parts.worker[1].cpu = 1000;
	REQUIRE(hz_fastpath_open(conf, &fp, &err) == 0);
	REQUIRE(hz_fastpath_start(fp, &err) == -EINVAL && err.exit_code == 2);
	hz_fastpath_close(fp); /* the first worker runs already */
	REQUIRE(has_state(&parts.slot[0], HZ_STATE_DOWN));
	return NULL;
}

static const char *too_much_memory(void)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_RING, 1);
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };

	conf->mbufs = 1u << 30; /* 2.5 TB */
	REQUIRE(hz_fastpath_open(conf, &fp, &err) < 0 && err.exit_code == 5);
	return NULL;
}

/* Also on a real socket: a worker that sleeps (spin 0) wakes for a frame. */
static const char *af_xdp_open(struct hz_fastpath **fp)
{
	struct hz_fastpath_conf *conf = parts_init(HZ_IO_AF_XDP, 1);
	struct hz_err err = { 0 };

	conf->port_count = 1;
	parts.port = (struct hz_fastpath_port){ .ifname = WIRE_NEAR,
		                                .ifindex = if_nametoindex(WIRE_NEAR),
		                                .queue_count = 1,
		                                .verify_checksum = true };
	if (hz_fastpath_open(conf, fp, &err) != 0) {
		fprintf(stderr, "%s\n", err.why);
		return "hz_fastpath_open on AF_XDP";
	}
	REQUIRE(hz_fastpath_start(*fp, &err) == 0);
	return NULL;
}

static uint64_t cpu_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static const char *af_xdp_sleeper(void)
{
	const char *why = wire_ip_up();
	struct hz_fastpath *fp = NULL;
	struct tcp_wire_seg seg;
	uint8_t frame[WIRE_FRAME];
	uint64_t before;
	ssize_t got;

	if (why != NULL)
		return why[0] == 'n' ? "skip: needs root and veth" : why;
	why = af_xdp_open(&fp);
	if (why != NULL)
		return why;
	before = cpu_ms();
	usleep(500000);
	REQUIRE(cpu_ms() - before < 100); /* asleep, not spinning */
	REQUIRE(wait_until(is_beating, &parts.slot[0], 1000));
	for (uint16_t i = 0; i < 20; i++) {
		struct tcp_wire_flow flow = client((uint16_t)(6000 + i));
		struct timespec sent, answered;

		usleep(10000);
		clock_gettime(CLOCK_MONOTONIC, &sent);
		REQUIRE(wire_send(frame, tcp_wire_build(frame, &flow, TCP_WIRE_SYN, NULL, 0)));
		got = wire_receive(frame);
		clock_gettime(CLOCK_MONOTONIC, &answered);
		REQUIRE(got > 0 && tcp_wire_read(frame, (size_t)got, &seg));
		REQUIRE(seg.flags == (TCP_WIRE_SYN | TCP_WIRE_ACK));
		/* By the descriptor, not by the 100 ms that a sleeper takes at most. */
		REQUIRE((answered.tv_sec - sent.tv_sec) * 1000 +
		                (answered.tv_nsec - sent.tv_nsec) / 1000000 <
		        50);
	}
	hz_fastpath_close(fp);
	return NULL;
}

static bool has_failed(void *arg)
{
	struct hz_err err = { 0 };

	return hz_fastpath_failed(arg, &err) == 4;
}

static const char *af_xdp_device_deleted(void)
{
	static const char *const gone[] = { "ip", "link", "del", WIRE_NEAR, NULL };
	const char *why = wire_ip_up();
	struct hz_fastpath *fp = NULL;
	struct hz_err err = { 0 };
	uint64_t before;

	if (why != NULL)
		return why[0] == 'n' ? "skip: needs root and veth" : why;
	why = af_xdp_open(&fp);
	if (why != NULL)
		return why;
	REQUIRE(hz_fastpath_failed(fp, &err) == 0);
	REQUIRE(wire_run(gone));
	REQUIRE(wait_until(has_failed, fp, 1000));
	before = cpu_ms();
	usleep(300000);
	REQUIRE(cpu_ms() - before < 150); /* a socket in error must not make the sleeper spin */
	hz_fastpath_close(fp);
	return NULL;
}

static void fastpath_bad_conf_is_named_error(void)
{
	case_in_child(bad_confs);
}

static void fastpath_without_hugepages_fails_or_degrades(void)
{
	case_in_child(no_hugepages);
}

static void fastpath_ring_serves_drains_and_closes(void)
{
	case_with_threads(ring_life);
}

static void fastpath_unstarted_closes(void)
{
	case_in_child(close_unstarted);
}

static void fastpath_bad_cpu_is_named_error(void)
{
	case_with_threads(bad_cpu);
}

static void fastpath_too_much_memory_is_error_5(void)
{
	case_in_child(too_much_memory);
}

static void fastpath_sleeper_wakes_on_frame(void)
{
	case_with_threads(af_xdp_sleeper);
}

static void fastpath_deleted_device_is_exit_4(void)
{
	case_with_threads(af_xdp_device_deleted);
}

HZ_SUITE(fastpath, CASE(fastpath_bad_conf_is_named_error),
         CASE(fastpath_without_hugepages_fails_or_degrades),
         CASE(fastpath_ring_serves_drains_and_closes), CASE(fastpath_unstarted_closes),
         CASE(fastpath_bad_cpu_is_named_error), CASE(fastpath_too_much_memory_is_error_5),
         CASE(fastpath_sleeper_wakes_on_frame), CASE(fastpath_deleted_device_is_exit_4));
