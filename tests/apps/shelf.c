/* Example: files put and fetched as streams. One thread of ours does the reading and writing; between it and a worker
 * lies a ring of 256 KiB per transfer. A body that finds it full waits (the client is not read from), a download that
 * finds it empty has nothing yet (the client waits), and the thread wakes either. So memory is 256 KiB per transfer,
 * whoever is slow. A file that is put has a name of its own until it is whole: readers get the old one or the new one.
 *
 *   PUT /files/:name     201 with the number of bytes         GET /files/:name     the file; ?chunked without length
 */
#include "app_args.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_BYTES 262144u

/* One file on its way. Made by a handler; freed by the thread when both sides are done with it. */
struct transfer {
	struct transfer *next; /* in the shelf's list; the thread's */
	struct shelf *shelf;
	struct hz_ticket *ticket;
	int fd;
	bool is_upload;
	char name[64];
	char part[48]; /* what it is called while it is put; "" when it is no longer */
	/* under the shelf's lock */
	size_t at, used; /* of ring */
	bool is_complete; /* upload: the client has sent all; download: the file is read to its end */
	bool is_over;     /* the worker will not touch it again */
	bool is_waiting; /* the worker waits to be woken */
	int err;         /* of the file */
	uint64_t bytes;  /* put or read */
	char ring[RING_BYTES];
};

struct shelf {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct transfer *fresh; /* not seen by the thread yet */
	bool is_stirred, is_ending;
	pthread_t thread;
	int dir_fd;
	unsigned long puts; /* under the lock */
};

/* --- the ring: under the lock ---------------------------------------------------------------------- */

static size_t ring_put(struct transfer *t, const char *data, size_t bytes)
{
	size_t room = RING_BYTES - t->used, put = 0;

	bytes = bytes < room ? bytes : room;
	while (put < bytes) {
		size_t to = (t->at + t->used) % RING_BYTES;
		size_t part = bytes - put < RING_BYTES - to ? bytes - put : RING_BYTES - to;

		memcpy(t->ring + to, data + put, part);
		t->used += part;
		put += part;
	}
	return put;
}

static size_t ring_get(struct transfer *t, char *out, size_t room)
{
	size_t got = 0;

	while (got < room && t->used > 0) {
		size_t part = RING_BYTES - t->at;

		part = part < t->used ? part : t->used;
		part = part < room - got ? part : room - got;
		memcpy(out + got, t->ring + t->at, part);
		t->at = (t->at + part) % RING_BYTES;
		t->used -= part;
		got += part;
	}
	return got;
}

static void stir(struct shelf *shelf)
{
	shelf->is_stirred = true;
	pthread_cond_signal(&shelf->more);
}

/* --- the thread ------------------------------------------------------------------------------------ */

/* The file is whole: it takes the place of the one before. */
static void upload_end(struct transfer *t)
{
	if (t->err == 0 && renameat(t->shelf->dir_fd, t->part, t->shelf->dir_fd, t->name) != 0)
		t->err = errno;
	if (t->err == 0)
		t->part[0] = '\0';
}

static void upload_answer(struct transfer *t)
{
	char text[64];
	int bytes =
		snprintf(text, sizeof(text), "{\"bytes\":%llu}\n", (unsigned long long)t->bytes);
	const struct hz_reply reply = HZ_INIT(hz_reply, .status = t->err == 0 ? 201 : 507,
	                                      .content_type = "application/json", .body = text,
	                                      .body_bytes = (size_t)bytes);

	hz_ticket_finish(t->ticket, &reply);
	t->ticket = NULL;
}

/* 0 or an errno. */
static int write_all(int fd, const char *buffer, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		ssize_t some = write(fd, buffer + at, bytes - at);

		if (some < 0 && errno != EINTR)
			return errno;
		if (some == 0)
			return ENOSPC;
		at += some > 0 ? (size_t)some : 0;
	}
	return 0;
}

/* Some of what is there, without the lock while it is written. True: there may be more. */
static bool upload_step(struct shelf *shelf, struct transfer *t, char *buffer)
{
	size_t bytes = ring_get(t, buffer, RING_BYTES / 4);
	bool wakes = t->is_waiting && t->used <= RING_BYTES / 2;
	bool ends = bytes == 0 && t->is_complete && t->ticket != NULL;

	t->is_waiting = t->is_waiting && !wakes;
	pthread_mutex_unlock(&shelf->lock);
	if (t->err == 0)
		t->err = write_all(t->fd, buffer, bytes);
	t->bytes += bytes;
	if (wakes)
		hz_ticket_wake(t->ticket);
	if (ends) {
		upload_end(t);
		upload_answer(t);
	}
	pthread_mutex_lock(&shelf->lock);
	return bytes > 0;
}

static bool download_step(struct shelf *shelf, struct transfer *t, char *buffer)
{
	ssize_t bytes = 0;
	bool wakes;

	if (t->is_complete || RING_BYTES - t->used < RING_BYTES / 4)
		return false;
	pthread_mutex_unlock(&shelf->lock);
	bytes = read(t->fd, buffer, RING_BYTES / 4);
	pthread_mutex_lock(&shelf->lock);
	if (bytes > 0)
		ring_put(t, buffer, (size_t)bytes);
	if (bytes <= 0)
		t->is_complete = true;
	if (bytes < 0)
		t->err = errno;
	wakes = t->is_waiting;
	t->is_waiting = false;
	if (wakes)
		hz_ticket_wake(t->ticket);
	return bytes > 0;
}

static void transfer_free(struct transfer *t)
{
	if (t->ticket != NULL)
		hz_ticket_drop(t->ticket);
	close(t->fd);
	if (t->part[0] != '\0')
		unlinkat(t->shelf->dir_fd, t->part, 0);
	free(t);
}

/* One step of each; true: some have more to do. Under the lock. */
static bool transfers_step(struct shelf *shelf, struct transfer **first, char *buffer)
{
	struct transfer **link = first;
	bool is_busy = false;

	while (*link != NULL) {
		struct transfer *t = *link;

		if (t->is_over) {
			*link = t->next;
			transfer_free(t);
			continue;
		}
		is_busy |= t->is_upload ? upload_step(shelf, t, buffer)
		                        : download_step(shelf, t, buffer);
		link = &t->next;
	}
	return is_busy;
}

static void *shelf_thread(void *arg)
{
	char *buffer = malloc(RING_BYTES / 4);
	struct transfer *first = NULL;
	struct shelf *shelf = arg;

	pthread_mutex_lock(&shelf->lock);
	while (buffer != NULL && (!shelf->is_ending || first != NULL || shelf->fresh != NULL)) {
		shelf->is_stirred = false;
		while (shelf->fresh != NULL) {
			struct transfer *t = shelf->fresh;

			shelf->fresh = t->next;
			t->next = first;
			first = t;
		}
		if (!transfers_step(shelf, &first, buffer))
			while (!shelf->is_stirred)
				pthread_cond_wait(&shelf->more, &shelf->lock);
	}
	pthread_mutex_unlock(&shelf->lock);
	free(buffer);
	return NULL;
}

/* --- handlers: on workers -------------------------------------------------------------------------- */

/* Names of one segment, without a dot in front: those are ours, for what is being put. */
static int name_read(struct hz_request *req, char out[64])
{
	struct hz_span name = hz_request_param(req, "name");

	if (name.len == 0 || name.len >= 64 || name.data[0] == '.' ||
	    memchr(name.data, '/', name.len) != NULL || memchr(name.data, 0, name.len) != NULL)
		return -EINVAL;
	memcpy(out, name.data, name.len);
	out[name.len] = '\0';
	return 0;
}

static int file_open(struct transfer *t)
{
	struct shelf *shelf = t->shelf;

	if (!t->is_upload)
		return openat(shelf->dir_fd, t->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	pthread_mutex_lock(&shelf->lock);
	snprintf(t->part, sizeof(t->part), ".put-%ld-%lu", (long)getpid(), shelf->puts++);
	pthread_mutex_unlock(&shelf->lock);
	return openat(shelf->dir_fd, t->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* The request is over. */
static void transfer_over(void *state)
{
	struct transfer *t = state;
	struct shelf *shelf = t->shelf;

	pthread_mutex_lock(&shelf->lock);
	t->is_over = true;
	stir(shelf);
	pthread_mutex_unlock(&shelf->lock);
}

/* NULL: answered. */
static struct transfer *transfer_begin(struct shelf *shelf, struct hz_request *req, bool is_upload)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		hz_respond(req, 503, NULL, NULL, 0);
		return NULL;
	}
	t->shelf = shelf;
	t->is_upload = is_upload;
	if (name_read(req, t->name) != 0 || (t->fd = file_open(t)) < 0) {
		hz_respond(req, 404, NULL, NULL, 0);
		free(t);
		return NULL;
	}
	t->ticket = hz_request_ticket(req);
	if (t->ticket == NULL) {
		hz_respond(req, 503, NULL, NULL, 0);
		transfer_free(t);
		return NULL;
	}
	hz_request_attach(req, t, transfer_over);
	pthread_mutex_lock(&shelf->lock);
	t->next = shelf->fresh;
	shelf->fresh = t;
	stir(shelf);
	pthread_mutex_unlock(&shelf->lock);
	return t;
}

/* Asked to wait at half, so that there is always room for one piece more. */
static int on_put_body(struct hz_request *req, void *ctx, const void *data, size_t bytes)
{
	struct transfer *t = hz_request_state(req);
	struct shelf *shelf = ctx;
	bool fits;
	int next;

	if (t == NULL)
		t = transfer_begin(shelf, req, true);
	if (t == NULL)
		return 0;
	pthread_mutex_lock(&shelf->lock);
	fits = ring_put(t, data, bytes) == bytes;
	t->is_waiting = t->used > RING_BYTES / 2;
	next = t->is_waiting ? HZ_WAIT : 0;
	stir(shelf);
	pthread_mutex_unlock(&shelf->lock);
	return fits ? next : -ENOSPC;
}

static int on_put(struct hz_request *req, void *ctx)
{
	struct transfer *t = hz_request_state(req);
	struct shelf *shelf = ctx;

	if (t == NULL)
		t = transfer_begin(shelf, req, true); /* an empty file has no body */
	if (t == NULL)
		return 0;
	pthread_mutex_lock(&shelf->lock);
	t->is_complete = true;
	stir(shelf);
	pthread_mutex_unlock(&shelf->lock);
	return 0;
}

static int64_t on_pull(void *ctx, void *out, size_t room)
{
	struct transfer *t = ctx;
	struct shelf *shelf = t->shelf;
	int64_t got;

	pthread_mutex_lock(&shelf->lock);
	got = (int64_t)ring_get(t, out, room);
	if (got == 0 && t->is_complete)
		got = t->err == 0 ? HZ_END : -t->err;
	t->is_waiting = got == 0;
	stir(shelf);
	pthread_mutex_unlock(&shelf->lock);
	return got;
}

static int on_get(struct hz_request *req, void *ctx)
{
	struct hz_reply reply = HZ_INIT(hz_reply, .status = 200, .pull = on_pull,
	                                .content_type = "application/octet-stream",
	                                .body_bytes = HZ_LENGTH_UNKNOWN);
	struct transfer *t = transfer_begin(ctx, req, false);
	struct stat st;

	if (t == NULL)
		return 0;
	if (hz_request_query(req).len == 0 && fstat(t->fd, &st) == 0)
		reply.body_bytes = (uint64_t)st.st_size;
	reply.ctx = t;
	return hz_respond_with(req, &reply);
}

/* --- */

static int serve(struct hz_app *app, struct shelf *shelf, struct hz_error *error)
{
	const struct hz_route put =
		HZ_INIT(hz_route, .match = "PUT /files/:name", .name = "put", .handler = on_put,
	                .body = on_put_body, .ctx = shelf, .body_bytes_max = UINT64_MAX);

	if (hz_app_route_with(app, &put) != 0 ||
	    hz_app_route(app, "GET /files/:name", on_get, shelf) != 0)
		return 70;
	return hz_app_run(app, error);
}

static void shelf_end(struct shelf *shelf)
{
	pthread_mutex_lock(&shelf->lock);
	shelf->is_ending = true;
	stir(shelf);
	pthread_mutex_unlock(&shelf->lock);
	pthread_join(shelf->thread, NULL);
	close(shelf->dir_fd);
}

int main(int argc, char **argv)
{
	struct shelf shelf = { .lock = PTHREAD_MUTEX_INITIALIZER,
		               .more = PTHREAD_COND_INITIALIZER };
	struct app_args args = { 0 };
	struct hz_error error = { 0 };
	struct hz_app *app;
	int status;

	if (app_args_parse(argc, argv, &args) != 0)
		return 2;
	struct hz_options options =
		HZ_INIT(hz_options, .name = "shelf", .site_file = args.site_file,
	                .instance = args.instance, .listens = args.listens,
	                .settings = args.settings, .takes_signals = true, .ready = app_args_ready);

	signal(SIGPIPE, SIG_IGN);
	shelf.dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hz_app_new(&options, &app, &error) != 0)
		return hz_error_print(&error);
	if (shelf.dir_fd < 0 || pthread_create(&shelf.thread, NULL, shelf_thread, &shelf) != 0)
		return 70;
	status = serve(app, &shelf, &error);
	shelf_end(&shelf);
	hz_app_free(app);
	return status != 0 ? hz_error_print(&error) : 0;
}
