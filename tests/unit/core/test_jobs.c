/* Helper threads: every job runs once and comes back to its worker, in bounds. */
#include "core/jobs.h"
#include "hz_test.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#define JOBS 2000u

struct task {
	struct hz_job job;
	pthread_t poster;
	uint64_t runs, dones; /* plain: the queues order them */
};

static unsigned rings[HZ_WORKERS_MAX];
static sem_t gate;

static void ring(void *ctx, uint32_t worker)
{
	(void)ctx;
	__atomic_fetch_add(&rings[worker], 1, __ATOMIC_RELAXED);
}

static void task_run(struct hz_job *job)
{
	struct task *task = HZ_CONTAINER_OF(job, struct task, job);

	if (!pthread_equal(pthread_self(), task->poster))
		task->runs++;
}

static void task_done(struct hz_job *job)
{
	struct task *task = HZ_CONTAINER_OF(job, struct task, job);

	if (pthread_equal(pthread_self(), task->poster))
		task->dones++;
}

static struct hz_jobs *jobs_open(uint32_t threads, uint32_t workers, uint32_t per_worker)
{
	struct hz_jobs_conf conf = { threads, workers, per_worker, ring, NULL };
	struct hz_jobs *jobs = NULL;

	CU_ASSERT_EQUAL_FATAL(hz_jobs_open(&conf, &jobs), 0);
	return jobs;
}

struct poster {
	struct hz_jobs *jobs;
	uint32_t worker;
	unsigned bad, refused;
};

/* A worker: posts as fast as it may, takes back in between. */
static void *poster_run(void *arg)
{
	struct poster *poster = arg;
	struct task *tasks = calloc(JOBS, sizeof(*tasks));
	unsigned posted = 0, back = 0;

	while (back < JOBS) {
		if (posted < JOBS) {
			struct task *task = &tasks[posted];

			task->poster = pthread_self();
			task->job = (struct hz_job){ .worker = poster->worker,
				                     .run = task_run,
				                     .done = task_done };
			if (hz_jobs_post(poster->jobs, &task->job))
				posted++;
			else
				poster->refused++;
		}
		back += hz_jobs_turn(poster->jobs, poster->worker);
		sched_yield();
	}
	for (unsigned i = 0; i < JOBS; i++)
		poster->bad += tasks[i].runs != 1 || tasks[i].dones != 1;
	free(tasks);
	return NULL;
}

static void jobs_of_two_workers_run_once_and_come_back(void)
{
	struct hz_jobs *jobs = jobs_open(3, 2, 64);
	struct poster poster[2] = { { jobs, 0, 0, 0 }, { jobs, 1, 0, 0 } };
	pthread_t thread[2];

	rings[0] = rings[1] = 0;
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, poster_run, &poster[i]);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	hz_jobs_close(jobs);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(poster[i].bad, 0);
		CU_ASSERT_EQUAL(rings[i], JOBS);
	}
}

static void gate_run(struct hz_job *job)
{
	while (sem_wait(&gate) != 0)
		;
	task_run(job);
}

static unsigned dropped;

static void task_drop(struct hz_job *job)
{
	(void)job;
	dropped++;
}

static void jobs_beyond_the_bound_are_refused_until_one_is_back(void)
{
	struct hz_jobs *jobs = jobs_open(1, 1, 2);
	struct task task[3] = { 0 };

	sem_init(&gate, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		task[i].poster = pthread_self();
		task[i].job = (struct hz_job){ .run = gate_run, .done = task_done };
	}
	CU_ASSERT(hz_jobs_post(jobs, &task[0].job));
	CU_ASSERT(hz_jobs_post(jobs, &task[1].job));
	CU_ASSERT(!hz_jobs_post(jobs, &task[2].job));
	CU_ASSERT_EQUAL(hz_jobs_turn(jobs, 0), 0);
	sem_post(&gate);
	while (hz_jobs_turn(jobs, 0) == 0)
		sched_yield();
	CU_ASSERT_EQUAL(task[0].dones, 1); /* the first posted is the first to run */
	CU_ASSERT_EQUAL(task[1].dones, 0);
	CU_ASSERT(hz_jobs_post(jobs, &task[2].job));
	sem_post(&gate);
	sem_post(&gate);
	while (task[2].dones == 0) {
		(void)hz_jobs_turn(jobs, 0);
		sched_yield();
	}
	hz_jobs_close(jobs);
	sem_destroy(&gate);
}

static void jobs_left_at_the_end_are_dropped_not_done(void)
{
	struct hz_jobs *jobs = jobs_open(1, 1, 16);
	struct task task[5] = { 0 };
	unsigned runs = 0;

	sem_init(&gate, 0, 1);
	dropped = 0;
	for (unsigned i = 0; i < 5; i++) {
		task[i].poster = pthread_self();
		task[i].job =
			(struct hz_job){ .run = gate_run, .done = task_done, .drop = task_drop };
		CU_ASSERT(hz_jobs_post(jobs, &task[i].job));
	}
	for (unsigned i = 0; i < 5; i++)
		sem_post(&gate);
	hz_jobs_close(jobs);
	for (unsigned i = 0; i < 5; i++) {
		runs += (unsigned)task[i].runs;
		CU_ASSERT_EQUAL(task[i].dones, 0);
	}
	CU_ASSERT_EQUAL(dropped, 5);
	CU_ASSERT(runs <= 5);
	sem_destroy(&gate);
}

static void jobs_conf_out_of_range_is_refused(void)
{
	struct hz_jobs *jobs = NULL;
	const struct hz_jobs_conf bad[] = {
		{ 0, 1, 1, ring, NULL }, { HZ_JOBS_THREADS_MAX + 1, 1, 1, ring, NULL },
		{ 1, 0, 1, ring, NULL }, { 1, HZ_WORKERS_MAX + 1, 1, ring, NULL },
		{ 1, 1, 0, ring, NULL },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(hz_jobs_open(&bad[i], &jobs), -EINVAL);
	hz_jobs_close(NULL);
}

HZ_SUITE(jobs, CASE(jobs_of_two_workers_run_once_and_come_back),
         CASE(jobs_beyond_the_bound_are_refused_until_one_is_back),
         CASE(jobs_left_at_the_end_are_dropped_not_done), CASE(jobs_conf_out_of_range_is_refused));
