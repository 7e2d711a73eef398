/* Bodies that come and go piece by piece. */
#include "api_rig.h"
#include <errno.h>
#include <string.h>

#define UP "POST /x/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"

static int on_body(struct hz_request *req, void *ctx, const void *data, size_t bytes)
{
	struct api_rig *rig = ctx;

	if (rig->pieces++ == 0)
		rig->ticket = hz_request_ticket(req);
	rig->bytes += bytes;
	CU_ASSERT(bytes > 0 && data != NULL);
	return rig->result;
}

static int on_end(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->calls++;
	CU_ASSERT_EQUAL(hz_request_body_bytes(req), 0);
	return rig->reply != NULL ? hz_respond_with(req, rig->reply)
	                          : hz_respond(req, 204, NULL, NULL, 0);
}

static void body_comes_in_pieces_and_waits_until_woken(void)
{
	struct api_rig *rig = api_rig_open(on_end, on_body);

	rig->result = HZ_WAIT;
	api_rig_feed(rig, UP "abc");
	CU_ASSERT_EQUAL(rig->bytes, 3);
	api_rig_feed(rig, "def");
	CU_ASSERT_EQUAL(rig->bytes, 3); /* held by the transport, which closes its window */
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(rig->bytes, 6);
	rig->result = 0;
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(rig->calls, 0);
	api_rig_feed(rig, "ghi");
	CU_ASSERT_EQUAL(rig->bytes, 9);
	CU_ASSERT_EQUAL(rig->calls, 1);
	CU_ASSERT_EQUAL(api_rig_status(rig), 204);
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

/* The answer's time runs from the last moment at which it was the handler's turn, not from the head. */
static void slow_upload_does_not_use_up_the_time_of_the_answer(void)
{
	struct api_rig *rig = api_rig_open(on_end, on_body);

	for (int i = 0; i < 9; i++) {
		rig->result = HZ_WAIT;
		api_rig_feed(rig, i == 0 ? UP "a" : "b");
		for (int s = 0; s < 20; s++)
			(void)fake_stream_advance(&rig->fs, HZ_NS_PER_S);
		CU_ASSERT_EQUAL(rig->calls, 0);
		hz_ticket_wake(rig->ticket);
		api_rig_turn(rig);
	}
	CU_ASSERT_EQUAL(rig->bytes, 9);
	CU_ASSERT_EQUAL(rig->calls, 1);
	CU_ASSERT_EQUAL(api_rig_status(rig), 204);
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

static void upload_that_is_refused_half_way_ends_the_connection(void)
{
	for (int i = 0; i < 2; i++) {
		struct api_rig *rig = api_rig_open(on_end, on_body);
		const struct hz_reply reply = HZ_INIT(hz_reply, .status = 413);

		api_rig_feed(rig, UP "a");
		rig->result = i == 0 ? -EIO : HZ_WAIT;
		if (i == 1)
			hz_ticket_answer(rig->ticket, &reply);
		api_rig_turn(rig);
		api_rig_feed(rig, "b");
		CU_ASSERT_EQUAL(api_rig_status(rig), i == 0 ? 500 : 413);
		CU_ASSERT(api_rig_said(rig, "\r\nConnection: close\r\n"));
		CU_ASSERT_EQUAL(rig->calls, 0);
		hz_ticket_drop(rig->ticket);
		api_rig_close(rig);
	}
}

/* Not with the next byte, which the client may never send. */
static void answer_by_ticket_while_the_body_comes_is_sent_at_once(void)
{
	for (int waits = 0; waits < 2; waits++) {
		struct api_rig *rig = api_rig_open(on_end, on_body);
		const struct hz_reply reply = HZ_INIT(hz_reply, .status = 403);

		rig->result = waits ? HZ_WAIT : 0;
		api_rig_feed(rig, UP "abc");
		CU_ASSERT_EQUAL(hz_ticket_finish(rig->ticket, &reply), 0);
		api_rig_turn(rig);
		CU_ASSERT_EQUAL(api_rig_status(rig), 403);
		CU_ASSERT(api_rig_said(rig, "\r\nConnection: close\r\n"));
		api_rig_feed(rig, "def");
		CU_ASSERT_EQUAL(rig->pieces, 1);
		CU_ASSERT_EQUAL(rig->calls, 0);
		api_rig_close(rig);
	}
}

/* A wake alone is no piece of it. */
static void wake_while_the_body_comes_changes_nothing(void)
{
	struct api_rig *rig = api_rig_open(on_end, on_body);

	api_rig_feed(rig, UP "abc");
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT_EQUAL(rig->pieces, 1);
	CU_ASSERT_EQUAL(api_rig_status(rig), 0);
	hz_ticket_drop(rig->ticket);
	api_rig_turn(rig);
	api_rig_feed(rig, "defghi");
	CU_ASSERT_EQUAL(api_rig_status(rig), 204);
	api_rig_close(rig);
}

static int wait_alone(struct hz_request *req, void *ctx, const void *data, size_t bytes)
{
	(void)req;
	(void)ctx;
	(void)data;
	(void)bytes;
	return HZ_WAIT;
}

static void wait_that_nobody_could_end_is_500(void)
{
	struct api_rig *rig = api_rig_open(on_end, wait_alone);

	api_rig_feed(rig, UP "a");
	CU_ASSERT_EQUAL(api_rig_status(rig), 500);
	api_rig_close(rig);
}

/* --- pulls: rig->bytes left to give, of which rig->pieces at a time ---------------------------------- */

static int64_t pull(void *ctx, void *out, size_t room)
{
	struct api_rig *rig = ctx;
	size_t bytes = rig->pieces < room ? rig->pieces : room;

	if (rig->bytes == 0)
		return rig->result == 0 ? HZ_END : rig->result;
	bytes = bytes < rig->bytes ? bytes : rig->bytes;
	memset(out, 'p', bytes);
	rig->bytes -= bytes;
	return (int64_t)bytes;
}

static int give_pull(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->ticket = hz_request_ticket(req);
	return hz_respond_with(req, rig->reply);
}

static void download_of_unknown_length_ends_in_its_last_chunk(void)
{
	struct api_rig *rig = api_rig_open(give_pull, NULL);
	const struct hz_reply reply =
		HZ_INIT(hz_reply, .status = 200, .pull = pull, .ctx = rig,
	                .release = api_rig_release, .body_bytes = HZ_LENGTH_UNKNOWN);

	rig->reply = &reply;
	rig->bytes = rig->pieces = 5;
	api_rig_feed(rig, GET_X);
	CU_ASSERT(api_rig_said(rig, "\r\nppppp\r\n0\r\n\r\n"));
	CU_ASSERT_EQUAL(rig->releases, 1);
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

static int64_t pull_slow(void *ctx, void *out, size_t room)
{
	struct api_rig *rig = ctx;

	(void)room;
	rig->calls++;
	if (rig->bytes == 0)
		return rig->result == 0 ? 0 : HZ_END;
	memset(out, 's', rig->bytes);
	room = rig->bytes;
	rig->bytes = 0;
	return (int64_t)room;
}

static void starved_download_pulls_again_for_each_wake(void)
{
	struct api_rig *rig = api_rig_open(give_pull, NULL);
	const struct hz_reply reply =
		HZ_INIT(hz_reply, .status = 200, .pull = pull_slow, .ctx = rig,
	                .release = api_rig_release, .body_bytes = HZ_LENGTH_UNKNOWN);

	rig->reply = &reply;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->calls, 1);
	rig->bytes = 3;
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "\r\nsss\r\n"));
	CU_ASSERT(!api_rig_said(rig, "0\r\n\r\n"));
	rig->result = 1;
	hz_ticket_wake(rig->ticket);
	api_rig_turn(rig);
	CU_ASSERT(api_rig_said(rig, "\r\n0\r\n\r\n"));
	CU_ASSERT_EQUAL(rig->releases, 1);
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

/* Its client gone, it broke, or it says more than there was room for. */
static int64_t pull_liar(void *ctx, void *out, size_t room)
{
	(void)ctx;
	(void)out;
	return (int64_t)room + 1;
}

static void download_that_ends_badly_resets_and_is_released(void)
{
	for (int i = 0; i < 4; i++) {
		struct api_rig *rig = api_rig_open(give_pull, NULL);
		struct hz_reply reply =
			HZ_INIT(hz_reply, .status = 200, .pull = i == 2 ? pull_liar : pull,
		                .ctx = rig, .release = api_rig_release, .body_bytes = 100);

		rig->reply = &reply;
		rig->bytes = i == 3 ? 5 : 0;
		rig->pieces = 5;
		rig->result = i == 0 ? -EIO : 0;
		if (i == 1)
			reply.pull = pull_slow;
		api_rig_feed(rig, GET_X);
		if (i == 1)
			fake_stream_close(&rig->fs, HZ_CLOSE_RESET);
		else
			CU_ASSERT(rig->fs.is_aborted);
		CU_ASSERT_EQUAL(rig->releases, 1);
		CU_ASSERT(hz_ticket_is_gone(rig->ticket));
		hz_ticket_drop(rig->ticket);
		api_rig_close(rig);
	}
}

HZ_SUITE(api_stream, CASE(body_comes_in_pieces_and_waits_until_woken),
         CASE(slow_upload_does_not_use_up_the_time_of_the_answer),
         CASE(upload_that_is_refused_half_way_ends_the_connection),
         CASE(answer_by_ticket_while_the_body_comes_is_sent_at_once),
         CASE(wake_while_the_body_comes_changes_nothing), CASE(wait_that_nobody_could_end_is_500),
         CASE(download_of_unknown_length_ends_in_its_last_chunk),
         CASE(starved_download_pulls_again_for_each_wake),
         CASE(download_that_ends_badly_resets_and_is_released));
