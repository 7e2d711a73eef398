#include "handlers/files_read.h"

#include "core/list.h"
#include "core/pages.h"
#include "http/http_wait.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum buffer_state {
	BUFFER_FREE,
	BUFFER_READING, /* a helper's */
	BUFFER_READY,
};

/* A piece of a file. The worker's, but while it is READING: then the job's fields are the helper's. */
struct buffer {
	struct hz_job job;
	struct hz_list
		node; /* FREE: in free; READY: in ready, who was looked at longest ago first */
	struct pool_worker *worker;
	struct reader *reader; /* whose it is; NULL: nobody's any more */
	enum buffer_state state;
	uint64_t keep_until_ns; /* READY: not taken away before */
	uint64_t first;         /* of the file */
	uint32_t bytes;         /* wanted, then there */
	/* Of the job. */
	struct hz_files_bytes *file; /* one reference, until run or drop has put it back */
	int error;
	uint8_t *data;
};

struct pool_worker {
	struct hz_list free;
	struct hz_list ready;
	struct hz_list waiting; /* readers without a buffer, in order of arrival */
	struct hz_jobs *jobs;
	uint8_t *memory; /* owned: pages of all buffers */
	struct buffer buffer[HZ_LIMIT_files_buffers];
} HZ_LINE_ALIGNED;

struct hz_files_pool {
	uint32_t count;
	struct pool_worker worker[];
};

/* An answer being sent; in its request's arena. */
struct reader {
	struct hz_list node; /* in waiting */
	struct pool_worker *worker;
	struct hz_http_req *req;
	struct hz_files_plan plan;
	struct buffer *buffer;
	uint8_t *text;      /* room for a part's head */
	uint64_t sent;      /* of the body */
	uint64_t wanted_at; /* while it waits: what it waits for */
	uint64_t wanted_bytes;
	bool is_broken;
};

/* Within this time who was resumed has looked at what was read, unless its output is blocked. Without it, more clients
 * than there are buffers would take them from each other before anybody got a byte. */
#define KEEP_NS      (20 * HZ_NS_PER_MS)
#define RETRY_NS     HZ_NS_PER_MS /* a queue to the helpers that was full */
#define MEMORY_BYTES ((size_t)HZ_LIMIT_files_buffers * HZ_LIMIT_files_buffer_bytes)

/* --- buffers ------------------------------------------------------------------------------------------- */

static void buffer_free(struct pool_worker *worker, struct buffer *buffer)
{
	hz_list_remove(&buffer->node);
	if (buffer->reader != NULL)
		buffer->reader->buffer = NULL;
	buffer->reader = NULL;
	buffer->state = BUFFER_FREE;
	hz_list_push_front(&worker->free,
	                   &buffer->node); /* warm ones first: others stay untouched */
}

/* On a helper. The size and time of the file are looked at after the read: had it changed before, they would show. */
static void buffer_run(struct hz_job *job)
{
	struct buffer *buffer = HZ_CONTAINER_OF(job, struct buffer, job);
	uint32_t at = 0;

	buffer->error = 0;
	while (at < buffer->bytes && buffer->error == 0) {
		ssize_t n = pread(buffer->file->fd, buffer->data + at, buffer->bytes - at,
		                  (off_t)(buffer->first + at));

		if (n > 0)
			at += (uint32_t)n;
		else if (n == 0 || errno != EINTR)
			buffer->error = n == 0 ? -ESTALE : -errno;
	}
	if (buffer->error == 0 && !hz_files_id_holds(&buffer->file->id, buffer->file->fd))
		buffer->error = -ESTALE;
	hz_files_bytes_put(buffer->file);
	buffer->file = NULL;
}

static void buffer_done(struct hz_job *job)
{
	struct buffer *buffer = HZ_CONTAINER_OF(job, struct buffer, job);
	struct pool_worker *worker = buffer->worker;
	struct reader *reader = buffer->reader;

	if (reader == NULL || buffer->error != 0) {
		if (reader != NULL)
			reader->is_broken = true;
		buffer_free(worker, buffer);
	} else {
		buffer->state = BUFFER_READY;
		buffer->keep_until_ns = reader->req->env->now_ns + KEEP_NS;
		hz_list_push_back(&worker->ready, &buffer->node);
	}
	if (reader != NULL)
		hz_http_resume(reader->req);
}

static void buffer_drop(struct hz_job *job)
{
	struct buffer *buffer = HZ_CONTAINER_OF(job, struct buffer, job);

	hz_files_bytes_put(buffer->file);
	buffer->file = NULL;
}

/* Takes a buffer away from the client who has not read for the longest time. */
static void buffer_reclaim(struct pool_worker *worker, uint64_t now_ns)
{
	for (struct hz_list *at = worker->ready.next; at != &worker->ready; at = at->next) {
		struct buffer *buffer = HZ_CONTAINER_OF(at, struct buffer, node);

		if (now_ns >= buffer->keep_until_ns) {
			buffer_free(worker, buffer);
			return;
		}
	}
}

/* NULL: all are being read, or were just now. */
static struct buffer *buffer_take(struct pool_worker *worker, uint64_t now_ns)
{
	struct buffer *buffer;

	if (hz_list_is_empty(&worker->free))
		buffer_reclaim(worker, now_ns);
	if (hz_list_is_empty(&worker->free))
		return NULL;
	buffer = HZ_CONTAINER_OF(worker->free.next, struct buffer, node);
	hz_list_remove(&buffer->node);
	return buffer;
}

/* Starts reading what the reader wants; false: it must wait. */
static bool read_start(struct reader *reader)
{
	struct pool_worker *worker = reader->worker;
	struct buffer *buffer = buffer_take(worker, reader->req->env->now_ns);

	if (buffer == NULL)
		return false;
	buffer->reader = reader;
	buffer->state = BUFFER_READING;
	buffer->first = reader->wanted_at;
	buffer->bytes =
		(uint32_t)HZ_MIN(reader->wanted_bytes, (uint64_t)HZ_LIMIT_files_buffer_bytes);
	buffer->file = hz_files_bytes_get(reader->plan.bytes);
	reader->buffer = buffer;
	if (hz_jobs_post(worker->jobs, &buffer->job))
		return true;
	buffer_drop(&buffer->job);
	buffer_free(worker, buffer);
	return false;
}

unsigned hz_files_pool_turn(struct hz_files_pool *pool, uint32_t index)
{
	struct pool_worker *worker = &pool->worker[index];
	unsigned count = 0;

	while (!hz_list_is_empty(&worker->waiting)) {
		struct reader *reader = HZ_CONTAINER_OF(worker->waiting.next, struct reader, node);

		if (!read_start(reader))
			break;
		hz_list_remove(&reader->node);
		count++;
	}
	return count;
}

uint64_t hz_files_pool_turn_due_ns(const struct hz_files_pool *pool, uint32_t index)
{
	const struct pool_worker *worker = &pool->worker[index];
	uint64_t due_ns = UINT64_MAX;

	if (hz_list_is_empty(&worker->waiting))
		return due_ns;
	if (!hz_list_is_empty(&worker->free)) {
		const struct reader *first =
			HZ_CONTAINER_OF(worker->waiting.next, struct reader, node);

		return first->req->env->now_ns + RETRY_NS;
	}
	for (struct hz_list *at = worker->ready.next; at != &worker->ready; at = at->next)
		due_ns = HZ_MIN(due_ns, HZ_CONTAINER_OF(at, struct buffer, node)->keep_until_ns);
	return due_ns; /* all are being read: the helper's answer wakes the worker */
}

/* --- readers ------------------------------------------------------------------------------------------- */

/* Those who came first go first. */
static void read_want(struct reader *reader, uint64_t at, uint64_t bytes)
{
	struct pool_worker *worker = reader->worker;

	if (hz_list_is_linked(&reader->node))
		return;
	reader->wanted_at = at;
	reader->wanted_bytes = bytes;
	if (!hz_list_is_empty(&worker->waiting) || !read_start(reader))
		hz_list_push_back(&worker->waiting, &reader->node);
}

/* Some of count bytes of the file from at on. */
static ssize_t content_pull(struct reader *reader, uint64_t at, uint64_t count, struct hz_wspan out)
{
	struct pool_worker *worker = reader->worker;
	struct buffer *buffer = reader->buffer;
	uint64_t take;

	if (reader->is_broken)
		return -EIO;
	if (buffer == NULL) {
		read_want(reader, at, count);
		return 0;
	}
	if (buffer->state == BUFFER_READING)
		return 0;
	assert(at >= buffer->first && at < buffer->first + buffer->bytes);
	take = HZ_MIN(buffer->first + buffer->bytes - at, HZ_MIN(count, (uint64_t)out.len));
	memcpy(out.data, buffer->data + (at - buffer->first), (size_t)take);
	buffer->keep_until_ns = 0; /* it has got on; from now on the order decides */
	hz_list_remove(&buffer->node);
	hz_list_push_back(&worker->ready, &buffer->node);
	if (at + take == buffer->first + buffer->bytes)
		buffer_free(worker, buffer);
	return (ssize_t)take;
}

static ssize_t part_pull(struct reader *reader, struct hz_wspan out)
{
	struct hz_range_piece piece;
	size_t take;

	hz_range_piece_at(reader->plan.parts, reader->sent, reader->text, &piece);
	if (piece.text.len == 0)
		return content_pull(reader, piece.content_first, piece.content_bytes, out);
	take = HZ_MIN(piece.text.len, out.len);
	memcpy(out.data, piece.text.data, take);
	return (ssize_t)take;
}

static ssize_t reader_pull(void *ctx, struct hz_wspan out)
{
	struct reader *reader = ctx;
	const struct hz_files_plan *plan = &reader->plan;
	ssize_t got;

	if (plan->parts != NULL)
		got = part_pull(reader, out);
	else
		got = content_pull(reader, plan->first + reader->sent, plan->count - reader->sent,
		                   out);
	if (got > 0)
		reader->sent += (uint64_t)got;
	return got;
}

static void reader_release(void *ctx)
{
	struct reader *reader = ctx;
	struct buffer *buffer = reader->buffer;

	if (hz_list_is_linked(&reader->node))
		hz_list_remove(&reader->node);
	if (buffer == NULL)
		return;
	if (buffer->state == BUFFER_READY)
		buffer_free(reader->worker, buffer);
	else
		buffer->reader = NULL; /* its job still comes back */
}

static const struct hz_http_source_ops reader_ops = {
	.pull = reader_pull,
	.release = reader_release,
};

int hz_files_read(struct hz_files_pool *pool, struct hz_http_req *req,
                  const struct hz_files_plan *plan, struct hz_http_resp *resp)
{
	struct reader *reader = hz_arena_get(req->arena, sizeof(*reader));

	if (reader == NULL)
		return -ENOMEM;
	assert(req->env->worker_index < pool->count);
	*reader = (struct reader){ .worker = &pool->worker[req->env->worker_index],
		                   .req = req,
		                   .plan = *plan };
	if (plan->parts != NULL) {
		reader->text = hz_arena_get(req->arena, hz_range_text_bound(plan->parts));
		if (reader->text == NULL)
			return -ENOMEM;
	}
	resp->body_kind = HZ_BODY_SOURCE;
	resp->body_bytes = plan->count;
	resp->source = &reader_ops;
	resp->source_ctx = reader;
	return 0;
}

/* --- all of them --------------------------------------------------------------------------------------- */

static int worker_open(struct pool_worker *worker, uint32_t index, struct hz_jobs *jobs)
{
	worker->memory = hz_pages_map(MEMORY_BYTES, false);
	if (worker->memory == NULL)
		return -ENOMEM;
	worker->jobs = jobs;
	hz_list_init(&worker->free);
	hz_list_init(&worker->ready);
	hz_list_init(&worker->waiting);
	for (uint32_t i = 0; i < HZ_LIMIT_files_buffers; i++) {
		struct buffer *buffer = &worker->buffer[i];

		buffer->job = (struct hz_job){
			.worker = index, .run = buffer_run, .done = buffer_done, .drop = buffer_drop
		};
		buffer->worker = worker;
		buffer->data = worker->memory + (size_t)i * HZ_LIMIT_files_buffer_bytes;
		hz_list_push_back(&worker->free, &buffer->node);
	}
	return 0;
}

int hz_files_pool_open(uint32_t worker_count, struct hz_jobs *jobs, struct hz_files_pool **out)
{
	struct hz_files_pool *pool = NULL;
	size_t bytes = sizeof(*pool) + worker_count * sizeof(pool->worker[0]);
	int err = 0;

	pool = aligned_alloc(_Alignof(struct hz_files_pool), bytes);
	if (pool == NULL)
		return -ENOMEM;
	memset(pool, 0, bytes);
	pool->count = worker_count;
	for (uint32_t i = 0; i < worker_count && err == 0; i++)
		err = worker_open(&pool->worker[i], i, jobs);
	if (err != 0) {
		hz_files_pool_close(pool);
		return err;
	}
	*out = pool;
	return 0;
}

void hz_files_pool_close(struct hz_files_pool *pool)
{
	if (pool == NULL)
		return;
	for (uint32_t i = 0; i < pool->count; i++)
		hz_pages_unmap(pool->worker[i].memory, MEMORY_BYTES);
	free(pool);
}
