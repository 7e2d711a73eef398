/* Short connections: SYN, GET, FIN, each step a turn with a burst of them, with the real HTTP on a ring port.
 * Only the server's turns count. Every step has a function of its own, so that callgrind can tell their
 * instructions apart (segments.sh).
 *   bench_rate [-n CONNECTIONS] [-b BURST] [-s SITE] */
#include "bench_client.h"
#include "bench_server.h"
#include "tcp/tcp_stack.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define WARM_PART 10u /* of the connections, not timed */

#ifdef __clang__
#define ALONE __attribute__((noinline))
#else
#define ALONE __attribute__((noinline, noclone))
#endif

/* One per step, never inlined or merged: the names are what the profiler sees. */
#define STEP(name)                                                                                 \
	ALONE static void step_##name(struct hz_worker_loop *loop)                                 \
	{                                                                                          \
		hz_worker_turn(loop);                                                              \
		__asm__ volatile("# " #name);                                                      \
	}
STEP(syn)
STEP(handshake_ack)
STEP(request)
STEP(pure_ack)
STEP(fin)
STEP(last_ack)

static const struct step {
	const char *name;
	void (*turn)(struct hz_worker_loop *loop);
} steps[] = {
	{ "SYN", step_syn },         { "handshake ACK", step_handshake_ack },
	{ "request", step_request }, { "pure ACK", step_pure_ack },
	{ "FIN", step_fin },         { "last ACK", step_last_ack },
};

struct options {
	uint32_t connections, burst;
	const char *site;
};

static void step(struct bench_server *server, struct bench_times *times, unsigned which)
{
	bench_timed_turn(server, &times[which], steps[which].turn);
}

static void conns_run(struct bench_server *server, struct bench_client *client, uint32_t first,
                      uint32_t count, struct bench_times *times)
{
	client->is_silent = true; /* our ACKs are a step of their own */
	bench_client_syn(client, first, count);
	step(server, times, 0);
	bench_client_take(client);
	bench_client_ack(client, first, count);
	step(server, times, 1);
	bench_client_take(client);
	bench_client_ask(client, first, count);
	step(server, times, 2);
	bench_client_take(client);
	bench_client_ack(client, first, count);
	step(server, times, 3);
	bench_client_take(client);
	bench_client_fin(client, first, count);
	step(server, times, 4);
	bench_client_take(client);
	bench_client_ack(client, first, count);
	step(server, times, 5);
	bench_client_take(client);
}

static int report(const struct bench_server *server, const struct bench_client *client,
                  uint32_t burst, struct bench_times *times)
{
	uint64_t twice = client->syn_acks - client->opened;
	double cycles[HZ_ARRAY_LEN(steps)], all = 0;
	bool is_good = client->errors == 0 && twice == 0 && client->answers == client->count &&
	               client->closed == client->count && server->gauges.retransmits == 0 &&
	               server->loop.tcp->pcbs.in_use == 0;

	for (unsigned i = 0; i < HZ_ARRAY_LEN(steps); i++) {
		cycles[i] = bench_times_mean(&times[i]) / burst;
		all += cycles[i];
	}
	printf("%u connections, bursts of %u: %llu answers, %llu closed, %llu SYN-ACKs sent twice, "
	       "%llu retransmissions, %llu errors\n",
	       client->count, burst, (unsigned long long)client->answers,
	       (unsigned long long)client->closed, (unsigned long long)twice,
	       (unsigned long long)server->gauges.retransmits, (unsigned long long)client->errors);
	printf("%.1f cycles/connection %.1f ns/connection %.0f connections/s\n", all,
	       all * bench_cycle_ns(server), 1e9 / (all * bench_cycle_ns(server)));
	for (unsigned i = 0; i < HZ_ARRAY_LEN(steps); i++)
		printf("  %-14s %7.1f cycles\n", steps[i].name, cycles[i]);
	return is_good ? 0 : 1;
}

static int bench(struct bench_server *server, const struct options *options)
{
	struct bench_server_conf conf = { 4096, options->burst, options->site };
	struct bench_times times[HZ_ARRAY_LEN(steps)] = { 0 };
	uint32_t warm = options->connections / WARM_PART;
	struct bench_client client;
	int status = 0;

	if (bench_server_open(server, &conf) != 0)
		return 1;
	if (bench_client_open(&client, hz_port_ring_far(server->ring), options->connections) != 0)
		return bench_fail("client", NULL);
	for (uint32_t at = 0; at + options->burst <= client.count; at += options->burst) {
		for (unsigned i = 0; i < HZ_ARRAY_LEN(steps) && at >= warm; i++) {
			if (times[i].room == 0)
				status |=
					bench_times_open(&times[i], client.count / options->burst);
		}
		conns_run(server, &client, at, options->burst, times);
	}
	status |= report(server, &client, options->burst, times);
	for (unsigned i = 0; i < HZ_ARRAY_LEN(steps); i++)
		bench_times_close(&times[i]);
	bench_client_close(&client);
	bench_server_close(server);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = { 200000, 32, "configs/site/bench.yaml" };
	struct bench_server *server;
	bool is_degraded = false;
	int option, status;

	while ((option = getopt(argc, argv, "n:b:s:")) != -1) {
		if (option == 'n')
			options.connections = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'b')
			options.burst = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			options.site = optarg;
		else
			options.connections = 0;
	}
	if (options.connections < 2 * WARM_PART || options.connections > 10000000 ||
	    options.burst < 1 || options.burst > HZ_LIMIT_burst_max) {
		fprintf(stderr, "usage: bench_rate [-n CONNECTIONS] [-b BURST] [-s SITE]\n");
		return 2;
	}
	options.connections -= options.connections % options.burst;
	bench_pin();
	server = bench_server_boot("hz-bench-rate", &is_degraded);
	if (server == NULL)
		return 1;
	status = bench(server, &options);
	bench_server_end(server);
	return status;
}
