#include "h1_oracle.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALPHA_DIGIT "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define TCHAR       ALPHA_DIGIT "!#$%&'*+-.^_`|~"
#define SUB_DELIMS  "!$&'()*+,;="
#define UNRESERVED  ALPHA_DIGIT "-._~"
#define HEX         "0123456789abcdefABCDEF"

/* Reading past the end is a verdict, not a return value. */
struct reader {
	const uint8_t *bytes;
	size_t len;
	size_t at;
	size_t max;      /* reading at or beyond this: max_status */
	size_t line_max; /* as well, while a line or target is read */
	unsigned line_status;
	unsigned max_status;
	unsigned status;
	bool is_late; /* max counts once the byte beyond it is there */
	size_t decoded; /* of a chunked body; here, as longjmp() may forget what only its caller holds */
	jmp_buf out;
};

static _Noreturn void verdict(struct reader *r, enum oracle_verdict what, unsigned status)
{
	r->status = status;
	longjmp(r->out, (int)what + 1);
}

static int peek(struct reader *r)
{
	if (r->at >= r->line_max)
		verdict(r, ORACLE_BAD, r->line_status);
	if (r->at >= r->max && !(r->is_late && r->at >= r->len))
		verdict(r, ORACLE_BAD, r->max_status);
	if (r->at >= r->len)
		verdict(r, ORACLE_MORE, 0);
	return r->bytes[r->at];
}

static bool in(int byte, const char *set)
{
	return byte != 0 && strchr(set, byte) != NULL;
}

static void expect(struct reader *r, int byte)
{
	if (peek(r) != byte)
		verdict(r, ORACLE_BAD, 400);
	r->at++;
}

static void expect_in(struct reader *r, const char *set)
{
	if (!in(peek(r), set))
		verdict(r, ORACLE_BAD, 400);
	r->at++;
}

static bool is_value_byte(int byte)
{
	return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

/* --- names of hosts ------------------------------------------------------------------------------------ */

static bool is_port(const char *text, long *port)
{
	*port = -1;
	if (*text == '\0')
		return true;
	*port = 0;
	for (; *text != '\0'; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		*port = *port * 10 + (*text - '0');
		if (*port > 65535)
			return false;
	}
	return true;
}

/* Splits "host[:port]" in place. */
static bool is_authority(char *text, long *port)
{
	struct in6_addr addr;
	char *end;

	*port = -1;
	if (*text == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return false;
		*end = '\0';
		if (inet_pton(AF_INET6, text + 1, &addr) != 1)
			return false;
		end++;
	} else {
		for (end = text; *end != '\0' && *end != ':'; end++) {
			if (*end == '%') {
				if (!in(end[1], HEX) || !in(end[2], HEX))
					return false;
				end += 2;
			} else if (!in(*end, UNRESERVED SUB_DELIMS)) {
				return false;
			}
		}
		if (end == text)
			return false;
	}
	if (*end == '\0')
		return true;
	if (*end != ':' || !is_port(end + 1, port))
		return false;
	*end = '\0';
	return true;
}

/* --- request line --------------------------------------------------------------------------------------- */

struct said {
	char method[40];
	char *target; /* owned */
	bool is_https;
	unsigned hosts, lengths, codings;
	bool close, keep_alive, expects_other;
	uint64_t length;
};

static char *copy(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

static void read_method(struct reader *r, struct said *said)
{
	size_t n = 0;

	while (peek(r) != ' ' || n == 0) {
		if (!in(peek(r), TCHAR))
			verdict(r, ORACLE_BAD, 400);
		if (n == 32)
			verdict(r, ORACLE_BAD, 501);
		said->method[n++] = (char)peek(r);
		r->at++;
	}
	r->at++;
}

static void read_target(struct reader *r, struct said *said, size_t uri_bytes)
{
	size_t from = r->at;

	r->line_max = from + uri_bytes + 1;
	r->line_status = 414;
	while (peek(r) != ' ' || r->at == from) {
		if (peek(r) == '%') {
			r->at++;
			expect_in(r, HEX);
			expect_in(r, HEX);
		} else {
			bool may_bracket = r->at == from || r->bytes[from] != '/';

			expect_in(r, may_bracket ? UNRESERVED SUB_DELIMS ":@/?[]"
			                         : UNRESERVED SUB_DELIMS ":@/?");
		}
	}
	said->target = copy(r->bytes + from, r->at - from);
	r->at++;
	r->line_max = SIZE_MAX;
}

static unsigned read_version(struct reader *r)
{
	int major;
	int minor;

	for (const char *p = "HTTP/"; *p != '\0'; p++)
		expect(r, *p);
	major = peek(r);
	expect_in(r, "0123456789");
	expect(r, '.');
	minor = peek(r);
	expect_in(r, "0123456789");
	expect(r, '\r');
	expect(r, '\n');
	if (major != '1' || minor > '1')
		verdict(r, ORACLE_BAD, 505);
	return (unsigned)(minor - '0');
}

static bool is_target(struct said *said)
{
	const char *t = said->target;
	char *text;
	bool ok;
	long port;

	if (strcmp(said->method, "CONNECT") == 0) {
		text = copy((const uint8_t *)t, strlen(t));
		ok = is_authority(text, &port) && port >= 0;
		free(text);
		return ok;
	}
	if (*t == '/')
		return true;
	if (strcmp(t, "*") == 0)
		return strcmp(said->method, "OPTIONS") == 0;
	if (strncasecmp(t, "http://", 7) == 0)
		t += 7;
	else if (strncasecmp(t, "https://", 8) == 0)
		t += 8;
	else
		return false;
	said->is_https = t[-4] == 's' || t[-4] == 'S';
	text = copy((const uint8_t *)t, strcspn(t, "/?"));
	ok = is_authority(text, &port) && strpbrk(t + strcspn(t, "/?"), "[]") == NULL;
	free(text);
	return ok;
}

/* --- fields --------------------------------------------------------------------------------------------- */

static bool is_length(const char *value, uint64_t *out)
{
	uint64_t length = 0;

	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (!isdigit((unsigned char)*value))
			return false;
		if (__builtin_mul_overflow(length, 10u, &length) ||
		    __builtin_add_overflow(length, (uint64_t)(*value - '0'), &length) ||
		    length > INT64_MAX)
			return false;
	}
	*out = length;
	return true;
}

static bool understand(struct said *said, const char *name, char *value)
{
	char *save = NULL;
	char *text;
	bool ok;
	long port;

	if (strcasecmp(name, "host") == 0) {
		text = copy((const uint8_t *)value, strlen(value));
		ok = said->hosts++ == 0 && is_authority(text, &port);
		free(text);
		return ok;
	}
	if (strcasecmp(name, "content-length") == 0)
		return said->lengths++ == 0 && is_length(value, &said->length);
	if (strcasecmp(name, "transfer-encoding") == 0)
		return said->codings++ == 0 && strcmp(value, "chunked") == 0;
	if (strcasecmp(name, "expect") == 0) {
		for (char *w = strtok_r(value, ", \t", &save); w != NULL;
		     w = strtok_r(NULL, ", \t", &save))
			said->expects_other |= strcasecmp(w, "100-continue") != 0;
	}
	if (strcasecmp(name, "connection") == 0) {
		for (char *w = strtok_r(value, ", \t", &save); w != NULL;
		     w = strtok_r(NULL, ", \t", &save)) {
			said->close |= strcasecmp(w, "close") == 0;
			said->keep_alive |= strcasecmp(w, "keep-alive") == 0;
		}
	}
	return true;
}

static void read_field(struct reader *r, struct said *said, size_t line_bytes)
{
	size_t name_at = r->at;
	size_t name_len;
	size_t from;
	size_t to;
	char *name;
	char *value;
	bool ok;

	r->line_max = r->at + line_bytes + 2;
	r->line_status = 431;
	expect_in(r, TCHAR);
	while (peek(r) != ':')
		expect_in(r, TCHAR);
	name_len = r->at - name_at;
	r->at++;
	while (peek(r) == ' ' || peek(r) == '\t')
		r->at++;
	from = r->at;
	while (is_value_byte(peek(r)))
		r->at++;
	to = r->at;
	expect(r, '\r');
	expect(r, '\n');
	r->line_max = SIZE_MAX;
	while (to > from && (r->bytes[to - 1] == ' ' || r->bytes[to - 1] == '\t'))
		to--;
	name = copy(r->bytes + name_at, name_len);
	value = copy(r->bytes + from, to - from);
	ok = understand(said, name, value);
	free(name);
	free(value);
	if (!ok)
		verdict(r, ORACLE_BAD, 400);
}

static void read_head(struct reader *r, struct said *said, const struct oracle_limits *limits,
                      struct oracle_head *out)
{
	static const char *const known[] = { "GET",     "HEAD",  "POST",  "PUT",    "DELETE",
		                             "OPTIONS", "PATCH", "TRACE", "CONNECT" };
	bool is_known = false;

	if (peek(r) == '\r') {
		r->at++;
		expect(r, '\n');
	}
	read_method(r, said);
	read_target(r, said, limits->uri_bytes);
	out->minor = read_version(r);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		is_known |= strcmp(said->method, known[i]) == 0;
	if (!is_known)
		verdict(r, ORACLE_BAD, 501);
	if (!is_target(said))
		verdict(r, ORACLE_BAD, 400);
	if (said->is_https)
		verdict(r, ORACLE_BAD, 421);
	while (peek(r) != '\r') {
		if (out->fields == limits->header_count)
			verdict(r, ORACLE_BAD, 431);
		read_field(r, said, limits->line_bytes);
		out->fields++;
	}
	r->at++;
	expect(r, '\n');
	if ((out->minor == 1 && said->hosts == 0) ||
	    (said->codings != 0 && (said->lengths != 0 || out->minor == 0)))
		verdict(r, ORACLE_BAD, 400);
	if (out->minor == 1 && said->expects_other)
		verdict(r, ORACLE_BAD, 417);
}

struct oracle_head oracle_head(const uint8_t *bytes, size_t len, const struct oracle_limits *limits)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct said *said = calloc(1, sizeof(*said));
	struct oracle_head *out = calloc(1, sizeof(*out));
	struct oracle_head result;
	int code;

	if (r == NULL || said == NULL || out == NULL)
		abort();
	r->bytes = bytes;
	r->len = len;
	r->max = limits->header_bytes;
	r->max_status = 431;
	r->line_max = SIZE_MAX;
	code = setjmp(r->out);
	if (code == 0) {
		read_head(r, said, limits, out);
		out->verdict = ORACLE_DONE;
		out->bytes = r->at;
		out->is_chunked = said->codings != 0;
		out->has_length = said->lengths != 0;
		out->length = said->length;
		out->is_keep_alive = !said->close && (out->minor == 1 || said->keep_alive);
	} else {
		out->verdict = (enum oracle_verdict)(code - 1);
		out->status = r->status;
	}
	result = *out;
	free(said->target);
	free(said);
	free(out);
	free(r);
	return result;
}

/* --- chunked -------------------------------------------------------------------------------------------- */

struct extension_count {
	size_t here;
	size_t total;
};

/* A byte of an extension: counted before it is judged by its successor. */
static void ext_next(struct reader *r, struct extension_count *count)
{
	r->at++;
	if (++count->here > 256)
		verdict(r, ORACLE_BAD, 400);
	if (++count->total > 16384)
		verdict(r, ORACLE_BAD, 400);
}

static void ext_blanks(struct reader *r, struct extension_count *count)
{
	while (peek(r) == ' ' || peek(r) == '\t')
		ext_next(r, count);
}

static void ext_token(struct reader *r, struct extension_count *count)
{
	if (!in(peek(r), TCHAR))
		verdict(r, ORACLE_BAD, 400);
	while (in(peek(r), TCHAR))
		ext_next(r, count);
}

static void ext_quoted(struct reader *r, struct extension_count *count)
{
	ext_next(r, count);
	while (peek(r) != '"') {
		if (peek(r) == '\\')
			ext_next(r, count);
		if (!is_value_byte(peek(r)))
			verdict(r, ORACLE_BAD, 400);
		ext_next(r, count);
	}
	ext_next(r, count);
}

/* *( BWS ";" BWS name [ BWS "=" BWS value ] ); the first delimiter is not counted. */
static void read_extensions(struct reader *r, struct extension_count *count)
{
	bool is_first = true;

	count->here = 0;
	while (peek(r) != '\r') {
		bool had_blank = false;

		while (peek(r) == ' ' || peek(r) == '\t' || (peek(r) == ';' && had_blank)) {
			if (peek(r) == ';')
				break;
			had_blank = true;
			if (is_first)
				r->at++;
			else
				ext_next(r, count);
			is_first = false;
		}
		if (peek(r) != ';')
			verdict(r, ORACLE_BAD, 400);
		if (is_first)
			r->at++;
		else
			ext_next(r, count);
		is_first = false;
		ext_blanks(r, count);
		ext_token(r, count);
		if (peek(r) == ' ' || peek(r) == '\t') {
			ext_blanks(r, count);
			if (peek(r) != '=' && peek(r) != ';')
				verdict(r, ORACLE_BAD, 400);
		}
		if (peek(r) != '=')
			continue;
		ext_next(r, count);
		ext_blanks(r, count);
		if (peek(r) == '"')
			ext_quoted(r, count);
		else
			ext_token(r, count);
	}
}

static uint64_t read_size(struct reader *r)
{
	uint64_t size = 0;
	unsigned digits = 0;

	while (in(peek(r), HEX)) {
		char digit[2] = { (char)peek(r), '\0' };

		if (++digits > 16)
			verdict(r, ORACLE_BAD, 400);
		size = size * 16 + strtoull(digit, NULL, 16);
		r->at++;
	}
	if (digits == 0 || !in(peek(r), "\r; \t"))
		verdict(r, ORACLE_BAD, 400);
	return size;
}

static void read_trailers(struct reader *r)
{
	r->max = r->at + 8192;
	r->max_status = 431;
	r->is_late = true;
	while (peek(r) != '\r') {
		expect_in(r, TCHAR);
		while (peek(r) != ':')
			expect_in(r, TCHAR);
		r->at++;
		while (is_value_byte(peek(r)))
			r->at++;
		expect(r, '\r');
		expect(r, '\n');
	}
	r->at++;
	expect(r, '\n');
}

static void read_chunks(struct reader *r, uint64_t body_max, uint8_t *out)
{
	struct extension_count count = { 0, 0 };
	uint64_t left = body_max;
	uint64_t size;

	do {
		size = read_size(r);
		if (size > left)
			verdict(r, ORACLE_BAD, 413);
		left -= size;
		read_extensions(r, &count);
		expect(r, '\r');
		expect(r, '\n');
		for (uint64_t i = 0; i < size; i++) {
			out[r->decoded] = (uint8_t)peek(r);
			r->decoded++;
			r->at++;
		}
		if (size != 0) {
			expect(r, '\r');
			expect(r, '\n');
		}
	} while (size != 0);
	read_trailers(r);
}

struct oracle_body oracle_chunked(const uint8_t *bytes, size_t len, uint64_t body_max, uint8_t *out)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct oracle_body result = { .verdict = ORACLE_DONE };
	int code;

	if (r == NULL)
		abort();
	r->bytes = bytes;
	r->len = len;
	r->max = SIZE_MAX;
	r->line_max = SIZE_MAX;
	code = setjmp(r->out);
	if (code == 0) {
		read_chunks(r, body_max, out);
	} else {
		result.verdict = (enum oracle_verdict)(code - 1);
		result.status = r->status;
	}
	result.bytes = r->at;
	result.decoded = r->decoded;
	free(r);
	return result;
}
