/* redirect and delay. */
#include "files_rig.h"

#include "core/span_ops.h"
#include "handlers/delay.h"
#include "handlers/redirect.h"
#include "handlers/respond.h"
#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct hz_span names[] = { { (const uint8_t *)"path", 4 },
	                                { (const uint8_t *)"b", 1 } };

struct place_row {
	const char *to, *a, *b, *query, *line;
};

static const struct place_row places[] = {
	{ "/new", "", "", "", "Location: /new" },
	{ "/new/{path}", "x", "", "", "Location: /new/x" },
	{ "/new/{path}/{b}", "x", "y z", "", "Location: /new/x/y%20z" },
	{ "/{path}", "a/b", "", "q=1&r", "Location: /a/b?q=1&r" },
	{ "/n?of={path}", "x&y=z", "", "q=1", "Location: /n?of=x%26y%3Dz" },
	{ "https://www.example.org/{path}", "/a", "", "", "Location: https://www.example.org//a" },
	/* Never to another host. */
	{ "/{path}", "/evil.example", "", "", "Location: /evil.example" },
	{ "/{path}", "///evil.example", "", "", "Location: /evil.example" },
	{ "/{path}/{b}", "", "evil.example", "", "Location: /evil.example" },
	{ "/{path}{b}", "/", "/evil.example", "", "Location: /evil.example" },
	{ "/{path}", "\\evil.example", "", "", "Location: /%5Cevil.example" },
	{ "/{path}", "@evil.example", "", "", "Location: /%40evil.example" },
	{ "https://h.example/{path}", "@evil", "", "", "Location: https://h.example/%40evil" },
	/* Never more than a line. */
	{ "/{path}", "a\r\nSet-Cookie: x", "", "", "Location: /a%0D%0ASet-Cookie%3A%20x" },
	{ "/{path}", "a?b#c%d", "", "", "Location: /a%3Fb%23c%25d" },
	{ "/{path}", "\xc3\xa9", "", "", "Location: /%C3%A9" },
};

static struct files_ask *place_ask(const struct place_row *row)
{
	struct files_ask *ask = files_ask_open("");
	struct hz_http_req *req = &ask->flight.req;

	req->param[0].value = hz_span_text(row->a);
	req->param[1] = (struct hz_http_param){ names[1], hz_span_text(row->b) };
	req->param_count = 2;
	req->query = hz_span_text(row->query);
	return ask;
}

static void places_are_filled_as_listed(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(places); i++) {
		const struct hz_redirect_conf conf = { 308,
			                               hz_span_text(places[i].to),
			                               { names, 2 } };
		struct files_ask *ask = place_ask(&places[i]);
		struct hz_handler handler;

		CU_ASSERT_EQUAL_FATAL(hz_redirect_build(&conf, &handler), 0);
		files_ask_run(ask, &handler);
		CU_ASSERT_EQUAL(ask->flight.resp.status, 308);
		CU_ASSERT(files_ask_has_line(ask, places[i].line));
		files_ask_close(ask);
		hz_handler_free(&handler);
	}
}

/* Any two values: one line, a path of this host. */
static void any_value_stays_on_this_host(void)
{
	static const char *const tos[] = { "/{path}", "/{path}/{b}", "/{path}{b}", "/x{path}" };
	struct hz_rng rng;

	hz_rng_seed(&rng, 7);
	for (unsigned i = 0; i < 20000; i++) {
		const struct hz_redirect_conf conf = { 302,
			                               hz_span_text(tos[i % 4]),
			                               { names, 2 } };
		static const char bytes[] = "//\\\\.@:ab%?#\r\n\t \x80";
		char a[8] = "", b[8] = "", *head, *at, *end;
		struct place_row row = { .a = a, .b = b, .query = "" };
		struct hz_handler handler;
		struct files_ask *ask;

		for (size_t k = hz_rng_below(&rng, 7); k-- > 0;)
			a[k] = bytes[hz_rng_below(&rng, sizeof(bytes) - 1)];
		for (size_t k = hz_rng_below(&rng, 7); k-- > 0;)
			b[k] = bytes[hz_rng_below(&rng, sizeof(bytes) - 1)];
		CU_ASSERT_EQUAL_FATAL(hz_redirect_build(&conf, &handler), 0);
		ask = place_ask(&row);
		files_ask_run(ask, &handler);
		head = files_ask_head(ask);
		at = strstr(head, "Location: ");
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		at += strlen("Location: ");
		end = strstr(at, "\r\n");
		CU_ASSERT_EQUAL(at[0], '/');
		CU_ASSERT(at[1] != '/' && at[1] != '\\');
		for (; at < end; at++)
			CU_ASSERT(*at > 0x20 && *at < 0x7f && *at != '\\');
		CU_ASSERT_EQUAL(strncmp(end, "\r\nContent-Length: 5\r\n", 21), 0);
		free(head);
		files_ask_close(ask);
		hz_handler_free(&handler);
	}
}

static void bad_places_are_refused(void)
{
	static const char *const bad[] = {
		"",
		"x",
		"//x",
		"//x/{path}",
		"{path}",
		"http://",
		"http:///x",
		"https://{b}/x",
		"https://x{path}/",
		"ftp://x/",
		"/a b",
		"/a\\b",
		"/a\r\n",
		"/#x",
		"/\x80",
		"/{",
		"/{path",
		"/}",
		"/{c}",
		"/{}",
		"https://example.org",
		"javascript:/",
	};
	static const uint16_t statuses[] = { 200, 300, 304, 305, 306, 309, 404 };
	struct hz_redirect_conf conf = { 308, HZ_SPAN_LITERAL("/"), { names, 2 } };
	struct hz_handler handler = { 0 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		conf.to = hz_span_text(bad[i]);
		CU_ASSERT_EQUAL(hz_redirect_build(&conf, &handler), -EINVAL);
	}
	conf.to = HZ_SPAN_LITERAL("/");
	for (size_t i = 0; i < HZ_ARRAY_LEN(statuses); i++) {
		conf.status = statuses[i];
		CU_ASSERT_EQUAL(hz_redirect_build(&conf, &handler), -EINVAL);
	}
}

static void place_beyond_the_arena_is_414(void)
{
	const struct hz_redirect_conf conf = { 308, HZ_SPAN_LITERAL("/{path}"), { names, 2 } };
	struct place_row row = { .a = "abc", .b = "", .query = "" };
	struct files_ask *ask = place_ask(&row);
	struct hz_handler handler;

	CU_ASSERT_EQUAL_FATAL(hz_redirect_build(&conf, &handler), 0);
	ask->flight.arena.size = 16;
	files_ask_run(ask, &handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 414);
	files_ask_close(ask);
	hz_handler_free(&handler);
}

static void delayed_answer_comes_when_it_is_due(void)
{
	const struct hz_respond_conf conf = { .status = 200, .body = HZ_SPAN_LITERAL("late") };
	struct files_ask *ask = files_ask_open("");
	struct hz_http_req *req = &ask->flight.req;
	struct hz_http_resp *resp = &ask->flight.resp;
	struct hz_handler handler;

	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	CU_ASSERT_EQUAL_FATAL(hz_delay_build(100, &handler), 0);
	ask->env.now_ns = 1000;
	CU_ASSERT_EQUAL(handler.handle(handler.conf, req, resp), HZ_HTTP_WAIT);
	CU_ASSERT_EQUAL(req->wake_ns, 1100);
	ask->env.now_ns = 1099; /* called for no reason */
	req->wake_ns = 0;
	CU_ASSERT_EQUAL(handler.handle(handler.conf, req, resp), HZ_HTTP_WAIT);
	CU_ASSERT_EQUAL(req->wake_ns, 1100);
	CU_ASSERT_PTR_NULL(resp->prepared);
	ask->env.now_ns = 1100;
	CU_ASSERT_EQUAL(handler.handle(handler.conf, req, resp), HZ_HTTP_ANSWER);
	CU_ASSERT(files_ask_body_is(ask, "late"));
	files_ask_close(ask);
	hz_handler_free(&handler);
}

/* Its own object, of which conf is not asked before its time. */
static enum hz_http_next own_handle(const void *conf, struct hz_http_req *req,
                                    struct hz_http_resp *resp)
{
	(void)conf;
	(void)resp;
	req->handler = &req->wake_ns;
	return HZ_HTTP_ANSWER;
}

static bool own_is_overdue(const void *conf, struct hz_http_req *req, bool is_over)
{
	(void)conf;
	CU_ASSERT_PTR_EQUAL(req->handler, &req->wake_ns);
	return is_over;
}

static void delayed_handler_is_asked_whether_it_should_end(void)
{
	struct files_ask *ask = files_ask_open("");
	struct hz_http_req *req = &ask->flight.req;
	struct hz_handler handler = { .handle = own_handle, .is_overdue = own_is_overdue };
	const void *delayed;

	CU_ASSERT_EQUAL_FATAL(hz_delay_build(100, &handler), 0);
	ask->env.now_ns = 1000;
	CU_ASSERT_EQUAL(handler.handle(handler.conf, req, &ask->flight.resp), HZ_HTTP_WAIT);
	CU_ASSERT(!handler.is_overdue(handler.conf, req, true)); /* it was not called yet */
	ask->env.now_ns = 1100;
	CU_ASSERT_EQUAL(handler.handle(handler.conf, req, &ask->flight.resp), HZ_HTTP_ANSWER);
	delayed = req->handler;
	CU_ASSERT(!handler.is_overdue(handler.conf, req, false));
	CU_ASSERT(handler.is_overdue(handler.conf, req, true));
	CU_ASSERT_PTR_EQUAL(req->handler, delayed);
	files_ask_close(ask);
	hz_handler_free(&handler);
}

static enum hz_http_next body_takes(const void *conf, struct hz_http_req *req,
                                    struct hz_http_resp *resp, struct hz_span bytes)
{
	(void)conf;
	(void)req;
	(void)resp;
	(void)bytes;
	return HZ_HTTP_NEXT;
}

static void streaming_handler_is_not_delayed(void)
{
	struct hz_handler handler = { .body = body_takes };

	CU_ASSERT_EQUAL(hz_delay_build(1, &handler), -EINVAL);
	CU_ASSERT_PTR_EQUAL(handler.body, body_takes);
}

HZ_SUITE(redirect, CASE(places_are_filled_as_listed), CASE(any_value_stays_on_this_host),
         CASE(bad_places_are_refused), CASE(place_beyond_the_arena_is_414),
         CASE(delayed_answer_comes_when_it_is_due),
         CASE(delayed_handler_is_asked_whether_it_should_end),
         CASE(streaming_handler_is_not_delayed));
