/* Work that may block, done beside the workers: a few helper threads take jobs from all workers in order of arrival,
 * and each job's end comes back to the worker it is of. A worker posts and takes back without a lock; it makes a
 * system call only when a helper sleeps. What `run` wrote is visible to `done`. */
#ifndef HZ_JOBS_H
#define HZ_JOBS_H

#include "core/base.h"
#include "core/common.h"
#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

/* Embedded in what it is about. The poster's until post; then run's, then done's. */
struct hz_job {
	struct cds_wfcq_node node;        /* private */
	uint32_t worker;                  /* whose thread posts it and calls done */
	void (*run)(struct hz_job *job);  /* on a helper thread; may block, allocate and lock */
	void (*done)(struct hz_job *job); /* on the worker's thread, out of hz_jobs_turn */
	void (*drop)(
		struct hz_job *
			job); /* instead of done, or of both, when hz_jobs_close finds it; NULL: nothing */
};

struct hz_jobs; /* owned by the caller of open */

struct hz_jobs_conf {
	uint32_t thread_count;   /* 1..HZ_JOBS_THREADS_MAX */
	uint32_t worker_count;   /* 1..HZ_WORKERS_MAX */
	uint32_t per_worker_max; /* posted and not yet done, per worker */
	/* A job of worker is done: its thread, which may sleep, is to take its turn soon. From a helper thread. */
	void (*ring)(void *ctx, uint32_t worker);
	void *ring_ctx;
};
#define HZ_JOBS_THREADS_MAX 64u

/* Threads start at once. 0, -EINVAL, -ENOMEM or -EAGAIN (no threads). */
int hz_jobs_open(const struct hz_jobs_conf *conf, struct hz_jobs **out);

/* On job->worker's thread. False: as many jobs of it as may be are under way. */
bool hz_jobs_post(struct hz_jobs *jobs, struct hz_job *job);

/* On worker's thread: calls `done` of its jobs that are; how many. */
unsigned hz_jobs_turn(struct hz_jobs *jobs, uint32_t worker);

/* Ends the helper threads after what they are running: `ring` is not called any more, and jobs stay where they are.
 * Any thread; accepts NULL. */
void hz_jobs_stop(struct hz_jobs *jobs);

/* When no worker turns any more: stops, and drops every job there is, on this thread. Accepts NULL. */
void hz_jobs_close(struct hz_jobs *jobs);

#endif
