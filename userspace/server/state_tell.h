/* What became different since the last look, as records HZ_EVENT_STATE: the daemon, workers that stand still and those that
 * turn again, the generation, the share of refused flows, a program that is gone. It decides and keeps; who calls it
 * gathers and sends. */
#ifndef HZ_STATE_TELL_H
#define HZ_STATE_TELL_H

#include "abi/hz_abi.h"
#include "core/limits.h"
#include <stdbool.h>
#include <stdint.h>

/* A level that changes is told so often at most, and as often when it rises from nothing. */
#define HZ_STATE_TELL_SHED_NS 1000000000u

/* Sends one record: 0, -EAGAIN when there is no room now, or another -errno: then it is lost. is_kept: after -EAGAIN it
 * comes again; else that is its end. */
typedef int hz_state_tell_fn(void *ctx, const struct hz_event_state *record, bool is_kept);

struct hz_state_facts {
	uint64_t now_ns; /* CLOCK_MONOTONIC, taken before anything below was read */
	enum hz_state daemon;
	uint64_t generation;
	uint64_t shed_permille;
	uint64_t beat_timeout_ns;
	uint32_t worker_count;      /* 0: they are not looked at */
	const struct hz_beat *beat; /* worker_count of them, which their workers write meanwhile */
};

/* One thread. Zeroed it has told nothing. */
struct hz_state_tell {
	hz_state_tell_fn *send; /* NULL: nobody listens, the log says it all the same */
	void *ctx;
	enum hz_state daemon; /* as told, as all below */
	uint64_t generation;
	uint64_t shed_permille;
	uint64_t shed_ns;                    /* when a level other than 0 was told last */
	uint64_t stalled;                    /* bit per worker */
	uint64_t stalled_ns[HZ_WORKERS_MAX]; /* the last beat before that */
	uint64_t lost, lost_logged;
	uint32_t first, count; /* of kept: what could not be sent yet, oldest first */
	struct hz_event_state kept[HZ_LIMIT_state_records_kept];
};

/* before: what the instance was until now. generation is not news. */
void hz_state_tell_open(struct hz_state_tell *tell, enum hz_state before, uint64_t generation,
                        hz_state_tell_fn *send, void *ctx);
/* Tells what is different, behind what could not be sent before. */
void hz_state_tell_look(struct hz_state_tell *tell, const struct hz_state_facts *facts);
/* Of an interface whose program nobody else tells of, by their ids, 0: none. Goes out with the next look. */
void hz_state_tell_program(struct hz_state_tell *tell, uint64_t now_ns, const char *ifname,
                           uint32_t before_id, uint32_t now_id);
/* What still finds no room is lost, counted and logged. Behind the last look. */
void hz_state_tell_close(struct hz_state_tell *tell);

#endif
