/* One worker's answer to "which connections are there": a buffer that housekeeping lends to the worker
 * with a question in it. The worker walks a bounded number of connections per turn, keeps the best
 * matches and gives the buffer back; it allocates nothing and waits for nobody. Who asked may withdraw
 * the question, but gets the buffer back from the worker alone: a wedged worker keeps it.
 *
 *   FREE --ask--> ASKED --(the worker's turns)--> finish --> DONE --release--> FREE
 */
#ifndef HZ_CONN_CENSUS_H
#define HZ_CONN_CENSUS_H

#include "core/base.h"
#include "core/limits.h"
#include "telemetry/conn_info.h"

enum hz_conn_census_phase {
	HZ_CONN_CENSUS_FREE,
	HZ_CONN_CENSUS_ASKED, /* the worker's */
	HZ_CONN_CENSUS_DONE,
};

struct hz_conn_census {
	uint32_t phase;        /* atomic; who owns the rest */
	uint32_t is_withdrawn; /* atomic; written by who asked, read by the worker */
	struct hz_conn_query query;
	/* the answer */
	uint32_t cursor; /* the transport's: where the next turn goes on */
	uint32_t count;
	uint64_t seen;    /* connections looked at */
	uint64_t matched; /* of them by the query; beyond limit they are only counted */
	bool is_partial;  /* withdrawn before the end */
	/* Owned, HZ_LIMIT_census_conns_max. A heap while the walk goes on: the last in order at the root. */
	struct hz_conn_info *entry;
};

int hz_conn_census_open(struct hz_conn_census *census);   /* 0 or -ENOMEM */
void hz_conn_census_close(struct hz_conn_census *census); /* accepts a zeroed one */

/* --- who asks: one thread ---------------------------------------------------------------------- */

/* Puts the question; the caller tells the worker that there is one. False: the worker still has the buffer
 * of an earlier one. */
bool hz_conn_census_ask(struct hz_conn_census *census, const struct hz_conn_query *query);
void hz_conn_census_withdraw(struct hz_conn_census *census); /* the worker ends at its next turn */
bool hz_conn_census_is_done(const struct hz_conn_census *census);
void hz_conn_census_release(
	struct hz_conn_census *census); /* after is_done, once the answer is read */

/* --- the worker -------------------------------------------------------------------------------- */

bool hz_conn_census_is_asked(const struct hz_conn_census *census);
static inline bool hz_conn_census_is_withdrawn(const struct hz_conn_census *census)
{
	return __atomic_load_n(&census->is_withdrawn, __ATOMIC_RELAXED) != 0;
}
/* A connection that exists; copied when it matches and is among the first in order so far. */
void hz_conn_census_offer(struct hz_conn_census *census, const struct hz_conn_info *info);
void hz_conn_census_finish(struct hz_conn_census *census, bool is_partial);

#endif
