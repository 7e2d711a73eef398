#include "bench_server.h"

#include "core/rcu.h"
#include "middleware/jwt_worker.h"
#include "middleware/rate_table.h"
#include "server/log_writer.h"
#include "worker/eal_log.h"
#include "worker/launch.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define MBUFS            16384u
#define EAL_MEMORY_BYTES (128u << 20)

int bench_fail(const char *what, const struct hz_err *err)
{
	fprintf(stderr, "bench: %s: %s\n", what, err != NULL ? err->why : "failed");
	return 1;
}

void bench_pin(void)
{
	cpu_set_t cpus;
	int cpu = sched_getcpu();

	if (cpu < 0)
		return;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void no_ring(void *ctx, uint32_t worker)
{
	(void)ctx;
	(void)worker; /* it never sleeps */
}

/* What middleware keeps beside its chains; the log's and jwt's threads are other cores' business. */
static int middleware_open(struct bench_server *server)
{
	const struct hz_jobs_conf jobs = {
		.thread_count = 1, .worker_count = 1, .per_worker_max = 64, .ring = no_ring
	};
	struct hz_err err = { 0 };

	if (hz_rate_table_open(HZ_LIMIT_rate_sets, &server->rate) != 0)
		return bench_fail("rate table", NULL);
	if (hz_jobs_open(&jobs, &server->app.jobs) != 0)
		return bench_fail("helpers", NULL);
	if (hz_log_writer_open(1, &server->log_writer) != 0 ||
	    hz_log_writer_bind(server->log_writer, server->snapshot->site, &err) != 0)
		return bench_fail("log", &err);
	server->app.worker[0] = (struct hz_mw_worker){ .env = &server->env,
		                                       .http = server->http,
		                                       .jobs = server->app.jobs,
		                                       .slot = &server->slot,
		                                       .rate = server->rate };
	if (hz_jwt_worker_open(&server->app.worker[0], &server->jwt) != 0)
		return bench_fail("jwt", NULL);
	server->app.worker[0].jwt = server->jwt;
	return 0;
}

static int app_open(struct bench_server *server, const struct bench_server_conf *conf)
{
	struct hz_http_worker_conf http = { .env = &server->env,
		                            .slot = &server->slot,
		                            .ops = &hz_snapshot_app_ops,
		                            .app = &server->app,
		                            .connections_max = conf->connections_max };
	struct hz_site *site = NULL;
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_span text = { 0 };
	struct hz_tune tune;
	struct hz_snapshot_conf snapshot = { .tune = &tune, .generation = 1 };
	struct hz_err err = { 0 };

	if (errors == NULL || hz_site_load(conf->site, &site, &text, errors) != 0)
		return bench_fail(conf->site, NULL);
	hz_tune_defaults(&tune);
	snapshot.site = site;
	if (hz_snapshot_build(&snapshot, &server->snapshot, &err) != 0)
		return bench_fail("snapshot", &err);
	hz_app_publish(&server->app, server->snapshot);
	if (hz_http_worker_open(&http, &server->http) != 0)
		return bench_fail("http", NULL);
	return middleware_open(server);
}

static int worker_open(struct bench_server *server, const struct bench_server_conf *conf)
{
	struct hz_endpoint any = { .port = 80 };
	struct hz_worker_open_conf open = {
		.worker = &server->conf,
		.connections_max = conf->connections_max,
		.time_wait_max = 1024,
		.burst = conf->burst,
		.spin_us = HZ_SPIN_FOREVER_US,
		.net_key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 },
		.listen_count = 1,
		.listens = &any,
		.port_count = 1,
		.ifaces = &server->iface,
	};

	server->conf = (struct hz_worker_conf){ .env = &server->env,
		                                .slot = &server->slot,
		                                .proto = &hz_h1_proto_ops,
		                                .proto_ctx = server->http,
		                                .cpu = -1 };
	server->iface.owner_count = 1;
	open.port[0] = (struct hz_worker_port){ .port = hz_port_ring_near(server->ring) };
	if (hz_worker_open(&server->loop, &open) != 0)
		return bench_fail("worker", NULL);
	return 0;
}

static int ring_open(struct bench_server *server)
{
	struct hz_port_ring_conf ring = { .name = "bench",
		                          .mbufs = MBUFS,
		                          .slots = 4096,
		                          .verify_checksum = true,
		                          .slot = &server->slot,
		                          .peer_slot = &server->far_slot };
	struct hz_err err = { 0 };

	hz_clock_open(&server->clock);
	server->env.clock = &server->clock;
	server->env.now_ns = hz_clock_now_ns(&server->clock);
	hz_rng_seed(&server->env.rng, 1);
	server->slot = (struct hz_slot){ .hist = server->hist,
		                         .beat = &server->beat,
		                         .worker = &server->gauges,
		                         .conns = &server->conns,
		                         .routes = server->routes };
	server->far_slot = server->slot;
	server->far_slot.worker = &server->far_gauges;
	if (hz_port_ring_open(&ring, &server->ring, &err) != 0)
		return bench_fail("ring", &err);
	return 0;
}

struct bench_server *bench_server_boot(const char *name, bool *is_degraded)
{
	struct hz_launch_conf launch = { .file_prefix = name,
		                         .hugepages = HZ_HUGEPAGES_AUTO,
		                         .memory_bytes = EAL_MEMORY_BYTES };
	struct bench_server *server = aligned_alloc(_Alignof(struct bench_server), sizeof(*server));
	struct hz_err err = { 0 };

	if (server == NULL)
		goto no_memory;
	memset(server, 0, sizeof(*server));
	if (hz_eal_log_open(&server->log) != 0)
		goto no_memory;
	if (hz_launch_eal(&launch, is_degraded, &err) != 0) {
		bench_fail("EAL", &err);
		hz_eal_log_close(server->log);
		free(server);
		return NULL;
	}
	hz_rcu_reader_register();
	if (ring_open(server) == 0)
		return server;
	bench_server_end(server);
	return NULL;
no_memory:
	bench_fail("memory", NULL);
	free(server);
	return NULL;
}

int bench_server_open(struct bench_server *server, const struct bench_server_conf *conf)
{
	if (app_open(server, conf) != 0)
		return 1;
	return worker_open(server, conf);
}

void bench_server_close(struct bench_server *server)
{
	hz_worker_close(&server->loop);
	hz_http_worker_close(server->http);
	hz_jobs_close(server->app.jobs);
	hz_jwt_worker_close(server->jwt);
	hz_snapshot_free(server->snapshot);
	hz_log_writer_close(server->log_writer);
	hz_rate_table_close(server->rate);
	server->rate = NULL;
	server->jwt = NULL;
	server->log_writer = NULL;
	server->app.jobs = NULL;
	server->http = NULL;
	server->snapshot = NULL;
}

void bench_server_end(struct bench_server *server)
{
	struct hz_eal_log *log;

	if (server == NULL)
		return;
	log = server->log;
	hz_port_ring_close(server->ring);
	hz_rcu_reader_unregister();
	hz_launch_eal_end();
	hz_eal_log_close(log);
	free(server);
}

/* --- time ------------------------------------------------------------------------------------------------ */

#define LEFT_OUT_PART 50u

int bench_times_open(struct bench_times *times, uint32_t room)
{
	*times = (struct bench_times){ .cycles = calloc(room, sizeof(*times->cycles)),
		                       .room = room };
	return times->cycles != NULL ? 0 : -ENOMEM;
}

void bench_times_close(struct bench_times *times)
{
	free(times->cycles);
	*times = (struct bench_times){ 0 };
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_times_mean(struct bench_times *times)
{
	uint32_t kept = times->count - times->count / LEFT_OUT_PART;
	uint64_t sum = 0;

	qsort(times->cycles, times->count, sizeof(*times->cycles), compare);
	for (uint32_t i = 0; i < kept; i++)
		sum += times->cycles[i];
	return kept == 0 ? 0 : (double)sum / kept;
}

void bench_timed_turn(struct bench_server *server, struct bench_times *times,
                      void (*turn)(struct hz_worker_loop *loop))
{
	uint64_t tsc = __rdtsc();

	do
		turn(&server->loop);
	while (hz_port_ring_waiting(server->ring) != 0);
	tsc = __rdtsc() - tsc;
	if (times->count < times->room)
		times->cycles[times->count++] = (uint32_t)HZ_MIN(tsc, (uint64_t)UINT32_MAX);
}

double bench_cycle_ns(const struct bench_server *server)
{
	return (double)server->clock.mult / (double)(1ull << HZ_CLOCK_SHIFT);
}
