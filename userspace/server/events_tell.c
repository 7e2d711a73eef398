/* What housekeeping tells in the stream of events: changes of state with each turn, refused sources once per second. */
#include "core/cpu_ids.h"
#include "server/server_priv.h"
#include "server/shed_sums.h"
#include "server/state_tell.h"
#include <errno.h>
#include <stdlib.h>

struct hz_events_tell { /* owned by the server */
	struct hz_state_tell state;
	struct hz_shed_sums *sums;
};

static int state_send(void *ctx, const struct hz_event_state *record, bool is_kept)
{
	const struct hz_server *server = ctx;

	return is_kept ? hz_xdp_emit_kept(&server->maps, record, sizeof(*record), true)
	               : hz_xdp_emit(&server->maps, record, sizeof(*record), true);
}

/* Nobody is woken: the bell rings with the deltas, and a flood need not be told sooner. */
static int shed_send(void *ctx, const struct hz_event_shed *record)
{
	const struct hz_server *server = ctx;

	return hz_xdp_emit_kept(&server->maps, record, sizeof(*record), false);
}

int hz_server_events_open(struct hz_server *server)
{
	struct hz_events_tell *events;
	int status;

	if (!hz_server_has_xdp(server) || server->maps.is_older)
		return 0;
	events = calloc(1, sizeof(*events));
	if (events == NULL)
		return -ENOMEM;
	status = hz_shed_sums_open(server->maps.shed_rows, hz_cpu_ids(HZ_WORKERS_MAX),
	                           server->started_ns, shed_send, server, &events->sums);
	if (status != 0) {
		free(events);
		return status;
	}
	hz_state_tell_open(&events->state, HZ_STATE_DOWN, server->generation, state_send, server);
	server->events = events;
	return 0;
}

/* As XDP sees it: the worker that is pressed hardest speaks for all, and one that does not turn for none. */
static uint64_t shed_level(const struct hz_server *server)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_worker *worker = server->seats.seat[i].slot.worker;

		if (!(server->events->state.stalled >> i & 1))
			most = HZ_MAX(most,
			              __atomic_load_n(&worker->shed_permille, __ATOMIC_RELAXED));
	}
	return most;
}

void hz_server_events_turn(struct hz_server *server, uint64_t now_ns)
{
	struct hz_state_facts facts = {
		.now_ns = now_ns,
		.daemon = hz_server_state_word(server),
		.generation = server->generation,
		.beat_timeout_ns = server->conf->tune.health_beat_timeout_ms * HZ_NS_PER_MS,
		.worker_count = server->seats.count,
		.beat = server->maps.beat,
	};

	if (server->events == NULL)
		return;
	facts.shed_permille = shed_level(server);
	hz_state_tell_look(&server->events->state, &facts);
	hz_shed_sums_turn(server->events->sums, now_ns);
}

void hz_server_events_program(struct hz_server *server, uint64_t now_ns, const char *ifname,
                              uint32_t before_id)
{
	if (server->events != NULL)
		hz_state_tell_program(&server->events->state, now_ns, ifname, before_id, 0);
}

/* Workers are not looked at: they stop, or never began. */
void hz_server_events_close(struct hz_server *server)
{
	const struct hz_state_facts facts = {
		.now_ns = hz_clock_monotonic_ns(),
		.daemon = HZ_STATE_DOWN,
		.generation = server->generation,
	};

	if (server->events == NULL)
		return;
	hz_server_ports_leave(server, facts.now_ns);
	hz_shed_sums_finish(server->events->sums, facts.now_ns);
	hz_state_tell_look(&server->events->state, &facts);
	hz_state_tell_close(&server->events->state);
	hz_shed_sums_close(server->events->sums);
	free(server->events);
	server->events = NULL;
}
