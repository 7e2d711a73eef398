/* Request targets: the first byte chooses the method, the rest is the target. What the parser makes of it,
 * and what the router makes of its path, is what a second opinion written with lists of segments makes.
 * A path that comes out can hold nothing that a file system or a second decoder would misread. */
#include "core/arena.h"
#include "fuzz_target.h"
#include "http/h1_parse.h"
#include "router/path.h"
#include "router/path_text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_MAX   2000
#define SEGMENTS_MAX (TARGET_MAX + 1)

struct segment {
	uint8_t data[TARGET_MAX];
	size_t len;
};

static int digit(uint8_t c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c != 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* One segment decoded, an escaped slash as 0. False: a control byte. Escapes are whole: the parser saw. */
static bool segment_decode(const uint8_t *from, const uint8_t *to, struct segment *out)
{
	out->len = 0;
	while (from < to) {
		int byte = *from++;

		if (byte == '%') {
			byte = digit(from[0]) * 16 + digit(from[1]);
			from += 2;
			if (byte < 32 || byte == 127)
				return false;
			if (byte == '/')
				byte = 0;
		}
		out->data[out->len++] = (uint8_t)byte;
	}
	return true;
}

static bool segment_is(const struct segment *segment, const char *text)
{
	return segment->len == strlen(text) && memcmp(segment->data, text, segment->len) == 0;
}

/* path begins with a slash. False: refused. */
static bool path_normalise(struct hz_span path, uint8_t *out, size_t *out_len)
{
	static struct segment stack[SEGMENTS_MAX];
	const uint8_t *p = path.data + 1;
	const uint8_t *end = path.data + path.len;
	size_t depth = 0;
	size_t len = 0;
	bool is_last;

	do {
		const uint8_t *slash = memchr(p, '/', (size_t)(end - p));
		struct segment *segment = &stack[depth];

		is_last = slash == NULL;
		if (!segment_decode(p, is_last ? end : slash, segment))
			return false;
		if (segment_is(segment, "..") && depth-- == 0)
			return false;
		if (segment_is(segment, "..") || segment_is(segment, ".")) {
			if (is_last)
				stack[depth++].len = 0;
		} else {
			depth++;
		}
		p = is_last ? end : slash + 1;
	} while (!is_last);
	for (size_t i = 0; i < depth; i++) {
		out[len++] = '/';
		memcpy(out + len, stack[i].data, stack[i].len);
		len += stack[i].len;
	}
	*out_len = len;
	return true;
}

static bool span_is(struct hz_span span, const uint8_t *bytes, size_t len)
{
	return span.len == len && (len == 0 || memcmp(span.data, bytes, len) == 0);
}

static void path_check(struct hz_span path)
{
	static uint8_t memory[16 * TARGET_MAX];
	static uint8_t want[TARGET_MAX + 1];
	struct hz_arena arena;
	struct hz_span decoded;
	struct hz_span encoded;
	struct hz_span again;
	struct hz_path_text text;
	uint32_t marks = 0, special;
	size_t want_len;
	bool ok;

	hz_arena_init(&arena, memory, sizeof(memory));
	ok = hz_path_decode(path, &arena, &decoded, &marks) == 0;
	FUZZ_HOLDS(ok == path_normalise(path, want, &want_len));
	if (!ok)
		return;
	FUZZ_HOLDS(span_is(decoded, want, want_len));
	if (memchr(decoded.data, HZ_PATH_SLASH, decoded.len) != NULL)
		FUZZ_HOLDS((marks & HZ_PATH_HAS_SLASH) != 0);
	FUZZ_HOLDS(hz_path_encode(decoded, &arena, &encoded) == 0);
	FUZZ_HOLDS(hz_path_decode(encoded, &arena, &again, &marks) == 0);
	FUZZ_HOLDS(span_is(again, decoded.data, decoded.len));
	FUZZ_HOLDS(hz_path_merge(decoded, &arena, &again) == 0);
	FUZZ_HOLDS(hz_path_text_set(&text, again, &arena, &special) == 0);
	FUZZ_HOLDS((special & HZ_PATH_HAS_EMPTY) == 0 && again.len <= decoded.len);
}

/* Splits the target by the text of RFC 9112 3.2, of which the bytes are known to be right. */
static void split_check(const struct hz_http_req *req)
{
	const char *text = (const char *)req->target.data;
	size_t len = req->target.len;
	size_t authority = 0;
	size_t path;
	size_t query;

	if (text[0] == '*' || req->method == HZ_HTTP_CONNECT)
		return;
	if (text[0] != '/')
		authority = 7; /* "http://", no other scheme is accepted */
	path = authority;
	while (path < len && text[path] != '/' && text[path] != '?')
		path++;
	query = path;
	while (query < len && text[query] != '?')
		query++;
	if (query > path)
		FUZZ_HOLDS(span_is(req->path, req->target.data + path, query - path));
	else
		FUZZ_HOLDS(req->path.len == 1);
	FUZZ_HOLDS(req->query.len == (query == len ? 0 : len - query - 1));
	if (authority != 0)
		FUZZ_HOLDS(span_is(req->host, req->target.data + authority, path - authority));
	else
		FUZZ_HOLDS(span_is(req->host, (const uint8_t *)"h", 1));
}

int fuzz_uri_run(const uint8_t *data, size_t size)
{
	static const char *const methods[] = { "GET", "POST", "OPTIONS", "CONNECT" };
	static const struct hz_http_limits limits = { .header_bytes = 4 * TARGET_MAX,
		                                      .header_count = 10,
		                                      .uri_bytes = TARGET_MAX };
	static uint8_t head[TARGET_MAX + 100];
	static struct hz_http_req req;
	struct hz_h1_parser parser = { 0 };
	struct hz_h1_parse_error error;
	enum hz_parse result;
	size_t head_bytes;
	size_t len;

	if (size < 2 || size > TARGET_MAX)
		return 0;
	len = (size_t)snprintf((char *)head, sizeof(head), "%s ", methods[data[0] & 3]);
	memcpy(head + len, data + 1, size - 1);
	len += size - 1;
	memcpy(head + len, " HTTP/1.1\r\nHost: h\r\n\r\n", 22);
	len += 22;
	result = hz_h1_parse(&parser, &limits, (struct hz_span){ head, len }, &req, &head_bytes,
	                     &error);
	/* More: the target holds a whole head. */
	if (result != HZ_PARSE_DONE || req.target.len != size - 1)
		return 0;
	split_check(&req);
	if (req.path.data[0] == '/')
		path_check(req.path);
	return 0;
}

FUZZ_ENTRY(fuzz_uri_run)
