/* Files that are read as they are sent, with real helper threads. */
#include "files_rig.h"

#include "core/span_ops.h"
#include "hz_test.h"
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BIG_BYTES (5 * (size_t)HZ_LIMIT_files_buffer_bytes + 123)

struct read_rig {
	struct files_rig *files;
	struct hz_jobs *jobs;
	struct hz_files_pool *pool;
	sem_t done; /* a job is */
};

/* Who holds the content of "big": the index, and each read under way. */
static uint32_t big_refs(const struct read_rig *rig)
{
	bool is_directory;
	const struct hz_files_file *file = hz_files_index_find(
		hz_files_index_of(&rig->files->handler), HZ_SPAN_LITERAL("big"), &is_directory);

	return file->rep[HZ_CODING_IDENTITY]->bytes->refs;
}

static uint8_t big_byte(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 9));
}

static void ring(void *ctx, uint32_t worker)
{
	struct read_rig *rig = ctx;

	(void)worker;
	sem_post(&rig->done);
}

static void big_write(const struct files_rig *files, const char *path)
{
	char *big = malloc(BIG_BYTES);

	for (size_t i = 0; i < BIG_BYTES; i++)
		big[i] = (char)big_byte(i);
	files_rig_write(files, path, big, BIG_BYTES);
	free(big);
}

/* "big" is not in memory. */
static struct read_rig *read_open(uint32_t jobs_max)
{
	struct read_rig *rig = calloc(1, sizeof(*rig));
	struct hz_jobs_conf jobs = { .thread_count = 2,
		                     .worker_count = 1,
		                     .per_worker_max = jobs_max,
		                     .ring = ring,
		                     .ring_ctx = rig };

	sem_init(&rig->done, 0, 0);
	CU_ASSERT_EQUAL_FATAL(hz_jobs_open(&jobs, &rig->jobs), 0);
	CU_ASSERT_EQUAL_FATAL(hz_files_pool_open(1, rig->jobs, &rig->pool), 0);
	rig->files = files_rig_open();
	rig->files->conf.cache_bytes = 1000;
	rig->files->conf.pool = rig->pool;
	big_write(rig->files, "big");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig->files), 0);
	return rig;
}

static void read_close(struct read_rig *rig)
{
	hz_jobs_close(rig->jobs);
	files_rig_close(rig->files);
	hz_files_pool_close(rig->pool);
	sem_destroy(&rig->done);
	free(rig);
}

static bool turn(struct read_rig *rig)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	if (sem_timedwait(&rig->done, &until) != 0)
		return false; /* nothing is under way: whoever waits does so for ever */
	(void)hz_jobs_turn(rig->jobs, 0);
	(void)hz_files_pool_turn(rig->pool, 0);
	return true;
}

static struct files_ask *ask_big(struct read_rig *rig, const char *range)
{
	struct files_ask *ask = files_ask_open("big");

	if (range != NULL)
		files_ask_field(ask, "Range", range);
	files_ask_run(ask, &rig->files->handler);
	CU_ASSERT_EQUAL_FATAL(ask->flight.resp.body_kind, HZ_BODY_SOURCE);
	return ask;
}

static ssize_t pull(struct files_ask *ask, uint8_t *out, size_t room)
{
	const struct hz_http_resp *resp = &ask->flight.resp;

	return resp->source->pull(resp->source_ctx, (struct hz_wspan){ out, room });
}

/* All of the body, with pieces of at most room bytes. Negative: it broke. */
static ssize_t pull_all(struct read_rig *rig, struct files_ask *ask, uint8_t *out, size_t room)
{
	uint64_t length = ask->flight.resp.body_bytes, at = 0;

	while (at < length) {
		ssize_t got = pull(ask, out + at, (size_t)HZ_MIN((uint64_t)room, length - at));

		if (got < 0)
			return got;
		if (got == 0 && !turn(rig))
			return -ETIMEDOUT;
		at += (uint64_t)got;
	}
	return (ssize_t)at;
}

static bool is_big(const uint8_t *bytes, uint64_t from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != big_byte(from + i))
			return false;
	}
	return true;
}

static void large_file_comes_byte_by_byte_as_it_is(void)
{
	static const size_t rooms[] = { 1448, 1, 65536, 1u << 20 };
	struct read_rig *rig = read_open(64);
	uint8_t *out = malloc(BIG_BYTES);

	for (size_t i = 0; i < HZ_ARRAY_LEN(rooms); i++) {
		struct files_ask *ask = ask_big(rig, NULL);

		CU_ASSERT_EQUAL(ask->flight.resp.status, 200);
		CU_ASSERT_EQUAL(ask->flight.resp.body_bytes, BIG_BYTES);
		CU_ASSERT_EQUAL(pull_all(rig, ask, out, rooms[i]), (ssize_t)BIG_BYTES);
		CU_ASSERT(is_big(out, 0, BIG_BYTES));
		files_ask_close(ask);
	}
	CU_ASSERT_EQUAL(big_refs(rig), 1);
	free(out);
	read_close(rig);
}

static void ranges_of_a_large_file_are_exact(void)
{
	struct read_rig *rig = read_open(64);
	uint8_t *out = calloc(1, 2 * BIG_BYTES);
	struct files_ask *ask = ask_big(rig, "bytes=65530-65545");
	char *at;

	CU_ASSERT_EQUAL(ask->flight.resp.status, 206);
	CU_ASSERT_EQUAL(pull_all(rig, ask, out, 5), 16);
	CU_ASSERT(is_big(out, 65530, 16));
	files_ask_close(ask);
	ask = ask_big(rig, "bytes=10-70009,200000-200004");
	CU_ASSERT_EQUAL(pull_all(rig, ask, out, 100), (ssize_t)ask->flight.resp.body_bytes);
	at = strstr((char *)out, "\r\n\r\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT(is_big((uint8_t *)at + 4, 10, 70000));
	at = memmem(at + 70004, 500, "\r\n\r\n", 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT(is_big((uint8_t *)at + 4, 200000, 5));
	CU_ASSERT_EQUAL(memcmp(at + 9, "\r\n--", 4), 0);
	files_ask_close(ask);
	free(out);
	read_close(rig);
}

/* More clients than buffers, none of which reads on: each still gets the next bytes when it asks. */
static void idle_clients_hold_no_buffers(void)
{
	enum { COUNT = 3 * HZ_LIMIT_files_buffers };
	struct read_rig *rig = read_open(1024);
	struct files_ask **ask = calloc(COUNT, sizeof(*ask));
	uint64_t at[COUNT] = { 0 };
	uint8_t out[100];

	for (unsigned i = 0; i < COUNT; i++)
		ask[i] = ask_big(rig, NULL);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			ssize_t got;

			while ((got = pull(ask[i], out, sizeof(out))) == 0 && turn(rig))
				;
			CU_ASSERT_EQUAL_FATAL(got, sizeof(out));
			CU_ASSERT(is_big(out, at[i], sizeof(out)));
			at[i] += sizeof(out);
		}
	}
	for (unsigned i = 0; i < COUNT; i++)
		files_ask_close(ask[i]);
	free(ask);
	read_close(rig);
}

static void jobs_all_done(struct read_rig *rig)
{
	while (sem_trywait(&rig->done) == 0)
		;
	(void)hz_jobs_turn(rig->jobs, 0);
	(void)hz_files_pool_turn(rig->pool, 0);
}

/* What was read for one is not taken away by the next before it could look at it. */
static void more_clients_than_buffers_all_get_on(void)
{
	enum { COUNT = 3 * HZ_LIMIT_files_buffers };
	struct read_rig *rig = read_open(1024);
	struct files_ask **ask = calloc(COUNT, sizeof(*ask));
	uint8_t *out = malloc(HZ_LIMIT_files_buffer_bytes);
	unsigned left = COUNT, got[COUNT] = { 0 };

	for (unsigned i = 0; i < COUNT; i++)
		ask[i] = ask_big(rig, "bytes=0-65535");
	for (unsigned round = 0; round < 10000 && left > 0; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			bool was_done = got[i] == HZ_LIMIT_files_buffer_bytes;

			if (was_done || (round > 0 && ask[i]->wakes == 0))
				continue;
			got[i] += (unsigned)pull(ask[i], out, HZ_LIMIT_files_buffer_bytes);
			left -= got[i] == HZ_LIMIT_files_buffer_bytes;
		}
		usleep(200);
		jobs_all_done(rig);
	}
	CU_ASSERT_EQUAL(left, 0);
	for (unsigned i = 0; i < COUNT; i++)
		files_ask_close(ask[i]);
	free(ask);
	free(out);
	read_close(rig);
}

/* But who does not look at it for a while, because its output is blocked, loses it. */
static void blocked_clients_lose_what_was_read(void)
{
	enum { COUNT = HZ_LIMIT_files_buffers };
	struct read_rig *rig = read_open(1024);
	struct files_ask *ask[COUNT], *last;
	unsigned losers = 0;
	uint8_t out[64];

	for (unsigned i = 0; i < COUNT; i++) {
		ask[i] = ask_big(rig, NULL);
		CU_ASSERT_EQUAL(pull(ask[i], out, sizeof(out)), 0);
	}
	for (unsigned i = 0; i < COUNT; i++)
		CU_ASSERT_FATAL(turn(rig));
	jobs_all_done(rig);
	last = ask_big(rig, NULL);
	CU_ASSERT_EQUAL(pull(last, out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(hz_files_pool_turn_due_ns(rig->pool, 0), 20 * HZ_NS_PER_MS);
	last->env.now_ns = 19 * HZ_NS_PER_MS;
	(void)hz_files_pool_turn(rig->pool, 0);
	CU_ASSERT_EQUAL(sem_trywait(&rig->done), -1);
	last->env.now_ns = 20 * HZ_NS_PER_MS;
	CU_ASSERT_EQUAL(hz_files_pool_turn(rig->pool, 0), 1);
	CU_ASSERT_EQUAL(hz_files_pool_turn_due_ns(rig->pool, 0), UINT64_MAX);
	CU_ASSERT_FATAL(turn(rig));
	CU_ASSERT_EQUAL(pull(last, out, sizeof(out)), sizeof(out));
	/* And who lost it reads again: the one whose buffer was filled first, helpers come to an end in any order. */
	for (unsigned i = 0; i < COUNT; i++) {
		if (pull(ask[i], out, sizeof(out)) != 0)
			continue;
		losers++;
		CU_ASSERT_FATAL(turn(rig));
		CU_ASSERT_EQUAL(pull(ask[i], out, sizeof(out)), sizeof(out));
		CU_ASSERT(is_big(out, 0, sizeof(out)));
	}
	CU_ASSERT_EQUAL(losers, 1);
	for (unsigned i = 0; i < COUNT; i++)
		files_ask_close(ask[i]);
	files_ask_close(last);
	read_close(rig);
}

/* One job at a time for all of them: who came first goes first, and none is forgotten. */
static void requests_wait_their_turn(void)
{
	enum { COUNT = 10 };
	struct read_rig *rig = read_open(1);
	struct files_ask *ask[COUNT];
	uint8_t out[64];

	for (unsigned i = 0; i < COUNT; i++) {
		ask[i] = ask_big(rig, NULL);
		CU_ASSERT_EQUAL(pull(ask[i], out, sizeof(out)), 0);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		CU_ASSERT_FATAL(turn(rig));
		CU_ASSERT_EQUAL(ask[i]->wakes, 1);
		CU_ASSERT(i == COUNT - 1 || ask[i + 1]->wakes == 0);
		CU_ASSERT_EQUAL(pull(ask[i], out, sizeof(out)), sizeof(out));
		CU_ASSERT(is_big(out, 0, sizeof(out)));
	}
	for (unsigned i = 0; i < COUNT; i++)
		files_ask_close(ask[i]);
	read_close(rig);
}

static void newcomer_waits_behind_those_who_wait(void)
{
	struct read_rig *rig = read_open(1);
	struct files_ask *first = ask_big(rig, NULL), *second = ask_big(rig, NULL), *late;
	uint8_t out[64];

	CU_ASSERT_EQUAL(pull(first, out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(pull(second, out, sizeof(out)), 0);
	CU_ASSERT_FATAL(sem_wait(&rig->done) == 0);
	CU_ASSERT_EQUAL(hz_jobs_turn(rig->jobs, 0),
	                1); /* there is room for a job, and a newcomer */
	late = ask_big(rig, NULL);
	CU_ASSERT_EQUAL(pull(late, out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(hz_files_pool_turn(rig->pool, 0), 1);
	CU_ASSERT_FATAL(turn(rig));
	CU_ASSERT_EQUAL(second->wakes, 1);
	CU_ASSERT_EQUAL(late->wakes, 0);
	files_ask_close(first);
	files_ask_close(second);
	files_ask_close(late);
	read_close(rig);
}

static void who_goes_away_while_waiting_or_reading_leaves_nothing(void)
{
	struct read_rig *rig = read_open(1);
	struct files_ask *reading = ask_big(rig, NULL), *waiting = ask_big(rig, NULL);
	struct files_ask *other = ask_big(rig, NULL);
	uint8_t out[64];

	CU_ASSERT_EQUAL(pull(reading, out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(pull(waiting, out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(pull(other, out, sizeof(out)), 0);
	files_ask_close(reading);
	files_ask_close(waiting);
	CU_ASSERT(turn(rig)); /* of the first, who is gone */
	CU_ASSERT(turn(rig));
	CU_ASSERT_EQUAL(other->wakes, 1);
	CU_ASSERT_EQUAL(pull(other, out, sizeof(out)), sizeof(out));
	files_ask_close(other);
	/* And at the end: a job that nobody takes back, whose file the index has let go. */
	reading = ask_big(rig, NULL);
	CU_ASSERT_EQUAL(pull(reading, out, sizeof(out)), 0);
	files_ask_close(reading);
	read_close(rig);
}

static void changed_file_breaks_the_answer(void)
{
	static const char *const ways[] = { "longer", "shorter", "same size", "other name" };
	uint8_t *out = malloc(BIG_BYTES);

	for (unsigned way = 0; way < HZ_ARRAY_LEN(ways); way++) {
		struct read_rig *rig = read_open(64);
		struct files_ask *ask;
		char path[256], other[256];
		ssize_t got;
		int fd;

		files_rig_age(rig->files, "big", 100);
		CU_ASSERT_EQUAL_FATAL(files_rig_build(rig->files), 0);
		ask = ask_big(rig, NULL);
		while ((got = pull(ask, out, 10)) == 0 && turn(rig))
			;
		CU_ASSERT_EQUAL(got, 10);
		files_rig_path(rig->files, "big", path);
		files_rig_path(rig->files, "other", other);
		fd = open(path, O_WRONLY | O_APPEND * (way == 0));
		if (way == 0)
			CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
		if (way == 1)
			CU_ASSERT_EQUAL(ftruncate(fd, 1000), 0);
		if (way == 2)
			CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
		if (way == 3)
			CU_ASSERT_EQUAL(rename(path, other), 0);
		close(fd);
		ask->flight.resp.body_bytes -= 10;
		got = pull_all(rig, ask, out, 1448);
		if (way == 3) { /* who renames over does not change what is being sent */
			CU_ASSERT_EQUAL(got, (ssize_t)BIG_BYTES - 10);
			CU_ASSERT(is_big(out, 10, BIG_BYTES - 10));
		} else {
			CU_ASSERT_EQUAL(got, -EIO);
		}
		files_ask_close(ask);
		read_close(rig);
	}
	free(out);
}

static void head_of_a_large_file_reads_nothing(void)
{
	struct read_rig *rig = read_open(64);
	struct files_ask *ask = ask_big(rig, NULL);
	char *head = files_ask_head(ask);

	CU_ASSERT_PTR_NOT_NULL(strstr(head, "\r\nContent-Length: 327803\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(head, "\r\nAccept-Ranges: bytes\r\n"));
	free(head);
	files_ask_close(ask);
	read_close(rig);
}

HZ_SUITE(files_read, CASE(large_file_comes_byte_by_byte_as_it_is),
         CASE(ranges_of_a_large_file_are_exact), CASE(idle_clients_hold_no_buffers),
         CASE(more_clients_than_buffers_all_get_on), CASE(blocked_clients_lose_what_was_read),
         CASE(requests_wait_their_turn), CASE(newcomer_waits_behind_those_who_wait),
         CASE(who_goes_away_while_waiting_or_reading_leaves_nothing),
         CASE(changed_file_breaks_the_answer), CASE(head_of_a_large_file_reads_nothing));
