/* Example: notes in memory, a JSON object each, made, read, changed and deleted over HTTP. The notes belong to one
 * thread of ours; a handler copies what it needs, takes a ticket and puts an order into that thread's queue, and the
 * thread answers. Workers never wait for it.
 *
 *   POST /notes          201 with Location     GET /notes/:id      PUT /notes/:id      DELETE /notes/:id
 *   GET /notes           how many there are    GET /later/:ms      answered so much later, by the same thread
 *   GET /block/:ms       holds up its worker, which the log then tells
 *   GET /worker          what is per worker    GET /nothing        a handler that forgets to answer
 *   GET /watch           how many there are, a line for each change; ends when the server wants it to
 */
#define _GNU_SOURCE /* pthread_cond_clockwait */
#include "app_args.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOTES_MAX 65536

enum what { POST, GET, PUT, DELETE, COUNT, LATER };

struct order {
	struct order *next;
	struct hz_ticket *ticket;
	enum what what;
	unsigned long number; /* of the note, or milliseconds */
	struct timespec due;
	size_t bytes;
	char body[];
};

struct note {
	size_t bytes;
	char *body; /* NULL: deleted, or never made */
};

/* A client of /watch. Its worker's, but for its place in the list. */
struct watch {
	struct watch *next;
	struct notes *notes;
	struct hz_ticket *ticket;
	unsigned long told; /* what the client was told last */
};

struct notes {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct order *first, **last, *waiting; /* waiting: answered when they are due */
	struct watch *watches;
	unsigned long shown; /* count, for them */
	bool is_ending;
	pthread_t thread;
	struct note note[NOTES_MAX]; /* the thread's alone, without the lock */
	unsigned long next, count;
};

/* What each worker has for itself: no lock. */
struct mine {
	unsigned index, ticks, calls;
};

/* --- the thread ------------------------------------------------------------------------------------ */

static void finish(struct order *order, int status, const char *body, size_t bytes)
{
	const struct hz_reply reply =
		HZ_INIT(hz_reply, .status = status, .content_type = "application/json",
	                .body = body, .body_bytes = bytes);

	hz_ticket_finish(order->ticket, &reply);
}

static void finish_text(struct order *order, int status, const char *text)
{
	finish(order, status, text, strlen(text));
}

static void note_post(struct notes *notes, struct order *order)
{
	struct note *note = &notes->note[notes->next];
	char body[64], location[64];
	const struct hz_header header = { "Location", location };
	struct hz_reply reply =
		HZ_INIT(hz_reply, .status = 201, .headers = &header, .header_count = 1,
	                .content_type = "application/json", .body = body);

	if (notes->next == NOTES_MAX || (note->body = malloc(order->bytes)) == NULL) {
		finish_text(order, 507, "{\"error\":\"full\"}");
		return;
	}
	memcpy(note->body, order->body, order->bytes);
	note->bytes = order->bytes;
	snprintf(location, sizeof(location), "/notes/%lu", notes->next);
	reply.body_bytes = (size_t)snprintf(body, sizeof(body), "{\"id\":%lu}", notes->next);
	notes->next++;
	notes->count++;
	hz_ticket_finish(order->ticket, &reply);
}

static void note_put(struct order *order, struct note *note)
{
	char *body = malloc(order->bytes);

	if (body == NULL) {
		finish_text(order, 507, "{\"error\":\"full\"}");
		return;
	}
	memcpy(body, order->body, order->bytes);
	free(note->body);
	*note = (struct note){ order->bytes, body };
	finish(order, 200, note->body, note->bytes);
}

static void note_delete(struct notes *notes, struct order *order, struct note *note)
{
	const struct hz_reply reply = HZ_INIT(hz_reply, .status = 204);

	free(note->body);
	*note = (struct note){ 0 };
	notes->count--;
	hz_ticket_finish(order->ticket, &reply);
}

static void order_run(struct notes *notes, struct order *order)
{
	struct note *note = order->number < NOTES_MAX ? &notes->note[order->number] : NULL;
	char text[64];

	if (order->what == POST) {
		note_post(notes, order);
	} else if (order->what == COUNT) {
		snprintf(text, sizeof(text), "{\"count\":%lu}", notes->count);
		finish_text(order, 200, text);
	} else if (order->what == LATER) {
		snprintf(text, sizeof(text), "{\"later\":%lu}", order->number);
		finish_text(order, 200, text);
	} else if (note == NULL || note->body == NULL) {
		finish_text(order, 404, "{\"error\":\"no such note\"}");
	} else if (order->what == GET) {
		finish(order, 200, note->body, note->bytes);
	} else if (order->what == PUT) {
		note_put(order, note);
	} else {
		note_delete(notes, order, note);
	}
}

static bool is_due(const struct order *order, const struct timespec *now)
{
	return order->due.tv_sec < now->tv_sec ||
	       (order->due.tv_sec == now->tv_sec && order->due.tv_nsec <= now->tv_nsec);
}

/* Those of waiting whose time has come, taken out. */
static struct order *due_take(struct notes *notes)
{
	struct order *due = NULL, **link = &notes->waiting;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	while (*link != NULL) {
		struct order *order = *link;

		if (!notes->is_ending && !is_due(order, &now)) {
			link = &order->next;
			continue;
		}
		*link = order->next;
		order->next = due;
		due = order;
	}
	return due;
}

static void orders_run(struct notes *notes, struct order *order)
{
	while (order != NULL) {
		struct order *next = order->next;

		if (hz_ticket_is_gone(order->ticket))
			hz_ticket_drop(order->ticket);
		else
			order_run(notes, order);
		free(order);
		order = next;
	}
}

static void watches_wake(struct notes *notes)
{
	pthread_mutex_lock(&notes->lock);
	if (notes->shown != notes->count)
		for (struct watch *watch = notes->watches; watch != NULL; watch = watch->next)
			hz_ticket_wake(watch->ticket);
	notes->shown = notes->count;
	pthread_mutex_unlock(&notes->lock);
}

/* Looks at what waits every 5 ms; orders come at once. */
static void *notes_thread(void *arg)
{
	struct notes *notes = arg;
	bool is_ending = false;

	while (!is_ending) {
		struct order *orders, *due;
		struct timespec until;

		pthread_mutex_lock(&notes->lock);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 5000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		if (notes->first == NULL && !notes->is_ending)
			pthread_cond_clockwait(&notes->more, &notes->lock, CLOCK_MONOTONIC, &until);
		orders = notes->first;
		notes->first = NULL;
		notes->last = &notes->first;
		due = due_take(notes);
		is_ending = notes->is_ending;
		pthread_mutex_unlock(&notes->lock);
		orders_run(notes, orders);
		orders_run(notes, due);
		watches_wake(notes);
	}
	return NULL;
}

/* --- handlers: on workers -------------------------------------------------------------------------- */

static unsigned long number_of(struct hz_request *req, const char *name)
{
	struct hz_span text = hz_request_param(req, name);
	unsigned long number = 0;

	if (text.len == 0 || text.len > 9)
		return NOTES_MAX;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return NOTES_MAX;
		number = 10 * number + (unsigned long)(text.data[i] - '0');
	}
	return number;
}

static int order_put(struct notes *notes, struct order *order)
{
	pthread_mutex_lock(&notes->lock);
	if (order->what == LATER) {
		order->next = notes->waiting;
		notes->waiting = order;
	} else {
		*notes->last = order;
		notes->last = &order->next;
		pthread_cond_signal(&notes->more);
	}
	pthread_mutex_unlock(&notes->lock);
	return 0;
}

static int order_give(struct hz_request *req, struct notes *notes, enum what what,
                      unsigned long number)
{
	uint64_t bytes = hz_request_body_bytes(req);
	struct order *order = calloc(1, sizeof(*order) + bytes);
	struct hz_span piece;

	if (order == NULL || (order->ticket = hz_request_ticket(req)) == NULL) {
		free(order);
		return hz_respond(req, 503, NULL, NULL, 0);
	}
	for (uint64_t at = 0; (piece = hz_request_body(req, at)).len > 0; at += piece.len)
		memcpy(order->body + at, piece.data, piece.len);
	order->bytes = bytes;
	order->what = what;
	order->number = number;
	clock_gettime(CLOCK_MONOTONIC, &order->due);
	order->due.tv_sec += (time_t)(number / 1000);
	order->due.tv_nsec += (long)(number % 1000) * 1000000;
	if (order->due.tv_nsec >= 1000000000) {
		order->due.tv_nsec -= 1000000000;
		order->due.tv_sec++;
	}
	return order_put(notes, order);
}

/* No parser here: an object begins and ends as one. */
static bool is_object(struct hz_request *req)
{
	uint64_t bytes = hz_request_body_bytes(req);

	return bytes >= 2 && hz_request_body(req, 0).data[0] == '{' &&
	       hz_request_body(req, bytes - 1).data[0] == '}';
}

static int on_post(struct hz_request *req, void *ctx)
{
	if (!is_object(req))
		return hz_respond(req, 422, "application/json", "{\"error\":\"no object\"}", 21);
	return order_give(req, ctx, POST, 0);
}

static int on_put(struct hz_request *req, void *ctx)
{
	if (!is_object(req))
		return hz_respond(req, 422, "application/json", "{\"error\":\"no object\"}", 21);
	return order_give(req, ctx, PUT, number_of(req, "id"));
}

static int on_get(struct hz_request *req, void *ctx)
{
	return order_give(req, ctx, GET, number_of(req, "id"));
}

static int on_delete(struct hz_request *req, void *ctx)
{
	return order_give(req, ctx, DELETE, number_of(req, "id"));
}

static int on_count(struct hz_request *req, void *ctx)
{
	return order_give(req, ctx, COUNT, 0);
}

static int on_later(struct hz_request *req, void *ctx)
{
	return order_give(req, ctx, LATER, number_of(req, "ms"));
}

/* Under the lock nobody wakes a ticket that is dropped. */
static void watch_over(void *ctx)
{
	struct watch *watch = ctx, **link = &watch->notes->watches;
	struct notes *notes = watch->notes;

	pthread_mutex_lock(&notes->lock);
	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	hz_ticket_drop(watch->ticket);
	pthread_mutex_unlock(&notes->lock);
	free(watch);
}

/* Its client comes again, and misses nothing: the first line tells what is. */
static int64_t watch_pull(void *ctx, void *out, size_t room)
{
	struct watch *watch = ctx;
	unsigned long count;
	char line[32];
	int bytes;

	(void)room;
	pthread_mutex_lock(&watch->notes->lock);
	count = watch->notes->shown;
	pthread_mutex_unlock(&watch->notes->lock);
	if (count == watch->told)
		return hz_ticket_should_end(watch->ticket) ? HZ_END : 0;
	bytes = snprintf(line, sizeof(line), "{\"count\":%lu}\n", count);
	memcpy(out, line, (size_t)bytes); /* for which there is room at any time */
	watch->told = count;
	return bytes;
}

static int on_watch(struct hz_request *req, void *ctx)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct notes *notes = ctx;
	struct hz_reply reply = HZ_INIT(hz_reply, .status = 200, .pull = watch_pull,
	                                .content_type = "application/x-ndjson",
	                                .body_bytes = HZ_LENGTH_UNKNOWN, .release = watch_over);

	if (watch == NULL || (watch->ticket = hz_request_ticket(req)) == NULL) {
		free(watch);
		return hz_respond(req, 503, NULL, NULL, 0);
	}
	watch->notes = notes;
	watch->told = NOTES_MAX + 1;
	reply.ctx = watch;
	pthread_mutex_lock(&notes->lock);
	watch->next = notes->watches;
	notes->watches = watch;
	pthread_mutex_unlock(&notes->lock);
	return hz_respond_with(req, &reply);
}

/* What no handler should do. */
static int on_block(struct hz_request *req, void *ctx)
{
	unsigned long ms = number_of(req, "ms");
	struct timespec wait = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	(void)ctx;
	nanosleep(&wait, NULL);
	return hz_respond(req, 204, NULL, NULL, 0);
}

static int on_nothing(struct hz_request *req, void *ctx)
{
	(void)req;
	(void)ctx;
	return 0;
}

static int on_worker(struct hz_request *req, void *ctx)
{
	struct mine *mine = hz_loop_ctx(hz_request_loop(req));
	char text[96];
	int bytes;

	(void)ctx;
	bytes = snprintf(text, sizeof(text), "{\"worker\":%u,\"ticks\":%u,\"calls\":%u}",
	                 mine->index, mine->ticks, ++mine->calls);
	hz_respond_header(req, "Cache-Control", "no-store");
	return hz_respond(req, 200, "application/json", text, (size_t)bytes);
}

/* --- workers --------------------------------------------------------------------------------------- */

#define TICK_NS 20000000

static void on_tick(struct hz_loop *loop, void *ctx)
{
	struct mine *mine = ctx;

	mine->ticks++;
	hz_loop_timer(loop, TICK_NS, on_tick, mine, NULL);
}

static int worker_begin(struct hz_loop *loop, void *ctx, void **loop_ctx)
{
	struct mine *mine = calloc(1, sizeof(*mine));

	(void)ctx;
	if (mine == NULL)
		return -1;
	mine->index = hz_loop_index(loop);
	*loop_ctx = mine;
	return hz_loop_timer(loop, TICK_NS, on_tick, mine, NULL);
}

static void worker_end(struct hz_loop *loop, void *ctx, void *loop_ctx)
{
	(void)loop;
	(void)ctx;
	free(loop_ctx);
}

static void notes_end(struct notes *notes)
{
	pthread_mutex_lock(&notes->lock);
	notes->is_ending = true;
	pthread_cond_signal(&notes->more);
	pthread_mutex_unlock(&notes->lock);
	pthread_join(notes->thread, NULL);
	for (unsigned long i = 0; i < notes->next; i++)
		free(notes->note[i].body);
	free(notes);
}

static struct notes *notes_begin(void)
{
	struct notes *notes = calloc(1, sizeof(*notes));

	if (notes == NULL)
		return NULL;
	pthread_mutex_init(&notes->lock, NULL);
	pthread_cond_init(&notes->more, NULL);
	notes->last = &notes->first;
	if (pthread_create(&notes->thread, NULL, notes_thread, notes) != 0) {
		free(notes);
		return NULL;
	}
	return notes;
}

static int serve(struct hz_app *app, struct notes *notes, struct hz_error *error)
{
	const struct hz_route block =
		HZ_INIT(hz_route, .match = "GET /block/:ms", .name = "block", .handler = on_block);
	int status = hz_app_route_with(app, &block);

	status |= hz_app_route(app, "POST /notes", on_post, notes);
	status |= hz_app_route(app, "GET /notes", on_count, notes);
	status |= hz_app_route(app, "GET /notes/:id", on_get, notes);
	status |= hz_app_route(app, "PUT /notes/:id", on_put, notes);
	status |= hz_app_route(app, "DELETE /notes/:id", on_delete, notes);
	status |= hz_app_route(app, "GET /later/:ms", on_later, notes);
	status |= hz_app_route(app, "GET /nothing", on_nothing, NULL);
	status |= hz_app_route(app, "GET /worker", on_worker, NULL);
	status |= hz_app_route(app, "GET /watch", on_watch, notes);
	return status != 0 ? 70 : hz_app_run(app, error);
}

int main(int argc, char **argv)
{
	struct app_args args = { 0 };
	struct hz_error error = { 0 };
	struct notes *notes;
	struct hz_app *app;
	int status;

	if (app_args_parse(argc, argv, &args) != 0)
		return 2;
	struct hz_options options = HZ_INIT(
		hz_options, .name = "notes", .site_file = args.site_file, .instance = args.instance,
		.listens = args.listens, .settings = args.settings, .takes_signals = true,
		.ready = app_args_ready, .worker_begin = worker_begin, .worker_end = worker_end);

	if (args.site_file == NULL)
		options.site_text = "limits: { connections_per_source: 0 }\n";
	signal(SIGPIPE, SIG_IGN);
	if (hz_app_new(&options, &app, &error) != 0)
		return hz_error_print(&error);
	notes = notes_begin();
	status = notes != NULL ? serve(app, notes, &error) : 70;
	if (notes != NULL)
		notes_end(notes); /* every ticket is finished or dropped then */
	hz_app_free(app);
	return status != 0 ? hz_error_print(&error) : 0;
}
