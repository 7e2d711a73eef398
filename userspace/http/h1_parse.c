/* One pass over the head, line by line. A call that meets the end of its bytes remembers the start of
 * the line it was in and what the finished lines said, so a head that trickles in is looked at once
 * plus at most one line per call; when it is complete it is parsed again from its start to fill req,
 * whose spans must point into the bytes of that call. */
#include "http/h1_parse.h"
#include "http/field.h"
#include "http/h1_scan.h"
#include "http/h1_target.h"
#include <string.h>

#define METHOD_BYTES_MAX 32 /* beyond: a method we cannot know, RFC 9112 3 */
#define VERSION_BYTES    10 /* "HTTP/1.1" CR LF */
#define PCT_BYTES        3
#define EMPTY_LINE_BYTES 2

/* What the lines so far held: hz_h1_parser.seen. */
enum {
	SEEN_LINE = 1, /* the request line */
	SEEN_HOST = 2,
	SEEN_LENGTH = 4,
	SEEN_CHUNKED = 8,
	SEEN_CLOSE = 16,
	SEEN_KEEP_ALIVE = 32,
	SEEN_CONTINUE = 64,
	SEEN_EXPECT_OTHER = 128,
	SEEN_EMPTY = 256, /* the empty line that may stand before, and is spent */
};
_Static_assert(HZ_LIMIT_header_count_max <= UINT8_MAX, "hz_h1_parser.count is a byte");

struct head {
	const uint8_t *data;
	const uint8_t *end; /* of the bytes that may be looked at */
	const uint8_t *p;   /* DONE: behind what was parsed; BAD: the first wrong byte */
	const struct hz_http_limits *limits;
	struct hz_http_req *req;
	struct hz_span host;
	uint32_t seen;
	uint32_t count;
	uint16_t status;
};

static enum hz_parse bad(struct head *h, const uint8_t *at, uint16_t status)
{
	h->p = at;
	h->status = status;
	return HZ_PARSE_BAD;
}

/* --- request line = method SP request-target SP HTTP-version CRLF, RFC 9112 3 --------------------- */

static enum hz_http_method method_of(const uint8_t *p, size_t len)
{
	for (unsigned i = 0; i < HZ_HTTP_METHOD_COUNT; i++) {
		if (hz_http_method_names[i].len == len &&
		    memcmp(hz_http_method_names[i].data, p, len) == 0)
			return (enum hz_http_method)i;
	}
	return HZ_HTTP_OTHER;
}

static enum hz_parse method(struct head *h)
{
	const uint8_t *from = h->p;
	const uint8_t *end = h->end;
	const uint8_t *p;

	if (end - from >= 4 &&
	    hz_http_field_load32(from) == hz_http_field_load32((const uint8_t *)"GET ")) {
		h->req->method = HZ_HTTP_GET;
		h->p = from + 4;
		return HZ_PARSE_DONE;
	}
	end = from + HZ_MIN(end - from, METHOD_BYTES_MAX + 1);
	p = hz_h1_scan_bytes(from, end, HZ_H1_TCHAR);
	if (p == end)
		return end - from > METHOD_BYTES_MAX ? bad(h, p - 1, 501) : HZ_PARSE_MORE;
	if (*p != ' ' || p == from)
		return bad(h, p, 400);
	h->req->method = method_of(from, (size_t)(p - from));
	h->p = p + 1;
	return HZ_PARSE_DONE;
}

/* The target's bytes; which form it has is for hz_h1_target_split. Square brackets belong to the IP
 * literals of the forms that have an authority. */
static enum hz_parse target(struct head *h)
{
	const uint8_t *from = h->p;
	size_t uri_max = h->limits->uri_bytes;
	bool is_cut = (size_t)(h->end - from) > uri_max; /* the window ends before the bytes do */
	const uint8_t *end = is_cut ? from + uri_max + 1 : h->end;
	const uint8_t *p = from;

	for (;;) {
		p = hz_h1_scan_uri(p, end, h->data);
		if (p == end)
			break;
		if (*p == '%') {
			for (unsigned i = 1; i < PCT_BYTES && p + i < end; i++) {
				if ((hz_h1_class[p[i]] & HZ_H1_HEX) == 0)
					return bad(h, p + i, 400);
			}
			p += HZ_MIN(end - p, PCT_BYTES);
			continue;
		}
		if ((*p != '[' && *p != ']') || *from == '/')
			break;
		p++;
	}
	if (p == end)
		return is_cut ? bad(h, end - 1, 414) : HZ_PARSE_MORE;
	if (*p != ' ' || p == from)
		return bad(h, p, 400);
	h->req->target = (struct hz_span){ from, (size_t)(p - from) };
	h->p = p + 1;
	return HZ_PARSE_DONE;
}

/* HTTP-version = "HTTP" "/" DIGIT "." DIGIT. Versions we do not speak are 505; 1.2 and above do not
 * exist and get no benefit of the doubt. */
static enum hz_parse version(struct head *h)
{
	static const uint8_t pattern[VERSION_BYTES + 1] = "HTTP/d.d\r\n";
	const uint8_t *p = h->p;
	size_t have = (size_t)(h->end - p);

	if (have >= VERSION_BYTES &&
	    hz_http_field_load64(p) == hz_http_field_load64((const uint8_t *)"HTTP/1.1") &&
	    p[8] == '\r' && p[9] == '\n') {
		h->req->minor = 1;
		h->p = p + VERSION_BYTES;
		return HZ_PARSE_DONE;
	}
	for (size_t i = 0; i < VERSION_BYTES; i++) {
		if (i == have)
			return HZ_PARSE_MORE;
		if (pattern[i] == 'd' ? p[i] < '0' || p[i] > '9' : p[i] != pattern[i])
			return bad(h, p + i, 400);
	}
	if (p[5] != '1' || p[7] > '1')
		return bad(h, p + 5, 505);
	h->req->minor = (uint8_t)(p[7] - '0');
	h->p = p + VERSION_BYTES;
	return HZ_PARSE_DONE;
}

static enum hz_parse request_line(struct head *h)
{
	const uint8_t *line = h->p;
	const uint8_t *at_target;
	uint16_t status;
	enum hz_parse r;

	/* RFC 9112 2.2: a server should ignore an empty line before the request line; one is enough. */
	if (*h->p == '\r') {
		if ((h->seen & SEEN_EMPTY) != 0)
			return bad(h, h->p, 400);
		if (h->end - h->p < 2)
			return HZ_PARSE_MORE;
		if (h->p[1] != '\n')
			return bad(h, h->p + 1, 400);
		h->p += 2;
		if (h->p == h->end)
			return HZ_PARSE_MORE;
		line = h->p;
	}
	r = method(h);
	if (r != HZ_PARSE_DONE)
		return r;
	at_target = h->p;
	r = target(h);
	if (r != HZ_PARSE_DONE)
		return r;
	r = version(h);
	if (r != HZ_PARSE_DONE)
		return r;
	if (h->req->method == HZ_HTTP_OTHER)
		return bad(h, line, 501);
	status = hz_h1_target_split(h->req);
	if (status != 0)
		return bad(h, at_target, status);
	return HZ_PARSE_DONE;
}

/* --- fields that say how the message is framed and who it is for ---------------------------------- */

/* Content-Length = 1*DIGIT, RFC 9110 8.6: no list, no sign, no more than 2^63 - 1. */
static bool length_is_valid(struct hz_span value, uint64_t *out)
{
	uint64_t length = 0;

	if (value.len == 0)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		uint8_t digit = (uint8_t)(value.data[i] - '0');

		if (digit > 9 || length > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		length = length * 10 + digit;
	}
	*out = length;
	return true;
}

/* The next element of a list; false: there is none. Elements may be empty, which is nothing (RFC 9110
 * 5.6.1.2), and end at a comma or blank: no option or expectation holds one. */
static bool list_next(struct hz_span *list, struct hz_span *element)
{
	const uint8_t *p = list->data;
	const uint8_t *end = p + list->len;

	while (p < end && (*p == ',' || *p == ' ' || *p == '\t'))
		p++;
	element->data = p;
	while (p < end && *p != ',' && *p != ' ' && *p != '\t')
		p++;
	element->len = (size_t)(p - element->data);
	*list = (struct hz_span){ p, (size_t)(end - p) };
	return element->len != 0;
}

/* Connection = #connection-option, RFC 9110 7.6.1; options we do not know are ignored. */
static uint32_t connection_options(struct hz_span value)
{
	struct hz_span option;
	uint32_t seen = 0;

	while (list_next(&value, &option)) {
		if (hz_http_equals_nocase(option, HZ_SPAN_LITERAL("close")))
			seen |= SEEN_CLOSE;
		else if (hz_http_equals_nocase(option, HZ_SPAN_LITERAL("keep-alive")))
			seen |= SEEN_KEEP_ALIVE;
	}
	return seen;
}

/* Expect = #expectation, RFC 9110 10.1.1; there is one we can meet. */
static uint32_t expectations(struct hz_span value)
{
	struct hz_span expectation;
	uint32_t seen = 0;

	while (list_next(&value, &expectation))
		seen |= hz_http_equals_nocase(expectation, HZ_SPAN_LITERAL("100-continue"))
		                ? SEEN_CONTINUE
		                : SEEN_EXPECT_OTHER;
	return seen;
}

static bool host_is_valid(struct head *h, struct hz_span value)
{
	struct hz_h1_authority authority;

	if ((h->seen & SEEN_HOST) != 0 || !hz_h1_authority_is_valid(value, h->data, &authority))
		return false;
	h->seen |= SEEN_HOST;
	h->host = value;
	return true;
}

/* False: the request is not framed or addressed without doubt. */
static bool known_field(struct head *h, struct hz_span name, struct hz_span value)
{
	switch (name.len) {
	case 4:
		if (hz_http_field_is(name.data, "host", 4))
			return host_is_valid(h, value);
		break;
	case 6:
		if (hz_http_field_is(name.data, "expect", 6))
			h->seen |= expectations(value);
		break;
	case 10:
		if (hz_http_field_is(name.data, "connection", 10))
			h->seen |= connection_options(value);
		break;
	case 14:
		if (!hz_http_field_is(name.data, "content-length", 14))
			break;
		if ((h->seen & SEEN_LENGTH) != 0 ||
		    !length_is_valid(value, &h->req->content_length))
			return false;
		h->seen |= SEEN_LENGTH;
		break;
	case 17:
		if (!hz_http_field_is(name.data, "transfer-encoding", 17))
			break;
		/* Compared with case on purpose: who writes it another way is more often an
		 * attacker than a client. */
		if ((h->seen & SEEN_CHUNKED) != 0 || value.len != 7 ||
		    memcmp(value.data, "chunked", 7) != 0)
			return false;
		h->seen |= SEEN_CHUNKED;
		break;
	default:
		break;
	}
	return true;
}

/* --- field-line = field-name ":" OWS field-value OWS, RFC 9112 5 ----------------------------------- */

#define KNOWN_LENGTHS (1u << 4 | 1u << 6 | 1u << 10 | 1u << 14 | 1u << 17)

static bool is_of_length(size_t len, uint32_t lengths)
{
	return len < 32 && (lengths >> len & 1) != 0;
}

static inline enum hz_parse field_line(struct head *h)
{
	const uint8_t *line = h->p;
	/* CR and LF come on top of the line's own limit. */
	bool is_cut = h->end - line >= HZ_LIMIT_header_line_bytes_max + 2;
	const uint8_t *end = is_cut ? line + HZ_LIMIT_header_line_bytes_max + 2 : h->end;
	struct hz_http_header *field = &h->req->header[h->count];
	/* The line's end first: the next line then waits for one scan, not for two in a row, and the
	 * name is checked meanwhile. No byte of a name ends a value. */
	const uint8_t *cr = hz_h1_scan_value(line, end, h->data);
	const uint8_t *name_end = hz_h1_scan_name(line, end, h->data);
	const uint8_t *value;
	const uint8_t *value_end;

	if (name_end == end)
		goto more;
	if (*name_end != ':' || name_end == line)
		return bad(h, name_end, 400);
	if (cr == end)
		goto more;
	if (*cr != '\r')
		return bad(h, cr, 400);
	if (cr + 1 == end)
		goto more;
	if (cr[1] != '\n')
		return bad(h, cr + 1, 400);
	value = name_end + 1;
	while (value < cr && (*value == ' ' || *value == '\t'))
		value++;
	value_end = cr;
	while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t'))
		value_end--;
	field->name = (struct hz_span){ line, (size_t)(name_end - line) };
	field->value = (struct hz_span){ value, (size_t)(value_end - value) };
	if (is_of_length(field->name.len, KNOWN_LENGTHS) &&
	    !known_field(h, field->name, field->value))
		return bad(h, line, 400);
	if (is_of_length(field->name.len, HZ_HTTP_FIELD_LENGTHS))
		hz_http_field_note(h->req, h->count);
	h->count++;
	h->p = cr + 2;
	return HZ_PARSE_DONE;
more:
	return is_cut ? bad(h, end - 1, 431) : HZ_PARSE_MORE;
}

/* --- the head as a whole --------------------------------------------------------------------------- */

/* What only the complete head can tell, RFC 9112 3.2 and 6.1. */
static enum hz_parse finish(struct head *h)
{
	struct hz_http_req *req = h->req;
	uint32_t seen = h->seen;

	if ((seen & SEEN_HOST) == 0 && req->minor == 1)
		return bad(h, h->p - 1, 400);
	if ((seen & SEEN_CHUNKED) != 0 && ((seen & SEEN_LENGTH) != 0 || req->minor == 0))
		return bad(h, h->p - 1, 400);
	if (req->minor == 1 && (seen & SEEN_EXPECT_OTHER) != 0)
		return bad(h, h->p - 1, 417);
	if (req->host.len == 0) /* the authority of an absolute target wins, RFC 9112 3.2.2 */
		req->host = h->host;
	req->is_chunked = (seen & SEEN_CHUNKED) != 0;
	req->has_length = (seen & SEEN_LENGTH) != 0;
	if (!req->has_length)
		req->content_length = 0;
	req->expects_continue = req->minor == 1 && (seen & SEEN_CONTINUE) != 0;
	req->is_keep_alive =
		(seen & SEEN_CLOSE) == 0 && (req->minor == 1 || (seen & SEEN_KEEP_ALIVE) != 0);
	req->header_count = (uint16_t)h->count;
	req->param_count = 0;
	req->route_index = -1;
	req->body = NULL;
	return HZ_PARSE_DONE;
}

/* From h->p to the end of the head; h->p stays at the start of an unfinished line. */
static enum hz_parse lines(struct head *h)
{
	uint32_t count_max = HZ_MIN(h->limits->header_count, (uint32_t)HZ_LIMIT_header_count_max);
	const uint8_t *line = h->p;
	enum hz_parse r = HZ_PARSE_MORE;

	if ((h->seen & SEEN_LINE) == 0) {
		if (h->p == h->end)
			return HZ_PARSE_MORE;
		h->req->fields = h->req->fields_again = 0;
		r = request_line(h);
		if (r != HZ_PARSE_DONE)
			goto out;
		h->seen |= SEEN_LINE;
	}
	for (;;) {
		line = h->p;
		r = HZ_PARSE_MORE;
		if (line == h->end)
			break;
		if (*line == '\r') {
			if (h->end - line < 2)
				break;
			if (line[1] != '\n')
				return bad(h, line + 1, 400);
			h->p = line + 2;
			return HZ_PARSE_DONE;
		}
		if (h->count == count_max)
			return bad(h, line, 431);
		r = field_line(h);
		if (r != HZ_PARSE_DONE)
			break;
	}
out:
	if (r == HZ_PARSE_MORE)
		h->p = line;
	return r;
}

/* Of a head that is not complete, or refused: what follows an answer to HEAD depends on it. */
static enum hz_http_method method_peek(struct hz_span bytes)
{
	bool has_empty = bytes.len >= 2 && bytes.data[0] == '\r' && bytes.data[1] == '\n';
	const uint8_t *from = bytes.data + (has_empty ? 2 : 0);
	const uint8_t *end = bytes.data + bytes.len;
	const uint8_t *p;

	end = from + HZ_MIN(end - from, METHOD_BYTES_MAX + 1);
	p = hz_h1_scan_bytes(from, end, HZ_H1_TCHAR);
	return p != end && *p == ' ' ? method_of(from, (size_t)(p - from)) : HZ_HTTP_OTHER;
}

bool hz_h1_parse_is_empty_line(struct hz_h1_parser *parser, struct hz_span bytes)
{
	if (bytes.len != EMPTY_LINE_BYTES || memcmp(bytes.data, "\r\n", EMPTY_LINE_BYTES) != 0)
		return false;
	parser->seen |= SEEN_EMPTY;
	return true;
}

bool hz_h1_parse_had_empty_line(const struct hz_h1_parser *parser, struct hz_span bytes)
{
	return (parser->seen & SEEN_EMPTY) != 0 || (bytes.len > 0 && bytes.data[0] == '\r');
}

enum hz_parse hz_h1_parse(struct hz_h1_parser *parser, const struct hz_http_limits *limits,
                          struct hz_span bytes, struct hz_http_req *req, size_t *head_bytes,
                          struct hz_h1_parse_error *error)
{
	/* A head is as long as it came: also when its empty line was spent before. */
	uint32_t spent = (parser->seen & SEEN_EMPTY) != 0 ? EMPTY_LINE_BYTES : 0;
	uint32_t bytes_max = limits->header_bytes - HZ_MIN(spent, limits->header_bytes);
	bool is_over = bytes.len >= bytes_max;
	struct head h = {
		.data = bytes.data,
		.end = bytes.data + (is_over ? bytes_max : bytes.len),
		.p = bytes.data + parser->scanned,
		.limits = limits,
		.req = req,
		.seen = parser->seen,
		.count = parser->count,
	};
	enum hz_parse r = lines(&h);

	if (r == HZ_PARSE_DONE && parser->scanned != 0) {
		h.p = bytes.data;
		h.seen = 0;
		h.count = 0;
		r = lines(&h);
	}
	if (r == HZ_PARSE_DONE)
		r = finish(&h);
	else if (r == HZ_PARSE_MORE && is_over)
		r = bad(&h, h.end - (bytes_max != 0), 431);
	if (r == HZ_PARSE_DONE) {
		*head_bytes = (size_t)(h.p - bytes.data);
		return r;
	}
	parser->method = (uint8_t)method_peek(bytes);
	if (r == HZ_PARSE_BAD) {
		error->status = h.status;
		error->offset = (uint32_t)(h.p - bytes.data);
	} else {
		parser->scanned = (uint32_t)(h.p - bytes.data);
		parser->seen = (uint16_t)h.seen;
		parser->count = (uint8_t)h.count;
	}
	return r;
}
