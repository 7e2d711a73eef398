/* Two of our stacks on a bad link, in virtual time: one seed, one run, the same every time. Several
 * connections with data both ways, half-closes, aborts, closed windows, refusals and reused ports. Checked
 * at each step: every segment against what was written and what arrived (sim_wire), every structure of
 * both stacks (sim_check), every byte read (sim_app); at the end that every connection ended as it must,
 * and that nothing is left.
 *   sim_pair [SEED [COUNT|trace]]      default: seeds 1..2000; sim_pair_long: 1..24000
 * Seeds go round the profiles of sim_link.c. A failure prints its seed; trace prints its segments. */
#include "sim_host.h"
#include "sim_link.h"
#include "sim_plan.h"
#include "sim_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNS_MAX    12u
#define PROFILES_MAX 32u
#define STEPS_MAX    2000000u
#define RUN_NS       (48 * 3600 * HZ_NS_PER_S) /* idle ones live for an hour, one after another */
#define FAIR_NS      (300 * HZ_NS_PER_S)       /* one that comes through needs less */
#define TURN_NS      20000u                    /* a turn takes time, or retries would spin */
#define PORT_FIRST   20000u
#define NO_CONN      UINT32_MAX

struct conn {
	struct sim_app app[2];
	struct sim_flow flow;
	enum sim_kind kind;
	uint16_t wanted_port, port; /* the client's; wanted 0: the stack chooses */
	uint32_t after;             /* not before this one is over: the same port again; NO_CONN */
	uint64_t open_at_ns, opened_ns, closed_ns;
	bool is_tried, is_open;
	bool was_closed[2]; /* when the turn began */
	bool has_ghost;     /* an old SYN opened it again at the server */
};

struct sim {
	struct sim_host host[2];
	struct sim_link link;
	struct hz_rng rng;
	const struct sim_profile *profile;
	struct hz_proto_ops listen_ops;
	uint64_t now_ns;
	uint32_t conn_count, step_count;
	struct conn conn[CONNS_MAX];
	bool is_traced, is_starving;
	const char *why;
	/* over all runs */
	uint64_t conns, orderly, done, segments, bytes;
};

static uint32_t below(struct sim *sim, uint32_t bound)
{
	return (uint32_t)hz_rng_below(&sim->rng, bound);
}

static void fail(struct sim *sim, const char *why)
{
	if (sim->why == NULL)
		sim->why = why;
}

/* --- frames --------------------------------------------------------------------------------------------- */

static uint16_t server_port_of(const struct conn *conn)
{
	return conn->kind == SIM_KIND_NO_LISTENER ? SIM_CLOSED_PORT : SIM_SERVER_PORT;
}

/* The newest connection between two ports. */
static uint32_t conn_of(const struct sim *sim, uint16_t client_port, uint16_t server_port)
{
	for (uint32_t i = sim->conn_count; i > 0; i--) {
		const struct conn *conn = &sim->conn[i - 1];

		if (conn->is_open && conn->port == client_port &&
		    server_port_of(conn) == server_port)
			return i - 1;
	}
	return NO_CONN;
}

static void trace(const struct sim *sim, const char *what, unsigned from, const struct sim_seg *seg,
                  uint32_t index)
{
	uint32_t iss = 0, irs = 0;
	char text[256] = "";

	if (!sim->is_traced)
		return;
	if (index != NO_CONN) {
		iss = sim->conn[index].flow.half[from].iss;
		irs = sim->conn[index].flow.half[1 - from].iss;
	}
	sim_wire_print(seg, iss, irs, text, sizeof(text));
	printf("%14.6f %s %s %s\n", (double)sim->now_ns / 1e9, from == 0 ? "client" : "server",
	       what, text);
}

/* False: it is of an earlier connection, or of none. */
static bool sent_check(struct sim *sim, unsigned from, uint32_t index, const struct sim_seg *seg)
{
	struct conn *conn = &sim->conn[index];
	const struct sim_app *app = &conn->app[from];
	struct sim_written written = { app->plan.key, app->sent, app->is_shut,
		                       sim->host[from].conf.mtu };

	if (from == 1 && conn->was_closed[1] && (seg->flags & HZ_TCP_SYN))
		conn->has_ghost = true;
	if (from == 1 && conn->has_ghost)
		return false;
	/* The answer to the SYN of a connection that was given up before. */
	if (from == 1 && (seg->flags & HZ_TCP_SYN) && seg->ack != conn->flow.half[0].iss + 1)
		return false;
	sim->bytes += seg->bytes;
	fail(sim, sim_flow_sent(&conn->flow, from, seg, &written));
	return conn->flow.half[from].has_syn && !(seg->flags & HZ_TCP_RST);
}

/* What the host sent goes onto the link. */
static void frames_out(struct sim *sim, unsigned from)
{
	uint8_t frame[SIM_FRAME_MAX];
	struct sim_seg seg;
	size_t bytes;

	while ((bytes = fake_port_take(&sim->host[from].fake, frame, sizeof(frame))) > 0) {
		const char *why = sim_wire_read(frame, bytes, &seg);
		uint32_t index = NO_CONN, mtu;

		if (why == NULL) {
			index = from == 0 ? conn_of(sim, seg.src_port, seg.dst_port)
			                  : conn_of(sim, seg.dst_port, seg.src_port);
			trace(sim, "sends", from, &seg, index);
		}
		if (index != NO_CONN && !sent_check(sim, from, index, &seg))
			index = NO_CONN;
		fail(sim, why);
		sim->segments++;
		mtu = sim_link_send(&sim->link, sim->now_ns, (uint8_t)(1 - from), index, frame,
		                    bytes);
		if (mtu != 0)
			sim_host_too_big(&sim->host[from], seg.src_port, seg.dst_port, seg.seq,
			                 mtu);
	}
}

static void turn(struct sim *sim, unsigned which)
{
	struct fake_port *fake = &sim->host[which].fake;

	for (uint32_t i = 0; i < sim->conn_count; i++)
		sim->conn[i].was_closed[which] = sim->conn[i].app[which].close_count > 0;
	if (sim->is_starving && below(sim, 50) == 0)
		fake->allocs_left = below(sim, 3);
	else if (fake->allocs_left != UINT32_MAX && below(sim, 8) == 0)
		fake->allocs_left = UINT32_MAX;
	fail(sim, sim_host_turn(&sim->host[which], sim->now_ns));
	frames_out(sim, which);
	if (below(sim, 16) == 0)
		fake_port_release_held(fake);
}

static void frame_in(struct sim *sim)
{
	const struct sim_frame *frame = sim_link_take(&sim->link);
	struct sim_host *host = &sim->host[frame->to];
	unsigned from = 1u - frame->to;
	struct sim_seg seg;

	host->env.now_ns = host->conf.clock_ns + sim->now_ns;
	if (!frame->is_damaged && frame->tag != NO_CONN &&
	    sim_wire_read(frame->data, frame->bytes, &seg) == NULL) {
		trace(sim, "'s arrives", from, &seg, frame->tag);
		sim_flow_arrived(&sim->conn[frame->tag].flow, from, &seg);
	}
	sim_host_in(host, frame->data, frame->bytes);
}

/* --- connections ------------------------------------------------------------------------------------------ */

/* The server's listener: whose connection is it? By the number of its SYN, as a client that has given up
 * may be at the next one. */
static int server_open(void *proto_ctx, struct hz_stream *s)
{
	struct sim *sim = proto_ctx;
	uint8_t addr[16];
	uint16_t port;

	s->ops->peer(s, addr, &port);
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		struct conn *conn = &sim->conn[i];
		struct sim_app *app = &conn->app[1];

		if (conn->port != port || !conn->flow.half[0].has_syn ||
		    conn->flow.half[0].iss + 1 != sim_check_rcv_nxt(s))
			continue;
		if (app->open_count > 0 || app->has_aborted)
			break;
		return sim_app_ops.on_open(app, s);
	}
	fail(sim, "a connection that nobody opened, or twice");
	return -ECONNREFUSED;
}

static bool is_over(const struct conn *conn)
{
	return conn->is_tried && conn->app[0].close_count == (conn->is_open ? 1u : 0u) &&
	       conn->app[1].close_count == conn->app[1].open_count;
}

static bool is_due(const struct sim *sim, const struct conn *conn)
{
	return !conn->is_tried && sim->now_ns >= conn->open_at_ns &&
	       (conn->after == NO_CONN || is_over(&sim->conn[conn->after]));
}

static void conn_open(struct sim *sim, struct conn *conn)
{
	struct sim_host *host = &sim->host[0];
	struct sim_app *app = &conn->app[0];
	struct hz_stream *s = NULL;
	int err;

	host->env.now_ns = host->conf.clock_ns + sim->now_ns;
	err = sim_host_connect(host, conn->wanted_port,
	                       conn->kind == SIM_KIND_NO_LISTENER ? SIM_CLOSED_PORT
	                                                          : SIM_SERVER_PORT,
	                       &sim_app_ops, app, &s);
	if (err == -EADDRINUSE && conn->after != NO_CONN) { /* TIME_WAIT */
		conn->open_at_ns = sim->now_ns + HZ_NS_PER_S;
		return;
	}
	conn->is_tried = true;
	if (err != 0) {
		fail(sim, "hz_tcp_connect failed");
		return;
	}
	conn->is_open = true;
	conn->opened_ns = sim->now_ns;
	conn->port = sim_check_local_port(s);
	if (app->plan.open_limit_ms > 0)
		hz_stream_timer(s, host->env.now_ns + app->plan.open_limit_ms * HZ_NS_PER_MS);
}

static void conns_open(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		if (is_due(sim, &sim->conn[i]))
			conn_open(sim, &sim->conn[i]);
	}
}

static uint64_t next_open_ns(const struct sim *sim)
{
	uint64_t next_ns = UINT64_MAX;

	for (uint32_t i = 0; i < sim->conn_count; i++) {
		const struct conn *conn = &sim->conn[i];

		if (conn->is_tried)
			continue;
		if (conn->after == NO_CONN || is_over(&sim->conn[conn->after]))
			next_ns = HZ_MIN(next_ns, HZ_MAX(conn->open_at_ns, sim->now_ns));
	}
	return next_ns;
}

/* --- the run ---------------------------------------------------------------------------------------------- */

static void conn_choose(struct sim *sim, uint32_t index)
{
	struct conn *conn = &sim->conn[index];
	bool may_reuse = !(sim->link.strip & SIM_STRIP_TS); /* PAWS tells old segments apart */
	struct sim_plan plan[2];

	*conn = (struct conn){ .after = NO_CONN };
	conn->kind = sim_plan_choose(&sim->rng, plan);
	for (unsigned i = 0; i < 2; i++) {
		conn->app[i].plan = plan[i];
		conn->app[i].peer = &conn->app[1 - i];
		conn->app[i].env = &sim->host[i].env;
	}
	conn->open_at_ns = index == 0 || below(sim, 2) == 0 ? 0 : below(sim, 3000) * HZ_NS_PER_MS;
	if (index == 0 || below(sim, 3) == 0)
		conn->wanted_port = (uint16_t)(PORT_FIRST + index);
	if (index > 0 && may_reuse && sim->conn[index - 1].wanted_port != 0 && below(sim, 2) == 0) {
		conn->after = index - 1;
		conn->wanted_port = sim->conn[index - 1].wanted_port;
	}
	if (sim_flow_open(&conn->flow, plan[0].send_bytes, plan[1].send_bytes) != 0)
		fail(sim, "no memory");
}

/* A clock with which the first connection's numbers of this host wrap around early. */
static uint64_t clock_choose(struct sim *sim, uint8_t index, bool is_v6, uint64_t seed)
{
	const uint16_t port[2] = { PORT_FIRST, SIM_SERVER_PORT };
	struct hz_addr local = sim_host_addr(index, is_v6);
	struct hz_addr remote = sim_host_addr((uint8_t)(1 - index), is_v6);
	uint8_t secret[16];

	if (below(sim, 2) == 0)
		return HZ_NS_PER_S + hz_rng_below(&sim->rng, 1ull << 50);
	sim_host_secret(seed, secret);
	/* The numbers' clock goes round every 2^44 ns. */
	return sim_check_time_of_iss(secret, &remote, &local, port[1 - index], port[index],
	                             0u - below(sim, 40000)) +
	       ((uint64_t)(1 + below(sim, 200)) << 44);
}

static int hosts_open(struct sim *sim)
{
	bool is_v6 = below(sim, 2) == 0;
	uint8_t tags = (uint8_t)below(sim, 3);
	int err = 0;

	sim->listen_ops = sim_app_ops;
	sim->listen_ops.on_open = server_open;
	for (uint8_t i = 0; i < 2 && err == 0; i++) {
		struct sim_host_conf conf = {
			.index = i,
			.is_v6 = is_v6,
			.tags = tags,
			.mtu = (uint16_t)(below(sim, 3) == 0 ? 1280 + below(sim, 221) : 1500),
			.seed = hz_rng_next(&sim->rng),
			.listen = &sim->listen_ops,
			.listen_ctx = sim,
		};

		conf.cc = conf.seed % 4 == 0 ? HZ_TCP_CC_NEWRENO : HZ_TCP_CC_CUBIC;
		conf.clock_ns = clock_choose(sim, i, is_v6, conf.seed);
		err = sim_host_open(&sim->host[i], &conf);
		sim->host[i].fake.is_holding = below(sim, 4) == 0;
	}
	return err;
}

static bool is_finished(const struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		if (!is_over(&sim->conn[i]))
			return false;
	}
	return sim->link.heap_count == 0 && sim_host_next_ns(&sim->host[0]) == UINT64_MAX &&
	       sim_host_next_ns(&sim->host[1]) == UINT64_MAX;
}

static void closes_note(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->conn_count; i++) {
		struct conn *conn = &sim->conn[i];

		if (conn->closed_ns == 0 && is_over(conn))
			conn->closed_ns = sim->now_ns;
		if (sim->why == NULL && conn->app[0].broken != NULL)
			sim->why = conn->app[0].broken;
		if (sim->why == NULL && conn->app[1].broken != NULL)
			sim->why = conn->app[1].broken;
	}
}

/* To the next event; several frames may share a turn. */
static void step(struct sim *sim)
{
	uint64_t at_ns[2] = { sim_host_next_ns(&sim->host[0]), sim_host_next_ns(&sim->host[1]) };
	uint64_t frame_ns = sim_link_next_ns(&sim->link);
	uint64_t next_ns = HZ_MIN(HZ_MIN(at_ns[0], at_ns[1]), HZ_MIN(frame_ns, next_open_ns(sim)));
	bool is_late[2];
	uint8_t to = 2;

	if (next_ns == UINT64_MAX || next_ns > RUN_NS) {
		fail(sim, "it does not end");
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		is_late[i] = at_ns[i] <= sim->now_ns;
	sim->now_ns = HZ_MAX(next_ns, sim->now_ns);
	if (is_late[0] || is_late[1])
		sim->now_ns += TURN_NS;
	conns_open(sim);
	if (frame_ns <= sim->now_ns) {
		to = sim->link.frame[sim->link.heap[0]].to;
		frame_in(sim);
	}
	for (uint8_t i = 0; i < 2; i++) {
		if (at_ns[i] <= sim->now_ns || (i == to && below(sim, 4) != 0) ||
		    sim->host[i].tcp == NULL)
			turn(sim, i);
	}
	closes_note(sim);
}

/* --- what must have come of it ---------------------------------------------------------------------------- */

static bool is_whole(const struct conn *conn, unsigned reader)
{
	return conn->app[reader].got == conn->app[1 - reader].plan.send_bytes;
}

static const char *conn_check(const struct sim *sim, const struct conn *conn)
{
	const struct sim_app *client = &conn->app[0], *server = &conn->app[1];
	bool are_done = server->open_count == 1 && client->why == HZ_CLOSE_DONE &&
	                server->why == HZ_CLOSE_DONE;
	bool is_orderly = sim_plan_is_orderly(conn->kind);

	if (client->close_count != 1 || server->close_count != server->open_count)
		return "on_close was not called once per connection";
	if (is_orderly && sim->profile->is_fair && !are_done)
		return "a connection did not come through";
	if (is_orderly && are_done && (!is_whole(conn, 0) || !is_whole(conn, 1)))
		return "closed in order, but bytes are missing";
	if (is_orderly && sim->profile->is_fair && conn->closed_ns - conn->opened_ns > FAIR_NS)
		return "a connection took too long";
	if (client->saw_eof && !client->has_aborted && client->why == HZ_CLOSE_DONE &&
	    client->plan.end == SIM_END_EOF && !is_whole(conn, 0))
		return "the client saw the end, but not every byte";
	if (server->saw_eof && !server->has_aborted && server->why == HZ_CLOSE_DONE &&
	    server->plan.end == SIM_END_EOF && !is_whole(conn, 1))
		return "the server saw the end, but not every byte";
	if (conn->kind == SIM_KIND_NO_LISTENER &&
	    (client->open_count > 0 || server->open_count > 0))
		return "established, but nobody listens";
	if ((conn->kind == SIM_KIND_NO_LISTENER || conn->kind == SIM_KIND_REFUSED) &&
	    sim->profile->is_fair && client->why != HZ_CLOSE_RESET)
		return "a refused open does not end with a reset";
	return NULL;
}

static void end_check(struct sim *sim)
{
	bool is_quick = sim->profile->is_clean;

	for (uint32_t i = 0; i < sim->conn_count; i++) {
		const struct conn *conn = &sim->conn[i];
		bool is_orderly = sim_plan_is_orderly(conn->kind);

		fail(sim, conn_check(sim, conn));
		is_quick &= conn->kind == SIM_KIND_BOTH;
		sim->conns++;
		sim->orderly += is_orderly;
		sim->done += is_orderly && conn->app[0].why == HZ_CLOSE_DONE &&
		             conn->app[1].why == HZ_CLOSE_DONE && is_whole(conn, 0);
	}
	if (is_quick && !sim->is_starving &&
	    sim->host[0].fake.worker.retransmits + sim->host[1].fake.worker.retransmits > 0)
		fail(sim, "something was sent twice over a link that loses nothing");
	fail(sim, sim_check_empty(sim->host[0].tcp));
	fail(sim, sim_check_empty(sim->host[1].tcp));
}

/* NULL, or what went wrong. */
static const char *run(struct sim *sim, uint64_t seed, const struct sim_profile *profile)
{
	sim->why = NULL;
	sim->now_ns = 0;
	sim->step_count = 0;
	sim->conn_count = 0;
	sim->profile = profile;
	hz_rng_seed(&sim->rng, seed);
	sim_link_open(&sim->link, profile, &sim->rng);
	sim->is_starving = !profile->is_fair && below(sim, 4) == 0;
	if (hosts_open(sim) != 0)
		return "a stack does not open";
	sim->conn_count = 1 + below(sim, CONNS_MAX);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		conn_choose(sim, i);
	while (sim->why == NULL && !is_finished(sim)) {
		step(sim);
		if (++sim->step_count == STEPS_MAX)
			fail(sim, "too many events");
	}
	if (sim->why == NULL)
		end_check(sim);
	for (uint32_t i = 0; i < sim->conn_count; i++)
		sim_flow_close(&sim->conn[i].flow);
	for (unsigned i = 0; i < 2; i++) {
		if (sim_host_close(&sim->host[i]) != 0)
			fail(sim, "packet buffers leaked");
	}
	return sim->why;
}

/* Seeds beyond those of the quick set that once found something: they are always played again. */
static const uint64_t remembered[] = {
	12279, /* an ACK moved RACK's deadline, and the timer was not told */
};

static unsigned run_remembered(struct sim *sim)
{
	unsigned profiles = 0, failed = 0;

	while (sim_link_profile(profiles) != NULL)
		profiles++;
	for (size_t i = 0; i < HZ_ARRAY_LEN(remembered); i++) {
		const struct sim_profile *profile =
			sim_link_profile((unsigned)(remembered[i] % profiles));
		const char *why = run(sim, remembered[i], profile);

		printf("%s sim_pair.remembered_%s_seed_%llu%s%s\n", why == NULL ? "ok" : "not ok",
		       profile->name, (unsigned long long)remembered[i], why == NULL ? "" : ": ",
		       why == NULL ? "" : why);
		failed += why != NULL;
	}
	return failed;
}

static unsigned run_all(struct sim *sim, uint64_t seed, uint64_t count)
{
	unsigned failed[PROFILES_MAX] = { 0 }, runs[PROFILES_MAX] = { 0 }, profiles = 0, total = 0;

	while (sim_link_profile(profiles) != NULL)
		profiles++;
	for (uint64_t i = seed; i < seed + count; i++) {
		const struct sim_profile *profile = sim_link_profile((unsigned)(i % profiles));
		const char *why = run(sim, i, profile);

		runs[i % profiles]++;
		if (why == NULL)
			continue;
		printf("not ok sim_pair.%s.seed_%llu: %s\n", profile->name, (unsigned long long)i,
		       why);
		failed[i % profiles]++;
		total++;
	}
	for (unsigned i = 0; i < profiles; i++) {
		if (runs[i] > 0 && failed[i] == 0)
			printf("ok sim_pair.%s_%u_seeds\n", sim_link_profile(i)->name, runs[i]);
	}
	printf("# %llu connections, %llu of %llu orderly ones came through, %llu segments, "
	       "%.1f MB sent\n",
	       (unsigned long long)sim->conns, (unsigned long long)sim->done,
	       (unsigned long long)sim->orderly, (unsigned long long)sim->segments,
	       (double)sim->bytes / 1e6);
	return total;
}

int main(int argc, char **argv)
{
	size_t name = strlen(argv[0]);
	bool is_long = name > 5 && strcmp(argv[0] + name - 5, "_long") == 0;
	bool is_traced = argc > 2 && strcmp(argv[2], "trace") == 0;
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 1 ? 1 : is_long ? 24000 : 2000;
	struct sim *sim = calloc(1, sizeof(*sim));
	unsigned failed;

	if (argc > 2 && !is_traced)
		count = strtoull(argv[2], NULL, 0);
	if (sim == NULL || sim_host_boot(&sim->host[0]) != 0 || sim_host_boot(&sim->host[1]) != 0) {
		free(sim);
		return 70;
	}
	sim->is_traced = is_traced;
	failed = run_all(sim, seed, count);
	if (argc == 1)
		failed += run_remembered(sim);
	free(sim);
	return failed == 0 ? 0 : 1;
}
