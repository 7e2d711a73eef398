/* respond, bytes, echo and the standard answers. */
#include "handlers/answer.h"
#include "handlers/answer_redirect.h"
#include "handlers/bytes.h"
#include "handlers/echo.h"
#include "handlers/respond.h"

#include "core/base.h"
#include "hz_test.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hz_span id_name = { (const uint8_t *)"id", 2 };
static const struct hz_handler_params id_only = { &id_name, 1 };

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static bool span_is(struct hz_span a, const char *text)
{
	return a.len == strlen(text) && (a.len == 0 || memcmp(a.data, text, a.len) == 0);
}

/* A request with one parameter and an arena, as the server leaves it. */
struct fixture {
	struct hz_http_req req;
	struct hz_http_resp resp;
	struct hz_arena arena;
	uint8_t memory[1000];
};

static struct fixture *fixture_open(const char *id)
{
	struct fixture *f = calloc(1, sizeof(*f));

	hz_arena_init(&f->arena, f->memory, sizeof(f->memory));
	f->req.arena = &f->arena;
	f->req.param_count = 1;
	f->req.param[0] = (struct hz_http_param){ id_name, span(id) };
	return f;
}

static void handle(const struct hz_handler *handler, struct fixture *f)
{
	f->resp = (struct hz_http_resp){ 0 };
	handler->handle(handler->conf, &f->req, &f->resp);
}

static void text_answer_is_prepared(void)
{
	struct hz_respond_conf conf = { .status = 200,
		                        .content_type = span("text/plain"),
		                        .body = span("Hello, World!") };
	struct fixture *f = fixture_open("");
	struct hz_handler handler;

	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 200);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->resp.prepared);
	CU_ASSERT(span_is(f->resp.prepared->head, "HTTP/1.1 200 OK\r\n"
	                                          "Content-Type: text/plain\r\n"
	                                          "Content-Length: 13\r\n"));
	CU_ASSERT(span_is(f->resp.prepared->body, "Hello, World!"));
	hz_handler_free(&handler);
	free(f);
}

/* The answer to who sends accept, NULL: nothing of that kind. */
static struct hz_http_prepared coded_answer(const struct hz_handler *handler, const char *accept)
{
	struct fixture *f = fixture_open("");
	struct hz_http_prepared prepared;

	if (accept != NULL) {
		f->req.header_count = 1;
		f->req.header[0] = (struct hz_http_header){ span("Accept-Encoding"), span(accept) };
	}
	handle(handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 200);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->resp.prepared);
	prepared = *f->resp.prepared;
	free(f);
	return prepared;
}

static bool head_has(const struct hz_http_prepared *prepared, const char *line)
{
	return memmem(prepared->head.data, prepared->head.len, line, strlen(line)) != NULL;
}

static void text_that_gains_by_it_is_encoded_as_the_client_likes(void)
{
	static const struct {
		const char *accept, *line;
		uint8_t magic[2];
	} rows[] = {
		{ "gzip", "Content-Encoding: gzip\r\n", { 0x1f, 0x8b } },
		{ "zstd, gzip;q=0.5", "Content-Encoding: zstd\r\n", { 0x28, 0xb5 } },
		{ "br;q=0.1, gzip;q=0, *;q=0", "Content-Encoding: br\r\n", { 0 } },
		{ NULL, NULL, { 'a', 'b' } },
		{ "identity", NULL, { 'a', 'b' } },
		{ "deflate, gzip;q=0", NULL, { 'a', 'b' } },
	};
	char text[2001], length[64];
	struct hz_respond_conf conf = { .status = 200, .content_type = span("text/html") };
	struct hz_handler handler;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i == sizeof(text) - 1 ? '\0' : "ab"[i % 2];
	conf.body = span(text);
	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_http_prepared answer = coded_answer(&handler, rows[i].accept);

		CU_ASSERT(head_has(&answer, "Vary: Accept-Encoding\r\n"));
		CU_ASSERT(head_has(&answer, "Content-Type: text/html\r\n"));
		CU_ASSERT(rows[i].line != NULL ? head_has(&answer, rows[i].line)
		                               : !head_has(&answer, "Content-Encoding"));
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", answer.body.len);
		CU_ASSERT(head_has(&answer, length));
		CU_ASSERT(rows[i].line != NULL ? answer.body.len < 200
		                               : span_is(answer.body, text));
		CU_ASSERT(rows[i].magic[0] == 0 ||
		          memcmp(answer.body.data, rows[i].magic, sizeof(rows[i].magic)) == 0);
	}
	hz_handler_free(&handler);
}

static void text_that_gains_nothing_is_sent_as_it_is(void)
{
	char big[1001];
	const struct hz_respond_conf confs[] = {
		{ .status = 200, .content_type = span("text/plain"), .body = span("short") },
		{ .status = 200, .content_type = span("image/png") },
		{ .status = 200 },
	};
	struct hz_handler handler;

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (size_t i = 0; i < HZ_ARRAY_LEN(confs); i++) {
		struct hz_respond_conf conf = confs[i];
		struct hz_http_prepared answer;

		if (i > 0)
			conf.body = span(big);
		CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
		answer = coded_answer(&handler, "gzip, br, zstd");
		CU_ASSERT_FALSE(head_has(&answer, "Vary"));
		CU_ASSERT_FALSE(head_has(&answer, "Content-Encoding"));
		CU_ASSERT_EQUAL(answer.body.len, conf.body.len);
		hz_handler_free(&handler);
	}
}

static void answer_without_body_has_no_length_where_forbidden(void)
{
	static const struct {
		uint16_t status;
		const char *head;
	} wanted[] = {
		{ 200, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" },
		{ 204, "HTTP/1.1 204 No Content\r\n" },
		{ 205, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n" },
		{ 304, "HTTP/1.1 304 Not Modified\r\n" },
		{ 404, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(wanted); i++) {
		struct hz_respond_conf conf = { .status = wanted[i].status };
		struct fixture *f = fixture_open("");
		struct hz_handler handler;

		CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
		handle(&handler, f);
		CU_ASSERT(span_is(f->resp.prepared->head, wanted[i].head));
		CU_ASSERT_EQUAL(f->resp.prepared->body.len, 0);
		hz_handler_free(&handler);
		free(f);
	}
}

static void json_without_parameters_is_prepared(void)
{
	struct hz_respond_member members[] = { { span("message"), span("ok") },
		                               { span("\"q\""), span("{{}}") } };
	struct hz_respond_conf conf = { .status = 200,
		                        .content_type = span("application/json"),
		                        .json = members,
		                        .json_count = 1 };
	struct fixture *f = fixture_open("");
	struct hz_handler handler;

	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	handle(&handler, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->resp.prepared);
	CU_ASSERT(span_is(f->resp.prepared->body, "{\"message\":\"ok\"}"));
	hz_handler_free(&handler);
	conf.json_count = 2;
	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	handle(&handler, f);
	CU_ASSERT(span_is(f->resp.prepared->body, "{\"message\":\"ok\",\"\\\"q\\\"\":\"{}\"}"));
	hz_handler_free(&handler);
	free(f);
}

static void json_with_parameter_is_filled_from_the_request(void)
{
	struct hz_respond_member members[] = { { span("id"), span("{id}") },
		                               { span("x"), span("y") } };
	struct hz_respond_conf conf = { .status = 201,
		                        .content_type = span("application/json"),
		                        .json = members,
		                        .json_count = 2,
		                        .params = id_only };
	struct fixture *f = fixture_open("a\"b/c\n");
	struct hz_handler handler;

	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 201);
	CU_ASSERT_PTR_NULL(f->resp.prepared);
	CU_ASSERT_EQUAL(f->resp.body_kind, HZ_BODY_SPAN);
	CU_ASSERT(span_is(f->resp.content_type, "application/json"));
	CU_ASSERT(span_is(f->resp.body, "{\"id\":\"a\\\"b/c\\n\",\"x\":\"y\"}"));
	/* The configuration is copied: the members may go. */
	members[0].value = span("gone");
	handle(&handler, f);
	CU_ASSERT(span_is(f->resp.body, "{\"id\":\"a\\\"b/c\\n\",\"x\":\"y\"}"));
	hz_handler_free(&handler);
	free(f);
}

static void json_beyond_the_arena_is_414(void)
{
	struct hz_respond_member member = { span("id"), span("{id}{id}") };
	struct hz_respond_conf conf = {
		.status = 200, .json = &member, .json_count = 1, .params = id_only
	};
	char value[600];
	struct fixture *f;
	struct hz_handler handler;

	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = 0;
	f = fixture_open(value);
	CU_ASSERT_EQUAL_FATAL(hz_respond_build(&conf, &handler), 0);
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 414);
	CU_ASSERT_PTR_EQUAL(f->resp.prepared, hz_answer_prepared(414));
	hz_handler_free(&handler);
	free(f);
}

static void respond_conf_out_of_range_is_refused(void)
{
	struct hz_respond_member member = { span("a"), span("{no}") };
	struct hz_respond_conf bad[] = {
		{ .status = 100 },
		{ .status = 199 },
		{ .status = 600 },
		{ .status = 0 },
		{ .status = 204, .body = span("x") },
		{ .status = 205, .body = span("x") },
		{ .status = 304, .json = &member, .json_count = 1 },
		{ .status = 200, .content_type = span("a\r\nSet-Cookie: x") },
		{ .status = 200, .content_type = span("a\x7f") },
		{ .status = 200, .json = &member, .json_count = 1, .params = id_only },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		struct hz_handler handler = { 0 };

		CU_ASSERT_EQUAL(hz_respond_build(&bad[i], &handler), -EINVAL);
		CU_ASSERT_PTR_NULL(handler.handle);
		hz_handler_free(&handler);
	}
}

static const struct {
	const char *text;
	uint64_t max;
	int64_t count; /* -1: 400 */
} counts[] = {
	{ "0", 10485760, 0 },
	{ "1", 10485760, 1 },
	{ "9", 9, 9 },
	{ "10", 9, -1 },
	{ "10485760", 10485760, 10485760 },
	{ "10485761", 10485760, -1 },
	{ "10485759", 10485760, 10485759 },
	{ "99999999", 10485760, -1 },
	{ "18446744073709551615", 10485760, -1 },
	{ "18446744073709551616", 10485760, -1 },
	{ "18446744073709551617", UINT64_MAX, -1 },
	{ "184467440737095516170", UINT64_MAX, -1 },
	{ "9223372036854775807", UINT64_MAX, INT64_MAX },
	{ "0", 0, 0 },
	{ "1", 0, -1 },
	{ "", 10, -1 },
	{ "-1", 10, -1 },
	{ "+1", 10, -1 },
	{ " 1", 10, -1 },
	{ "1 ", 10, -1 },
	{ "1e1", 10, -1 },
	{ "0x1", 10, -1 },
	{ "01", 10, -1 },
	{ "00", 10, -1 },
	{ "1.0", 10, -1 },
	{ "/", 10, -1 },
	{ ":", 10, -1 },
	{ "abc", 10, -1 },
	{ "\xd9\xa1", 10, -1 },
};

static void count_of_table_is_taken_as_listed(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(counts); i++) {
		struct hz_bytes_conf conf = { id_name, counts[i].max, id_only };
		struct fixture *f = fixture_open(counts[i].text);
		struct hz_handler handler;

		CU_ASSERT_EQUAL_FATAL(hz_bytes_build(&conf, &handler), 0);
		handle(&handler, f);
		if (counts[i].count < 0) {
			CU_ASSERT_EQUAL(f->resp.status, 400);
			CU_ASSERT_PTR_EQUAL(f->resp.prepared, hz_answer_prepared(400));
		} else {
			CU_ASSERT_EQUAL(f->resp.status, 200);
			CU_ASSERT_PTR_NULL(f->resp.prepared);
			CU_ASSERT_EQUAL(f->resp.body_bytes, (uint64_t)counts[i].count);
			CU_ASSERT_EQUAL(f->resp.body_kind,
			                counts[i].count == 0 ? HZ_BODY_NONE : HZ_BODY_GENERATED);
			CU_ASSERT(span_is(f->resp.content_type, "application/octet-stream"));
		}
		hz_handler_free(&handler);
		free(f);
	}
}

static void bytes_are_all_x(void)
{
	struct hz_bytes_conf conf = { id_name, 100, id_only };
	struct fixture *f = fixture_open("100");
	struct hz_handler handler;
	uint8_t out[102] = { 0 };

	CU_ASSERT_EQUAL_FATAL(hz_bytes_build(&conf, &handler), 0);
	handle(&handler, f);
	f->resp.produce(f->resp.produce_ctx, 7, (struct hz_wspan){ out + 1, 100 });
	CU_ASSERT_EQUAL(out[0], 0);
	CU_ASSERT_EQUAL(out[101], 0);
	for (size_t i = 1; i <= 100; i++)
		CU_ASSERT_EQUAL(out[i], 'x');
	hz_handler_free(&handler);
	conf.count_param = span("other");
	CU_ASSERT_EQUAL(hz_bytes_build(&conf, &handler), -EINVAL);
	free(f);
}

static void request_without_the_parameter_is_400(void)
{
	struct hz_bytes_conf conf = { id_name, 100, id_only };
	struct fixture *f = fixture_open("5");
	struct hz_handler handler;

	CU_ASSERT_EQUAL_FATAL(hz_bytes_build(&conf, &handler), 0);
	f->req.param_count = 0;
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 400);
	hz_handler_free(&handler);
	free(f);
}

static void echo_keeps_body_and_type(void)
{
	struct fixture *f = fixture_open("");
	struct hz_http_body body = { .bytes = 3, .whole = span("abc") };
	char type[] = "text/x-test; charset=utf-8";
	struct hz_handler handler;

	hz_echo_build(&handler);
	f->req.body = &body;
	f->req.header_count = 2;
	f->req.header[0] = (struct hz_http_header){ span("Host"), span("a") };
	f->req.header[1] = (struct hz_http_header){ span("CONTENT-type"), span(type) };
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 200);
	CU_ASSERT_EQUAL(f->resp.body_kind, HZ_BODY_REQUEST);
	memset(type, '!', sizeof(type) - 1); /* the stream's bytes are reused */
	CU_ASSERT(span_is(f->resp.content_type, "text/x-test; charset=utf-8"));
	hz_handler_free(&handler);
	free(f);
}

static void echo_without_type_or_body_has_defaults(void)
{
	struct fixture *f = fixture_open("");
	struct hz_http_body empty = { 0 };
	struct hz_handler handler;

	hz_echo_build(&handler);
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.body_kind, HZ_BODY_NONE);
	CU_ASSERT(span_is(f->resp.content_type, "application/octet-stream"));
	f->req.body = &empty;
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.body_kind, HZ_BODY_NONE);
	free(f);
}

static void echo_of_an_endless_type_is_431(void)
{
	struct fixture *f = fixture_open("");
	char type[HZ_ECHO_CONTENT_TYPE_MAX + 2];
	struct hz_handler handler;

	memset(type, 't', sizeof(type));
	type[HZ_ECHO_CONTENT_TYPE_MAX + 1] = 0;
	hz_echo_build(&handler);
	f->req.header_count = 1;
	f->req.header[0] = (struct hz_http_header){ span("Content-Type"), span(type) };
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 431);
	f->req.header[0].value.len--;
	handle(&handler, f);
	CU_ASSERT_EQUAL(f->resp.status, 200);
	handle(&handler, f); /* the arena has room for one such type, not for two */
	CU_ASSERT_EQUAL(f->resp.status, 431);
	free(f);
}

static void standard_answers_name_their_length(void)
{
	static const uint16_t statuses[] = { 400, 404, 413, 414, 431, 500, 501, 503 };

	for (size_t i = 0; i < HZ_ARRAY_LEN(statuses); i++) {
		const struct hz_http_prepared *p = hz_answer_prepared(statuses[i]);
		struct hz_span reason = hz_http_reason(statuses[i]);
		char head[256], body[64];

		snprintf(body, sizeof(body), "%.*s\n", (int)reason.len, (const char *)reason.data);
		snprintf(head, sizeof(head),
		         "HTTP/1.1 %u %.*s\r\nContent-Type: text/plain\r\n"
		         "Content-Length: %zu\r\n",
		         statuses[i], (int)reason.len, (const char *)reason.data, strlen(body));
		CU_ASSERT(span_is(p->head, head));
		CU_ASSERT(span_is(p->body, body));
	}
	CU_ASSERT_PTR_EQUAL(hz_answer_prepared(299), hz_answer_prepared(500));
}

static void method_not_allowed_names_what_is(void)
{
	struct fixture *f = fixture_open("");

	hz_answer_method(&f->resp, HZ_METHOD_BIT(HZ_HTTP_GET) | HZ_METHOD_BIT(HZ_HTTP_HEAD),
	                 &f->arena);
	CU_ASSERT_EQUAL(f->resp.status, 405);
	CU_ASSERT(span_is(f->resp.extra, "Allow: GET, HEAD\r\n"));
	CU_ASSERT(span_is(f->resp.body, "Method Not Allowed\n"));
	hz_answer_method(&f->resp, HZ_METHOD_BIT(HZ_HTTP_DELETE), &f->arena);
	CU_ASSERT(span_is(f->resp.extra, "Allow: DELETE\r\n"));
	hz_answer_method(&f->resp, UINT32_MAX, &f->arena);
	CU_ASSERT(span_is(f->resp.extra, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, "
	                                 "TRACE, CONNECT\r\n"));
	f->resp = (struct hz_http_resp){ 0 };
	hz_answer_options(&f->resp, HZ_METHOD_BIT(HZ_HTTP_POST), &f->arena);
	CU_ASSERT_EQUAL(f->resp.status, 204);
	CU_ASSERT(span_is(f->resp.extra, "Allow: POST, OPTIONS\r\n"));
	CU_ASSERT_EQUAL(f->resp.body_kind, HZ_BODY_NONE);
	hz_arena_init(&f->arena, f->memory, 8);
	hz_answer_options(&f->resp, 1, &f->arena);
	CU_ASSERT_PTR_EQUAL(f->resp.prepared, hz_answer_prepared(500));
	hz_answer_method(&f->resp, 1, &f->arena);
	CU_ASSERT_PTR_EQUAL(f->resp.prepared, hz_answer_prepared(500));
	CU_ASSERT_EQUAL(f->resp.status, 500);
	free(f);
}

static void redirect_names_path_and_query(void)
{
	struct fixture *f = fixture_open("");

	hz_answer_redirect(&f->resp, HZ_SPAN_LITERAL("/a/"), HZ_SPAN_LITERAL("x=1&y"), &f->arena);
	CU_ASSERT_EQUAL(f->resp.status, 308);
	CU_ASSERT(span_is(f->resp.extra, "Location: /a/?x=1&y\r\n"));
	CU_ASSERT(span_is(f->resp.body, "Permanent Redirect\n"));
	hz_answer_redirect(&f->resp, HZ_SPAN_LITERAL("/a"), HZ_SPAN_LITERAL(""), &f->arena);
	CU_ASSERT(span_is(f->resp.extra, "Location: /a\r\n"));
	hz_arena_init(&f->arena, f->memory, 8);
	hz_answer_redirect(&f->resp, HZ_SPAN_LITERAL("/a"), HZ_SPAN_LITERAL(""), &f->arena);
	CU_ASSERT_PTR_EQUAL(f->resp.prepared, hz_answer_prepared(414));
	free(f);
}

HZ_SUITE(handlers, CASE(redirect_names_path_and_query), CASE(text_answer_is_prepared),
         CASE(text_that_gains_by_it_is_encoded_as_the_client_likes),
         CASE(text_that_gains_nothing_is_sent_as_it_is),
         CASE(answer_without_body_has_no_length_where_forbidden),
         CASE(json_without_parameters_is_prepared),
         CASE(json_with_parameter_is_filled_from_the_request), CASE(json_beyond_the_arena_is_414),
         CASE(respond_conf_out_of_range_is_refused), CASE(count_of_table_is_taken_as_listed),
         CASE(bytes_are_all_x), CASE(request_without_the_parameter_is_400),
         CASE(echo_keeps_body_and_type), CASE(echo_without_type_or_body_has_defaults),
         CASE(echo_of_an_endless_type_is_431), CASE(standard_answers_name_their_length),
         CASE(method_not_allowed_names_what_is));
