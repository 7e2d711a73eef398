/* The stack against a simple client over a link that loses, doubles and reorders, in virtual time: one
 * seed, one run. The client sends bytes, the application echoes them, both sides close; every payload
 * is compared byte by byte and the stack must never leave the window it was given.
 *   sim_tcp [SEED [COUNT|trace]]    default: seeds 1..1000; a failure prints its seed, trace its segments */
#include "seg_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_MAX 8192
#define RUN_NS        (900 * HZ_NS_PER_S)
#define CLIENT_RTO_NS (300 * HZ_NS_PER_MS)
#define STEPS_MAX     2000000u

struct flying {
	uint64_t at_ns;
	bool is_to_stack;
	struct seg seg;
};

/* Go-back-N both ways: sends what its window allows again after a timeout, takes only what is next,
 * acknowledges everything. */
struct client {
	uint32_t total, una, nxt, rcv_nxt;
	uint32_t mss, window,
		edge; /* of its receive window; the highest right edge it ever offered */
	uint64_t resend_at, open_at; /* window closed until open_at */
	bool has_ts, has_sack, is_established, saw_fin;
};

struct sim {
	struct world world;
	struct hz_rng rng;
	struct client client;
	struct flying flying[IN_FLIGHT_MAX];
	uint32_t flying_count;
	uint32_t loss_permille, duplicate_permille, jitter_us, shut_permille;
	bool is_traced;
	const char *why;
};

static uint32_t below(struct sim *sim, uint32_t bound)
{
	return (uint32_t)hz_rng_below(&sim->rng, bound);
}

static uint64_t now_of(const struct sim *sim)
{
	return sim->world.env.now_ns;
}

static void trace(const struct sim *sim, const char *what, const struct seg *seg)
{
	char text[256] = "";

	if (!sim->is_traced)
		return;
	seg_print(seg, text, sizeof(text));
	printf("%12.6f %-8s %s\n", (double)(now_of(sim) - sim->world.start_ns) / 1e9, what, text);
}

/* --- the link ----------------------------------------------------------------------------------------- */

static void link_send(struct sim *sim, const struct seg *seg, bool is_to_stack)
{
	uint32_t copies = 1 + (below(sim, 1000) < sim->duplicate_permille);

	for (; copies > 0; copies--) {
		struct flying *one = &sim->flying[sim->flying_count];

		if (below(sim, 1000) < sim->loss_permille || sim->flying_count == IN_FLIGHT_MAX) {
			trace(sim, is_to_stack ? "lost >" : "lost <", seg);
			continue;
		}
		one->seg = *seg;
		one->is_to_stack = is_to_stack;
		one->at_ns = now_of(sim) + (1000 + below(sim, sim->jitter_us)) * HZ_NS_PER_US;
		sim->flying_count++;
	}
}

/* --- the client --------------------------------------------------------------------------------------- */

static void client_send(struct sim *sim, uint8_t flags, uint32_t seq, uint32_t bytes)
{
	struct client *client = &sim->client;
	struct seg seg = { .seq = seq, .bytes = bytes, .flags = flags, .has_ts = client->has_ts };

	seg.ts_val = (uint32_t)(now_of(sim) / HZ_NS_PER_MS);
	if (flags & HZ_TCP_ACK)
		seg.ack = client->rcv_nxt;
	if (flags & HZ_TCP_SYN) {
		seg.mss = (uint16_t)client->mss;
		seg.has_sackok = client->has_sack;
	}
	seg.window = now_of(sim) < client->open_at ? 0 : client->window;
	if (seg.ack + seg.window > client->edge)
		client->edge = seg.ack + seg.window;
	link_send(sim, &seg, true);
}

/* All of [nxt, una + window) that there is, then the FIN. */
static void client_push(struct sim *sim)
{
	struct client *client = &sim->client;
	uint32_t end = client->total + 1; /* of the data; the FIN's number */

	while (client->nxt < end && client->nxt < client->una + 16000) {
		uint32_t bytes = 1 + below(sim, client->mss - 12);

		bytes = HZ_MIN(bytes, end - client->nxt);
		client_send(sim, HZ_TCP_ACK | HZ_TCP_PSH, client->nxt, bytes);
		client->nxt += bytes;
	}
	if (client->nxt == end) {
		client_send(sim, HZ_TCP_ACK | HZ_TCP_FIN, end, 0);
		client->nxt++;
	}
	if (client->resend_at == 0 && client->una < client->nxt)
		client->resend_at = now_of(sim) + CLIENT_RTO_NS;
}

static void client_timer(struct sim *sim)
{
	struct client *client = &sim->client;

	client->resend_at = 0;
	if (!client->is_established) {
		client_send(sim, HZ_TCP_SYN, 0, 0);
		client->resend_at = now_of(sim) + CLIENT_RTO_NS;
		return;
	}
	client->nxt = client->una;
	client_push(sim);
}

static void client_established(struct sim *sim, const struct seg *seg)
{
	struct client *client = &sim->client;

	client->is_established = true;
	client->has_ts = seg->has_ts;
	client->una = client->nxt = 1;
	client->rcv_nxt = 1;
	client->resend_at = 0;
	client_send(sim, HZ_TCP_ACK, 1, 0);
	client_push(sim);
}

static void client_in(struct sim *sim, const struct seg *seg)
{
	struct client *client = &sim->client;
	uint32_t length = seg->bytes + ((seg->flags & HZ_TCP_FIN) != 0);

	if (seg->flags & HZ_TCP_RST) {
		sim->why = "the stack reset the connection";
		return;
	}
	if (seg->flags & HZ_TCP_SYN) {
		if (!client->is_established)
			client_established(sim, seg);
		else
			client_send(sim, HZ_TCP_ACK, client->nxt, 0);
		return;
	}
	if (!client->is_established)
		return;
	if (seg->ack > client->una && seg->ack <= client->total + 2) {
		client->una = seg->ack;
		client->nxt = HZ_MAX(client->nxt, client->una);
		client->resend_at = 0;
	}
	if (length > 0 && seg->seq <= client->rcv_nxt && seg->seq + length > client->rcv_nxt &&
	    now_of(sim) >= client->open_at) {
		client->rcv_nxt = seg->seq + length;
		client->saw_fin |= (seg->flags & HZ_TCP_FIN) != 0;
		if (below(sim, 1000) < sim->shut_permille)
			client->open_at = now_of(sim) + below(sim, 3000) * HZ_NS_PER_MS;
	}
	if (length > 0)
		client_send(sim, HZ_TCP_ACK, client->nxt, 0);
	client_push(sim);
}

/* --- the run ------------------------------------------------------------------------------------------ */

static const char *out_check(const struct client *client, const struct seg *seg)
{
	bool is_probe = seg->bytes == 1;

	if (seg->flags & HZ_TCP_SYN)
		return NULL;
	if (seg->bytes > client->mss)
		return "a segment is larger than the MSS";
	if (seg->bytes > 0 && seg->seq + seg->bytes > client->edge + is_probe)
		return "data beyond the window";
	if (seg->sack_count > 0 && !client->has_sack)
		return "SACK without permission";
	return NULL;
}

/* The frames of the stack go onto the link. */
static void stack_out(struct sim *sim)
{
	struct seg seg;
	const char *why = NULL;
	int found;

	while ((found = world_capture(&sim->world, &seg, &why)) == 1) {
		why = out_check(&sim->client, &seg);
		if (why != NULL)
			break;
		link_send(sim, &seg, false);
	}
	if (why != NULL)
		sim->why = why;
}

static uint32_t next_flying(const struct sim *sim)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < sim->flying_count; i++) {
		if (sim->flying[i].at_ns < sim->flying[first].at_ns)
			first = i;
	}
	return first;
}

static bool is_finished(const struct sim *sim)
{
	return sim->client.saw_fin && sim->client.una == sim->client.total + 2 &&
	       hz_tcp_connection_count(sim->world.tcp) == 0;
}

/* One event: a frame arrives, or a timer of either side. */
static void step(struct sim *sim)
{
	uint32_t at = next_flying(sim);
	uint64_t frame_ns = sim->flying_count > 0 ? sim->flying[at].at_ns : UINT64_MAX;
	uint64_t client_ns = sim->client.resend_at != 0 ? sim->client.resend_at : UINT64_MAX;
	uint64_t stack_ns = hz_tcp_next_timer_ns(sim->world.tcp);
	uint64_t next_ns = HZ_MIN(frame_ns, HZ_MIN(client_ns, stack_ns));
	struct flying one;

	if (next_ns == UINT64_MAX || next_ns > sim->world.start_ns + RUN_NS) {
		sim->why = "it does not finish";
		return;
	}
	if (next_ns > now_of(sim))
		world_advance(&sim->world, next_ns - now_of(sim));
	else if (stack_ns <= now_of(sim))
		world_advance(&sim->world, 1000); /* the next turn */
	stack_out(sim);
	if (frame_ns == next_ns) {
		one = sim->flying[at];
		sim->flying[at] = sim->flying[--sim->flying_count];
		trace(sim, one.is_to_stack ? ">" : "<", &one.seg);
		if (one.is_to_stack)
			world_inject(&sim->world, &one.seg);
		else
			client_in(sim, &one.seg);
	} else if (client_ns == next_ns) {
		client_timer(sim);
	}
	if (below(sim, 4) != 0) /* else several frames share a turn */
		world_turn(&sim->world);
	stack_out(sim);
}

static void choose(struct sim *sim, uint64_t seed)
{
	struct world *world = &sim->world;
	struct client *client = &sim->client;

	hz_rng_seed(&sim->rng, seed);
	sim->loss_permille = below(sim, 4) == 0 ? 0 : below(sim, 150);
	sim->duplicate_permille = below(sim, 50);
	sim->jitter_us = 1 + below(sim, 30000);
	sim->shut_permille = below(sim, 3) == 0 ? 10 : 0;
	client->total = 1 + below(sim, below(sim, 3) == 0 ? 200000 : 5000);
	client->mss = 536 + below(sim, 925);
	client->window = 1500 + below(sim, 60000);
	client->has_ts = below(sim, 2) == 0;
	client->has_sack = below(sim, 2) == 0;
	world->is_v6 = below(sim, 2) == 0;
	world->tags = (uint8_t)below(sim, 3);
	world->isn_peer = (uint32_t)hz_rng_next(&sim->rng);
	world->fake.is_holding = below(sim, 4) == 0;
	world->app.echo = true;
	world->app.shutdown_on_eof = true;
	world->app.consume_max = below(sim, 3) == 0 ? 1 + below(sim, 3000) : UINT32_MAX;
	world->app.reserve_bytes = below(sim, 2) == 0 ? 1 + below(sim, HZ_RESERVE_MAX) : 0;
}

static void check(struct sim *sim)
{
	const struct app *app = &sim->world.app;

	if (sim->why != NULL)
		return;
	if (app->has_bad_data)
		sim->why = "the application saw wrong bytes";
	else if (app->read_offset != sim->client.total || app->write_offset != sim->client.total)
		sim->why = "the application did not see every byte";
	else if (app->open_count != 1 || app->close_count != 1)
		sim->why = "on_open and on_close were not called once each";
	else if (sim->client.rcv_nxt != sim->client.total + 2)
		sim->why = "the client did not get every byte";
}

/* NULL, or what went wrong. */
static const char *run(struct sim *sim, uint64_t seed)
{
	uint32_t steps = 0, leaked;

	bool is_traced = sim->is_traced;

	memset(sim, 0, sizeof(*sim));
	sim->is_traced = is_traced;
	if (world_open(&sim->world) != 0)
		return "EAL or its pool does not open";
	choose(sim, seed);
	if (world_start(&sim->world) != 0)
		return "the stack does not open";
	sim->client.resend_at = now_of(sim);
	while (sim->why == NULL && !is_finished(sim)) {
		step(sim);
		/* The driver returns its frames now and then, or the pool would run dry. */
		if (++steps % 64 == 0)
			fake_port_release_held(&sim->world.fake);
		if (steps == STEPS_MAX)
			sim->why = "too many events";
	}
	check(sim);
	leaked = world_close(&sim->world);
	if (sim->why == NULL && leaked != 0)
		sim->why = "packet buffers leaked";
	return sim->why;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	bool is_traced = argc > 2 && strcmp(argv[2], "trace") == 0;
	uint64_t count = argc > 2 && !is_traced ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 1000;
	struct sim *sim = calloc(1, sizeof(*sim));
	unsigned failed = 0;

	if (sim == NULL)
		return 70;
	sim->is_traced = is_traced;
	for (uint64_t i = 0; i < count; i++) {
		const char *why = run(sim, seed + i);

		if (why == NULL)
			continue;
		printf("not ok sim.seed_%llu: %s\n", (unsigned long long)(seed + i), why);
		failed++;
	}
	if (failed == 0)
		printf("ok sim.seeds_%llu_to_%llu\n", (unsigned long long)seed,
		       (unsigned long long)(seed + count - 1));
	free(sim);
	return failed == 0 ? 0 : 1;
}
