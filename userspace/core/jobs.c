#include "core/jobs.h"
#include "core/tsan.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

/* Each queue is an edge: what a job holds goes with it. */
struct queue {
	struct __cds_wfcq_head head; /* of who takes */
	struct cds_wfcq_tail tail HZ_LINE_ALIGNED;
} HZ_LINE_ALIGNED;

struct jobs_worker {
	struct queue done;
	uint32_t under_way; /* of its thread */
} HZ_LINE_ALIGNED;

struct hz_jobs {
	struct queue todo;
	pthread_mutex_t take; /* helpers only: one at a time takes from todo */
	sem_t count;          /* jobs in todo; and one for each thread at the end */
	bool is_closing;      /* atomic */
	uint32_t thread_count;
	pthread_t thread[HZ_JOBS_THREADS_MAX];
	struct hz_jobs_conf conf;
	struct jobs_worker worker[HZ_WORKERS_MAX];
};

static void queue_init(struct queue *queue)
{
	__cds_wfcq_init(&queue->head, &queue->tail);
}

static void queue_put(struct queue *queue, struct hz_job *job)
{
	hz_tsan_give(job);
	cds_wfcq_node_init(&job->node);
	cds_wfcq_enqueue(&queue->head, &queue->tail, &job->node);
}

/* One taker at a time. NULL: empty, or the job that is next is being put right now. */
static struct hz_job *queue_take(struct queue *queue)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(&queue->head, &queue->tail);
	struct hz_job *job;

	if (node == NULL || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	job = HZ_CONTAINER_OF(node, struct hz_job, node);
	hz_tsan_take(job);
	return job;
}

static struct hz_job *todo_take(struct hz_jobs *jobs)
{
	struct cds_wfcq_node *node;
	struct hz_job *job;

	pthread_mutex_lock(&jobs->take);
	node = __cds_wfcq_dequeue_blocking(&jobs->todo.head, &jobs->todo.tail);
	pthread_mutex_unlock(&jobs->take);
	if (node == NULL)
		return NULL;
	job = HZ_CONTAINER_OF(node, struct hz_job, node);
	hz_tsan_take(job);
	return job;
}

static void *helper_run(void *arg)
{
	struct hz_jobs *jobs = arg;

	for (;;) {
		struct hz_job *job;
		uint32_t worker;

		while (sem_wait(&jobs->count) != 0)
			; /* EINTR */
		if (__atomic_load_n(&jobs->is_closing, __ATOMIC_ACQUIRE))
			return NULL;
		job = todo_take(jobs);
		if (job == NULL)
			continue;
		job->run(job);
		worker = job->worker; /* the job is not ours once it is put */
		queue_put(&jobs->worker[worker].done, job);
		jobs->conf.ring(jobs->conf.ring_ctx, worker);
	}
}

/* Signals are the main thread's. */
static int threads_start(struct hz_jobs *jobs)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (err == 0 && jobs->thread_count < jobs->conf.thread_count) {
		err = -pthread_create(&jobs->thread[jobs->thread_count], NULL, helper_run, jobs);
		if (err == 0)
			pthread_setname_np(jobs->thread[jobs->thread_count++], "hz-helper");
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

int hz_jobs_open(const struct hz_jobs_conf *conf, struct hz_jobs **out)
{
	struct hz_jobs *jobs;
	int err;

	if (conf->thread_count == 0 || conf->thread_count > HZ_JOBS_THREADS_MAX ||
	    conf->worker_count == 0 || conf->worker_count > HZ_WORKERS_MAX ||
	    conf->per_worker_max == 0)
		return -EINVAL;
	jobs = aligned_alloc(_Alignof(struct hz_jobs), sizeof(*jobs));
	if (jobs == NULL)
		return -ENOMEM;
	*jobs = (struct hz_jobs){ .conf = *conf };
	pthread_mutex_init(&jobs->take, NULL);
	sem_init(&jobs->count, 0, 0);
	queue_init(&jobs->todo);
	for (uint32_t i = 0; i < conf->worker_count; i++)
		queue_init(&jobs->worker[i].done);
	err = threads_start(jobs);
	if (err != 0) {
		hz_jobs_close(jobs);
		return err;
	}
	*out = jobs;
	return 0;
}

bool hz_jobs_post(struct hz_jobs *jobs, struct hz_job *job)
{
	struct jobs_worker *worker = &jobs->worker[job->worker];

	assert(job->worker < jobs->conf.worker_count);
	if (worker->under_way == jobs->conf.per_worker_max)
		return false;
	worker->under_way++;
	queue_put(&jobs->todo, job);
	sem_post(&jobs->count);
	return true;
}

unsigned hz_jobs_turn(struct hz_jobs *jobs, uint32_t worker)
{
	struct jobs_worker *own = &jobs->worker[worker];
	struct hz_job *job;
	unsigned count = 0;

	while (own->under_way > 0 && (job = queue_take(&own->done)) != NULL) {
		own->under_way--;
		job->done(job);
		count++;
	}
	return count;
}

static void queue_drop(struct queue *queue)
{
	struct hz_job *job;

	while ((job = queue_take(queue)) != NULL) {
		if (job->drop != NULL)
			job->drop(job);
	}
}

void hz_jobs_stop(struct hz_jobs *jobs)
{
	if (jobs == NULL)
		return;
	__atomic_store_n(&jobs->is_closing, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < jobs->thread_count; i++)
		sem_post(&jobs->count);
	for (uint32_t i = 0; i < jobs->thread_count; i++)
		pthread_join(jobs->thread[i], NULL);
	jobs->thread_count = 0;
}

void hz_jobs_close(struct hz_jobs *jobs)
{
	if (jobs == NULL)
		return;
	hz_jobs_stop(jobs);
	queue_drop(&jobs->todo);
	for (uint32_t i = 0; i < jobs->conf.worker_count; i++)
		queue_drop(&jobs->worker[i].done);
	sem_destroy(&jobs->count);
	pthread_mutex_destroy(&jobs->take);
	free(jobs);
}
