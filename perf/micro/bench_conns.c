/* What a connection costs when there are very many: memory of each, all in, with the real HTTP behind it, and
 * cycles per request with its ACK while all of them stay open. Every number of connections in a process of its own, on a
 * ring port; requests go through the connections in order and across, so that no cache and no prefetcher
 * knows the next one. After it all are closed, and nothing may be left.
 *   bench_conns [-r REQUESTS per run] [-s SITE] [CONNECTIONS...]      default: 1000 262144 1000000 */
#include "bench_client.h"
#include "bench_server.h"
#include "http/h1_worker.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNTS_MAX      8
#define BURST           32u
#define CONNECTIONS_MAX 2000000u
#define TIME_WAIT_MAX   1024u

enum order { IN_ORDER, ACROSS, ORDERS };

/* Of one number of connections; comes through a pipe. */
struct result {
	uint32_t established;
	uint64_t refused, errors, left;
	double rss_bytes, counted_bytes; /* per connection */
	double opened_rss_bytes;  /* of it, when the server was up and nobody had connected */
	double left_rss_bytes;    /* when the server was closed again */
	double cycles[ORDERS][2]; /* of a request and of the ACK of its answer */
	double cycle_ns;
};

struct options {
	uint32_t requests;
	const char *site;
};

static uint64_t rss_bytes(void)
{
	unsigned long long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void turns(struct bench_server *server, struct bench_client *client, int count)
{
	for (int i = 0; i < count; i++) {
		hz_worker_turn(&server->loop);
		bench_client_take(client);
	}
}

/* Each asks at once, or its time for the first request would run out while the others come; and it touches
 * all memory that a connection needs. */
static void connect_all(struct bench_server *server, struct bench_client *client)
{
	for (uint32_t at = 0; at < client->count; at += BURST) {
		uint32_t count = HZ_MIN(BURST, client->count - at);

		bench_client_syn(client, at, count);
		turns(server, client, 2);
		bench_client_ask(client, at, count);
		turns(server, client, 1);
		bench_client_ack(client, at, count);
		turns(server, client, 1);
	}
}

static void close_all(struct bench_server *server, struct bench_client *client)
{
	for (uint32_t at = 0; at < client->count; at += BURST) {
		bench_client_fin(client, at, HZ_MIN(BURST, client->count - at));
		turns(server, client, 3);
	}
}

static void plain_turn(struct hz_worker_loop *loop)
{
	hz_worker_turn(loop);
}

/* From connection *at on. Each answer is acknowledged by a segment of its own, as a client that has nothing
 * else to say does: answers that wait for it hold packet buffers. */
static void ask(struct bench_server *server, struct bench_client *client, uint32_t requests,
                uint32_t *at, struct bench_times times[2])
{
	for (uint32_t done = 0; done < requests && client->errors == 0; done += BURST) {
		uint32_t count = HZ_MIN(BURST, client->count - *at);

		bench_client_ask(client, *at, count);
		bench_timed_turn(server, &times[0], plain_turn);
		bench_client_take(client);
		bench_client_ack(client, *at, count);
		bench_timed_turn(server, &times[1], plain_turn);
		bench_client_take(client);
		*at = *at + count == client->count ? 0 : *at + count;
	}
}

/* The golden section of count, or the next number without a divisor in common with it: neighbours in time
 * are far apart, and every connection has its turn. */
static uint32_t stride_of(uint32_t count)
{
	uint32_t stride = (uint32_t)(count * 0.618) + 1;

	for (;; stride++) {
		uint32_t a = count, b = stride;

		while (b != 0) {
			uint32_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

static int measure(struct bench_server *server, struct bench_client *client, enum order order,
                   uint32_t requests, struct result *result)
{
	struct bench_times warm[2] = { 0 }, times[2] = { 0 };
	uint32_t at = 0;

	if (bench_times_open(&times[0], requests / BURST + 1) != 0 ||
	    bench_times_open(&times[1], requests / BURST + 1) != 0)
		return bench_fail("memory", NULL);
	client->stride = order == ACROSS ? stride_of(client->count) : 0;
	ask(server, client, requests / 4, &at, warm);
	ask(server, client, requests, &at, times);
	for (int i = 0; i < 2; i++) {
		result->cycles[order][i] = bench_times_mean(&times[i]) / BURST;
		bench_times_close(&times[i]);
	}
	client->stride = 0;
	return 0;
}

/* What belongs to connections by the sizes of the objects; recovery blocks are as many as were ever busy at
 * once. */
static uint64_t counted_bytes(const struct bench_server *server, uint32_t connections)
{
	const struct hz_tcp *tcp = server->loop.tcp;

	return (uint64_t)connections * (tcp->pcbs.object_bytes + server->http->conns.object_bytes +
	                                2 * sizeof(*tcp->turn.pcb)) +
	       (tcp->table.mask + 1ull) * sizeof(*tcp->table.slot) +
	       tcp->recs.high_water * tcp->recs.object_bytes +
	       (uint64_t)tcp->conf.time_wait_max * sizeof(struct hz_tcp_tw);
}

/* Whatever should be gone and is not. */
static uint64_t left_behind(const struct bench_server *server)
{
	const struct hz_tcp *tcp = server->loop.tcp;

	return tcp->pcbs.in_use + tcp->recs.in_use + tcp->table.count + tcp->time_wait.count +
	       tcp->wheel.armed + tcp->turn.count + tcp->tx_total + tcp->reasm_total +
	       tcp->paths.pool.in_use + tcp->hold_small.in_use + tcp->hold_large.in_use +
	       tcp->half_open_count + server->http->conns.in_use + server->http->sources.in_use +
	       server->conns.established;
}

static int bench(struct bench_server *server, uint32_t connections, const struct options *options,
                 struct result *result)
{
	/* From 95 % on, idle connections would have to make room for new ones. */
	struct bench_server_conf conf = { connections + connections / 10 + 64, BURST,
		                          options->site };
	struct bench_client client;
	uint64_t before, opened;

	if (bench_client_open(&client, hz_port_ring_far(server->ring), connections) != 0)
		return bench_fail("client", NULL);
	before = rss_bytes();
	if (bench_server_open(server, &conf) != 0)
		return 1;
	opened = rss_bytes();
	connect_all(server, &client);
	result->established = (uint32_t)server->conns.established;
	result->refused = connections - result->established;
	for (int order = 0; order < ORDERS; order++) {
		if (measure(server, &client, (enum order)order, options->requests, result) != 0)
			return 1;
	}
	result->cycle_ns = bench_cycle_ns(server);
	result->rss_bytes = (double)(rss_bytes() - before) / connections;
	result->opened_rss_bytes = (double)(opened - before) / connections;
	result->counted_bytes = (double)counted_bytes(server, connections) / connections;
	close_all(server, &client);
	result->errors = client.errors + (client.syn_acks - client.opened) +
	                 (connections - client.closed) + server->gauges.retransmits;
	result->left = left_behind(server);
	bench_server_close(server);
	result->left_rss_bytes = (double)((int64_t)rss_bytes() - (int64_t)before) / connections;
	bench_client_close(&client);
	return 0;
}

/* EAL starts once per process, and memory must be counted from nothing. */
static int bench_apart(uint32_t connections, const struct options *options, struct result *result)
{
	int ends[2], status = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(ends) != 0)
		return bench_fail("pipe", NULL);
	pid = fork();
	if (pid == 0) {
		struct result one = { 0 };
		bool is_degraded = false;
		struct bench_server *server = bench_server_boot("hz-bench-conns", &is_degraded);

		if (server == NULL || bench(server, connections, options, &one) != 0 ||
		    write(ends[1], &one, sizeof(one)) != (ssize_t)sizeof(one))
			_exit(1);
		bench_server_end(server);
		_exit(0);
	}
	close(ends[1]);
	got = pid == -1 ? -1 : read(ends[0], result, sizeof(*result));
	close(ends[0]);
	if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0 ||
	    got != (ssize_t)sizeof(*result))
		return bench_fail("a run", NULL);
	return 0;
}

static int print(uint32_t connections, const struct result *one, const struct result *first)
{
	static const char *const name[ORDERS] = { "in order", "across" };

	printf("%u connections: %u established, %llu refused, %llu errors, %llu objects left\n",
	       connections, one->established, (unsigned long long)one->refused,
	       (unsigned long long)one->errors, (unsigned long long)one->left);
	printf("  memory    %7.1f bytes/connection resident (%.1f before the first, %.1f after the "
	       "last closed), %.1f by the sizes of objects\n",
	       one->rss_bytes, one->opened_rss_bytes, one->left_rss_bytes, one->counted_bytes);
	for (int i = 0; i < ORDERS; i++) {
		double all = one->cycles[i][0] + one->cycles[i][1];

		printf("  %-8s  %7.1f cycles/request + %.1f for the ACK, %.0f requests/s, %.1f %% "
		       "of the "
		       "first\n",
		       name[i], one->cycles[i][0], one->cycles[i][1], 1e9 / (all * one->cycle_ns),
		       100.0 * (first->cycles[i][0] + first->cycles[i][1]) / all);
	}
	fflush(stdout);
	return one->refused + one->errors + one->left == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	uint32_t count[COUNTS_MAX] = { 1000, 262144, 1000000 };
	struct options options = { 200000, "configs/site/bench.yaml" };
	int counts = 3, option, status = 0;
	struct result first = { 0 };

	while ((option = getopt(argc, argv, "r:s:")) != -1) {
		if (option == 'r')
			options.requests = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			options.site = optarg;
		else
			return 2;
	}
	if (optind < argc)
		counts = HZ_MIN(argc - optind, COUNTS_MAX);
	for (int i = 0; i < counts && optind + i < argc; i++)
		count[i] = (uint32_t)strtoul(argv[optind + i], NULL, 10);
	bench_pin();
	for (int i = 0; i < counts; i++) {
		struct result one = { 0 };

		if (count[i] == 0 || count[i] > CONNECTIONS_MAX) {
			fprintf(stderr,
			        "usage: bench_conns [-r REQUESTS] [-s SITE] [CONNECTIONS...]\n");
			return 2;
		}
		if (bench_apart(count[i], &options, &one) != 0)
			return 1;
		if (i == 0)
			first = one;
		status |= print(count[i], &one, &first);
	}
	return status;
}
