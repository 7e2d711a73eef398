#include "server/state_tell.h"
#include "core/base.h"
#include "core/log.h"
#include "telemetry/server_view.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEPT HZ_LIMIT_state_records_kept

static int send_first(struct hz_state_tell *tell, bool is_kept)
{
	return tell->send != NULL ? tell->send(tell->ctx, &tell->kept[tell->first], is_kept) : 0;
}

static void first_drop(struct hz_state_tell *tell)
{
	tell->first = (tell->first + 1) % KEPT;
	tell->count--;
}

/* Now, or never. */
static void first_end(struct hz_state_tell *tell)
{
	tell->lost += send_first(tell, false) != 0;
	first_drop(tell);
}

static void lost_log(struct hz_state_tell *tell)
{
	if (tell->lost != tell->lost_logged)
		hz_log(HZ_LOG_WARN, "%llu changes of state are missing in the stream of events",
		       (unsigned long long)(tell->lost - tell->lost_logged));
	tell->lost_logged = tell->lost;
}

/* When there is no room, the oldest one goes: what is newest says how things are. */
static struct hz_event_state *put(struct hz_state_tell *tell, const struct hz_state_facts *facts,
                                  enum hz_state_what what, uint64_t before, uint64_t now)
{
	struct hz_event_state *record;

	if (tell->count == KEPT)
		first_end(tell);
	record = &tell->kept[(tell->first + tell->count++) % KEPT];
	*record = (struct hz_event_state){
		.header = { .kind = HZ_EVENT_STATE,
		            .bytes = sizeof(*record),
		            .time_ns = facts->now_ns },
		.what = what,
		.before = before,
		.now = now,
	};
	return record;
}

/* A start says which process it is. */
static void daemon_look(struct hz_state_tell *tell, const struct hz_state_facts *facts)
{
	struct hz_event_state *record;

	if (facts->daemon == tell->daemon)
		return;
	record = put(tell, facts, HZ_STATE_OF_DAEMON, tell->daemon, facts->daemon);
	if (tell->daemon == HZ_STATE_NONE || tell->daemon == HZ_STATE_DOWN)
		snprintf(record->name, sizeof(record->name), "process %d", (int)getpid());
	tell->daemon = facts->daemon;
}

static void site_look(struct hz_state_tell *tell, const struct hz_state_facts *facts)
{
	if (facts->generation == tell->generation)
		return;
	(void)put(tell, facts, HZ_STATE_OF_SITE, tell->generation, facts->generation);
	tell->generation = facts->generation;
}

/* That it is over is told at once, that it goes on changing once per second. */
static void shed_look(struct hz_state_tell *tell, const struct hz_state_facts *facts)
{
	if (facts->shed_permille == tell->shed_permille)
		return;
	if (facts->shed_permille != 0) {
		if (tell->shed_ns != 0 && facts->now_ns - tell->shed_ns < HZ_STATE_TELL_SHED_NS)
			return;
		tell->shed_ns = facts->now_ns;
	}
	(void)put(tell, facts, HZ_STATE_OF_SHED, tell->shed_permille, facts->shed_permille);
	tell->shed_permille = facts->shed_permille;
}

/* The worker that turns again may have been away for longer than it was known. */
static void worker_look(struct hz_state_tell *tell, const struct hz_state_facts *facts,
                        uint32_t worker)
{
	const struct hz_beat *beat = &facts->beat[worker];
	uint64_t beat_ns = __atomic_load_n(&beat->beat_ns, __ATOMIC_RELAXED);
	uint32_t state = __atomic_load_n(&beat->state, __ATOMIC_RELAXED);
	uint64_t bit = 1ULL << worker;
	bool is_stale = hz_server_view_is_old(beat_ns, facts->now_ns, facts->beat_timeout_ns);

	if (is_stale == ((tell->stalled & bit) != 0) || state == HZ_STATE_NONE)
		return;
	tell->stalled ^= bit;
	if (is_stale) {
		tell->stalled_ns[worker] = beat_ns;
		hz_log(HZ_LOG_WARN, "worker %u does not turn: no beat for %llu ms", worker,
		       (unsigned long long)((facts->now_ns - beat_ns) / HZ_NS_PER_MS));
		put(tell, facts, HZ_STATE_OF_WORKER, state, HZ_STATE_DOWN)->header.worker =
			(uint16_t)worker;
		return;
	}
	hz_log(HZ_LOG_WARN, "worker %u turns again: it was away for %llu ms", worker,
	       (unsigned long long)((beat_ns - tell->stalled_ns[worker]) / HZ_NS_PER_MS));
	put(tell, facts, HZ_STATE_OF_WORKER, HZ_STATE_DOWN, state)->header.worker =
		(uint16_t)worker;
}

/* In their order: one that finds no room holds up those behind it. */
static void kept_send(struct hz_state_tell *tell)
{
	while (tell->count > 0) {
		int status = send_first(tell, true);

		if (status == -EAGAIN)
			return;
		tell->lost += status != 0;
		first_drop(tell);
	}
	lost_log(tell);
}

void hz_state_tell_open(struct hz_state_tell *tell, enum hz_state before, uint64_t generation,
                        hz_state_tell_fn *send, void *ctx)
{
	memset(tell, 0, sizeof(*tell));
	tell->daemon = before;
	tell->generation = generation;
	tell->send = send;
	tell->ctx = ctx;
}

void hz_state_tell_look(struct hz_state_tell *tell, const struct hz_state_facts *facts)
{
	daemon_look(tell, facts);
	site_look(tell, facts);
	shed_look(tell, facts);
	for (uint32_t i = 0; i < HZ_MIN(facts->worker_count, (uint32_t)HZ_WORKERS_MAX); i++)
		worker_look(tell, facts, i);
	kept_send(tell);
}

void hz_state_tell_program(struct hz_state_tell *tell, uint64_t now_ns, const char *ifname,
                           uint32_t before_id, uint32_t now_id)
{
	const struct hz_state_facts facts = { .now_ns = now_ns };
	struct hz_event_state *record = put(tell, &facts, HZ_STATE_OF_XDP, before_id, now_id);

	snprintf(record->name, sizeof(record->name), "%s", ifname);
}

void hz_state_tell_close(struct hz_state_tell *tell)
{
	while (tell->count > 0)
		first_end(tell);
	lost_log(tell);
}
