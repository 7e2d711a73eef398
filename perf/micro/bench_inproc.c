/* What a request costs in user space: the real worker turn, with the real TCP, HTTP, router and handlers
 * of configs/site/bench.yaml, on a ring port; client and server take turns on one core, and only the
 * time inside hz_worker_turn counts.
 *   bench_inproc [-c CONNECTIONS] [-n RUNS] [-r REQUESTS per run] [-b BURST] [-s SITE] */
#include "bench_client.h"
#include "core/rcu.h"
#include "http/h1_conn.h"
#include "port/port_ring.h"
#include "server/snapshot.h"
#include "worker/eal_log.h"
#include "worker/launch.h"
#include "worker/worker.h"
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define RUNS_MAX 64u
#define MBUFS    16384u

struct options {
	uint32_t connections, runs, requests, burst;
	const char *site;
};

struct server {
	struct hz_clock clock;
	struct hz_env env;
	struct hz_hist hist[HZ_STAGE_COUNT];
	struct hz_beat beat;
	struct hz_worker gauges;
	struct hz_connections conns;
	struct hz_slot slot;
	struct hz_snapshot *snapshot;
	void *app; /* the slot in which snapshot is published */
	struct hz_http_worker *http;
	struct hz_worker_conf conf;
	struct hz_worker_iface iface;
	struct hz_worker_loop loop;
	struct hz_port_ring *ring;
	/* of the client's end: not to be mixed up with the server's numbers */
	struct hz_worker far_gauges;
	struct hz_slot far_slot;
};

struct run {
	double cycles, ns; /* per request */
};

static int fail(const char *what, const struct hz_err *err)
{
	fprintf(stderr, "bench_inproc: %s: %s\n", what, err != NULL ? err->why : "failed");
	return 1;
}

static void pin(void)
{
	cpu_set_t cpus;
	int cpu = sched_getcpu();

	if (cpu < 0)
		return;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

static int app_open(struct server *server, const struct options *options)
{
	struct hz_http_worker_conf http = { .env = &server->env,
		                            .slot = &server->slot,
		                            .ops = &hz_snapshot_app_ops,
		                            .app = &server->app,
		                            .connections_max = options->connections + 64 };
	struct hz_site *site = NULL;
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_span text = { 0 };
	struct hz_tune tune;
	struct hz_err err = { 0 };

	if (errors == NULL || hz_site_load(options->site, &site, &text, errors) != 0)
		return fail(options->site, NULL);
	hz_tune_defaults(&tune);
	if (hz_snapshot_build(site, &tune, 1, &server->snapshot, &err) != 0)
		return fail("snapshot", &err);
	hz_rcu_publish(&server->app, server->snapshot);
	if (hz_http_worker_open(&http, &server->http) != 0)
		return fail("http", NULL);
	return 0;
}

static int worker_open(struct server *server, const struct options *options)
{
	struct hz_endpoint any = { .port = 80 };
	struct hz_worker_open_conf open = {
		.worker = &server->conf,
		.connections_max = options->connections + 64,
		.time_wait_max = 1024,
		.burst = options->burst,
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
	open.port[0] = (struct hz_worker_port){ hz_port_ring_near(server->ring), 0 };
	if (hz_worker_open(&server->loop, &open) != 0)
		return fail("worker", NULL);
	return 0;
}

static int server_open(struct server *server, const struct options *options)
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
	server->slot =
		(struct hz_slot){ server->hist, &server->beat, &server->gauges, &server->conns };
	server->far_slot = server->slot;
	server->far_slot.worker = &server->far_gauges;
	if (hz_port_ring_open(&ring, &server->ring, &err) != 0)
		return fail("ring", &err);
	if (app_open(server, options) != 0)
		return 1;
	return worker_open(server, options);
}

static void server_close(struct server *server)
{
	hz_worker_close(&server->loop);
	hz_http_worker_close(server->http);
	hz_snapshot_free(server->snapshot);
	hz_port_ring_close(server->ring);
}

/* One turn per burst of requests, as at full load. */
static struct run run_once(struct server *server, struct bench_client *client,
                           const struct options *options)
{
	uint64_t cycles = 0, ns = 0, answers = client->answers;

	while (client->answers - answers < options->requests && client->errors == 0) {
		for (uint32_t at = 0; at < client->count; at += options->burst) {
			uint32_t count = HZ_MIN(options->burst, client->count - at);
			uint64_t tsc, start_ns;

			bench_client_ask(client, at, count);
			start_ns = hz_clock_now_ns(&server->clock);
			tsc = __rdtsc();
			hz_worker_turn(&server->loop);
			cycles += __rdtsc() - tsc;
			ns += hz_clock_now_ns(&server->clock) - start_ns;
			bench_client_take(client);
		}
	}
	answers = client->answers - answers;
	return (struct run){ (double)cycles / (double)answers, (double)ns / (double)answers };
}

static bool connect_all(struct server *server, struct bench_client *client,
                        const struct options *options)
{
	for (uint32_t at = 0; at < client->count; at += options->burst) {
		bench_client_syn(client, at, HZ_MIN(options->burst, client->count - at));
		for (int i = 0; i < 4; i++) {
			hz_worker_turn(&server->loop);
			bench_client_take(client);
		}
	}
	return client->errors == 0 && server->conns.established == client->count;
}

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->cycles > y->cycles) - (x->cycles < y->cycles);
}

static void print_run(const char *name, const struct run *run)
{
	printf("%-7s %7.1f cycles/request %7.1f ns/request %9.0f requests/s\n", name, run->cycles,
	       run->ns, 1e9 / run->ns);
}

static int bench(struct server *server, const struct options *options)
{
	struct run run[RUNS_MAX];
	struct bench_client client;
	uint64_t sent_before;
	double packets;

	if (bench_client_open(&client, hz_port_ring_far(server->ring), options->connections) != 0)
		return fail("client", NULL);
	if (!connect_all(server, &client, options))
		return fail("handshakes", NULL);
	run_once(server, &client, options); /* warm */
	sent_before = hz_port_ring_near(server->ring)->tx_packets;
	client.answers = 0;
	for (uint32_t i = 0; i < options->runs; i++)
		run[i] = run_once(server, &client, options);
	packets = (double)(hz_port_ring_near(server->ring)->tx_packets - sent_before);
	qsort(run, options->runs, sizeof(run[0]), compare_runs);
	printf("%u connections, bursts of %u, %u runs of %u requests, %" PRIu64
	       " errors, %.3f packets/answer\n",
	       options->connections, options->burst, options->runs, options->requests,
	       client.errors, packets / (double)client.answers);
	print_run("median", &run[options->runs / 2]);
	print_run("best", &run[0]);
	print_run("worst", &run[options->runs - 1]);
	bench_client_close(&client);
	return client.errors == 0 ? 0 : 1;
}

static bool parse(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "c:n:r:b:s:")) != -1) {
		uint32_t value = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

		if (option == 'c')
			options->connections = value;
		else if (option == 'n')
			options->runs = value;
		else if (option == 'r')
			options->requests = value;
		else if (option == 'b')
			options->burst = value;
		else if (option == 's')
			options->site = optarg;
		else
			return false;
	}
	return optind == argc && options->connections >= 1 && options->connections <= 4096 &&
	       options->runs >= 1 && options->runs <= RUNS_MAX && options->requests >= 1 &&
	       options->burst >= 1 && options->burst <= HZ_LIMIT_burst_max;
}

int main(int argc, char **argv)
{
	struct options options = { 64, 9, 200000, 32, "configs/site/bench.yaml" };
	struct hz_launch_conf launch = { .file_prefix = "hz-bench",
		                         .hugepages = HZ_HUGEPAGES_AUTO,
		                         .memory_bytes = 128u << 20 };
	struct server *server = aligned_alloc(_Alignof(struct server), sizeof(*server));
	struct hz_eal_log *log = NULL;
	struct hz_err err = { 0 };
	bool is_degraded = false;
	int status;

	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "usage: bench_inproc [-c CONNECTIONS] [-n RUNS] [-r REQUESTS] "
		                "[-b BURST] [-s SITE]\n");
		return 2;
	}
	pin();
	if (server == NULL || hz_eal_log_open(&log) != 0)
		return fail("memory", NULL);
	memset(server, 0, sizeof(*server));
	if (hz_launch_eal(&launch, &is_degraded, &err) != 0)
		return fail("EAL", &err);
	hz_rcu_reader_register();
	if (server_open(server, &options) != 0)
		return 1;
	printf("memory: %s pages\n", is_degraded ? "small" : "huge");
	status = bench(server, &options);
	server_close(server);
	hz_rcu_reader_unregister();
	hz_launch_eal_end();
	hz_eal_log_close(log);
	free(server);
	return status;
}
