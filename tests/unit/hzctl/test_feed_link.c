/* A reader of hz-collector's stream that lasts: silence, ends, and who it believes. */
#include "../../../tools/hzctl/feed_link.h"
#include "core/clock.h"
#include "feed_rig.h"
#include "hz_test.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void instance_of_the_collector_is_ours_unless_only_an_address_is_given(void)
{
	CU_ASSERT_STRING_EQUAL(hz_feed_link_instance("a", false), "a");
	CU_ASSERT_STRING_EQUAL(hz_feed_link_instance("a", true), "a");
	CU_ASSERT_PTR_NOT_NULL_FATAL(hz_feed_link_instance(NULL, false));
	CU_ASSERT_STRING_EQUAL(hz_feed_link_instance(NULL, false), "");
	CU_ASSERT_PTR_NULL(hz_feed_link_instance(NULL, true));
}

#define TICK HEAD "event: tick\ndata: {\"status\":{\"instance\":\"\"}}\n\n"

/* Its next turn, when what it waits for is there. */
static int link_turn(struct hz_feed_link *link, uint64_t now_ns, struct hz_err *err)
{
	struct pollfd fd = { .fd = link->client.fd,
		             .events = hz_feed_client_events(&link->client) };

	if (fd.fd >= 0)
		(void)poll(&fd, 1, 200);
	return hz_feed_link_turn(link, fd.fd >= 0 && fd.revents != 0, now_ns, err);
}

/* A collector takes the connection, and says what. */
static int link_answer(struct hz_feed_link *link, int listener, const char *what, uint64_t now_ns)
{
	struct hz_err err = { 0 };
	char request[512];
	int peer;

	CU_ASSERT_EQUAL(link_turn(link, now_ns, &err), 0); /* connects */
	CU_ASSERT_EQUAL(link_turn(link, now_ns, &err), 0); /* asks */
	peer = accept(listener, NULL, NULL);
	CU_ASSERT(recv(peer, request, sizeof(request), 0) > 0);
	CU_ASSERT(send(peer, what, strlen(what), 0) == (ssize_t)strlen(what));
	return peer;
}

static void link_without_ticks_is_silent_then_made_anew(void)
{
	struct hz_endpoint endpoint;
	int listener = feed_rig_listen(&endpoint), peer;
	uint64_t now_ns = 100 * HZ_NS_PER_S;
	struct heard heard = { 0 };
	struct hz_feed_link link;
	struct hz_err err = { 0 };

	hz_feed_link_init(&endpoint, "", feed_rig_record, &heard, &link);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns), HZ_FEED_DOWN);
	peer = link_answer(&link, listener, TICK, now_ns);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns), HZ_FEED_TRIES);
	CU_ASSERT_EQUAL(link_turn(&link, now_ns, &err), 0);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns + 3 * HZ_NS_PER_S), HZ_FEED_LIVE);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns + 4 * HZ_NS_PER_S), HZ_FEED_SILENT);
	now_ns += 14 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL(hz_feed_link_turn(&link, false, now_ns, &err), 0);
	now_ns += 2 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL_FATAL(hz_feed_link_turn(&link, false, now_ns, &err), -ETIMEDOUT);
	CU_ASSERT(hz_feed_link_is_passing(&link, -ETIMEDOUT));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "is silent"));
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns), HZ_FEED_DOWN);
	close(peer);
	peer = link_answer(&link, listener, TICK, now_ns + HZ_NS_PER_S);
	CU_ASSERT_EQUAL(link_turn(&link, now_ns + HZ_NS_PER_S, &err), 0);
	CU_ASSERT_EQUAL(hz_feed_link_state(&link, now_ns + HZ_NS_PER_S), HZ_FEED_LIVE);
	close(peer);
	close(listener);
	hz_feed_link_close(&link);
}

static void link_to_nobody_tries_at_growing_pauses(void)
{
	struct hz_endpoint endpoint;
	uint64_t now_ns = 100 * HZ_NS_PER_S, end_ns = now_ns + 60 * HZ_NS_PER_S;
	struct heard heard = { 0 };
	struct hz_feed_link link;
	struct hz_err err = { 0 };
	unsigned failed = 0;

	close(feed_rig_listen(&endpoint));
	hz_feed_link_init(&endpoint, "", feed_rig_record, &heard, &link);
	for (; now_ns < end_ns; now_ns += HZ_NS_PER_S / 5)
		failed += link_turn(&link, now_ns, &err) == -ECONNREFUSED;
	/* after 0, 1, 3, 7, 15, 23, 31, 39, 47 and 55 s */
	CU_ASSERT_EQUAL(failed, 10);
	CU_ASSERT(!link.was_live);
	hz_feed_link_close(&link);
}

static void link_to_a_stranger_does_not_pass_and_to_a_busy_one_does(void)
{
	static const struct {
		const char *answer;
		bool is_passing;
	} rows[] = {
		{ "HTTP/1.1 503 Service Unavailable\r\n\r\n", true },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", false },
		{ HEAD "event: tick\ndata: {\"status\":{\"instance\":\"b\"}}\n\n", false },
		{ TICK, true }, /* and then it ends */
	};
	struct hz_endpoint endpoint;
	int listener = feed_rig_listen(&endpoint);

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct heard heard = { 0 };
		struct hz_feed_link link;
		struct hz_err err = { 0 };
		int status = 0;

		hz_feed_link_init(&endpoint, "", feed_rig_record, &heard, &link);
		close(link_answer(&link, listener, rows[i].answer, 1));
		for (unsigned turn = 0; turn < 5 && status == 0; turn++)
			status = link_turn(&link, 1, &err);
		CU_ASSERT(status != 0);
		CU_ASSERT_EQUAL(hz_feed_link_is_passing(&link, status), rows[i].is_passing);
		hz_feed_link_close(&link);
	}
	close(listener);
}

HZ_SUITE(feed_link, CASE(instance_of_the_collector_is_ours_unless_only_an_address_is_given),
         CASE(link_without_ticks_is_silent_then_made_anew),
         CASE(link_to_nobody_tries_at_growing_pauses),
         CASE(link_to_a_stranger_does_not_pass_and_to_a_busy_one_does));
