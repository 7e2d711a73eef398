/* What a handler sees of its request, and what it may answer. */
#include "api_rig.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is(struct hz_span span, const char *text)
{
	return span.data != NULL && span.len == strlen(text) &&
	       memcmp(span.data, text, span.len) == 0;
}

static int see_all(struct hz_request *req, void *ctx)
{
	struct hz_span name, value;
	struct api_rig *rig = ctx;
	uint8_t addr[16];
	uint16_t port;

	rig->calls++;
	CU_ASSERT(is(hz_request_method(req), "GET"));
	CU_ASSERT(is(hz_request_path(req), "/x/7"));
	CU_ASSERT(is(hz_request_query(req), "a=b"));
	CU_ASSERT(is(hz_request_host(req), "h"));
	CU_ASSERT(is(hz_request_param(req, "id"), "7"));
	CU_ASSERT_PTR_NULL(hz_request_param(req, "no").data);
	CU_ASSERT(is(hz_request_header(req, "X-ONE"), "1"));
	CU_ASSERT_PTR_NULL(hz_request_header(req, "x-two").data);
	CU_ASSERT(hz_request_header_at(req, 1, &name, &value) && is(name, "x-One") &&
	          is(value, "1"));
	CU_ASSERT(!hz_request_header_at(req, 2, &name, &value));
	CU_ASSERT_EQUAL(hz_request_body_bytes(req), 0);
	CU_ASSERT_EQUAL(hz_request_body(req, 0).len, 0);
	CU_ASSERT_EQUAL(hz_loop_index(hz_request_loop(req)), 0);
	CU_ASSERT_PTR_NULL(hz_request_state(req));
	hz_request_peer(req, addr, &port);
	CU_ASSERT_EQUAL(hz_respond_header(req, "X-Two", "2"), 0);
	CU_ASSERT_EQUAL(hz_respond(req, 200, "text/plain", "hi", 2), 0);
	CU_ASSERT_EQUAL(hz_respond(req, 201, "text/plain", "no", 2), -EALREADY);
	CU_ASSERT_EQUAL(hz_respond_header(req, "X-Three", "3"), -EALREADY);
	return 0;
}

static void handler_sees_its_request_and_answers_once(void)
{
	struct api_rig *rig = api_rig_open(see_all, NULL);

	api_rig_feed(rig, "GET /x/7?a=b HTTP/1.1\r\nHost: h\r\nx-One: 1\r\n\r\n");
	CU_ASSERT_EQUAL(rig->calls, 1);
	CU_ASSERT_EQUAL(api_rig_status(rig), 200);
	CU_ASSERT(api_rig_said(rig, "\r\nContent-Type: text/plain\r\n"));
	CU_ASSERT(api_rig_said(rig, "\r\nX-Two: 2\r\n"));
	CU_ASSERT(api_rig_said(rig, "\r\nContent-Length: 2\r\n"));
	CU_ASSERT(api_rig_said(rig, "\r\n\r\nhi"));
	CU_ASSERT(!api_rig_said(rig, "X-Three"));
	api_rig_close(rig);
}

static int nothing(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	(void)req;
	return rig->result;
}

static void handler_that_does_nothing_or_fails_is_500(void)
{
	for (int i = 0; i < 2; i++) {
		struct api_rig *rig = api_rig_open(nothing, NULL);

		rig->result = i == 0 ? 0 : -EIO;
		api_rig_feed(rig, GET_X);
		CU_ASSERT_EQUAL(api_rig_status(rig), 500);
		CU_ASSERT_EQUAL(rig->finishes, 1);
		api_rig_close(rig);
	}
}

static int fails_with_ticket(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->ticket = hz_request_ticket(req);
	return -EIO;
}

static void handler_that_fails_with_a_ticket_is_500_and_the_ticket_gone(void)
{
	struct api_rig *rig = api_rig_open(fails_with_ticket, NULL);

	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(api_rig_status(rig), 500);
	CU_ASSERT(hz_ticket_is_gone(rig->ticket));
	hz_ticket_drop(rig->ticket);
	api_rig_close(rig);
}

/* A body that came in pieces lies in blocks; offsets go forward and back. */
static int sum_body(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;
	struct hz_span piece;
	uint64_t bytes = hz_request_body_bytes(req);

	for (uint64_t at = 0; (piece = hz_request_body(req, at)).len > 0; at += piece.len)
		for (size_t i = 0; i < piece.len; i++, rig->bytes++)
			if (piece.data[i] != (uint8_t)('a' + (at + i) % 23))
				return -EIO;
	CU_ASSERT_EQUAL(hz_request_body(req, 0).data[0], 'a');
	CU_ASSERT_EQUAL(hz_request_body(req, bytes - 1).len, 1);
	CU_ASSERT_EQUAL(hz_request_body(req, bytes).len, 0);
	for (uint64_t at = bytes; at-- > 0; at -= at < 977 ? at : 977) /* and back */
		if (hz_request_body(req, at).data[0] != (uint8_t)('a' + at % 23))
			return -EIO;
	return hz_respond(req, 204, NULL, NULL, 0);
}

static void body_in_one_piece_and_in_blocks_reads_the_same(void)
{
	static const size_t sizes[] = { 1, 100, 16384 - 16, 16384, 40000 };
	char head[96];
	char *body = malloc(40000);

	for (size_t i = 0; i < 40000; i++)
		body[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < 2 * HZ_ARRAY_LEN(sizes); i++) {
		struct api_rig *rig = api_rig_open(sum_body, NULL);
		size_t bytes = sizes[i / 2], first = i % 2 == 0 ? bytes : bytes / 2;

		snprintf(head, sizeof(head),
		         "POST /x/7 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
		api_rig_feed(rig, head);
		fake_stream_feed(&rig->fs, body, first);
		if (first < bytes)
			fake_stream_feed(&rig->fs, body + first, bytes - first);
		CU_ASSERT_EQUAL(api_rig_status(rig), 204);
		CU_ASSERT_EQUAL(rig->bytes, bytes);
		api_rig_close(rig);
	}
	free(body);
}

/* From its first block on each time, a body of many blocks would cost the square of its length: what lies before the
 * last piece is not looked at again. */
static int read_on(struct hz_request *req, void *ctx)
{
	struct hz_http_body *body = (struct hz_http_body *)(uintptr_t)req->http->body;
	struct hz_http_body_block *first = body->first, wrong = { .used = UINT32_MAX };
	struct api_rig *rig = ctx;
	const uint64_t at = 2 * (uint64_t)HZ_LIMIT_body_block_bytes;
	const uint8_t *piece = hz_request_body(req, at).data, *next;

	body->first = &wrong;
	next = hz_request_body(req, at + 1).data;
	body->first = first;
	CU_ASSERT_PTR_EQUAL(next, piece + 1);
	rig->calls++;
	return hz_respond(req, 204, NULL, NULL, 0);
}

static void body_is_read_on_from_where_reading_was(void)
{
	struct api_rig *rig = api_rig_open(read_on, NULL);
	char *body = calloc(1, 100000);

	api_rig_feed(rig, "POST /x/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
	fake_stream_feed(&rig->fs, body, 50000);
	fake_stream_feed(&rig->fs, body, 50000);
	CU_ASSERT_EQUAL(rig->calls, 1);
	api_rig_close(rig);
	free(body);
}

static void done(void *state)
{
	((struct api_rig *)state)->dones++;
}

static int attach(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	CU_ASSERT_EQUAL(hz_request_attach(req, rig, done), 0);
	CU_ASSERT_EQUAL(hz_request_attach(req, rig, done), -EALREADY);
	CU_ASSERT_PTR_EQUAL(hz_request_state(req), rig);
	return hz_respond(req, 200, NULL, NULL, 0);
}

static void state_is_done_once_per_request(void)
{
	struct api_rig *rig = api_rig_open(attach, NULL);

	api_rig_feed(rig, GET_X GET_X);
	CU_ASSERT_EQUAL(rig->dones, 2);
	api_rig_close(rig);
}

static int give(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->result = hz_respond_with(req, rig->reply);
	return 0;
}

static int64_t never(void *ctx, void *out, size_t room)
{
	(void)ctx;
	(void)out;
	(void)room;
	return HZ_END;
}

#define REPLY(...)                                                                                 \
	{                                                                                          \
		.size = sizeof(struct hz_reply), .release = api_rig_release, __VA_ARGS__           \
	}

static const struct hz_header own[] = { { "content-LENGTH", "1" } };
static const struct hz_header split[] = { { "X-A", "1\r\nX-B: 2" } };
static const struct hz_header colon[] = { { "X-A:", "1" } };
static const struct hz_header empty[] = { { "", "1" } };
static const struct hz_header null_value[] = { { "X", NULL } };

static void reply_that_is_not_valid_is_refused_and_released(void)
{
	static const struct hz_reply bad[] = {
		REPLY(.status = 0),
		REPLY(.status = 199),
		REPLY(.status = 600),
		REPLY(.status = 204, .body = "x", .body_bytes = 1),
		REPLY(.status = 304, .pull = never, .body_bytes = HZ_LENGTH_UNKNOWN),
		REPLY(.status = 200, .body = NULL, .body_bytes = 1),
		REPLY(.status = 200, .body = "x", .body_bytes = 1, .pull = never),
		REPLY(.status = 200, .content_type = ""),
		REPLY(.status = 200, .content_type = "a\r\nb"),
		REPLY(.status = 200, .headers = NULL, .header_count = 1),
		REPLY(.status = 200, .headers = own, .header_count = 1),
		REPLY(.status = 200, .headers = split, .header_count = 1),
		REPLY(.status = 200, .headers = colon, .header_count = 1),
		REPLY(.status = 200, .headers = empty, .header_count = 1),
		REPLY(.status = 200, .headers = null_value, .header_count = 1),
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		struct api_rig *rig = api_rig_open(give, NULL);
		struct hz_reply reply = bad[i];

		reply.ctx = rig;
		rig->reply = &reply;
		api_rig_feed(rig, GET_X);
		CU_ASSERT_EQUAL(rig->result, -EINVAL);
		CU_ASSERT_EQUAL(api_rig_status(rig), 500);
		CU_ASSERT_EQUAL(rig->releases, 1);
		api_rig_close(rig);
	}
}

/* Extensible structs, as the kernel's: a newer caller's bytes must be zero, an older one's are missing. */
static void struct_of_another_version_is_read_as_far_as_it_means_something(void)
{
	struct {
		struct hz_reply reply;
		uint64_t later;
	} newer = { .reply = { .size = sizeof(newer), .status = 200 } };
	struct api_rig *rig = api_rig_open(give, NULL);
	struct hz_reply older = { .size = offsetof(struct hz_reply, content_type), .status = 201 };

	older.content_type = "not/read";
	rig->reply = &newer.reply;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->result, 0);
	newer.later = 1;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->result, -E2BIG);
	rig->reply = &older;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->result, 0);
	CU_ASSERT(api_rig_said(rig, "HTTP/1.1 201 "));
	CU_ASSERT(!api_rig_said(rig, "not/read"));
	older.size = 1;
	api_rig_feed(rig, GET_X);
	CU_ASSERT_EQUAL(rig->result, -EINVAL);
	api_rig_close(rig);
}

static char big[100000];

static int big_copied(struct hz_request *req, void *ctx)
{
	int err;

	(void)ctx;
	memset(big, 'q', sizeof(big));
	err = hz_respond(req, 200, NULL, big, sizeof(big));
	memset(big, 'z', sizeof(big)); /* it was copied */
	return err;
}

static void body_beyond_the_arena_is_copied_all_the_same(void)
{
	struct api_rig *rig = api_rig_open(big_copied, NULL);

	rig->fs.window = 1000;
	api_rig_feed(rig, GET_X);
	fake_stream_take_all(&rig->fs, 777);
	CU_ASSERT(rig->fs.out_len > sizeof(big));
	for (size_t i = rig->fs.out_len - sizeof(big); i < rig->fs.out_len; i++)
		if (rig->fs.out[i] != 'q') {
			CU_FAIL("not what was given");
			break;
		}
	api_rig_close(rig);
}

#define HEAD_MAX    HZ_LIMIT_reply_head_bytes_max
#define FIELD_BYTES 128u /* "X-Many: " 118 CRLF */

/* bytes of fields, by hz_respond_header as far as first goes and in the reply from there on. */
static int fields_give(struct hz_request *req, size_t bytes, size_t first)
{
	struct hz_header header[HEAD_MAX / FIELD_BYTES + 1];
	struct hz_reply reply = HZ_INIT(hz_reply, .status = 200, .headers = header, .body = "ok",
	                                .body_bytes = 2, .content_type = "text/plain");
	char value[HEAD_MAX / FIELD_BYTES + 1][2 * FIELD_BYTES];
	size_t count = bytes / FIELD_BYTES;
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		size_t len = FIELD_BYTES - 10 + (i == 0 ? bytes % FIELD_BYTES : 0);

		memset(value[i], 'v', len);
		value[i][len] = '\0';
		if (i * FIELD_BYTES < first)
			err = hz_respond_header(req, "X-Many", value[i]);
		else
			header[reply.header_count++] = (struct hz_header){ "X-Many", value[i] };
	}
	return err == 0 ? hz_respond_with(req, &reply) : err;
}

static int many_fields(struct hz_request *req, void *ctx)
{
	struct api_rig *rig = ctx;

	rig->result = fields_give(req, rig->bytes, rig->calls);
	return rig->result;
}

static void fields_up_to_the_limit_are_sent_and_beyond_it_are_an_error(void)
{
	static const size_t firsts[] = { 0, HEAD_MAX / 2, HEAD_MAX + 1 };

	for (size_t bytes = HEAD_MAX - 1; bytes <= HEAD_MAX + 1; bytes++) {
		for (size_t i = 0; i < 2 * HZ_ARRAY_LEN(firsts); i++) {
			struct api_rig *rig = api_rig_open(many_fields, NULL);
			const bool fits = bytes <= HEAD_MAX;

			rig->bytes = bytes;
			rig->calls = (unsigned)firsts[i / 2];
			if (i % 2 == 1)
				rig->fs.window = HZ_RESERVE_MAX;
			api_rig_feed(rig, GET_X);
			fake_stream_take_all(&rig->fs, 100);
			CU_ASSERT_EQUAL(rig->result, fits ? 0 : -ENOSPC);
			CU_ASSERT_EQUAL(api_rig_status(rig), fits ? 200 : 500);
			CU_ASSERT_EQUAL(rig->fs.out_len > bytes, fits);
			CU_ASSERT_EQUAL(rig->worker.counters[HZ_COUNTER_handler_failed], !fits);
			api_rig_close(rig);
		}
	}
}

/* Together with what middleware adds, which may be much more. */
static void fields_of_the_handler_and_of_middleware_are_all_sent(void)
{
	static uint8_t lines[32768];
	struct api_rig *rig = api_rig_open(many_fields, NULL);

	for (size_t i = 0; i < sizeof(lines); i += 128) {
		memset(lines + i, 'm', 128);
		memcpy(lines + i, "X-M: ", 5);
		memcpy(lines + i + 126, "\r\n", 2);
	}
	rig->fields = (struct hz_span){ lines, sizeof(lines) };
	rig->bytes = HEAD_MAX;
	rig->calls = HEAD_MAX;
	api_rig_feed(rig, GET_X GET_X);
	fake_stream_take_all(&rig->fs, 1000);
	CU_ASSERT_EQUAL(api_rig_status(rig), 200);
	CU_ASSERT(rig->fs.out_len > 2 * (HEAD_MAX + sizeof(lines)));
	CU_ASSERT_EQUAL(rig->http->big_heads.in_use, 0);
	api_rig_close(rig);
}

static int long_type(struct hz_request *req, void *ctx)
{
	char type[HZ_LIMIT_reply_type_bytes_max + 2];
	struct api_rig *rig = ctx;

	memset(type, 't', sizeof(type));
	type[rig->bytes] = '\0';
	rig->result = hz_respond(req, 200, type, NULL, 0);
	return rig->result;
}

static void content_type_beyond_its_limit_is_an_error(void)
{
	for (unsigned beyond = 0; beyond < 2; beyond++) {
		struct api_rig *rig = api_rig_open(long_type, NULL);

		rig->bytes = HZ_LIMIT_reply_type_bytes_max + beyond;
		api_rig_feed(rig, GET_X);
		CU_ASSERT_EQUAL(rig->result, beyond ? -ENOSPC : 0);
		CU_ASSERT_EQUAL(api_rig_status(rig), beyond ? 500 : 200);
		api_rig_close(rig);
	}
}

HZ_SUITE(api_request, CASE(handler_sees_its_request_and_answers_once),
         CASE(handler_that_does_nothing_or_fails_is_500),
         CASE(handler_that_fails_with_a_ticket_is_500_and_the_ticket_gone),
         CASE(body_in_one_piece_and_in_blocks_reads_the_same),
         CASE(body_is_read_on_from_where_reading_was), CASE(state_is_done_once_per_request),
         CASE(reply_that_is_not_valid_is_refused_and_released),
         CASE(struct_of_another_version_is_read_as_far_as_it_means_something),
         CASE(body_beyond_the_arena_is_copied_all_the_same),
         CASE(fields_up_to_the_limit_are_sent_and_beyond_it_are_an_error),
         CASE(fields_of_the_handler_and_of_middleware_are_all_sent),
         CASE(content_type_beyond_its_limit_is_an_error));
