/* What a connection costs when there are very many: memory of each, all in, with the real HTTP behind it, and
 * cycles per request with its ACK while all of them stay open. Every number of connections in a process of its own, on a
 * ring port; requests go through the connections in order and across, so that no cache and no prefetcher
 * knows the next one. The processes measure in rounds, one after the other, so that what else the machine does
 * meets all of them alike. After it all connections are closed, and nothing may be left.
 *   bench_conns [-n ROUNDS] [-r REQUESTS per round] [-s SITE] [CONNECTIONS...]
 *                                                          default: 9 rounds, 1000 262144 1000000 */
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
#define ROUNDS_MAX      64u
#define BURST           32u
#define CONNECTIONS_MAX 2000000u
#define TIME_WAIT_MAX   1024u

enum order { IN_ORDER, ACROSS, ORDERS };

/* Cycles of a request and of the ACK of its answer. */
struct round {
	double cycles[ORDERS][2];
};

/* Of one number of connections, beside its rounds. Both come through a pipe. */
struct result {
	uint32_t established;
	uint64_t refused, errors, left;
	double rss_bytes, counted_bytes; /* per connection */
	double opened_rss_bytes; /* of it, when the server was up and nobody had connected */
	double left_rss_bytes;   /* when the server was closed again */
	double cycle_ns;
};

struct options {
	uint32_t rounds, requests;
	const char *site;
};

/* What the parent asks for; the child says it is ready with a byte of its own. */
#define ASK_ROUND 'r'
#define ASK_END   'e'

/* A process with one number of connections, as its parent sees it. */
struct part {
	uint32_t connections;
	pid_t pid;
	int to, from;
	struct round round[ROUNDS_MAX];
	struct result result;
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
		do
			hz_worker_turn(&server->loop);
		while (hz_port_ring_waiting(server->ring) != 0);
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
                   uint32_t requests, struct round *round)
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
		round->cycles[order][i] = bench_times_mean(&times[i]) / BURST;
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

/* The timers that came due while other processes measured are not of what is measured now. */
static void settle(struct bench_server *server)
{
	while (hz_worker_turn(&server->loop) != 0)
		;
}

static int rounds(struct bench_server *server, struct bench_client *client,
                  const struct options *options, int from, int to)
{
	struct round round;
	char asked = ASK_ROUND;

	if (write(to, &asked, sizeof(asked)) != sizeof(asked))
		return bench_fail("pipe", NULL);
	while (read(from, &asked, sizeof(asked)) == sizeof(asked) && asked == ASK_ROUND) {
		settle(server);
		for (int order = 0; order < ORDERS; order++) {
			if (measure(server, client, (enum order)order, options->requests, &round) !=
			    0)
				return 1;
		}
		if (write(to, &round, sizeof(round)) != (ssize_t)sizeof(round))
			return bench_fail("pipe", NULL);
	}
	return 0;
}

static int bench(struct bench_server *server, uint32_t connections, const struct options *options,
                 int from, int to)
{
	/* From 95 % on, idle connections would have to make room for new ones. */
	struct bench_server_conf conf = { connections + connections / 10 + 64, BURST,
		                          options->site };
	struct result result = { .cycle_ns = bench_cycle_ns(server) };
	struct bench_client client;
	uint64_t before, opened;

	if (bench_client_open(&client, hz_port_ring_far(server->ring), connections) != 0)
		return bench_fail("client", NULL);
	before = rss_bytes();
	if (bench_server_open(server, &conf) != 0)
		return 1;
	opened = rss_bytes();
	connect_all(server, &client);
	result.established = (uint32_t)server->conns.established;
	result.refused = connections - result.established;
	if (rounds(server, &client, options, from, to) != 0)
		return 1;
	result.rss_bytes = (double)(rss_bytes() - before) / connections;
	result.opened_rss_bytes = (double)(opened - before) / connections;
	result.counted_bytes = (double)counted_bytes(server, connections) / connections;
	close_all(server, &client);
	result.errors = client.errors + (client.syn_acks - client.opened) +
	                (connections - client.closed) + server->gauges.retransmits;
	result.left = left_behind(server);
	bench_server_close(server);
	result.left_rss_bytes = (double)((int64_t)rss_bytes() - (int64_t)before) / connections;
	bench_client_close(&client);
	return write(to, &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 1;
}

static int part_run(const struct part *part, const struct options *options, int from, int to)
{
	bool is_degraded = false;
	struct bench_server *server;
	char name[32];

	snprintf(name, sizeof(name), "hz-bench-%u", part->connections);
	server = bench_server_boot(name, &is_degraded);
	if (server == NULL || bench(server, part->connections, options, from, to) != 0)
		return 1;
	bench_server_end(server);
	return 0;
}

/* EAL starts once per process, and memory must be counted from nothing. */
static int part_start(struct part *part, const struct options *options)
{
	int down[2], up[2];
	char ready;

	if (pipe(down) != 0 || pipe(up) != 0)
		return bench_fail("pipe", NULL);
	part->pid = fork();
	if (part->pid == 0) {
		close(down[1]);
		_exit(part_run(part, options, down[0], up[1]));
	}
	close(down[0]);
	close(up[1]);
	part->to = down[1];
	part->from = up[0];
	if (part->pid == -1 || read(part->from, &ready, sizeof(ready)) != sizeof(ready))
		return bench_fail("start", NULL);
	return 0;
}

static int part_round(struct part *part, uint32_t at)
{
	const char ask = ASK_ROUND;

	if (write(part->to, &ask, sizeof(ask)) != sizeof(ask) ||
	    read(part->from, &part->round[at], sizeof(part->round[at])) !=
	            (ssize_t)sizeof(part->round[at]))
		return bench_fail("a round", NULL);
	return 0;
}

static int part_end(struct part *part)
{
	const char ask = ASK_END;
	int status = 0;

	if (write(part->to, &ask, sizeof(ask)) != sizeof(ask) ||
	    read(part->from, &part->result, sizeof(part->result)) != (ssize_t)sizeof(part->result))
		return bench_fail("the end", NULL);
	close(part->to);
	close(part->from);
	if (waitpid(part->pid, &status, 0) != part->pid || status != 0)
		return bench_fail("a run", NULL);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double both(const struct part *part, uint32_t round, int order)
{
	return part->round[round].cycles[order][0] + part->round[round].cycles[order][1];
}

/* Medians over the rounds, the ratio's over pairs of the same round. */
static void print_order(const struct part *part, const struct part *first, uint32_t count,
                        int order)
{
	static const char *const name[ORDERS] = { "in order", "across" };
	double request[ROUNDS_MAX], ack[ROUNDS_MAX], ratio[ROUNDS_MAX];

	for (uint32_t i = 0; i < count; i++) {
		request[i] = part->round[i].cycles[order][0];
		ack[i] = part->round[i].cycles[order][1];
		ratio[i] = 100.0 * both(first, i, order) / both(part, i, order);
	}
	qsort(request, count, sizeof(request[0]), compare);
	qsort(ack, count, sizeof(ack[0]), compare);
	qsort(ratio, count, sizeof(ratio[0]), compare);
	printf("  %-8s  %7.1f cycles/request (%.1f to %.1f) + %.1f for the ACK, %.0f requests/s, "
	       "%.1f %% (%.1f to %.1f) of the first\n",
	       name[order], request[count / 2], request[0], request[count - 1], ack[count / 2],
	       1e9 / ((request[count / 2] + ack[count / 2]) * part->result.cycle_ns),
	       ratio[count / 2], ratio[0], ratio[count - 1]);
}

static int print(const struct part *part, const struct part *first, uint32_t rounds_done)
{
	const struct result *one = &part->result;

	printf("%u connections: %u established, %llu refused, %llu errors, %llu objects left\n",
	       part->connections, one->established, (unsigned long long)one->refused,
	       (unsigned long long)one->errors, (unsigned long long)one->left);
	printf("  memory    %7.1f bytes/connection resident (%.1f before the first, %.1f after the "
	       "last closed), %.1f by the sizes of objects\n",
	       one->rss_bytes, one->opened_rss_bytes, one->left_rss_bytes, one->counted_bytes);
	for (int i = 0; i < ORDERS; i++)
		print_order(part, first, rounds_done, i);
	fflush(stdout);
	return one->refused + one->errors + one->left == 0 ? 0 : 1;
}

static int run(struct part *part, int parts, const struct options *options)
{
	int status = 0;

	for (int i = 0; i < parts; i++) {
		if (part_start(&part[i], options) != 0)
			return 1;
	}
	/* A B B A */
	for (uint32_t at = 0; at < options->rounds; at++) {
		for (int i = 0; i < parts; i++) {
			if (part_round(&part[at % 2 == 0 ? i : parts - 1 - i], at) != 0)
				return 1;
		}
	}
	for (int i = 0; i < parts; i++) {
		if (part_end(&part[i]) != 0)
			return 1;
		status |= print(&part[i], &part[0], options->rounds);
	}
	return status;
}

static int usage(void)
{
	fprintf(stderr,
	        "usage: bench_conns [-n ROUNDS] [-r REQUESTS] [-s SITE] [CONNECTIONS...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const uint32_t defaults[] = { 1000, 262144, 1000000 };
	struct options options = { 9, 100000, "configs/site/bench.yaml" };
	struct part *part = calloc(COUNTS_MAX, sizeof(*part));
	int parts = 3, option, status;

	if (part == NULL)
		return bench_fail("memory", NULL);
	while ((option = getopt(argc, argv, "n:r:s:")) != -1) {
		if (option == 'n')
			options.rounds = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			options.requests = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			options.site = optarg;
		else
			return usage();
	}
	if (optind < argc)
		parts = HZ_MIN(argc - optind, COUNTS_MAX);
	for (int i = 0; i < parts; i++) {
		part[i].connections =
			optind < argc ? (uint32_t)strtoul(argv[optind + i], NULL, 10) : defaults[i];
		if (part[i].connections == 0 || part[i].connections > CONNECTIONS_MAX)
			return usage();
	}
	if (options.rounds == 0 || options.rounds > ROUNDS_MAX || options.requests < BURST)
		return usage();
	bench_pin();
	status = run(part, parts, &options);
	free(part);
	return status;
}
