/* Tickets: one answer, from whatever thread, whatever became of the request; nothing lost, nothing freed twice. */
#include "api_rig.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static int take(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->calls++;
	rig->ticket = hz_request_ticket(req);
	CU_ASSERT_PTR_NOT_NULL(rig->ticket);
	CU_ASSERT_PTR_NULL(hz_request_ticket(req)); /* once */
	return 0;
}

#define LATE(...) HZ_INIT(hz_reply, .status = 200, .body = "late", .body_bytes = 4, __VA_ARGS__)

static void answer_comes_when_the_ticket_is_finished(void)
{
	struct api_rig *rig = api_rig_open(take, NULL);
	const struct hz_reply reply = LATE(.content_type = "text/late");

	api_rig_feed(rig, GET_X GET_X);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(rig->fs.out_len, 0);
	CU_ASSERT_EQUAL(rig->calls, 1); /* the next one waits for it */
	CU_ASSERT(!hz_ticket_is_gone(rig->ticket));
	CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), 0);
	CU_ASSERT_EQUAL(rig->rings, 1);
	CU_ASSERT_EQUAL(rig->fs.out_len, 0); /* not on this thread */
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "\r\nContent-Type: text/late\r\n"));
	CU_ASSERT(api_rig_said(rig, "\r\n\r\nlate"));
	CU_ASSERT_EQUAL(rig->calls, 2);
	hz_ticket_drop(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "HTTP/1.1 500 "));
	api_rig_close(rig);
}

static void woken_ticket_is_in_the_inbox_once(void)
{
	struct api_rig *rig = api_rig_open(take, NULL);
	const struct hz_reply reply = LATE();

	api_rig_feed(rig, GET_X);
	for (int i = 0; i < 5; i++)
		hz_ticket_wake(rig->ticket);
	CU_ASSERT_EQUAL(rig->rings, 1);
	CU_ASSERT_EQUAL(hz_api_turn(rig->api, 0), 1);
	CU_ASSERT_EQUAL(hz_api_turn(rig->api, 0), 0);
	(void)fake_stream_take(&rig->fs, 0);
	CU_ASSERT_EQUAL(rig->calls, 1); /* a wake is no second request */
	CU_ASSERT_EQUAL(hz_ticket_answer(rig->ticket, &reply), 0);
	CU_ASSERT_EQUAL(hz_ticket_answer(rig->ticket, &reply), -EALREADY);
	hz_ticket_wake(rig->ticket);
	hz_ticket_drop(rig->ticket);
	CU_ASSERT_EQUAL(rig->rings, 2);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(api_rig_status(rig), 200);
	api_rig_close(rig);
}

/* When the last request of a module is over it is closed and unloaded: nothing of it may lie in an inbox then. */
static void answer_under_way_is_released_with_its_request(void)
{
	struct api_rig *rig = api_rig_open(take, NULL);
	const struct hz_reply reply = LATE(.release = api_rig_release, .ctx = rig);

	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(hz_ticket_answer(rig->ticket, &reply), 0);
	CU_ASSERT_EQUAL(rig->releases, 0);
	fake_stream_close(&rig->fs, HZ_CLOSE_RESET);
	CU_ASSERT_EQUAL(rig->releases, 1);
	CU_ASSERT(hz_ticket_is_gone(rig->ticket));
	hz_ticket_drop(rig->ticket);
	hz_api_turn(rig->api, 0);
	CU_ASSERT_EQUAL(rig->releases, 1);
	api_rig_close(rig);
}

struct racer {
	struct hz_ticket *ticket;
	const struct hz_reply *reply;
	uint32_t go; /* atomic */
};

static void *racer_run(void *arg)
{
	struct racer *racer = arg;

	__atomic_store_n(&racer->go, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&racer->go, __ATOMIC_ACQUIRE) != 2)
		sched_yield();
	(void)hz_ticket_finish(racer->ticket, racer->reply);
	return NULL;
}

/* Whoever is first: when both have returned, the answer is released, once. */
static void answer_and_end_of_the_request_race_and_one_releases(void)
{
	for (int round = 0; round < 200; round++) {
		struct api_rig *rig = api_rig_open(take, NULL);
		const struct hz_reply reply = LATE(.release = api_rig_release, .ctx = rig);
		struct racer racer = { .reply = &reply };
		pthread_t thread;

		api_rig_feed(rig, GET_X);
		racer.ticket = rig->ticket;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, racer_run, &racer), 0);
		while (__atomic_load_n(&racer.go, __ATOMIC_ACQUIRE) != 1)
			sched_yield();
		__atomic_store_n(&racer.go, 2, __ATOMIC_RELEASE);
		fake_stream_close(&rig->fs, HZ_CLOSE_RESET);
		pthread_join(thread, NULL);
		CU_ASSERT_EQUAL(__atomic_load_n(&rig->releases, __ATOMIC_RELAXED), 1);
		api_rig_close(rig);
	}
}

/* Before the holder says anything, between its answer and the worker's turn, and after its patience. */
static void answer_for_a_request_that_is_gone_is_released(void)
{
	for (int when = 0; when < 3; when++) {
		struct api_rig *rig = api_rig_open(take, NULL);
		const struct hz_reply reply = LATE(.release = api_rig_release, .ctx = rig);

		api_rig_feed(rig, GET_X);
		if (when == 0)
			fake_stream_close(&rig->fs, HZ_CLOSE_RESET);
		if (when == 2) {
			for (int i = 0; i < 31; i++)
				fake_stream_advance(&rig->fs, HZ_NS_PER_S);
			CU_ASSERT_EQUAL(api_rig_status(rig), 503);
		}
		CU_ASSERT_EQUAL(hz_ticket_is_gone(rig->ticket), when != 1);
		CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), when == 1 ? 0 : -ECANCELED);
		CU_ASSERT_EQUAL(rig->releases, when != 1);
		if (when == 1)
			fake_stream_close(&rig->fs, HZ_CLOSE_RESET);
		api_rig_turn(rig);
		CU_ASSERT_EQUAL(rig->releases, 1);
		api_rig_close(rig);
	}
}

static void answer_that_is_not_valid_is_500(void)
{
	struct api_rig *rig = api_rig_open(take, NULL);
	const struct hz_reply reply = HZ_INIT(hz_reply, .status = 42);

	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), -EINVAL);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(api_rig_status(rig), 500);
	api_rig_close(rig);
}

static void answer_nobody_took_is_released_at_the_end(void)
{
	struct api_rig *rig = api_rig_open(take, NULL);
	const struct hz_reply reply = LATE(.release = api_rig_release, .ctx = rig);
	struct hz_api *api = rig->api;
	const struct hz_api_owner program = { 0 };

	api_rig_feed(rig, GET_X);
	fake_stream_close(&rig->fs, HZ_CLOSE_ABORT);
	hz_api_stop(api);
	rig->rings = 0;
	CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), -ECANCELED);
	CU_ASSERT_EQUAL(rig->rings, 0); /* nobody is rung any more */
	hz_api_close(api);
	CU_ASSERT_EQUAL(rig->releases, 1);
	CU_ASSERT_EQUAL(hz_api_open(&program, &rig->api), 0);
	hz_api_seat(rig->api, 0, &rig->env, &rig->slot);
	api_rig_close(rig);
}

#define REQUESTS 2000u
#define THREADS  4u

/* Holders on threads of their own; some connections end before their answer. */
struct crowd {
	struct api_rig *rig;
	pthread_mutex_t lock;
	struct hz_ticket *ticket[REQUESTS];
	unsigned put, got, done; /* done: atomic */
};

static int crowd_take(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;
	struct crowd *crowd = (struct crowd *)(uintptr_t)rig->bytes;

	pthread_mutex_lock(&crowd->lock);
	crowd->ticket[crowd->put++] = hz_request_ticket(req);
	pthread_mutex_unlock(&crowd->lock);
	return 0;
}

static void *crowd_thread(void *arg)
{
	struct crowd *crowd = arg;
	const struct hz_reply reply = LATE(.release = api_rig_release, .ctx = crowd->rig);

	while (__atomic_load_n(&crowd->done, __ATOMIC_RELAXED) < REQUESTS) {
		struct hz_ticket *ticket = NULL;

		pthread_mutex_lock(&crowd->lock);
		if (crowd->got < crowd->put)
			ticket = crowd->ticket[crowd->got++];
		pthread_mutex_unlock(&crowd->lock);
		if (ticket == NULL) {
			sched_yield();
			continue;
		}
		hz_ticket_wake(ticket);
		(void)hz_ticket_is_gone(ticket);
		hz_ticket_finish(ticket, &reply);
		__atomic_fetch_add(&crowd->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void many_threads_finish_tickets_of_one_worker(void)
{
	struct api_rig *rig = api_rig_open(crowd_take, NULL);
	struct crowd crowd = { .rig = rig, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread[THREADS];

	rig->bytes = (uintptr_t)&crowd;
	for (unsigned i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, crowd_thread, &crowd), 0);
	for (unsigned sent = 0; sent < REQUESTS; sent++) {
		unsigned before = rig->finishes;

		api_rig_feed(rig, GET_X);
		if (sent % 7 == 0) {
			fake_stream_free(&rig->fs);
			CU_ASSERT_EQUAL_FATAL(fake_stream_open(&rig->fs, &rig->env,
			                                       &hz_h1_proto_ops, rig->http,
			                                       1u << 24),
			                      0);
		}
		while (rig->finishes == before) {
			api_rig_turn(rig);
			sched_yield();
		}
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(rig->finishes, REQUESTS);
	CU_ASSERT_EQUAL(rig->releases, REQUESTS);
	CU_ASSERT(rig->rings > 0);
	api_rig_close(rig);
}

static void no_ticket_is_given_beyond_the_limit(void)
{
	struct api_rig *rig = api_rig_open(take, NULL);
	struct hz_loop *loop = &rig->api->loop[0];
	const struct hz_reply reply = LATE();
	struct hz_request req = { .loop = loop };

	api_rig_feed(rig, GET_X);
	req.http = rig->ticket->req->http;
	while (loop->tickets.in_use < HZ_LIMIT_tickets_per_worker) {
		req.had_ticket = false;
		CU_ASSERT_PTR_NOT_NULL_FATAL(hz_request_ticket(&req));
		req.ticket->req = NULL;
	}
	req.had_ticket = false;
	CU_ASSERT_PTR_NULL(hz_request_ticket(&req));
	for (uint32_t i = 0; i < HZ_LIMIT_tickets_per_worker; i++) {
		struct hz_ticket *ticket = hz_pool_at(&loop->tickets, i);

		if (ticket != rig->ticket)
			hz_ticket_drop(ticket);
	}
	CU_ASSERT_EQUAL(hz_api_turn(rig->api, 0), HZ_LIMIT_tickets_per_worker - 1);
	CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), 0);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(api_rig_status(rig), 200);
	api_rig_close(rig);
}

static int take_or_refuse(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->calls++;
	rig->ticket = hz_request_ticket(req);
	return rig->ticket != NULL ? 0 : hz_respond(req, 503, NULL, "busy", 4);
}

/* The handler learns of it while it can still say something else, and begins nothing in vain. */
static void no_ticket_is_given_when_the_request_could_not_wait(void)
{
	struct api_rig *rig = api_rig_open(take_or_refuse, NULL);
	char head[HZ_H1_HEAD_INLINE + 64] = "GET /x/7 HTTP/1.1\r\nHost: h\r\nX-Long: ";
	uint32_t places = rig->http->flights.capacity;

	rig->http->flights.capacity = rig->http->flights.in_use;
	api_rig_feed(rig, GET_X);
	CU_ASSERT(api_rig_said(rig, "HTTP/1.1 503 ") && api_rig_said(rig, "busy"));
	rig->http->flights.capacity = places;
	places = rig->http->big_heads.capacity;
	rig->http->big_heads.capacity = 0;
	memset(head + strlen(head), 'x', HZ_H1_HEAD_INLINE - strlen(head));
	strncat(head, "\r\n\r\n", 5);
	api_rig_feed(rig, head);
	CU_ASSERT_PTR_NULL(rig->ticket);
	rig->http->big_heads.capacity = places;
	api_rig_feed(rig, head);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->ticket);
	CU_ASSERT_EQUAL(rig->calls, 3);
	hz_ticket_drop(rig->ticket);
	api_rig_turn(rig);
	api_rig_close(rig);
}

HZ_SUITE(api_ticket, CASE(answer_comes_when_the_ticket_is_finished),
         CASE(woken_ticket_is_in_the_inbox_once),
         CASE(answer_under_way_is_released_with_its_request),
         CASE(answer_and_end_of_the_request_race_and_one_releases),
         CASE(answer_for_a_request_that_is_gone_is_released), CASE(answer_that_is_not_valid_is_500),
         CASE(answer_nobody_took_is_released_at_the_end),
         CASE(many_threads_finish_tickets_of_one_worker), CASE(no_ticket_is_given_beyond_the_limit),
         CASE(no_ticket_is_given_when_the_request_could_not_wait));
