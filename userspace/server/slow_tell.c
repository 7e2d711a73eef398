/* Slow answers and examples, from the workers' rings into the ring of events. telemetry/slow_per_s bounds the slow ones
 * of all workers together: half of them are told as they come; the longest of the others follow, in the order of their
 * time, when the second is over, so that no number of mild ones hides the worst. An example per worker and second costs
 * too little for that. A ring of events that is full loses the record, and the kernel counts it. Without XDP there is no
 * such ring, and workers tell nothing. */
#include "server/server_priv.h"
#include <errno.h>

/* Half of what telemetry/slow_per_s may be. */
#define HELD_MAX 5000u
/* In one turn, of those held: 60 KiB of the ring of events, which has 1 MiB; all of them in a second, whatever they are. */
#define DUE_PER_TURN 256u

/* There is a ring of events, and a program that writes it for us. */
static bool is_heard(const struct hz_server *server)
{
	return HZ_TELEMETRY && server->maps.latency != NULL && !server->maps.is_older;
}

int hz_server_slow_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_server_slow *slow = &server->slow;
	int status = 0;

	if (is_heard(server))
		status = hz_slow_worst_open(&slow->held, HELD_MAX);
	if (status == 0 && slow->held.room > 0)
		status = hz_slow_worst_open(&slow->due, HELD_MAX);
	if (status != 0)
		return hz_err_set(err, status, 5, "memory", "", "Cannot allocate memory");
	hz_server_slow_apply(server);
	return 0;
}

void hz_server_slow_apply(struct hz_server *server)
{
	const uint64_t slow_us = server->conf->tune.telemetry_slow_us;
	bool is_on = is_heard(server) && slow_us != 0;

	__atomic_store_n(&server->slow.conf.over_ns, is_on ? slow_us * HZ_NS_PER_US : UINT64_MAX,
	                 __ATOMIC_RELAXED);
}

/* The reader is woken once in a turn. */
static void record_tell(struct hz_server *server, const struct hz_event_slow *record,
                        bool *has_woken)
{
	int status = hz_xdp_emit(&server->maps, record, sizeof(*record), !*has_woken);

	if (status == 0) {
		server->slow.told++;
		*has_woken = true;
	} else if (status != -EAGAIN) { /* which stream_stats counts */
		server->slow.refused++;
	}
}

static void due_tell(struct hz_server *server, uint32_t most, bool *has_woken)
{
	struct hz_server_slow *slow = &server->slow;

	for (; slow->due_told < slow->due.count && most > 0; most--)
		record_tell(server, &slow->due.record[slow->due_told++], has_woken);
}

/* What was held of the second that is over is due. */
static void second_begin(struct hz_server *server, uint64_t now_ns, bool *has_woken)
{
	struct hz_server_slow *slow = &server->slow;
	struct hz_slow_worst told;

	due_tell(server, UINT32_MAX, has_woken); /* had housekeeping been away for so long */
	told = slow->due;
	told.count = 0;
	slow->due = slow->held;
	slow->held = told;
	hz_slow_worst_sort(&slow->due);
	slow->due_told = 0;
	slow->at_once = 0;
	slow->second_ns = now_ns;
}

static void record_take(struct hz_server *server, const struct hz_event_slow *record,
                        bool *has_woken)
{
	const uint32_t per_s = server->conf->tune.telemetry_slow_per_s;
	struct hz_server_slow *slow = &server->slow;

	if (record->is_example) {
		record_tell(server, record, has_woken);
	} else if (slow->at_once < per_s / 2) {
		slow->at_once++;
		record_tell(server, record, has_woken);
	} else {
		slow->refused += hz_slow_worst_offer(&slow->held, per_s - per_s / 2, record);
	}
}

/* One of each worker in turn, so that none takes the rate of all. */
static void rings_take(struct hz_server *server, bool *has_woken)
{
	uint32_t taken = 0, before;

	for (uint32_t round = 0; round < HZ_SLOW_SLOTS; round++) {
		before = taken;
		for (uint32_t i = 0; i < server->seats.count; i++) {
			struct hz_slow_ring *ring = server->seats.seat[i].slow;
			const struct hz_event_slow *record =
				ring != NULL ? hz_slow_ring_first(ring) : NULL;

			if (record == NULL)
				continue;
			taken++;
			record_take(server, record, has_woken);
			hz_slow_ring_drop(ring);
		}
		if (taken == before)
			return;
	}
}

void hz_server_slow_turn(struct hz_server *server, uint64_t now_ns)
{
	bool has_woken = false;

	if (now_ns - server->slow.second_ns >= HZ_NS_PER_S)
		second_begin(server, now_ns, &has_woken);
	due_tell(server, DUE_PER_TURN, &has_woken);
	rings_take(server, &has_woken);
}

void hz_server_slow_close(struct hz_server *server)
{
	struct hz_server_slow *slow = &server->slow;
	bool has_woken = false;

	rings_take(server, &has_woken);
	second_begin(server, slow->second_ns, &has_woken);
	due_tell(server, UINT32_MAX, &has_woken);
	hz_slow_worst_close(&slow->held);
	hz_slow_worst_close(&slow->due);
}
