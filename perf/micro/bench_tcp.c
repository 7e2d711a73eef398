/* What TCP and IP cost by themselves: requests of warm connections through hz_net_in, hz_tcp_in and
 * hz_tcp_flush, with a protocol behind them that answers each with the same bytes. Three figures per request:
 * IP and Ethernet in; TCP in, with the protocol's copy of the answer; and the flush, which sends it with its
 * headers. The port's part is left out, and so are the slowest 2 % of turns.
 *   bench_tcp [-n RUNS] [-r REQUESTS per run] [-b BURST] [CONNECTIONS...]      default: bursts of 32, 1 8 64 */
#include "bench_client.h"
#include "bench_server.h"
#include "tcp/tcp.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define RUNS_MAX        64u
#define CONNECTIONS_MAX 4096u

static const char answer[] =
	"HTTP/1.1 200 OK\r\nServer: hz\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

/* --- the protocol ---------------------------------------------------------------------------------------- */

static int on_open(void *ctx, struct hz_stream *s)
{
	s->owner = ctx;
	return 0;
}

static size_t on_data(struct hz_stream *s, struct hz_span bytes)
{
	struct hz_wspan room = hz_stream_reserve(s, sizeof(answer) - 1);

	if (room.len < sizeof(answer) - 1)
		return 0;
	memcpy(room.data, answer, sizeof(answer) - 1);
	hz_stream_commit(s, sizeof(answer) - 1);
	return bytes.len;
}

static void on_eof(struct hz_stream *s)
{
	hz_stream_shutdown(s);
}

static void on_event(struct hz_stream *s)
{
	(void)s;
}

static void on_close(struct hz_stream *s, enum hz_close_why why)
{
	(void)s;
	(void)why;
}

static const struct hz_proto_ops fixed_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_writable = on_event,
	.on_timer = on_event,
	.on_close = on_close,
};

/* --- the turn -------------------------------------------------------------------------------------------- */

enum part { PART_NET, PART_TCP, PART_FLUSH, PARTS };

struct world {
	struct bench_server *server;
	struct hz_tcp *tcp;
	struct hz_net net;
	struct hz_packet packet[HZ_LIMIT_burst_max];
	struct bench_times times[PARTS];
};

static uint64_t lap(struct world *world, enum part part, uint64_t since)
{
	struct bench_times *times = &world->times[part];
	uint64_t now = __rdtsc();

	if (times->count < times->room)
		times->cycles[times->count++] = (uint32_t)HZ_MIN(now - since, (uint64_t)UINT32_MAX);
	return now;
}

static void turn(struct world *world)
{
	struct hz_port *port = hz_port_ring_near(world->server->ring);
	struct rte_mbuf *frame[HZ_LIMIT_burst_max];
	uint16_t count = hz_port_rx(port, frame, HZ_LIMIT_burst_max);
	uint64_t tsc;

	world->server->env.now_ns = hz_clock_now_ns(&world->server->clock);
	tsc = __rdtsc();
	for (uint16_t i = 0; i < count; i++) {
		if (hz_net_in(&world->net, port, frame[i], &world->packet[i]) != HZ_NET_TCP)
			abort(); /* the client sends nothing else */
	}
	tsc = lap(world, PART_NET, tsc);
	for (uint16_t i = 0; i < count; i++)
		hz_tcp_in(world->tcp, &world->packet[i]);
	tsc = lap(world, PART_TCP, tsc);
	hz_tcp_flush(world->tcp);
	lap(world, PART_FLUSH, tsc);
	hz_port_flush(port);
	hz_tcp_timers(world->tcp, 64);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct options {
	uint32_t runs, requests, burst;
};

/* At most burst requests in a turn, never two of one connection. */
static void run_once(struct world *world, struct bench_client *client,
                     const struct options *options)
{
	uint32_t burst = HZ_MIN(options->burst, client->count);

	for (int part = 0; part < PARTS; part++)
		world->times[part].count = 0;
	for (uint32_t done = 0, at = 0; done < options->requests; done += burst) {
		bench_client_ask(client, at, burst);
		turn(world);
		bench_client_take(client);
		at = at + 2 * burst <= client->count ? at + burst : 0;
	}
}

/* Opens all, or closes them with is_end. */
static void each(struct world *world, struct bench_client *client, bool is_end)
{
	for (uint32_t at = 0; at < client->count; at++) {
		if (is_end)
			bench_client_fin(client, at, 1);
		else
			bench_client_syn(client, at, 1);
		for (int i = 0; i < 3; i++) {
			turn(world);
			bench_client_take(client);
		}
	}
}

static void print(uint32_t connections, double cycles[PARTS + 1][RUNS_MAX],
                  const struct options *options)
{
	static const char *const name[PARTS] = { "IP", "TCP in", "TCP out" };

	for (int part = 0; part <= PARTS; part++)
		qsort(cycles[part], options->runs, sizeof(cycles[part][0]), compare);
	printf("%4u connections, bursts of %u: %.0f cycles/request (%.0f to %.0f)", connections,
	       HZ_MIN(options->burst, connections), cycles[PARTS][options->runs / 2],
	       cycles[PARTS][0], cycles[PARTS][options->runs - 1]);
	for (int part = 0; part < PARTS; part++)
		printf(", %s %.0f", name[part], cycles[part][options->runs / 2]);
	printf("\n");
}

static int bench(struct world *world, uint32_t connections, const struct options *options)
{
	double cycles[PARTS + 1][RUNS_MAX];
	struct bench_client client;

	if (bench_client_open(&client, hz_port_ring_far(world->server->ring), connections) != 0)
		return bench_fail("client", NULL);
	each(world, &client, false);
	run_once(world, &client, options); /* warm */
	for (uint32_t i = 0; i < options->runs; i++) {
		run_once(world, &client, options);
		cycles[PARTS][i] = 0;
		for (int part = 0; part < PARTS; part++) {
			cycles[part][i] = bench_times_mean(&world->times[part]) /
			                  HZ_MIN(options->burst, connections);
			cycles[PARTS][i] += cycles[part][i];
		}
	}
	print(connections, cycles, options);
	each(world, &client, true);
	bench_client_close(&client);
	return client.errors == 0 && client.closed == connections ? 0
	                                                          : bench_fail("requests", NULL);
}

static int world_open(struct world *world, struct bench_server *server, uint32_t requests)
{
	const struct hz_endpoint any = { .port = 80 };
	const struct hz_tcp_conf conf = { .env = &server->env,
		                          .slot = &server->slot,
		                          .connections_max = CONNECTIONS_MAX + 64,
		                          .time_wait_max = 64,
		                          .proto = &fixed_ops,
		                          .listen_count = 1,
		                          .listens = &any };

	for (int part = 0; part < PARTS; part++) {
		if (bench_times_open(&world->times[part], requests) != 0)
			return -ENOMEM;
	}
	world->server = server;
	world->net.key[0] = 0x0706050403020100;
	world->net.key[1] = 0x0f0e0d0c0b0a0908;
	return hz_tcp_open(&conf, &world->tcp);
}

static int usage(void)
{
	fprintf(stderr, "usage: bench_tcp [-n RUNS] [-r REQUESTS] [-b BURST] [CONNECTIONS...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const uint32_t defaults[] = { 1, 8, 64 };
	struct options options = { 9, 200000, 32 };
	struct world *world = calloc(1, sizeof(*world));
	struct bench_server *server;
	bool is_degraded = false;
	int option, status = 0;

	while ((option = getopt(argc, argv, "n:r:b:")) != -1) {
		uint32_t value = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

		if (option == 'n')
			options.runs = value;
		else if (option == 'r')
			options.requests = value;
		else if (option == 'b')
			options.burst = value;
		else
			return usage();
	}
	if (options.runs == 0 || options.runs > RUNS_MAX || options.requests == 0 ||
	    options.burst == 0 || options.burst > HZ_LIMIT_burst_max)
		return usage();
	bench_pin();
	server = bench_server_boot("hz-bench-tcp", &is_degraded);
	if (world == NULL || server == NULL || world_open(world, server, options.requests) != 0)
		return bench_fail("start", NULL);
	for (int i = 0; i < (optind < argc ? argc - optind : 3); i++) {
		uint32_t count =
			optind < argc ? (uint32_t)strtoul(argv[optind + i], NULL, 10) : defaults[i];

		if (count == 0 || count > CONNECTIONS_MAX)
			return usage();
		status |= bench(world, count, &options);
	}
	hz_tcp_close(world->tcp);
	for (int part = 0; part < PARTS; part++)
		bench_times_close(&world->times[part]);
	bench_server_end(server);
	free(world);
	return status;
}
