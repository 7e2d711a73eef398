#include "http/h1_target.h"
#include "http/h1_scan.h"
#include <arpa/inet.h>
#include <string.h>

static struct hz_span span_of(const uint8_t *from, const uint8_t *to)
{
	return (struct hz_span){ from, (size_t)(to - from) };
}

/* port = *DIGIT */
static bool port_parse(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
	uint32_t port = 0;

	*out = HZ_H1_NO_PORT;
	if (p == end)
		return true;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		port = port * 10 + (uint32_t)(*p - '0');
		if (port > 65535)
			return false;
	}
	*out = port;
	return true;
}

/* IP-literal = "[" IPv6address "]", RFC 3986 3.2.2. IPvFuture has no meaning to any peer and is
 * refused. Returns the byte after the bracket or NULL. */
static const uint8_t *ip_literal_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *close = memchr(p, ']', (size_t)(end - p));
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	size_t len;

	if (close == NULL)
		return NULL;
	len = (size_t)(close - p) - 1;
	if (len >= sizeof(text))
		return NULL;
	memcpy(text, p + 1, len);
	text[len] = '\0';
	if (memchr(text, '\0', len) != NULL || inet_pton(AF_INET6, text, &addr) != 1)
		return NULL;
	return close + 1;
}

/* reg-name = *( unreserved / pct-encoded / sub-delims ); IPv4address is one of them. Returns the first
 * byte behind it, NULL for a bad escape. */
static const uint8_t *reg_name_end(const uint8_t *p, const uint8_t *end, const uint8_t *floor)
{
	for (;;) {
		p = hz_h1_scan_regname(p, end, floor);
		if (p == end || *p != '%')
			return p;
		if (end - p < 3 || (hz_h1_class[p[1]] & HZ_H1_HEX) == 0 ||
		    (hz_h1_class[p[2]] & HZ_H1_HEX) == 0)
			return NULL;
		p += 3;
	}
}

bool hz_h1_authority_is_valid(struct hz_span text, const uint8_t *floor,
                              struct hz_h1_authority *out)
{
	const uint8_t *end = text.data + text.len;
	const uint8_t *host_end;
	uint32_t port;

	if (text.len == 0)
		return false;
	host_end = text.data[0] == '[' ? ip_literal_end(text.data, end)
	                               : reg_name_end(text.data, end, floor);
	if (host_end == NULL || host_end == text.data)
		return false;
	port = HZ_H1_NO_PORT;
	if (host_end != end && (*host_end != ':' || !port_parse(host_end + 1, end, &port)))
		return false;
	out->host = span_of(text.data, host_end);
	out->port = port;
	return true;
}

static void path_split(struct hz_http_req *req, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *query = p < end ? memchr(p, '?', (size_t)(end - p)) : NULL;

	req->path = span_of(p, query ? query : end);
	req->query = query ? span_of(query + 1, end) : span_of(end, end);
}

/* CONNECT host:port; the port is not optional (RFC 9110 9.3.6). */
static uint16_t authority_form(struct hz_http_req *req)
{
	struct hz_h1_authority authority;

	if (!hz_h1_authority_is_valid(req->target, req->target.data, &authority) ||
	    authority.port == HZ_H1_NO_PORT)
		return 400;
	req->host = req->target;
	req->path = HZ_SPAN_LITERAL("/");
	req->query = HZ_SPAN_LITERAL("");
	return 0;
}

static bool scheme_is(struct hz_span target, struct hz_span scheme)
{
	if (target.len < scheme.len)
		return false;
	target.len = scheme.len;
	return hz_http_equals_nocase(target, scheme);
}

static uint16_t absolute_form(struct hz_http_req *req)
{
	const struct hz_span http = HZ_SPAN_LITERAL("http://");
	const struct hz_span https = HZ_SPAN_LITERAL("https://");
	const uint8_t *end = req->target.data + req->target.len;
	bool is_https = scheme_is(req->target, https);
	const uint8_t *authority = req->target.data + (is_https ? https.len : http.len);
	const uint8_t *p = authority;
	struct hz_h1_authority parts;

	if (!is_https && !scheme_is(req->target, http))
		return 400;
	while (p < end && *p != '/' && *p != '?')
		p++;
	req->host = span_of(authority, p);
	if (!hz_h1_authority_is_valid(req->host, req->target.data, &parts))
		return 400;
	for (const uint8_t *q = p; q < end; q++) {
		if (*q == '[' || *q == ']')
			return 400;
	}
	if (is_https)
		return 421;
	path_split(req, p, end);
	if (req->path.len == 0) /* RFC 9112 3.2.4: OPTIONS asks for the whole server */
		req->path = req->method == HZ_HTTP_OPTIONS && req->query.len == 0
		                    ? HZ_SPAN_LITERAL("*")
		                    : HZ_SPAN_LITERAL("/");
	return 0;
}

uint16_t hz_h1_target_split(struct hz_http_req *req)
{
	const uint8_t *p = req->target.data;

	req->host = HZ_SPAN_LITERAL("");
	if (req->method == HZ_HTTP_CONNECT)
		return authority_form(req);
	if (p[0] == '/') {
		path_split(req, p, p + req->target.len);
		return 0;
	}
	if (p[0] == '*' && req->target.len == 1 && req->method == HZ_HTTP_OPTIONS) {
		req->path = req->target;
		req->query = HZ_SPAN_LITERAL("");
		return 0;
	}
	return absolute_form(req);
}
