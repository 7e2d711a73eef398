/* Configuration of middleware: plain data, from site.yaml down to middleware/. All of it belongs to the site; spans
 * and arrays live as long as it does. */
#ifndef HZ_MW_CONF_H
#define HZ_MW_CONF_H

#include "core/base.h"
#include "core/common.h"
#include <stdbool.h>
#include <stdint.h>

enum hz_mw_kind {
#define HZ_MW(name, help) HZ_MW_##name,
#include "core/mw.def"
#undef HZ_MW
	HZ_MW_COUNT,
};

/* Where something stands in the site's file, for who finds later that it cannot be used. */
struct hz_conf_place {
	uint32_t line, column, width; /* from 1; line 0: nowhere */
};

struct hz_mw_field {
	struct hz_span name, value;
};

struct hz_mw_headers_conf {
	uint32_t count;
	const struct hz_mw_field *field;
};

struct hz_mw_timeout_conf {
	uint64_t ns;
};

struct hz_mw_trace_conf {
	bool accepts; /* ids that the client sends are gone on with */
};

/* Of one family: IPv4 is mapped, but bits count within the family. */
struct hz_mw_prefix {
	struct hz_addr addr; /* zero beyond bits */
	uint8_t bits;
	bool is_allowed;
};

struct hz_mw_access_conf {
	uint32_t count; /* no prefix twice */
	const struct hz_mw_prefix *prefix;
	bool allows_rest; /* who is in none of them */
};

struct hz_mw_cors_conf {
	bool is_any; /* "*" instead of a list */
	bool has_credentials;
	uint32_t origin_count;
	const struct hz_span *origin;
	struct hz_span methods, headers, expose; /* as in the fields; empty: no field */
	uint32_t max_age_s;                      /* 0: no field */
};

struct hz_mw_rate_conf {
	enum hz_mw_rate_per { HZ_RATE_CLIENT, HZ_RATE_ROUTE, HZ_RATE_HEADER } per;
	struct hz_span header; /* lower case */
	struct hz_span
		scope; /* the route's name, or "defaults": who shares it shares the buckets */
	uint64_t per_hour;
	uint32_t burst;
	bool is_announced; /* RateLimit fields on every answer, not on 429 alone */
};

/* What a worker counts in a window of requests to the handler, and does about it. */
struct hz_mw_breaker_conf {
	uint32_t failures_percent; /* 1..100: opens at this share of 5xx and late answers */
	uint32_t requests_least;   /* in the window, before it may open */
	uint32_t probes;           /* let through after open_ns; all must succeed */
	uint64_t late_ns;          /* 0: no answer is late */
	uint64_t window_ns;
	uint64_t open_ns;
};

enum hz_jwt_alg { HZ_JWT_HS256, HZ_JWT_RS256, HZ_JWT_ES256 };

struct hz_jwt_policy;

struct hz_mw_jwt_conf {
	enum hz_jwt_alg alg;
	const char *key_file, *revoked_file; /* as in the site; revoked_file NULL: none */
	struct hz_span issuer, audience;     /* empty: not asked for */
	uint32_t leeway_s;
	uint32_t line; /* in the site */
	struct hz_conf_place key_at, revoked_at;
	struct hz_mw_jwt_conf *next;  /* of the site */
	struct hz_jwt_policy *policy; /* set by the server before the chain is built */
};

enum hz_log_format { HZ_LOG_JSON, HZ_LOG_COMBINED };

struct hz_log_sink;

struct hz_mw_log_conf {
	const char *to; /* absolute path */
	enum hz_log_format format;
	uint32_t
		error_one_in; /* of 4xx, and of requests without an answer, one in so many gets a line; */
	uint32_t rest_one_in;        /* of all others but 5xx, which all get one */
	uint32_t line;               /* in the site */
	struct hz_conf_place at;     /* of `to` */
	struct hz_mw_log_conf *next; /* of the site */
	struct hz_log_sink
		*sink; /* set by the server before workers see it; NULL: nothing is logged */
};

/* What a route, or the site's defaults, configure; NULL: nothing. */
struct hz_mw_set {
#define HZ_MW(name, help) const struct hz_mw_##name##_conf *name;
#include "core/mw.def"
#undef HZ_MW
	uint32_t off; /* bit per enum hz_mw_kind: `name: off`, also against the default */
};

#endif
