/* Requests whose site was replaced, or whose server drains: who has no end of his own is told, and made to. */
#include "api_rig.h"
#include <string.h>

/* Gives what rig->bytes says, then nothing; the end when rig->result says so. */
static int64_t pull(void *ctx, void *out, size_t room)
{
	struct api_rig *rig = ctx;
	uint64_t bytes = rig->bytes;

	rig->calls++;
	if (bytes == 0)
		return rig->result == 0 ? 0 : HZ_END;
	CU_ASSERT_FATAL(bytes <= room);
	memset(out, 's', (size_t)bytes);
	rig->bytes = 0;
	return (int64_t)bytes;
}

static struct hz_reply stream_of(struct api_rig *rig, uint64_t body_bytes)
{
	const struct hz_reply reply =
		HZ_INIT(hz_reply, .status = 200, .pull = pull, .ctx = rig, .body_bytes = body_bytes,
	                .release = api_rig_release, .should_end = api_rig_should_end);

	return reply;
}

static int take_and_stream(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	CU_ASSERT(!hz_request_should_end(req));
	rig->ticket = hz_request_ticket(req);
	CU_ASSERT(!hz_ticket_should_end(rig->ticket));
	return rig->reply != NULL ? hz_respond_with(req, rig->reply) : 0;
}

static void stream_is_told_once_and_ends_as_it_likes(void)
{
	struct api_rig *rig = api_rig_open(take_and_stream, NULL);
	const struct hz_reply reply = stream_of(rig, HZ_LENGTH_UNKNOWN);

	rig->reply = &reply;
	api_rig_feed(rig, GET_X);
	api_rig_wait(rig, 3);
	CU_ASSERT_EQUAL(rig->tells, 0);
	CU_ASSERT_EQUAL(rig->calls, 1);
	rig->is_replaced = true;
	api_rig_wait(rig, 3);
	CU_ASSERT_EQUAL(rig->tells, 1);
	CU_ASSERT_EQUAL(rig->calls, 2); /* it may end without a wake of its own */
	CU_ASSERT(hz_ticket_should_end(rig->ticket));
	CU_ASSERT(!api_rig_said(rig, "0\r\n\r\n"));
	rig->bytes = 3; /* its last words */
	rig->result = 1;
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "\r\nsss\r\n0\r\n\r\n"));
	CU_ASSERT_EQUAL(rig->releases, 1);
	CU_ASSERT_EQUAL(rig->worker.counters[HZ_COUNTER_http_overdue], 0);
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

static void stream_that_ignores_it_is_reset_when_its_time_is_over(void)
{
	struct api_rig *rig = api_rig_open(take_and_stream, NULL);
	const struct hz_reply reply = stream_of(rig, HZ_LENGTH_UNKNOWN);

	rig->reply = &reply;
	api_rig_feed(rig, GET_X);
	rig->is_replaced = true;
	api_rig_wait(rig, 20);
	CU_ASSERT(!rig->fs.is_aborted);
	rig->is_over = true;
	api_rig_wait(rig, 2);
	CU_ASSERT(rig->fs.is_aborted);
	CU_ASSERT_EQUAL(rig->tells, 1);
	CU_ASSERT_EQUAL(rig->releases, 1);
	CU_ASSERT_EQUAL(rig->pins, 0); /* which is what it is for */
	CU_ASSERT_EQUAL(rig->worker.counters[HZ_COUNTER_http_overdue], 1);
	CU_ASSERT(hz_ticket_is_gone(rig->ticket));
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

static void answer_with_an_end_of_its_own_goes_on(void)
{
	struct api_rig *rig = api_rig_open(take_and_stream, NULL);
	const struct hz_reply reply = stream_of(rig, 3);

	rig->reply = &reply;
	api_rig_feed(rig, GET_X);
	rig->is_replaced = rig->is_over = true;
	api_rig_wait(rig, 20);
	CU_ASSERT(!rig->fs.is_aborted);
	CU_ASSERT_EQUAL(rig->tells, 1);
	rig->bytes = 3;
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "\r\n\r\nsss"));
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

/* It waits no longer than any other, and what it answers with is told as well. */
static void request_that_waits_is_answered_and_its_stream_told(void)
{
	struct api_rig *rig = api_rig_open(take_and_stream, NULL);
	const struct hz_reply reply = stream_of(rig, HZ_LENGTH_UNKNOWN);

	api_rig_feed(rig, GET_X);
	rig->is_replaced = rig->is_over = true;
	api_rig_wait(rig, 2);
	CU_ASSERT(hz_ticket_should_end(rig->ticket));
	CU_ASSERT_EQUAL(api_rig_status(rig), 0);
	rig->is_over = false;
	CU_ASSERT_EQUAL(hz_ticket_answer(rig->ticket, &reply), 0);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(api_rig_status(rig), 200);
	CU_ASSERT_EQUAL(rig->tells, 0);
	api_rig_wait(rig, 2);
	CU_ASSERT_EQUAL(rig->tells, 1);
	CU_ASSERT(!rig->fs.is_aborted);
	rig->result = 1;
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "\r\n0\r\n\r\n"));
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

static int should_it(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->tells += hz_request_should_end(req);
	rig->ticket = hz_request_ticket(req);
	rig->tells += hz_ticket_should_end(rig->ticket);
	return 0;
}

static void server_that_drains_is_seen_at_once(void)
{
	struct api_rig *rig = api_rig_open(should_it, NULL);
	const struct hz_reply reply = HZ_INIT(hz_reply, .status = 204);

	hz_http_worker_drain(rig->http);
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->tells, 2);
	CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), 0);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(api_rig_status(rig), 204);
	api_rig_close(rig);
}

HZ_SUITE(api_end, CASE(stream_is_told_once_and_ends_as_it_likes),
         CASE(stream_that_ignores_it_is_reset_when_its_time_is_over),
         CASE(answer_with_an_end_of_its_own_goes_on),
         CASE(request_that_waits_is_answered_and_its_stream_told),
         CASE(server_that_drains_is_seen_at_once));
