/* Public collections of requests, when they are at $HZ_VECTORS/http (default ../shared/vectors): where
 * a row says what to answer we answer that, in one piece and byte by byte. Rows that leave a choice, or
 * that we see differently on purpose, are in `differs` with the reason; VECTORS.md argues each. */
#include "http_rig.h"
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "www.example.com"

struct difference {
	const char *row;
	const char *why;
};

#define WHY_METHOD "a method we do not know is 501"
#define WHY_URI    "a byte that RFC 3986 does not allow in a target"
#define WHY_NEXT   "nothing is upgraded: what follows is the next request, and is none"
#define WHY_CODING "the only coding is chunked"

static const struct difference probe_differs[] = {
	{ "COMP-405-ALLOW",
	  "methods are the application's; h1_conn tests that Allow gets through" },
	{ "COMP-DATE-FORMAT", "h1_write tests the format" },
	{ "COMP-NO-CL-IN-204", "statuses are the application's; h1_conn tests 204" },
	{ "NORM-UNDERSCORE-CL", "another field: kept as sent, never taken for the framing field" },
	{ "NORM-UNDERSCORE-TE", "another field: kept as sent, never taken for the framing field" },
};

static const struct difference llhttp_differs[] = {
	{ "No restart when keep-alive is off (1.0)", "bytes behind the last request are dropped" },
	{ "Multiple tokens with folding and LWS", WHY_NEXT },
	{ "Emitting part of body and pausing", WHY_NEXT },
	{ "Upgrade GET request", WHY_NEXT },
	{ "Upgrade POST request", WHY_NEXT },
	{ "REPORT request", WHY_METHOD },
	{ "M-SEARCH request", WHY_METHOD },
	{ "PURGE request", WHY_METHOD },
	{ "SEARCH request", WHY_METHOD },
	{ "LINK request", WHY_METHOD },
	{ "SOURCE request", WHY_METHOD },
	{ "QUERY request", WHY_METHOD },
	{ "PRI request HTTP2", WHY_METHOD },
	{ "SOURCE request with ICE", "not HTTP" },
	{ "OPTIONS request with RTSP", "not HTTP" },
	{ "ANNOUNCE request with RTSP", "not HTTP" },
	{ "No HTTP version", "HTTP/0.9" },
	{ "POST with `chunked` as last transfer-encoding", WHY_CODING },
	{ "POST with `chunked` as last transfer-encoding (multiple headers)", WHY_CODING },
	{ "Missing last-chunk", "cut short: we wait for the last chunk" },
	{ "Quotes in URI", WHY_URI },
	{ "Query URL with vertical bar character", WHY_URI },
	{ "Fragment in URI", WHY_URI },
	{ "`host:port` and basic auth", "userinfo in a target is refused, RFC 9110 4.2.4" },
};

/* --- reading a collection -------------------------------------------------------------------------------- */

static json_t *collection_open(const char *name)
{
	const char *base = getenv("HZ_VECTORS");
	char path[512];

	snprintf(path, sizeof(path), "%s/http/%s", base != NULL ? base : "../shared/vectors", name);
	return json_load_file(path, JSON_ALLOW_NUL, NULL);
}

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text != NULL ? text : "";
}

struct request {
	char bytes[16384];
	size_t len;
};

/* Appends bytes, with every `from` replaced by `to`. */
static void request_add(struct request *request, const char *bytes, size_t len, const char *from,
                        const char *to)
{
	size_t from_len = strlen(from);

	for (size_t at = 0; at < len;) {
		bool is_from = from_len != 0 && len - at >= from_len &&
		               memcmp(bytes + at, from, from_len) == 0;
		size_t add = is_from ? strlen(to) : 1;

		if (request->len + add > sizeof(request->bytes))
			return;
		memcpy(request->bytes + request->len, is_from ? to : bytes + at, add);
		request->len += add;
		at += is_from ? from_len : 1;
	}
}

/* --- our verdict ------------------------------------------------------------------------------------------- */

struct verdict {
	unsigned first; /* status of the first final answer; 0: none */
	unsigned last;
	unsigned answers;
	bool is_closed;
	bool is_bad;     /* a request was refused by the parser */
	bool is_waiting; /* in a head or a body */
};

static struct verdict verdict_of(const struct request *request, size_t step, const char *finish)
{
	struct http_rig *rig = http_rig_open(1);
	struct hz_http_worker *http = rig->http;
	bool is_head = request->len >= 5 && memcmp(request->bytes, "HEAD ", 5) == 0;
	struct verdict v = { 0 };
	struct http_answer answer;
	struct hz_h1_conn *conn;
	struct fake_stream fs;
	struct hz_span out;

	http_rig_connect(rig, &fs, WINDOW_WIDE);
	for (size_t at = 0; at < request->len; at += step)
		fake_stream_feed(&fs, request->bytes + at, HZ_MIN(step, request->len - at));
	conn = hz_pool_at(&http->conns, 0);
	if (conn->in_head)
		fake_stream_feed(&fs, finish, strlen(finish));
	out = (struct hz_span){ fs.out, fs.out_len };
	while (http_answer_next(&out, is_head, &answer)) {
		if (answer.status < 200)
			continue;
		v.first = v.first != 0 ? v.first : answer.status;
		v.last = answer.status;
		v.answers++;
	}
	v.is_closed = fs.is_shutdown;
	v.is_bad = rig->worker.bad_requests != 0;
	v.is_waiting = conn->in_head || conn->state == HZ_H1_BODY;
	fake_stream_free(&fs);
	CU_ASSERT(http_rig_is_clean(rig));
	http_rig_free(rig);
	return v;
}

static struct verdict verdict_both(const struct request *request, const char *finish,
                                   const char *row)
{
	struct verdict whole = verdict_of(request, SIZE_MAX / 2, finish);
	struct verdict bytes = verdict_of(request, 1, finish);

	if (whole.first != bytes.first || whole.last != bytes.last ||
	    whole.answers != bytes.answers || whole.is_closed != bytes.is_closed) {
		printf("# %s: %u whole, %u byte by byte\n", row, whole.first, bytes.first);
		CU_FAIL("a verdict that depends on pieces");
	}
	return whole;
}

/* A collection's differences, and which of them a row needed. */
struct differences {
	const struct difference *rows;
	size_t count; /* at most 64 */
	uint64_t used;
};

static const char *difference(struct differences *differs, const char *row)
{
	for (size_t i = 0; i < differs->count; i++) {
		if (strcmp(differs->rows[i].row, row) != 0)
			continue;
		differs->used |= (uint64_t)1 << i;
		return differs->rows[i].why;
	}
	return NULL;
}

static void differences_are_needed(const struct differences *differs)
{
	for (size_t i = 0; i < differs->count; i++) {
		if ((differs->used >> i & 1) != 0)
			continue;
		printf("# no row differs: %s\n", differs->rows[i].row);
		CU_FAIL("a difference that is none");
	}
}

/* --- http11probe: what to answer ----------------------------------------------------------------------------- */

/* "400 or 2xx", "400/close/timeout", "!101", ... : does it allow what we did? */
static bool is_allowed(const char *text, const struct verdict *v)
{
	char number[16];
	char class[16];

	if (strncmp(text, "!101", 4) == 0 || strncmp(text, "non-1", 5) == 0)
		return v->first >= 200;
	if (v->first == 0)
		return strstr(text, "timeout") != NULL && v->is_waiting;
	snprintf(number, sizeof(number), "%u", v->first);
	snprintf(class, sizeof(class), "%uxx", v->first / 100);
	if (strstr(text, number) != NULL || strstr(text, class) != NULL)
		return true;
	return (strstr(text, "close") != NULL || strstr(text, "Reject") != NULL) && v->is_closed;
}

static void http11probe_rows_get_their_answers(void)
{
	struct differences differs = { probe_differs, HZ_ARRAY_LEN(probe_differs), 0 };
	json_t *rows = collection_open("http11probe.json");
	static struct request request;
	unsigned checked = 0;
	unsigned stated = 0;
	size_t i;
	json_t *row;

	if (rows == NULL)
		HZ_SKIP("http11probe.json is not there");
	json_array_foreach (rows, i, row) {
		const json_t *payload = json_object_get(row, "payload");
		const json_t *pass = json_object_get(row, "pass");
		const char *id = text_of(row, "id");
		const char *why;
		struct verdict v;
		bool ok;

		request.len = 0;
		request_add(&request, json_string_value(payload), json_string_length(payload),
		            "@HOST@", HOST);
		v = verdict_both(&request, "", id);
		if (json_is_array(pass)) {
			ok = (json_int_t)v.first >= json_integer_value(json_array_get(pass, 0)) &&
			     (json_int_t)v.first <= json_integer_value(json_array_get(pass, 1));
			stated++;
		} else {
			ok = is_allowed(text_of(row, "expect_text"), &v);
		}
		checked++;
		if (ok)
			continue;
		why = json_is_array(pass) ? NULL : difference(&differs, id);
		if (why != NULL) {
			printf("# differs: %s: %u: %s\n", id, v.first, why);
			continue;
		}
		printf("# %s: answered %u, wanted: %s\n", id, v.first, text_of(row, "expect_text"));
		CU_FAIL("a row of http11probe");
	}
	printf("# %u rows of http11probe, %u of them with a stated answer\n", checked, stated);
	CU_ASSERT(checked >= 100);
	differences_are_needed(&differs);
	json_decref(rows);
}

/* --- llhttp: whether to accept --------------------------------------------------------------------------------- */

static bool has_host(const char *bytes, size_t len)
{
	for (size_t i = 0; i + 5 <= len; i++) {
		if (strncasecmp(bytes + i, "host:", 5) == 0)
			return true;
	}
	return false;
}

static void llhttp_rows_are_accepted_or_refused_alike(void)
{
	struct differences differs = { llhttp_differs, HZ_ARRAY_LEN(llhttp_differs), 0 };
	json_t *rows = collection_open("llhttp-request.json");
	static struct request request;
	unsigned checked = 0;
	unsigned lenient = 0;
	size_t i;
	json_t *row;

	if (rows == NULL)
		HZ_SKIP("llhttp-request.json is not there");
	json_array_foreach (rows, i, row) {
		const json_t *bytes = json_object_get(row, "bytes");
		const char *code =
			json_string_value(json_array_get(json_object_get(row, "error"), 0));
		const char *name = text_of(row, "name");
		const char *why;
		/* 22 and 23: paused behind a complete head */
		bool accepts = code == NULL || strcmp(code, "22") == 0 || strcmp(code, "23") == 0;
		struct verdict v;

		request.len = 0;
		if (has_host(json_string_value(bytes), json_string_length(bytes)))
			request_add(&request, json_string_value(bytes), json_string_length(bytes),
			            "", "");
		else
			request_add(&request, json_string_value(bytes), json_string_length(bytes),
			            " HTTP/1.1\r\n", " HTTP/1.1\r\nHost: " HOST "\r\n");
		v = verdict_both(&request, accepts ? "\r\n" : "\r\n\r\n", name);
		if (strcmp(text_of(row, "type"), "request") != 0) {
			lenient++;
			continue;
		}
		checked++;
		if (v.is_bad != accepts)
			continue;
		why = difference(&differs, name);
		if (why != NULL) {
			printf("# differs: %s: %u: %s\n", name, v.last, why);
			continue;
		}
		printf("# %s: %s by llhttp, %u\n", name, accepts ? "accepted" : "refused", v.last);
		CU_FAIL("a row of llhttp");
	}
	printf("# %u rows of llhttp, %u more of its lenient modes run without a verdict\n", checked,
	       lenient);
	CU_ASSERT(checked >= 100);
	differences_are_needed(&differs);
	json_decref(rows);
}

HZ_SUITE(h1_vectors, CASE(http11probe_rows_get_their_answers),
         CASE(llhttp_rows_are_accepted_or_refused_alike));
