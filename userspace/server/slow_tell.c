/* Slow answers and examples, from the workers' rings into the ring of events. telemetry/slow_per_s bounds the slow ones
 * of all workers together; an example per worker and second costs too little for that. A ring of events that is full
 * loses the record, and the kernel counts it. Without XDP there is no such ring, and workers tell nothing. */
#include "server/server_priv.h"

void hz_server_slow_apply(struct hz_server *server)
{
	const uint64_t slow_us = server->conf->tune.telemetry_slow_us;
	bool is_on = HZ_TELEMETRY && server->maps.latency != NULL && slow_us != 0;

	__atomic_store_n(&server->slow.conf.over_ns, is_on ? slow_us * HZ_NS_PER_US : UINT64_MAX,
	                 __ATOMIC_RELAXED);
}

static bool is_beyond_rate(struct hz_server_slow *slow, uint32_t per_s)
{
	if (slow->this_second >= per_s)
		return true;
	slow->this_second++;
	return false;
}

static void record_tell(struct hz_server *server, const struct hz_event_slow *record, bool wakes)
{
	struct hz_server_slow *slow = &server->slow;

	if (!record->is_example && is_beyond_rate(slow, server->conf->tune.telemetry_slow_per_s)) {
		slow->refused++;
		return;
	}
	if (hz_xdp_emit(&server->maps, record, sizeof(*record), wakes) == 0)
		slow->told++;
}

/* One of each worker in turn, so that none takes the rate of all. The reader is woken once. */
void hz_server_slow_turn(struct hz_server *server, uint64_t now_ns)
{
	uint32_t taken = 0, before;

	if (now_ns - server->slow.second_ns >= HZ_NS_PER_S) {
		server->slow.second_ns = now_ns;
		server->slow.this_second = 0;
	}
	for (uint32_t round = 0; round < HZ_SLOW_SLOTS; round++) {
		before = taken;
		for (uint32_t i = 0; i < server->seats.count; i++) {
			struct hz_slow_ring *ring = server->seats.seat[i].slow;
			const struct hz_event_slow *record =
				ring != NULL ? hz_slow_ring_first(ring) : NULL;

			if (record == NULL)
				continue;
			record_tell(server, record, taken++ == 0);
			hz_slow_ring_drop(ring);
		}
		if (taken == before)
			return;
	}
}
