#include "handlers/redirect.h"

#include "core/span_ops.h"
#include "handlers/answer.h"
#include <errno.h>
#include <stdlib.h>

/* The place as text with holes: text up to end[0], parameter 0, text up to end[1] and so on. */
struct redirect {
	uint16_t status;
	bool is_local;  /* begins with its path */
	bool has_query; /* of its own */
	uint32_t hole_count;
	uint32_t param[HZ_REDIRECT_HOLES_MAX];
	size_t end[HZ_REDIRECT_HOLES_MAX + 1];
	uint8_t text[];
};

/* --- the place ---------------------------------------------------------------------------------------------- */

/* Bytes of a URI reference, RFC 3986; braces are for parameters. */
static bool is_place_byte(uint8_t c)
{
	return c > 0x20 && c < 0x7f && strchr("\"<>\\^`|#", c) == NULL;
}

/* Where the path begins; to.len: nowhere. */
static size_t path_at(struct hz_span to)
{
	static const char *const schemes[] = { "http://", "https://" };

	if (to.len > 0 && to.data[0] == '/')
		return 0;
	for (size_t i = 0; i < HZ_ARRAY_LEN(schemes); i++) {
		struct hz_span scheme = hz_span_text(schemes[i]);
		struct hz_span rest = hz_span_skip(to, scheme.len);
		size_t host = hz_span_find(rest, '/');

		if (hz_span_starts_with(to, scheme) && host > 0 && host < rest.len)
			return scheme.len + host;
	}
	return to.len;
}

const char *hz_redirect_problem(struct hz_span to)
{
	size_t path = path_at(to);
	size_t hole = hz_span_find(to, '{');

	if (path == to.len)
		return "it begins with '/', or with http:// or https://, a host and '/'";
	if (path == 0 && to.len > 1 && to.data[1] == '/')
		return "'//' would name another host";
	if (hole < path)
		return "the host cannot depend on the request";
	for (size_t i = 0; i < to.len; i++) {
		if (!is_place_byte(to.data[i]))
			return "a byte that is not of a URI, or a fragment";
	}
	return NULL;
}

/* Splits to at its holes. */
static int place_split(struct redirect *redirect, const struct hz_redirect_conf *conf)
{
	const struct hz_span to = conf->to;
	size_t used = 0, i = 0;

	while (i < to.len) {
		uint8_t c = to.data[i];
		struct hz_span rest = hz_span_skip(to, i + 1);
		size_t length = hz_span_find(rest, '}');
		int param;

		if (c != '{' && c != '}') {
			redirect->has_query |= c == '?';
			redirect->text[used++] = c;
			i++;
			continue;
		}
		param = hz_handler_param_index(&conf->params, hz_span_first(rest, length));
		if (c == '}' || length == rest.len || param < 0 ||
		    redirect->hole_count == HZ_REDIRECT_HOLES_MAX)
			return -EINVAL;
		redirect->end[redirect->hole_count] = used;
		redirect->param[redirect->hole_count++] = (uint32_t)param;
		i += length + 2;
	}
	redirect->end[redirect->hole_count] = used;
	return 0;
}

/* --- an answer ---------------------------------------------------------------------------------------------- */

/* unreserved of RFC 3986, and the '/' between segments. */
static bool is_plain_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("-._~/", c) != NULL);
}

/* The place so far; path is where its path begins. */
struct writer {
	uint8_t *path, *at;
	bool is_local;
};

static void put(struct writer *w, uint8_t c)
{
	if (w->is_local && c == '/' && w->at == w->path + 1)
		return; /* a second slash would begin a host */
	*w->at++ = c;
}

static void put_value(struct writer *w, struct hz_span value)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.data[i];

		if (is_plain_byte(c)) {
			put(w, c);
			continue;
		}
		put(w, '%');
		put(w, (uint8_t)hex[c >> 4]);
		put(w, (uint8_t)hex[c & 15]);
	}
}

static void put_place(struct writer *w, const struct redirect *redirect,
                      const struct hz_http_req *req)
{
	size_t from = 0;

	for (uint32_t i = 0; i <= redirect->hole_count; i++) {
		for (; from < redirect->end[i]; from++)
			put(w, redirect->text[from]);
		if (i < redirect->hole_count)
			put_value(w, hz_handler_param(req, redirect->param[i]));
	}
}

static enum hz_http_next redirect_handle(const void *conf, struct hz_http_req *req,
                                         struct hz_http_resp *resp)
{
	static const char name[] = "Location: ";
	const struct redirect *redirect = conf;
	bool takes_query = !redirect->has_query && req->query.len > 0;
	size_t room = sizeof(name) + redirect->end[redirect->hole_count] + req->query.len +
	              sizeof("?\r\n");
	struct writer w = { .is_local = redirect->is_local };
	uint8_t *line;

	for (uint32_t i = 0; i < redirect->hole_count; i++)
		room += 3 * hz_handler_param(req, redirect->param[i]).len;
	line = hz_arena_get(req->arena, room);
	if (line == NULL) {
		hz_answer(resp, 414);
		return HZ_HTTP_ANSWER;
	}
	memcpy(line, name, sizeof(name) - 1);
	w.path = w.at = line + sizeof(name) - 1;
	put_place(&w, redirect, req);
	if (takes_query) {
		*w.at++ = '?';
		memcpy(w.at, req->query.data, req->query.len);
		w.at += req->query.len;
	}
	memcpy(w.at, "\r\n", 2);
	resp->status = redirect->status;
	resp->extra = (struct hz_span){ line, (size_t)(w.at + 2 - line) };
	resp->content_type = HZ_SPAN_LITERAL("text/plain");
	resp->body_kind = HZ_BODY_SPAN;
	resp->body = hz_http_reason(redirect->status);
	return HZ_HTTP_ANSWER;
}

static bool is_redirect(uint16_t status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

int hz_redirect_build(const struct hz_redirect_conf *conf, struct hz_handler *out)
{
	struct redirect *redirect;
	int err;

	if (!is_redirect(conf->status) || hz_redirect_problem(conf->to) != NULL)
		return -EINVAL;
	redirect = calloc(1, sizeof(*redirect) + conf->to.len);
	if (redirect == NULL)
		return -ENOMEM;
	redirect->status = conf->status;
	redirect->is_local = conf->to.data[0] == '/';
	err = place_split(redirect, conf);
	if (err != 0) {
		free(redirect);
		return err;
	}
	*out = (struct hz_handler){ .handle = redirect_handle, .free = free, .conf = redirect };
	return 0;
}
