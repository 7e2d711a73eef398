/* What the maps say of a server, by one set of rules for all who show it: hzctl, hz-collector and
 * hzd itself. Pure: copies in, figures out. The rule of the beat is XDP's, bpf/beats.h. */
#ifndef HZ_SERVER_VIEW_H
#define HZ_SERVER_VIEW_H

#include "abi/hz_abi.h"
#include <stdbool.h>
#include <stdint.h>

struct hz_server_view {                 /* owns nothing */
	const struct hz_beat *beat;     /* HZ_WORKERS_MAX */
	const struct hz_worker *worker; /* HZ_WORKERS_MAX */
	uint32_t workers; /* slots of this server; what an earlier one left lies behind */
	uint64_t now_ns;  /* CLOCK_MONOTONIC, taken before the beats were read */
	uint64_t beat_timeout_ns;
};

/* Does one who wrote this beat turn no more? A beat later than now is fresh. */
static inline bool hz_server_view_is_old(uint64_t beat_ns, uint64_t now_ns, uint64_t timeout_ns)
{
	return now_ns > beat_ns && now_ns - beat_ns > timeout_ns;
}

/* Is somebody in this slot, or was when the server died? */
bool hz_server_view_is_worker(const struct hz_server_view *view, uint32_t worker);
/* Does that one turn, and has not ended? Its gauges mean something only then. */
bool hz_server_view_is_live(const struct hz_server_view *view, uint32_t worker);
/* Does it turn no more, though it has to? One that starts or has ended has no beat to give. */
bool hz_server_view_is_stale(const struct hz_server_view *view, uint32_t worker);
/* Is any of them live? */
bool hz_server_view_is_alive(const struct hz_server_view *view);

/* A name of HZ_STATE_NAMES, or "stale": the word of show/workers too. */
const char *hz_server_view_worker_state(const struct hz_server_view *view, uint32_t worker);
/* state: that of the daemon, cfg.state; NONE: what its workers say. "down" when none is alive. */
const char *hz_server_view_state(const struct hz_server_view *view, uint32_t state);

/* Of the worker that lives longest; 0: none does. */
uint64_t hz_server_view_uptime_ns(const struct hz_server_view *view);
uint64_t hz_server_view_beat_age_ns(const struct hz_server_view *view, uint32_t worker);
/* Of new flows that the site refuses; the worker that is pressed hardest speaks for all. */
uint32_t hz_server_view_shed_permille(const struct hz_server_view *view);
/* Open connections of those that live. */
uint64_t hz_server_view_connections(const struct hz_server_view *view);

enum hz_server_total {
	HZ_SERVER_HEALTH, /* probes answered in the kernel, of any kind */
	HZ_SERVER_SERVED, /* requests */
	HZ_SERVER_SHED, /* new flows refused, each once: a cookie's 503 is of a flow counted before */
	HZ_SERVER_ERRORS, /* answers of 5xx, and requests that were none */
	HZ_SERVER_TOTALS
};
#define HZ_SERVER_TOTAL_NAMES                                                                      \
	{                                                                                          \
		"health", "served", "shed", "errors"                                               \
	}

/* Counters of all runs: they only grow. verdicts: of all CPUs. */
void hz_server_view_totals(const struct hz_worker worker[HZ_WORKERS_MAX],
                           const struct hz_verdicts *verdicts, uint64_t out[HZ_SERVER_TOTALS]);
/* The first of them, where there are no workers to ask. */
uint64_t hz_server_view_probes(const struct hz_verdicts *verdicts);

#endif
