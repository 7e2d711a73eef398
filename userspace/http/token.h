/* Methods, status reasons, and comparing what has no case. */
#ifndef HZ_HTTP_TOKEN_H
#define HZ_HTTP_TOKEN_H

#include <hz/span.h>
#include <stdbool.h>

enum hz_http_method {
#define HZ_METHOD(name) HZ_HTTP_##name,
#include "http/tokens.def"
#undef HZ_METHOD
	HZ_HTTP_OTHER, /* a well-formed token we do not know: 501 */
	HZ_HTTP_METHOD_COUNT = HZ_HTTP_OTHER,
};

#define HZ_METHOD_BIT(method) (1u << (method))

extern const struct hz_span hz_http_method_names[HZ_HTTP_METHOD_COUNT];

/* "Not Found" for 404; "Unknown" for what RFC 9110 does not list. */
struct hz_span hz_http_reason(uint16_t status);

/* ASCII only, no locale. */
bool hz_http_equals_nocase(struct hz_span a, struct hz_span lower_case);

#endif
