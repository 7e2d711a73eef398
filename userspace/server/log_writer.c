#include "server/log_writer.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "server/log_file.h"
#include "server/log_pen.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A worker that begins to log at full speed must not fill its ring in one nap. */
#define NAP_BUSY_NS HZ_NS_PER_MS
#define NAP_IDLE_NS (4 * HZ_NS_PER_MS)
#define RETRY_NS    (100 * HZ_NS_PER_MS) /* after a write failed */
#define CLOSE_NS    HZ_NS_PER_S

struct log_file {
	struct log_file *next; /* changed under lock */
	uint32_t refs;         /* logs that name it; atomic */
	int fresh_fd;          /* -1, or the same name opened again; atomic */
	struct hz_log_sink sink;
	/* of the writer's thread, once it is in the list */
	int fd;
	struct hz_log_pen pen;
	int64_t wall_offset_ns; /* wall clock minus CLOCK_MONOTONIC */
	bool is_failing;
	uint64_t retry_ns;    /* nothing is tried before */
	uint64_t leave_ns;    /* since when no site names it; 0: one does */
	uint64_t told_drops;  /* of the lanes, as far as they were said, */
	uint64_t told_ns;     /* and when */
	uint64_t error_count; /* since it fails */
	char path[];
};

struct hz_log_writer {
	uint32_t lane_count;
	pthread_mutex_t lock; /* of the list; never held over a write */
	struct log_file *first;
	bool is_running, is_closing; /* is_closing: atomic */
	pthread_t thread;
};

/* --- writing ----------------------------------------------------------------------------------------- */

static uint64_t drops_of(const struct log_file *file)
{
	uint64_t drops = 0;

	for (uint32_t i = 0; i < file->sink.lane_count; i++)
		drops += __atomic_load_n(&file->sink.lane[i].dropped, __ATOMIC_RELAXED);
	return drops;
}

static void drops_tell(struct log_file *file, uint64_t now_ns)
{
	uint64_t drops = drops_of(file);

	if (drops == file->told_drops)
		return;
	hz_log(HZ_LOG_WARN, "access log %s: %" PRIu64 " lines were dropped", file->path,
	       drops - file->told_drops);
	file->told_drops = drops;
	file->told_ns = now_ns;
}

/* Everything there was is written. */
static void recovery_tell(struct log_file *file, uint64_t now_ns)
{
	if (file->is_failing)
		hz_log(HZ_LOG_INFO, "access log %s: written again, after %" PRIu64 " errors",
		       file->path, file->error_count);
	file->is_failing = false;
	file->error_count = 0;
	if (now_ns - file->told_ns >= HZ_NS_PER_S) /* a file that is too slow for good */
		drops_tell(file, now_ns);
}

static void failure_tell(struct log_file *file, int err)
{
	file->error_count++;
	if (file->is_failing)
		return;
	file->is_failing = true;
	hz_log(HZ_LOG_ERROR, "access log %s: cannot write: %s; trying on", file->path,
	       strerror(err));
}

/* Lines that are made. True: all of them are written. */
static bool pen_write(struct log_file *file, bool *has_written)
{
	ssize_t written;

	if (hz_log_pen_is_empty(&file->pen))
		return true;
	written = hz_log_pen_write(&file->pen, file->fd);
	if (written < 0 && written != -EAGAIN && written != -EINTR)
		failure_tell(file, (int)-written);
	*has_written |= written > 0;
	return hz_log_pen_is_empty(&file->pen);
}

/* What a lane held when it was looked at. True: all of it is written. */
static bool lane_write(struct log_file *file, uint32_t lane, bool *has_written)
{
	struct hz_byte_ring *ring = &file->sink.lane[lane].ring;
	struct hz_span records = hz_byte_ring_peek(ring);

	while (records.len > 0) {
		size_t made = hz_log_pen_make(&file->pen, records, lane, file->wall_offset_ns);

		hz_byte_ring_consume(ring, made);
		records.data += made;
		records.len -= made;
		if (records.len > 0 && !pen_write(file, has_written))
			return false;
	}
	return true;
}

/* What lanes hold. True: all of it is written. */
static bool lanes_write(struct log_file *file, bool *has_written)
{
	if (!pen_write(file, has_written)) /* what was left last time */
		return false;
	for (uint32_t lane = 0; lane < file->sink.lane_count; lane++) {
		if (!lane_write(file, lane, has_written))
			return false;
	}
	return pen_write(file, has_written);
}

static void fd_renew(struct log_file *file)
{
	int fresh = __atomic_exchange_n(&file->fresh_fd, -1, __ATOMIC_ACQ_REL);

	if (fresh == -1)
		return;
	if (hz_log_pen_is_torn(&file->pen)) {
		hz_log(HZ_LOG_WARN, "access log %s: reopened within a line, which ends there",
		       file->path);
		hz_log_pen_skip(&file->pen);
	}
	close(file->fd);
	file->fd = fresh;
	file->retry_ns = 0;
}

/* The workers' clock is monotonic, the time of day is not. */
static int64_t wall_offset_now(void)
{
	struct timespec now;
	int64_t wall_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	wall_ns = (int64_t)now.tv_sec * (int64_t)HZ_NS_PER_S + now.tv_nsec;
	return wall_ns - (int64_t)hz_clock_monotonic_ns();
}

/* True: something was written. */
static bool file_turn(struct log_file *file, uint64_t now_ns, bool *is_empty)
{
	bool has_written = false;

	file->wall_offset_ns = wall_offset_now();
	fd_renew(file);
	if (now_ns < file->retry_ns)
		return false;
	*is_empty = lanes_write(file, &has_written);
	if (*is_empty)
		recovery_tell(file, now_ns);
	else if (!has_written && file->is_failing)
		file->retry_ns = now_ns + RETRY_NS;
	return has_written;
}

/* --- files ------------------------------------------------------------------------------------------- */

static void lanes_free(struct hz_log_sink *sink)
{
	for (uint32_t i = 0; i < sink->lane_count; i++)
		hz_byte_ring_close(&sink->lane[i].ring);
	free(sink->lane);
}

static void file_free(struct log_file *file)
{
	struct hz_log_sink *sink = &file->sink;
	int fresh = __atomic_exchange_n(&file->fresh_fd, -1, __ATOMIC_ACQ_REL);
	uint64_t left = hz_log_pen_lines(&file->pen);

	for (uint32_t i = 0; i < sink->lane_count; i++)
		left += hz_log_pen_records(hz_byte_ring_peek(&sink->lane[i].ring));
	drops_tell(file, 0);
	if (left > 0)
		hz_log(HZ_LOG_WARN, "access log %s: closed with %" PRIu64 " lines not written",
		       file->path, left);
	if (fresh != -1)
		close(fresh);
	if (file->fd != -1)
		close(file->fd);
	lanes_free(sink);
	hz_log_pen_close(&file->pen);
	free(file);
}

static int lanes_open(struct hz_log_sink *sink, uint32_t count)
{
	int err = 0;

	sink->lane = aligned_alloc(_Alignof(struct hz_log_lane), count * sizeof(*sink->lane));
	if (sink->lane == NULL)
		return -ENOMEM;
	memset(sink->lane, 0, count * sizeof(*sink->lane));
	while (err == 0 && sink->lane_count < count) {
		err = hz_byte_ring_open(&sink->lane[sink->lane_count].ring,
		                        HZ_LIMIT_log_ring_bytes);
		sink->lane_count += err == 0;
	}
	return err;
}

static int file_open(const char *path, uint32_t lane_count, struct log_file **out)
{
	size_t bytes = strlen(path) + 1;
	struct log_file *file = calloc(1, sizeof(*file) + bytes);
	int status;

	if (file == NULL)
		return -ENOMEM;
	memcpy(file->path, path, bytes);
	file->fresh_fd = -1;
	file->fd = hz_log_file_open(path);
	status = file->fd < 0 ? file->fd : lanes_open(&file->sink, lane_count);
	if (status == 0)
		status = hz_log_pen_open(&file->pen);
	if (status != 0) {
		file->fd = HZ_MAX(file->fd, -1);
		file_free(file);
		return status;
	}
	*out = file;
	return 0;
}

/* Asked before the lanes are looked at: without a site no worker adds to them any more. */
static bool file_is_leaving(struct log_file *file, uint64_t now_ns)
{
	bool is_leaving = __atomic_load_n(&file->refs, __ATOMIC_ACQUIRE) == 0;

	if (!is_leaving)
		file->leave_ns = 0;
	else if (file->leave_ns == 0)
		file->leave_ns = now_ns;
	return is_leaving;
}

/* Still named by no site? Then nobody can find it any more either: finding happens under the lock, too. */
static bool file_take_away(struct hz_log_writer *writer, struct log_file *file)
{
	struct log_file **link = &writer->first;
	bool is_unused;

	pthread_mutex_lock(&writer->lock);
	is_unused = __atomic_load_n(&file->refs, __ATOMIC_ACQUIRE) == 0;
	while (*link != file)
		link = &(*link)->next;
	if (is_unused)
		*link = file->next;
	pthread_mutex_unlock(&writer->lock);
	return is_unused;
}

/* --- the thread -------------------------------------------------------------------------------------- */

/* True: something was written. *is_empty: there is nothing left to write. */
static bool writer_turn(struct hz_log_writer *writer, bool *is_empty)
{
	uint64_t now_ns = hz_clock_monotonic_ns();
	struct log_file *file, *next;
	bool has_written = false;

	pthread_mutex_lock(&writer->lock);
	file = writer->first;
	pthread_mutex_unlock(&writer->lock);
	*is_empty = true;
	for (; file != NULL; file = next) {
		bool is_leaving = file_is_leaving(file, now_ns);
		bool is_done = false;

		next = file->next;
		has_written |= file_turn(file, now_ns, &is_done);
		*is_empty &= is_done;
		if (is_leaving && (is_done || now_ns - file->leave_ns > CLOSE_NS) &&
		    file_take_away(writer, file))
			file_free(file);
	}
	return has_written;
}

static void nap(uint64_t ns)
{
	const struct timespec time = { .tv_nsec = (long)ns };

	nanosleep(&time, NULL);
}

static void *writer_run(void *arg)
{
	struct hz_log_writer *writer = arg;
	uint64_t nap_ns = NAP_IDLE_NS, end_ns = 0;
	bool is_empty;

	for (;;) {
		bool is_closing = __atomic_load_n(&writer->is_closing, __ATOMIC_ACQUIRE);

		if (writer_turn(writer, &is_empty))
			nap_ns = NAP_BUSY_NS;
		else
			nap_ns = HZ_MIN(2 * nap_ns, NAP_IDLE_NS);
		if (is_closing && end_ns == 0)
			end_ns = hz_clock_monotonic_ns() + CLOSE_NS;
		if (is_closing && (is_empty || hz_clock_monotonic_ns() > end_ns))
			return NULL;
		nap(nap_ns);
	}
}

/* Signals are the main thread's. */
static int thread_start(struct hz_log_writer *writer)
{
	sigset_t all, before;
	int err;

	if (writer->is_running)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&writer->thread, NULL, writer_run, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		return err;
	pthread_setname_np(writer->thread, "hz-log");
	writer->is_running = true;
	return 0;
}

/* --- the server's side ------------------------------------------------------------------------------- */

int hz_log_writer_open(uint32_t lane_count, struct hz_log_writer **out)
{
	struct hz_log_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return -ENOMEM;
	writer->lane_count = lane_count;
	pthread_mutex_init(&writer->lock, NULL);
	*out = writer;
	return 0;
}

/* A reference to the file of that name that is open, or NULL. */
static struct log_file *file_get(struct hz_log_writer *writer, const char *path, uint32_t *count)
{
	struct log_file *file;

	*count = 0;
	pthread_mutex_lock(&writer->lock);
	for (file = writer->first; file != NULL && strcmp(file->path, path) != 0; file = file->next)
		++*count;
	if (file != NULL)
		__atomic_fetch_add(&file->refs, 1, __ATOMIC_ACQ_REL);
	pthread_mutex_unlock(&writer->lock);
	return file;
}

/* It is open, but would it be opened again? The next rotation would find out, when nobody looks. */
static int file_again(struct log_file *file, const struct hz_mw_log_conf *conf, struct hz_err *err)
{
	int fd = hz_log_file_open(conf->to);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	__atomic_fetch_sub(&file->refs, 1, __ATOMIC_ACQ_REL);
	return hz_log_file_explain(conf->to, conf->line, fd, err);
}

static int file_bind(struct hz_log_writer *writer, struct hz_mw_log_conf *conf, struct hz_err *err)
{
	uint32_t count;
	struct log_file *file = file_get(writer, conf->to, &count);
	int status = 0;

	if (file != NULL) {
		status = file_again(file, conf, err);
		if (status != 0)
			return status;
	} else {
		if (count == HZ_LIMIT_log_files_max)
			return hz_err_set(err, -EMFILE, 2, "log_file", "",
			                  "line %u: log: more than %d files", conf->line,
			                  HZ_LIMIT_log_files_max);
		status = file_open(conf->to, writer->lane_count, &file);
		if (status != 0)
			return hz_log_file_explain(conf->to, conf->line, status, err);
		file->refs = 1;
		pthread_mutex_lock(&writer->lock);
		file->next = writer->first;
		writer->first = file;
		pthread_mutex_unlock(&writer->lock);
	}
	conf->sink = &file->sink;
	return 0;
}

int hz_log_writer_bind(struct hz_log_writer *writer, struct hz_site *site, struct hz_err *err)
{
	int status;

	if (site->logs == NULL)
		return 0;
	status = thread_start(writer); /* which also takes away what fails here */
	if (status != 0)
		return hz_err_set(err, status, 5, "thread", "", "cannot start the log writer: %s",
		                  strerror(-status));
	for (struct hz_mw_log_conf *conf = site->logs; status == 0 && conf != NULL;
	     conf = conf->next)
		status = file_bind(writer, conf, err);
	if (status != 0)
		hz_log_writer_unbind(site);
	return status;
}

void hz_log_writer_unbind(struct hz_site *site)
{
	for (struct hz_mw_log_conf *conf = site->logs; conf != NULL; conf = conf->next) {
		if (conf->sink == NULL)
			continue;
		__atomic_fetch_sub(&HZ_CONTAINER_OF(conf->sink, struct log_file, sink)->refs, 1,
		                   __ATOMIC_ACQ_REL);
		conf->sink = NULL;
	}
}

void hz_log_writer_reopen(struct hz_log_writer *writer)
{
	/* The list's beginning is ours alone to change, and a file with references stays in it. */
	pthread_mutex_lock(&writer->lock);
	for (struct log_file *file = writer->first; file != NULL; file = file->next) {
		int fd = hz_log_file_open(file->path);

		if (fd < 0) {
			struct hz_err err = { 0 };

			(void)hz_log_file_explain(file->path, 0, fd, &err);
			hz_log(HZ_LOG_ERROR, "cannot open again, the old file goes on: %s",
			       err.why);
			continue;
		}
		fd = __atomic_exchange_n(&file->fresh_fd, fd, __ATOMIC_ACQ_REL);
		if (fd != -1)
			close(fd);
	}
	pthread_mutex_unlock(&writer->lock);
}

void hz_log_writer_close(struct hz_log_writer *writer)
{
	struct log_file *next;

	if (writer == NULL)
		return;
	if (writer->is_running) {
		__atomic_store_n(&writer->is_closing, true, __ATOMIC_RELEASE);
		pthread_join(writer->thread, NULL);
	}
	for (struct log_file *file = writer->first; file != NULL; file = next) {
		next = file->next;
		file_free(file);
	}
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}
