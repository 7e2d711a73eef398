#include "http/h1_target.h"
#include "http/h1_scan.h"
#include <arpa/inet.h>
#include <string.h>

#define PORT_HTTP  80u
#define PORT_HTTPS 443u

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
static bool authority_form(struct hz_http_req *req)
{
	struct hz_h1_authority authority;

	if (!hz_h1_authority_is_valid(req->target, req->target.data, &authority) ||
	    authority.port == HZ_H1_NO_PORT)
		return false;
	req->host = req->target;
	req->path = HZ_SPAN_LITERAL("/");
	req->query = HZ_SPAN_LITERAL("");
	return true;
}

static size_t scheme_len(struct hz_span target)
{
	if (target.len >= 7 &&
	    hz_http_equals_nocase((struct hz_span){ target.data, 7 }, HZ_SPAN_LITERAL("http://")))
		return 7;
	if (target.len >= 8 &&
	    hz_http_equals_nocase((struct hz_span){ target.data, 8 }, HZ_SPAN_LITERAL("https://")))
		return 8;
	return 0;
}

static bool absolute_form(struct hz_http_req *req)
{
	const uint8_t *end = req->target.data + req->target.len;
	const uint8_t *authority = req->target.data + scheme_len(req->target);
	const uint8_t *p = authority;
	struct hz_h1_authority parts;

	if (authority == req->target.data)
		return false;
	while (p < end && *p != '/' && *p != '?')
		p++;
	req->host = span_of(authority, p);
	if (!hz_h1_authority_is_valid(req->host, req->target.data, &parts))
		return false;
	for (const uint8_t *q = p; q < end; q++) {
		if (*q == '[' || *q == ']')
			return false;
	}
	path_split(req, p, end);
	if (req->path.len == 0) /* RFC 9112 3.2.4: OPTIONS asks for the whole server */
		req->path = req->method == HZ_HTTP_OPTIONS && req->query.len == 0
		                    ? HZ_SPAN_LITERAL("*")
		                    : HZ_SPAN_LITERAL("/");
	return true;
}

bool hz_h1_target_split(struct hz_http_req *req)
{
	const uint8_t *p = req->target.data;

	req->host = HZ_SPAN_LITERAL("");
	if (req->method == HZ_HTTP_CONNECT)
		return authority_form(req);
	if (p[0] == '/') {
		path_split(req, p, p + req->target.len);
		return true;
	}
	if (p[0] == '*' && req->target.len == 1 && req->method == HZ_HTTP_OPTIONS) {
		req->path = req->target;
		req->query = HZ_SPAN_LITERAL("");
		return true;
	}
	return absolute_form(req);
}

static bool equals_both_nocase(struct hz_span a, struct hz_span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		uint8_t x = a.data[i];
		uint8_t y = b.data[i];

		if (x == y)
			continue;
		x |= 0x20;
		if (x != (y | 0x20) || x < 'a' || x > 'z')
			return false;
	}
	return true;
}

bool hz_h1_target_is_host(const struct hz_http_req *req, struct hz_span host)
{
	uint32_t scheme_port = scheme_len(req->target) == 8 ? PORT_HTTPS : PORT_HTTP;
	struct hz_h1_authority in_target;
	struct hz_h1_authority in_field;

	if (!hz_h1_authority_is_valid(req->host, req->target.data, &in_target) ||
	    !hz_h1_authority_is_valid(host, host.data, &in_field))
		return false;
	if (in_target.port == HZ_H1_NO_PORT)
		in_target.port = scheme_port;
	if (in_field.port == HZ_H1_NO_PORT)
		in_field.port = scheme_port;
	return in_target.port == in_field.port && equals_both_nocase(in_target.host, in_field.host);
}
