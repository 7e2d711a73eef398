/* A worker's telemetry: pointers into the mapped BPF arrays (or, with boot/io=socket, into plain shared
 * memory of the same layout). Single writer, the worker; readers take torn-free 64-bit loads. */
#ifndef HZ_SLOT_H
#define HZ_SLOT_H

#include "core/env.h"
#include "core/stream.h"
#include "telemetry/conn_census.h"
#include "telemetry/counter_set.h"
#include "telemetry/hist.h"

/* Name and one-line help of a counter, as in the table. */
const char *hz_slot_counter_name(enum hz_counter counter);
const char *hz_slot_counter_help(enum hz_counter counter);

/* The counters that stand for a frame or connection refused: those named drop_. */
struct hz_counter_set hz_slot_drops(void);

struct hz_slot {
	struct hz_hist *hist; /* HZ_STAGE_COUNT of them */
	struct hz_beat *beat;
	struct hz_worker *worker;
	struct hz_connections *conns;
	struct hz_route_hist *routes; /* HZ_ROUTE_SLOTS of them; NULL: no room for this worker */
};

static inline void hz_slot_count(const struct hz_slot *slot, enum hz_counter counter)
{
	hz_hist_bump(&slot->worker->counters[counter], 1);
}

static inline void hz_slot_add(const struct hz_slot *slot, enum hz_counter counter, uint64_t amount)
{
	hz_hist_bump(&slot->worker->counters[counter], amount);
}

static inline void hz_slot_record(const struct hz_slot *slot, enum hz_stage stage, uint64_t ns)
{
	hz_hist_record(&slot->hist[stage], ns);
}

/* An answer of the route with that slot. */
static inline void hz_slot_record_route(const struct hz_slot *slot, uint32_t route, uint16_t status,
                                        uint64_t ns)
{
	if (slot->routes != NULL)
		hz_hist_record_route(&slot->routes[route], status, ns);
}

/* What a transport needs to run one worker; filled by the server, read-only after start. */
struct hz_worker_conf {
	struct hz_env *env;
	const struct hz_slot *slot;
	const struct hz_proto_ops *proto;
	void *proto_ctx;
	struct hz_conn_census
		*census; /* where questions about connections lie; NULL: nobody asks */
	const struct hz_overload_conf
		*overload; /* settings that may change; NULL: nothing is shed */
	int cpu;           /* to pin to, -1: not pinned */
};

#endif
