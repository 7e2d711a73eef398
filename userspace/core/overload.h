/* How hard a worker is pressed and what it sheds for it: the ladder.
 *
 * Pressure is the most of what runs out. What is full (connections, packet buffers, the receive ring) acts in
 * proportion: each rung from its percentage on, by a share that grows. A queue does not: it has no natural 100 %, so
 * the time that frames wait is held at a target by a controller whose output is the share of new flows that may
 * come in. What it lets in comes by chance, so that now and then the queue is longer than its target: a connection's
 * first request that waited for several targets gets 503, which costs little, and those behind it are in time. The
 * controller takes each of these for a flow too many. Being busy alone is no overload: it never reaches the first
 * rung that refuses.
 *
 *   room alone     70 %  idle time shrinks, to a second at 100 %
 *                  80 %  answers end their connections, all of them from 92 % on
 *                  95 %  one connection per millisecond is reset: of 64 places of the table the one idle longest
 *   whatever it is start_percent: XDP refuses new flows, at most max_permille of them at 92 %; classes share that,
 *                        bulk three times as much as gold
 *                  92 %  requests get 503: the first of a connection; where room is short all of them
 *   room and ring  95 %  the flows left over get a 503 that costs no memory
 *                  98 %  no new flow at all
 *
 * Closing connections makes room but costs handshakes, so a queue alone closes none. Nor does it shut the door: the
 * last rungs are for what cannot be served, not for what is served late. Connections to a port of class control are
 * exempt from all of it but the full table. */
#ifndef HZ_OVERLOAD_H
#define HZ_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#define HZ_OVERLOAD_STEP_NS 10000000u /* a step of the controller */
/* What frames may wait while flows are refused; if a request takes longer, as long as that. */
#define HZ_OVERLOAD_TARGET_NS 600000u
/* What a first request may have waited then; the same for long requests, in their work. */
#define HZ_OVERLOAD_LATE_NS   (2 * HZ_OVERLOAD_TARGET_NS)
#define HZ_OVERLOAD_LATE_WORK 1.9
/* Steps that flows are refused for before first requests are: a burst is served, however late. */
#define HZ_OVERLOAD_LATE_STEPS 10u
#define HZ_OVERLOAD_HYSTERESIS 5u /* points that room must get better before a rung is left */
#define HZ_OVERLOAD_IDLE       70u
#define HZ_OVERLOAD_CLOSE      80u
#define HZ_OVERLOAD_FULL       92u /* the share of refused flows is at its maximum, 503 begins */
#define HZ_OVERLOAD_CANNED     95u
#define HZ_OVERLOAD_SHUT       98u

enum hz_overload_mode { HZ_OVERLOAD_OFF, HZ_OVERLOAD_ADAPTIVE, HZ_OVERLOAD_FIXED };

/* Settings, one for all workers. Housekeeping stores words at any time, workers load them. */
struct hz_overload_conf {
	uint32_t mode;           /* enum hz_overload_mode: only adaptive climbs the ladder */
	uint32_t start_percent;  /* 50..91: requests get 503 after flows were refused */
	uint32_t fixed_permille; /* 0..1000: what fixed refuses */
	uint32_t max_permille;   /* 0..1000: what adaptive refuses at most */
	uint32_t is_mixed;       /* there are classes of both weights; else all are refused alike */
	/* Not of the ladder, and taken over with each beat; 0: as the worker was opened. */
	uint32_t
		half_open_max; /* half-open connections of this worker, then cookies by syn_cookies */
	uint32_t syn_cookies;  /* enum hz_syn_cookies; counts with half_open_max */
	uint32_t sleep_ms_max; /* a sleeper beats this often */
};

/* What a worker measured since the last step. */
struct hz_overload_sample {
	uint64_t now_ns;
	uint64_t queue_ns; /* the shortest wait of a frame; of several ports the longest of these */
	uint32_t room_percent; /* connections or packet buffers, the fuller */
	uint32_t ring_percent; /* of the receive ring */
	uint32_t busy_percent; /* time in turns that found work */
	uint64_t work_ns;      /* the same, since the last step */
	uint64_t served;       /* requests since then; */
	uint64_t late;         /* and those that got 503 for they had waited too long */
};

/* One worker's; touched by its thread only. Zeroed but for conf it is a worker at rest. */
struct hz_overload {
	const struct hz_overload_conf *conf; /* lent; NULL: off */
	uint64_t stepped_ns;                 /* time of the last step, 0: none yet */
	double admitted;                     /* share of new work, 0: at rest, that is 1 */
	double wait;                         /* at the last step, in targets */
	double request_ns;                   /* of work for each, smoothed; 0: not known */
	uint32_t refusing;                   /* steps that refused flows, less those that did not */
	uint32_t room, ring;                 /* with hysteresis */
	uint64_t came_ns; /* when what is served right now came, by its worker; 0: not known */

	/* What follows from it. */
	uint32_t pressure_percent; /* 0..100 */
	uint32_t level_permille;   /* of new flows of the heaviest class */
	uint32_t idle_permille;    /* idle time is shorter by so much */
	uint32_t close_permille;   /* of answers that end their connection */
	uint32_t refuse_permille;  /* of first requests of a connection: 503 */
	uint32_t kept_permille;    /* of those that follow: only where room is short */
	bool evicts;               /* idle connections leave */
	uint64_t late_ns; /* a connection's first request that waited longer: 503; 0: none does */
	uint64_t word;    /* for XDP, abi/shed_word.h */
};

/* A step with what was measured; steps that were missed meanwhile are taken as well: with nothing waiting for the time
 * that was not busy, as the worker slept, and with the same for the rest. */
void hz_overload_step(struct hz_overload *o, const struct hz_overload_sample *sample);

/* Has what is served at now_ns waited for longer than it may? */
static inline bool hz_overload_is_late(const struct hz_overload *o, uint64_t now_ns)
{
	return o->late_ns != 0 && o->came_ns != 0 && now_ns > o->came_ns + o->late_ns;
}

#endif
