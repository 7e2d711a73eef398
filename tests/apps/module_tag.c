/* Example of a module: answers with its configuration and what the wildcard matched.
 *
 *   .../worker       calls and timer ticks of the worker that answers      .../block/MS     holds it up
 *   .../later/MS     answered so much later, by a thread of ours
 */
#include <errno.h>
#include <hz/hz.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One route, of one configuration. */
struct tag {
	char *text;
	pthread_mutex_t lock;
	pthread_cond_t none;
	unsigned tickets; /* under the lock: open ones */
};

/* What each worker has for itself, whatever is reloaded: no lock. */
struct mine {
	unsigned calls, ticks;
};

static int tag_open(const char *config, void **ctx, char *why, size_t why_bytes)
{
	struct tag *tag;

	if (strcmp(config, "bad") == 0) {
		snprintf(why, why_bytes, "'bad' is no tag");
		return -EINVAL;
	}
	tag = calloc(1, sizeof(*tag));
	if (tag == NULL || (tag->text = strdup(config)) == NULL) {
		free(tag);
		return -ENOMEM;
	}
	pthread_mutex_init(&tag->lock, NULL);
	pthread_cond_init(&tag->none, NULL);
	*ctx = tag;
	return 0;
}

/* No request is left, but a thread may still hold the ticket of one whose client has gone. */
static void tag_close(void *ctx)
{
	struct tag *tag = ctx;

	pthread_mutex_lock(&tag->lock);
	while (tag->tickets > 0)
		pthread_cond_wait(&tag->none, &tag->lock);
	pthread_mutex_unlock(&tag->lock);
	pthread_mutex_destroy(&tag->lock);
	pthread_cond_destroy(&tag->none);
	free(tag->text);
	free(tag);
}

/* --- answers --------------------------------------------------------------------------------------- */

static int answer_text(struct hz_request *req, const struct tag *tag, struct hz_span path)
{
	char text[256];
	int bytes = snprintf(text, sizeof(text), "%s:%.*s", tag->text, (int)path.len,
	                     (const char *)path.data);

	if (bytes < 0 || bytes >= (int)sizeof(text))
		return -E2BIG;
	return hz_respond(req, 200, "text/plain", text, (size_t)bytes);
}

static int answer_worker(struct hz_request *req)
{
	struct mine *mine = hz_loop_ctx(hz_request_loop(req));
	char text[64];
	int bytes = snprintf(text, sizeof(text), "{\"calls\":%u,\"ticks\":%u}", ++mine->calls,
	                     mine->ticks);

	return hz_respond(req, 200, "application/json", text, (size_t)bytes);
}

static void sleep_ms(unsigned long ms)
{
	const struct timespec wait = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&wait, NULL);
}

struct later {
	struct tag *tag;
	struct hz_ticket *ticket;
	unsigned long ms;
};

static void *later_run(void *arg)
{
	struct later *later = arg;
	struct tag *tag = later->tag;
	const struct hz_reply reply = HZ_INIT(hz_reply, .status = 200, .body = tag->text,
	                                      .body_bytes = strlen(tag->text));

	sleep_ms(later->ms);
	hz_ticket_finish(later->ticket, &reply);
	free(later);
	pthread_mutex_lock(&tag->lock);
	if (--tag->tickets == 0)
		pthread_cond_signal(&tag->none);
	pthread_mutex_unlock(&tag->lock);
	return NULL;
}

/* A thread for each: enough for an example. */
static int answer_later(struct hz_request *req, struct tag *tag, unsigned long ms)
{
	struct later *later = malloc(sizeof(*later));
	pthread_t thread;

	if (later == NULL)
		return -ENOMEM;
	*later = (struct later){ tag, hz_request_ticket(req), ms };
	if (later->ticket == NULL) {
		free(later);
		return hz_respond(req, 503, NULL, NULL, 0);
	}
	pthread_mutex_lock(&tag->lock);
	tag->tickets++;
	pthread_mutex_unlock(&tag->lock);
	if (pthread_create(&thread, NULL, later_run, later) != 0) {
		later->ms = 0;
		later_run(later);
		return 0;
	}
	pthread_detach(thread);
	return 0;
}

/* The number behind prefix, or -1: path does not begin with it. */
static long number_after(struct hz_span path, const char *prefix)
{
	size_t at = strlen(prefix);
	long number = 0;

	if (path.len < at || memcmp(path.data, prefix, at) != 0)
		return -1;
	for (; at < path.len && path.data[at] >= '0' && path.data[at] <= '9' && number < 100000;
	     at++)
		number = 10 * number + (path.data[at] - '0');
	return number;
}

static int tag_handle(struct hz_request *req, void *ctx)
{
	struct hz_span path = hz_request_param(req, "path");
	long ms;

	if (path.len == 6 && memcmp(path.data, "worker", 6) == 0)
		return answer_worker(req);
	if ((ms = number_after(path, "later/")) >= 0)
		return answer_later(req, ctx, (unsigned long)ms);
	if ((ms = number_after(path, "block/")) >= 0)
		sleep_ms((unsigned long)ms);
	return answer_text(req, ctx, path);
}

/* --- workers --------------------------------------------------------------------------------------- */

#define TICK_NS 20000000

static void on_tick(struct hz_loop *loop, void *ctx)
{
	struct mine *mine = hz_loop_ctx(loop);

	mine->ticks++;
	hz_loop_timer(loop, TICK_NS, on_tick, ctx, NULL);
}

static int worker_begin(struct hz_loop *loop, void **loop_ctx)
{
	*loop_ctx = calloc(1, sizeof(struct mine));
	return *loop_ctx != NULL ? hz_loop_timer(loop, TICK_NS, on_tick, NULL, NULL) : -ENOMEM;
}

static void worker_end(struct hz_loop *loop, void *loop_ctx)
{
	(void)loop;
	free(loop_ctx);
}

const struct hz_module hz_module = {
	.size = sizeof(struct hz_module),
	.api_version = HZ_API_VERSION,
	.name = "tag",
	.open = tag_open,
	.close = tag_close,
	.handler = tag_handle,
	.worker_begin = worker_begin,
	.worker_end = worker_end,
};
