/* What a request costs in user space: the real worker turn, with the real TCP, HTTP, router and handlers
 * of configs/site/bench.yaml, on a ring port; client and server take turns on one core, and only the
 * time inside hz_worker_turn counts.
 *   bench_inproc [-c CONNECTIONS] [-n RUNS] [-r REQUESTS per run] [-b BURST] [-s SITE] [-f FIELD: VALUE]... */
#include "bench_client.h"
#include "bench_server.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define RUNS_MAX        64u
#define FIELDS_MAX      8u
#define FIRST_TURNS_MAX 100000u

struct options {
	uint32_t connections, runs, requests, burst;
	const char *site;
	const char *field[FIELDS_MAX]; /* of each request */
	uint32_t field_count;
};

struct run {
	double cycles, ns; /* per request */
};

#define TURNS_MAX 64u /* for a burst */

/* One turn per burst of requests, as at full load; more after this process had to wait for its core, as the worker
 * takes fewer frames at once then (worker/load_sample.h). */
static struct run run_once(struct bench_server *server, struct bench_client *client,
                           const struct options *options)
{
	uint64_t cycles = 0, ns = 0, answers = client->answers;

	while (client->answers - answers < options->requests && client->errors == 0) {
		for (uint32_t at = 0; at < client->count; at += options->burst) {
			uint32_t count = HZ_MIN(options->burst, client->count - at);
			uint64_t wanted = client->answers + count, tsc, start_ns;

			bench_client_ask(client, at, count);
			for (unsigned i = 0; i < TURNS_MAX && client->answers < wanted; i++) {
				start_ns = hz_clock_now_ns(&server->clock);
				tsc = __rdtsc();
				hz_worker_turn(&server->loop);
				cycles += __rdtsc() - tsc;
				ns += hz_clock_now_ns(&server->clock) - start_ns;
				bench_client_take(client);
			}
		}
	}
	answers = client->answers - answers;
	return (struct run){ (double)cycles / (double)answers, (double)ns / (double)answers };
}

static bool connect_all(struct bench_server *server, struct bench_client *client,
                        const struct options *options)
{
	for (uint32_t at = 0; at < client->count; at += options->burst) {
		uint32_t count = HZ_MIN(options->burst, client->count - at);

		bench_client_syn(client, at, count);
		for (unsigned i = 0; i < TURNS_MAX && server->conns.established < at + count; i++) {
			hz_worker_turn(&server->loop);
			bench_client_take(client);
		}
	}
	return client->errors == 0 && server->conns.established == client->count;
}

/* The first request alone: it may have to wait for a helper, as one with a token does. */
static bool ask_first(struct bench_server *server, struct bench_client *client)
{
	const struct timespec nap = { .tv_nsec = 20000 };

	bench_client_ask(client, 0, 1);
	for (uint32_t i = 0; i < FIRST_TURNS_MAX && client->answers == 0 && client->errors == 0;
	     i++) {
		hz_worker_turn(&server->loop);
		bench_client_take(client);
		nanosleep(&nap, NULL);
	}
	return client->answers == 1;
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

static int bench(struct bench_server *server, const struct options *options)
{
	struct run run[RUNS_MAX];
	struct bench_client client;
	uint64_t sent_before;
	uint64_t copied;
	double packets;

	if (bench_client_open(&client, hz_port_ring_far(server->ring), options->connections) != 0)
		return bench_fail("client", NULL);
	for (uint32_t i = 0; i < options->field_count; i++)
		if (bench_client_field(&client, options->field[i]) != 0)
			return bench_fail("too long a field", NULL);
	if (!connect_all(server, &client, options))
		return bench_fail("handshakes", NULL);
	if (!ask_first(server, &client))
		return bench_fail("first request", NULL);
	copied = server->gauges.counters[HZ_COUNTER_input_copied_bytes];
	run_once(server, &client, options); /* warm */
	sent_before = hz_port_ring_near(server->ring)->tx_packets;
	client.answers = 0;
	for (uint32_t i = 0; i < options->runs; i++)
		run[i] = run_once(server, &client, options);
	packets = (double)(hz_port_ring_near(server->ring)->tx_packets - sent_before);
	qsort(run, options->runs, sizeof(run[0]), compare_runs);
	printf("%u connections, bursts of %u, %u runs of %u requests, %" PRIu64 " errors, %" PRIu64
	       " segments repeated, %.3f packets/answer\n",
	       options->connections, options->burst, options->runs, options->requests,
	       client.errors, client.repeats, packets / (double)client.answers);
	print_run("median", &run[options->runs / 2]);
	print_run("best", &run[0]);
	print_run("worst", &run[options->runs - 1]);
	/* Every request is one segment: it is read where it lies. */
	copied = server->gauges.counters[HZ_COUNTER_input_copied_bytes] - copied;
	printf("%" PRIu64 " bytes of requests copied\n", copied);
	bench_client_close(&client);
	return client.errors == 0 && copied == 0 ? 0 : 1;
}

static bool parse(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "c:n:r:b:s:f:")) != -1) {
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
		else if (option == 'f' && options->field_count < FIELDS_MAX)
			options->field[options->field_count++] = optarg;
		else
			return false;
	}
	return optind == argc && options->connections >= 1 && options->connections <= 4096 &&
	       options->runs >= 1 && options->runs <= RUNS_MAX && options->requests >= 1 &&
	       options->burst >= 1 && options->burst <= HZ_LIMIT_burst_max;
}

int main(int argc, char **argv)
{
	struct options options = { .connections = 64,
		                   .runs = 9,
		                   .requests = 200000,
		                   .burst = 32,
		                   .site = "configs/site/bench.yaml" };
	struct bench_server_conf conf;
	struct bench_server *server;
	bool is_degraded = false;
	int status;

	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "usage: bench_inproc [-c CONNECTIONS] [-n RUNS] [-r REQUESTS] "
		                "[-b BURST] [-s SITE] [-f FIELD]...\n");
		return 2;
	}
	bench_pin();
	server = bench_server_boot("hz-bench", &is_degraded);
	if (server == NULL)
		return 1;
	conf = (struct bench_server_conf){ options.connections + 64, options.burst, options.site };
	if (bench_server_open(server, &conf) != 0)
		return 1;
	printf("memory: %s pages\n", is_degraded ? "small" : "huge");
	status = bench(server, &options);
	bench_server_close(server);
	bench_server_end(server);
	return status;
}
