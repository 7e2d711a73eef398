#include "collector/marks.h"

#define DEAD_VIEWS 2 /* in which housekeeping would have told that its workers stand still */

static void daemon_take(struct hz_marks *marks, struct hz_event_log *log, int64_t unix_s,
                        const struct hz_event_state *state)
{
	bool was_down = state->before == HZ_STATE_NONE || state->before == HZ_STATE_DOWN;

	if (was_down && state->now != HZ_STATE_DOWN) {
		marks->stalled = 0;
		hz_event_log_mark(log, unix_s, "restart", "hzd started, %.*s",
		                  (int)sizeof(state->name), state->name);
	}
	if (state->now == HZ_STATE_DRAINING)
		hz_event_log_mark(log, unix_s, "drain", "draining");
}

/* One of a server that stood still as a whole, and had that told, is no news. */
static void worker_take(struct hz_marks *marks, struct hz_event_log *log, int64_t unix_s,
                        const struct hz_event_state *state)
{
	uint64_t bit = 1ULL << state->header.worker % HZ_WORKERS_MAX;

	if (state->now != HZ_STATE_DOWN) {
		marks->stalled &= ~bit;
		return;
	}
	marks->stalled |= bit;
	if (!marks->is_told)
		hz_event_log_mark(log, unix_s, "stall", "worker %u does not turn",
		                  state->header.worker);
}

static void shed_take(struct hz_event_log *log, int64_t unix_s, const struct hz_event_state *state)
{
	if (state->before == 0)
		hz_event_log_mark(log, unix_s, "shed_on", "%llu of 1000 new flows refused",
		                  state->now);
	else if (state->now == 0)
		hz_event_log_mark(log, unix_s, "shed_off", "all flows are taken");
}

static const char *xdp_verb(const struct hz_event_state *state)
{
	if (state->now == 0)
		return "detached";
	return state->before == 0 ? "attached" : "updated";
}

void hz_marks_take(struct hz_marks *marks, struct hz_event_log *log, int64_t unix_s,
                   const struct hz_event_state *state)
{
	switch (state->what) {
	case HZ_STATE_OF_DAEMON:
		daemon_take(marks, log, unix_s, state);
		break;
	case HZ_STATE_OF_WORKER:
		worker_take(marks, log, unix_s, state);
		break;
	case HZ_STATE_OF_SITE:
		hz_event_log_mark(log, unix_s, "reload", "generation %llu", state->now);
		break;
	case HZ_STATE_OF_SHED:
		shed_take(log, unix_s, state);
		break;
	case HZ_STATE_OF_XDP:
		hz_event_log_mark(log, unix_s, "xdp", "%.*s %s", (int)sizeof(state->name),
		                  state->name, xdp_verb(state));
		break;
	default:
		break;
	}
}

void hz_marks_look(struct hz_marks *marks, struct hz_event_log *log, int64_t unix_s,
                   const struct hz_map_view *now)
{
	if (now->is_alive || now->cfg.state == HZ_STATE_DOWN) {
		marks->was_alive = now->is_alive;
		marks->is_told = false;
		marks->views = 0;
		return;
	}
	if (!marks->was_alive || marks->is_told)
		return;
	if (marks->views++ == 0)
		marks->since_s = unix_s;
	if (marks->views < DEAD_VIEWS || marks->stalled != 0)
		return;
	marks->is_told = true;
	hz_event_log_mark(log, marks->since_s, "stall", "no worker turns");
}
