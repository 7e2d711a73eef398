#include "http/token.h"
#include "core/base.h"
#include "http/h1_scan.h"

const struct hz_span hz_http_method_names[HZ_HTTP_METHOD_COUNT] = {
#define HZ_METHOD(name) HZ_SPAN_LITERAL(#name),
#include "http/tokens.def"
#undef HZ_METHOD
};

/* One table for all classes of h1_scan.h; entries that are not named belong to none. */
#define T HZ_H1_TCHAR
#define V HZ_H1_VALUE
#define U HZ_H1_URI
#define R HZ_H1_REGNAME
#define H HZ_H1_HEX
const uint8_t hz_h1_class[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | V | U | R,
	['"'] = V,
	['#'] = T | V,
	['$'] = T | V | U | R,
	['%'] = T | V,
	['&' ... '\''] = T | V | U | R,
	['(' ... ')'] = V | U | R,
	['*' ... '+'] = T | V | U | R,
	[','] = V | U | R,
	['-' ... '.'] = T | V | U | R,
	['/'] = V | U,
	['0' ... '9'] = T | V | U | R | H,
	[':'] = V | U,
	[';'] = V | U | R,
	['<'] = V,
	['='] = V | U | R,
	['>'] = V,
	['?' ... '@'] = V | U,
	['A' ... 'F'] = T | V | U | R | H,
	['G' ... 'Z'] = T | V | U | R,
	['[' ... ']'] = V,
	['^'] = T | V,
	['_'] = T | V | U | R,
	['`'] = T | V,
	['a' ... 'f'] = T | V | U | R | H,
	['g' ... 'z'] = T | V | U | R,
	['{'] = V,
	['|'] = T | V,
	['}'] = V,
	['~'] = T | V | U | R,
	[0x80 ... 0xff] = V,
};
#undef T
#undef V
#undef U
#undef R
#undef H

struct reason {
	uint16_t status;
	struct hz_span text;
};

#define REASON(status, text)                                                                       \
	{                                                                                          \
		status,                                                                            \
		{                                                                                  \
			(const uint8_t *)(text), sizeof(text) - 1                                  \
		}                                                                                  \
	}
static const struct reason reasons[] = {
	REASON(200, "OK"),
	REASON(404, "Not Found"),
	REASON(100, "Continue"),
	REASON(101, "Switching Protocols"),
	REASON(201, "Created"),
	REASON(202, "Accepted"),
	REASON(203, "Non-Authoritative Information"),
	REASON(204, "No Content"),
	REASON(205, "Reset Content"),
	REASON(206, "Partial Content"),
	REASON(300, "Multiple Choices"),
	REASON(301, "Moved Permanently"),
	REASON(302, "Found"),
	REASON(303, "See Other"),
	REASON(304, "Not Modified"),
	REASON(305, "Use Proxy"),
	REASON(307, "Temporary Redirect"),
	REASON(308, "Permanent Redirect"),
	REASON(400, "Bad Request"),
	REASON(401, "Unauthorized"),
	REASON(402, "Payment Required"),
	REASON(403, "Forbidden"),
	REASON(405, "Method Not Allowed"),
	REASON(406, "Not Acceptable"),
	REASON(407, "Proxy Authentication Required"),
	REASON(408, "Request Timeout"),
	REASON(409, "Conflict"),
	REASON(410, "Gone"),
	REASON(411, "Length Required"),
	REASON(412, "Precondition Failed"),
	REASON(413, "Content Too Large"),
	REASON(414, "URI Too Long"),
	REASON(415, "Unsupported Media Type"),
	REASON(416, "Range Not Satisfiable"),
	REASON(417, "Expectation Failed"),
	REASON(421, "Misdirected Request"),
	REASON(422, "Unprocessable Content"),
	REASON(426, "Upgrade Required"),
	REASON(429, "Too Many Requests"),
	REASON(431, "Request Header Fields Too Large"),
	REASON(500, "Internal Server Error"),
	REASON(501, "Not Implemented"),
	REASON(502, "Bad Gateway"),
	REASON(503, "Service Unavailable"),
	REASON(504, "Gateway Timeout"),
	REASON(505, "HTTP Version Not Supported"),
};

struct hz_span hz_http_reason(uint16_t status)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	return HZ_SPAN_LITERAL("Unknown");
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool hz_http_equals_nocase(struct hz_span a, struct hz_span lower_case)
{
	if (a.len != lower_case.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.data[i]) != lower_case.data[i])
			return false;
	}
	return true;
}
