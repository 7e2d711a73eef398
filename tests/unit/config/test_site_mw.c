/* Middleware in a site: what each key becomes, and what routes take from `defaults`. */
#include "config/site.h"

#include "core/endpoint.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include <stdio.h>
#include <string.h>

static struct hz_site *parse(const char *text)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	int err = hz_site_parse(hz_span_text(text), &site, &errors);

	if (err != 0)
		hz_site_errors_print(stderr, "site", hz_span_text(text), &errors);
	CU_ASSERT_EQUAL_FATAL(err, 0);
	return site;
}

static bool span_is(struct hz_span a, const char *text)
{
	return hz_span_equals(a, hz_span_text(text));
}

static void route_takes_defaults_it_does_not_replace_or_turn_off(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /a, respond: {} }\n"
	              "  - { match: GET /b, respond: {}, timeout: 7ms, trace: off }\n"
	              "  - { match: GET /c, respond: {}, headers: off, rate: off,\n"
	              "      breaker: { failures: 1% } }\n"
	              "defaults:\n"
	              "  trace: on\n"
	              "  headers: { X-A: b }\n"
	              "  timeout: 50ms\n"
	              "  cors: off\n"
	              "  rate: { per: client, limit: 5/s }\n");
	const struct hz_mw_set *a = &site->route[0].mw, *b = &site->route[1].mw,
			       *c = &site->route[2].mw;

	CU_ASSERT_PTR_EQUAL(a->headers, site->defaults.headers);
	CU_ASSERT_PTR_EQUAL(a->trace, site->defaults.trace);
	CU_ASSERT_PTR_EQUAL(a->rate, site->defaults.rate);
	CU_ASSERT_PTR_NOT_NULL(a->headers);
	CU_ASSERT_EQUAL(a->timeout->ns, 50 * HZ_NS_PER_MS);
	CU_ASSERT_PTR_NULL(a->cors);
	CU_ASSERT_PTR_NULL(a->breaker);
	CU_ASSERT_EQUAL(b->timeout->ns, 7 * HZ_NS_PER_MS);
	CU_ASSERT_PTR_NULL(b->trace);
	CU_ASSERT_PTR_NOT_NULL(b->headers);
	CU_ASSERT_PTR_NULL(c->headers);
	CU_ASSERT_PTR_NULL(c->rate);
	CU_ASSERT_PTR_NOT_NULL(c->trace);
	CU_ASSERT_PTR_NOT_NULL(c->breaker);
	CU_ASSERT_TRUE(span_is(site->defaults.rate->scope, "defaults"));
	hz_site_free(site);
}

static void off_in_quotes_is_a_value_like_any_other(void)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;

	CU_ASSERT_NOT_EQUAL(hz_site_parse(hz_span_text("routes:\n"
	                                               "  - { match: GET /, respond: {},\n"
	                                               "      timeout: 'off' }\n"),
	                                  &site, &errors),
	                    0);
	CU_ASSERT_EQUAL(errors.count, 1);
}

static void trace_is_read(void)
{
	struct hz_site *site = parse("defaults: { trace: { accept: false } }\n"
	                             "routes:\n"
	                             "  - { match: GET /a, respond: {}, trace: {} }\n"
	                             "  - { match: GET /b, respond: {}, trace: on }\n"
	                             "  - { match: GET /c, respond: {}, trace: { accept: true } }\n"
	                             "  - { match: GET /d, respond: {} }\n");

	CU_ASSERT_TRUE(site->route[0].mw.trace->accepts);
	CU_ASSERT_TRUE(site->route[1].mw.trace->accepts);
	CU_ASSERT_TRUE(site->route[2].mw.trace->accepts);
	CU_ASSERT_FALSE(site->route[3].mw.trace->accepts);
	hz_site_free(site);
}

static void access_is_read(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /a, respond: {},\n"
	              "      access: { allow: [10.0.0.0/8, 192.0.2.7, \"2001:db8::/32\"] } }\n"
	              "  - { match: GET /b, respond: {},\n"
	              "      access: { deny: [0.0.0.0/0, \"::/0\"], allow: [\"::1\"] } }\n");
	const struct hz_mw_access_conf *a = site->route[0].mw.access, *b = site->route[1].mw.access;
	char text[HZ_ENDPOINT_TEXT_MAX];
	uint32_t allowed = 0;

	CU_ASSERT_EQUAL_FATAL(a->count, 3);
	CU_ASSERT_FALSE(a->allows_rest);
	hz_addr_print(&a->prefix[0].addr, text);
	CU_ASSERT_STRING_EQUAL(text, "10.0.0.0");
	CU_ASSERT_EQUAL(a->prefix[0].bits, 8);
	CU_ASSERT_EQUAL(a->prefix[1].bits, 32);
	CU_ASSERT_EQUAL(a->prefix[2].bits, 32);
	CU_ASSERT_EQUAL_FATAL(b->count, 3);
	CU_ASSERT_TRUE(b->allows_rest);
	for (uint32_t i = 0; i < 3; i++)
		allowed += b->prefix[i].is_allowed;
	CU_ASSERT_EQUAL(allowed, 1);
	hz_site_free(site);
}

static void cors_is_read(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /a, respond: {}, cors: { origins: \"*\" } }\n"
	              "  - match: GET /b\n"
	              "    respond: {}\n"
	              "    cors:\n"
	              "      origins: [\"https://a.example\", \"http://[::1]:8080\"]\n"
	              "      methods: [GET, PUT]\n"
	              "      headers: [X-Token, Content-Type]\n"
	              "      expose: [X-Page]\n"
	              "      credentials: true\n"
	              "      max_age: 10m\n");
	const struct hz_mw_cors_conf *a = site->route[0].mw.cors, *b = site->route[1].mw.cors;

	CU_ASSERT_TRUE(a->is_any);
	CU_ASSERT_EQUAL(a->methods.len, 0);
	CU_ASSERT_FALSE(a->has_credentials);
	CU_ASSERT_FALSE(b->is_any);
	CU_ASSERT_EQUAL_FATAL(b->origin_count, 2);
	CU_ASSERT_TRUE(span_is(b->origin[0], "https://a.example"));
	CU_ASSERT_TRUE(span_is(b->origin[1], "http://[::1]:8080"));
	CU_ASSERT_TRUE(span_is(b->methods, "GET, PUT"));
	CU_ASSERT_TRUE(span_is(b->headers, "X-Token, Content-Type"));
	CU_ASSERT_TRUE(span_is(b->expose, "X-Page"));
	CU_ASSERT_TRUE(b->has_credentials);
	CU_ASSERT_EQUAL(b->max_age_s, 600);
	hz_site_free(site);
}

static void rate_is_read(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { name: user, match: GET /a, respond: {},\n"
	              "      rate: { per: client, limit: 2000/s, burst: 200 } }\n"
	              "  - { match: GET /b, respond: {}, rate: { per: route, limit: 90/m } }\n"
	              "  - { match: GET /c, respond: {},\n"
	              "      rate: { per: header X-API-Key, limit: 7/h, announce: true } }\n");
	const struct hz_mw_rate_conf *a = site->route[0].mw.rate, *b = site->route[1].mw.rate,
				     *c = site->route[2].mw.rate;

	CU_ASSERT_EQUAL(a->per, HZ_RATE_CLIENT);
	CU_ASSERT_EQUAL(a->per_hour, 7200000);
	CU_ASSERT_EQUAL(a->burst, 200);
	CU_ASSERT_TRUE(span_is(a->scope, "user"));
	CU_ASSERT_FALSE(a->is_announced);
	CU_ASSERT_EQUAL(b->per, HZ_RATE_ROUTE);
	CU_ASSERT_EQUAL(b->per_hour, 5400);
	CU_ASSERT_EQUAL(b->burst, 1);
	CU_ASSERT_TRUE(span_is(b->scope, "GET /b"));
	CU_ASSERT_EQUAL(c->per, HZ_RATE_HEADER);
	CU_ASSERT_TRUE(span_is(c->header, "x-api-key"));
	CU_ASSERT_EQUAL(c->per_hour, 7);
	CU_ASSERT_EQUAL(c->burst, 1);
	CU_ASSERT_TRUE(c->is_announced);
	hz_site_free(site);
}

static void breaker_is_read(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /a, respond: {}, breaker: { failures: 50% } }\n"
	              "  - { match: GET /b, respond: {}, breaker: { failures: 100%, window: 1s,\n"
	              "      requests: 5, late: 200ms, open: 3s, probes: 1 } }\n");
	const struct hz_mw_breaker_conf *a = site->route[0].mw.breaker,
					*b = site->route[1].mw.breaker;

	CU_ASSERT_EQUAL(a->failures_percent, 50);
	CU_ASSERT_EQUAL(a->window_ns, 10 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(a->requests_least, 20);
	CU_ASSERT_EQUAL(a->late_ns, 0);
	CU_ASSERT_EQUAL(a->open_ns, 5 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(a->probes, 3);
	CU_ASSERT_EQUAL(b->failures_percent, 100);
	CU_ASSERT_EQUAL(b->window_ns, HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b->requests_least, 5);
	CU_ASSERT_EQUAL(b->late_ns, 200 * HZ_NS_PER_MS);
	CU_ASSERT_EQUAL(b->open_ns, 3 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(b->probes, 1);
	hz_site_free(site);
}

HZ_SUITE(site_mw, CASE(route_takes_defaults_it_does_not_replace_or_turn_off),
         CASE(off_in_quotes_is_a_value_like_any_other), CASE(trace_is_read), CASE(access_is_read),
         CASE(cors_is_read), CASE(rate_is_read), CASE(breaker_is_read));
