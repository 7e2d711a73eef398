/* Sites that are accepted: what comes out of them. */
#include "config/site.h"

#include "core/endpoint.h"
#include "hz_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static bool span_is(struct hz_span a, const char *text)
{
	return a.len == strlen(text) && (a.len == 0 || memcmp(a.data, text, a.len) == 0);
}

static struct hz_site *parse(const char *text)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	int err = hz_site_parse(span(text), &site, &errors);

	if (err != 0)
		hz_site_errors_print(stderr, "site", span(text), &errors);
	CU_ASSERT_EQUAL_FATAL(err, 0);
	return site;
}

static void full_site_gives_every_field(void)
{
	struct hz_site *site =
		parse("# a comment\n"
	              "listen:\n"
	              "  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
	              "  - { interface: eth2, address: \"2001:db8::2\", port: 8080, class: gold }\n"
	              "health:\n"
	              "  - { port: 8081, path: /live, body: fine }\n"
	              "  - { port: 8081, protocol: udp, body: up }\n"
	              "  - { port: 80, from: [10.9.0.0/24, \"2001:db8:9::/48\", 10.8.0.7] }\n"
	              "limits: { header_bytes: 16KiB, header_count: 50, uri_bytes: 2048B,\n"
	              "          body_bytes: 2MiB, requests_per_connection: 7,\n"
	              "          connections_per_source: 0 }\n"
	              "routes:\n"
	              "  - { name: hello, match: GET /hello,\n"
	              "      respond: { status: 201, body: \"hi\\n\", content_type: text/html } }\n"
	              "  - match: 'POST,PUT /echo/:x'\n"
	              "    echo: { body: 64KiB }\n");
	char text[HZ_ENDPOINT_TEXT_MAX];

	CU_ASSERT_EQUAL(site->listen_count, 2);
	CU_ASSERT_STRING_EQUAL(site->listen[0].interface, "eth1");
	hz_endpoint_print(&site->listen[1].endpoint, text);
	CU_ASSERT_STRING_EQUAL(text, "[2001:db8::2]:8080");
	CU_ASSERT_EQUAL(site->listen[1].line, 4);
	CU_ASSERT_EQUAL(site->listen[0].shed_class, HZ_CLASS_BULK);
	CU_ASSERT_EQUAL(site->listen[1].shed_class, HZ_CLASS_GOLD);
	CU_ASSERT_EQUAL_FATAL(site->health_count, 3);
	CU_ASSERT_EQUAL(site->health[0].port, 8081);
	CU_ASSERT_STRING_EQUAL(site->health[0].path, "/live");
	CU_ASSERT_EQUAL(site->health[0].path_bytes, 5);
	CU_ASSERT_STRING_EQUAL(site->health[0].body, "fine");
	CU_ASSERT_EQUAL(site->health[0].body_bytes, 4);
	CU_ASSERT_EQUAL(site->health[0].line, 6);
	CU_ASSERT_EQUAL(site->health[0].from_count, 0);
	CU_ASSERT_FALSE(site->health[0].is_udp);
	CU_ASSERT(site->health[1].is_udp);
	CU_ASSERT_EQUAL_FATAL(site->health[2].from_count, 3);
	CU_ASSERT_EQUAL(site->health[2].from[0].bits, 24);
	CU_ASSERT_EQUAL(site->health[2].from[1].bits, 48);
	CU_ASSERT_EQUAL(site->health[2].from[1].addr.byte[5], 9);
	CU_ASSERT_EQUAL(site->health[2].from[2].bits, 32);
	CU_ASSERT_EQUAL(site->limits.header_bytes, 16384);
	CU_ASSERT_EQUAL(site->limits.header_count, 50);
	CU_ASSERT_EQUAL(site->limits.uri_bytes, 2048);
	CU_ASSERT_EQUAL(site->limits.body_bytes, 2097152);
	CU_ASSERT_EQUAL(site->limits.requests_per_connection, 7);
	CU_ASSERT_EQUAL(site->limits.connections_per_source, 0);
	CU_ASSERT_EQUAL(site->route_count, 2);
	CU_ASSERT_STRING_EQUAL(site->route[0].name, "hello");
	CU_ASSERT_EQUAL(site->route[0].line, 13);
	CU_ASSERT_EQUAL(site->route[0].column, 27);
	CU_ASSERT_EQUAL(site->route[0].handler, HZ_HANDLER_RESPOND);
	CU_ASSERT_EQUAL(site->route[0].status, 201);
	CU_ASSERT(span_is(site->route[0].pattern, "/hello"));
	CU_ASSERT(span_is(site->route[0].body, "hi\n"));
	CU_ASSERT(span_is(site->route[0].content_type, "text/html"));
	CU_ASSERT_EQUAL(site->route[0].json_count, 0);
	CU_ASSERT_EQUAL(site->route[0].body_bytes_max, 2097152);
	CU_ASSERT_STRING_EQUAL(site->route[1].name, "POST,PUT /echo/:x");
	CU_ASSERT_EQUAL(site->route[1].handler, HZ_HANDLER_ECHO);
	CU_ASSERT_EQUAL(site->route[1].body_bytes_max, 65536);
	CU_ASSERT(span_is(site->route[1].pattern, "/echo/:x"));
	hz_site_free(site);
}

static void empty_sections_give_defaults(void)
{
	struct hz_site *site = parse("listen: []\nhealth: [{ port: 1 }]\nlimits: {}\nroutes: []\n");

	CU_ASSERT_EQUAL(site->listen_count, 0);
	CU_ASSERT_STRING_EQUAL(site->health[0].path, "/healthz");
	CU_ASSERT_STRING_EQUAL(site->health[0].body, "ok");
	CU_ASSERT_EQUAL(site->limits.header_bytes, HZ_LIMIT_header_bytes_max);
	CU_ASSERT_EQUAL(site->limits.header_count, HZ_LIMIT_header_count_max);
	CU_ASSERT_EQUAL(site->limits.uri_bytes, HZ_LIMIT_uri_bytes_max);
	CU_ASSERT_EQUAL(site->limits.body_bytes, HZ_LIMIT_body_bytes_max);
	CU_ASSERT_EQUAL(site->limits.requests_per_connection, HZ_LIMIT_requests_per_connection_max);
	CU_ASSERT_EQUAL(site->limits.connections_per_source, HZ_LIMIT_connections_per_source_max);
	CU_ASSERT_EQUAL(site->route_count, 0);
	hz_site_free(site);
}

static void log_is_inherited_replaced_and_switched_off(void)
{
	struct hz_site *site =
		parse("defaults: { log: { to: /d.log } }\n"
	              "routes:\n"
	              "  - { match: GET /a, respond: {} }\n"
	              "  - { match: GET /b, respond: {}, log: { to: /b.log, format: combined,\n"
	              "      sample: { 4xx: 10, rest: 1000000000 } } }\n"
	              "  - { match: GET /c, respond: {}, log: off }\n");
	const struct hz_mw_log_conf *log = site->defaults.log;

	CU_ASSERT_STRING_EQUAL(log->to, "/d.log");
	CU_ASSERT_EQUAL(log->format, HZ_LOG_JSON);
	CU_ASSERT(log->error_one_in == 1 && log->rest_one_in == 1 && log->line == 1);
	CU_ASSERT_PTR_EQUAL(site->route[0].mw.log, log);
	CU_ASSERT_PTR_NULL(site->route[2].mw.log);
	log = site->route[1].mw.log;
	CU_ASSERT_STRING_EQUAL(log->to, "/b.log");
	CU_ASSERT_EQUAL(log->format, HZ_LOG_COMBINED);
	CU_ASSERT(log->error_one_in == 10 && log->rest_one_in == 1000000000 && log->line == 4);
	CU_ASSERT_PTR_EQUAL(site->logs, log); /* the server's list of all */
	CU_ASSERT_PTR_EQUAL(log->next, site->defaults.log);
	CU_ASSERT_PTR_NULL(log->next->next);
	hz_site_free(site);
}

static void jwt_is_read_and_kept_in_a_list(void)
{
	struct hz_site *site = parse(
		"defaults: { jwt: { alg: ES256, key_file: /etc/hz/k.pem } }\n"
		"routes:\n"
		"  - { match: GET /a, respond: {}, jwt: { alg: HS256, key_file: /k, issuer: us,\n"
		"      audience: api, leeway: 5m, revoked_file: /r } }\n"
		"  - { match: GET /b, respond: {}, jwt: off }\n");
	const struct hz_mw_jwt_conf *jwt = site->defaults.jwt;

	CU_ASSERT_EQUAL(jwt->alg, HZ_JWT_ES256);
	CU_ASSERT_STRING_EQUAL(jwt->key_file, "/etc/hz/k.pem");
	CU_ASSERT(jwt->revoked_file == NULL && jwt->issuer.len == 0 && jwt->leeway_s == 0);
	jwt = site->route[0].mw.jwt;
	CU_ASSERT_EQUAL(jwt->alg, HZ_JWT_HS256);
	CU_ASSERT_STRING_EQUAL(jwt->revoked_file, "/r");
	CU_ASSERT(span_is(jwt->issuer, "us") && span_is(jwt->audience, "api"));
	CU_ASSERT(jwt->leeway_s == 300 && jwt->line == 3);
	CU_ASSERT_PTR_EQUAL(site->jwts, jwt);
	CU_ASSERT_PTR_EQUAL(jwt->next, site->defaults.jwt);
	CU_ASSERT_PTR_NULL(site->route[1].mw.jwt);
	hz_site_free(site);
}

static void sections_in_any_order_are_read_alike(void)
{
	struct hz_site *site = parse("routes: [{ match: POST /a, echo: }]\n"
	                             "limits: { body_bytes: 5KiB }\n");

	CU_ASSERT_EQUAL(site->route[0].body_bytes_max, 5120);
	CU_ASSERT_EQUAL(site->route[0].handler, HZ_HANDLER_ECHO);
	hz_site_free(site);
}

static void json_members_and_bytes_are_kept(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /u/:id/*rest,\n"
	              "      respond: { json: { id: \"{id}\", \"{{\": \"{{x}}{rest}\", n: 5 } } }\n"
	              "  - { match: GET /b/:n, bytes: { count: n } }\n"
	              "  - { match: POST /b/:n, bytes: { max: 0B, count: n } }\n"
	              "  - { match: GET /none, respond: { status: 204 } }\n"
	              "  - { match: GET /empty, respond: {} }\n");
	const struct hz_site_route *route = site->route;

	CU_ASSERT_EQUAL(route[0].json_count, 3);
	CU_ASSERT(span_is(route[0].json[0].key, "id"));
	CU_ASSERT(span_is(route[0].json[0].value, "{id}"));
	CU_ASSERT(span_is(route[0].json[1].key, "{{"));
	CU_ASSERT(span_is(route[0].json[1].value, "{{x}}{rest}"));
	CU_ASSERT(span_is(route[0].json[2].value, "5"));
	CU_ASSERT(span_is(route[0].content_type, "application/json"));
	CU_ASSERT_EQUAL(route[0].status, 200);
	CU_ASSERT_EQUAL(route[1].handler, HZ_HANDLER_BYTES);
	CU_ASSERT(span_is(route[1].count_param, "n"));
	CU_ASSERT_EQUAL(route[1].count_max, 10485760);
	CU_ASSERT_EQUAL(route[2].count_max, 0);
	CU_ASSERT_EQUAL(route[3].status, 204);
	CU_ASSERT_EQUAL(route[3].content_type.len, 0);
	CU_ASSERT(span_is(route[4].content_type, "text/plain"));
	CU_ASSERT_EQUAL(route[4].body.len, 0);
	hz_site_free(site);
}

/* Config may not include http: this is what keeps its list of methods in step. */
static void methods_have_the_bits_of_http(void)
{
	static const char *const names[] = {
#define HZ_METHOD(name) #name,
#include "http/tokens.def"
#undef HZ_METHOD
	};

	for (uint32_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		char text[64];
		struct hz_site_errors errors;
		struct hz_site *site = NULL;

		snprintf(text, sizeof(text), "routes: [{ match: %s /, respond: {} }]", names[i]);
		if (strcmp(names[i], "CONNECT") == 0 || strcmp(names[i], "TRACE") == 0) {
			CU_ASSERT_NOT_EQUAL(hz_site_parse(span(text), &site, &errors), 0);
			continue;
		}
		site = parse(text);
		CU_ASSERT_EQUAL(site->route[0].methods, strcmp(names[i], "GET") == 0 ? 3 : 1u << i);
		hz_site_free(site);
	}
}

static void many_routes_are_read(void)
{
	enum { COUNT = 20000 };
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);
	struct hz_site *site;

	fputs("routes:\n", to);
	for (unsigned i = 0; i < COUNT; i++)
		fprintf(to, "  - { name: r%u, match: GET /r/%u/:id, respond: { body: x } }\n", i,
		        i);
	fclose(to);
	site = parse(text);
	CU_ASSERT_EQUAL(site->route_count, COUNT);
	CU_ASSERT_STRING_EQUAL(site->route[COUNT - 1].name, "r19999");
	hz_site_free(site);
	free(text);
}

static void hosts_and_paths_are_kept(void)
{
	struct hz_site *site = parse(
		"routes:\n"
		"  - { match: GET /a, respond: {}, paths: { trailing_slash: same } }\n"
		"  - { match: GET /a, respond: {}, hosts: [WWW.Example.org., "
		"\"*.shop.example.org\"] }\n"
		"  - { match: GET /b, respond: {}, hosts: [\"[2001:DB8::1]\", 10.7.0.2, _x.y-z],\n"
		"      paths: { dot_segments: resolve, duplicate_slashes: keep } }\n"
		"paths: { dot_segments: refuse, duplicate_slashes: merge, encoded_slash: refuse,\n"
		"         trailing_slash: redirect }\n");
	const struct hz_site_route *route = site->route;

	CU_ASSERT_EQUAL(site->paths.dot_segments, HZ_SITE_DOTS_REFUSE);
	CU_ASSERT_EQUAL(route[0].host_count, 0);
	CU_ASSERT_EQUAL(route[0].paths.dot_segments, HZ_SITE_DOTS_REFUSE);
	CU_ASSERT_EQUAL(route[0].paths.duplicate_slashes, HZ_SITE_SLASHES_MERGE);
	CU_ASSERT_EQUAL(route[0].paths.encoded_slash, HZ_SITE_SLASH_REFUSE);
	CU_ASSERT_EQUAL(route[0].paths.trailing_slash, HZ_SITE_TRAILING_SAME);
	CU_ASSERT_EQUAL_FATAL(route[1].host_count, 2);
	CU_ASSERT(span_is(route[1].host[0], "www.example.org"));
	CU_ASSERT(span_is(route[1].host[1], "*.shop.example.org"));
	CU_ASSERT_EQUAL(route[1].paths.trailing_slash, HZ_SITE_TRAILING_REDIRECT);
	CU_ASSERT_EQUAL_FATAL(route[2].host_count, 3);
	CU_ASSERT(span_is(route[2].host[0], "[2001:db8::1]"));
	CU_ASSERT(span_is(route[2].host[1], "10.7.0.2"));
	CU_ASSERT(span_is(route[2].host[2], "_x.y-z"));
	CU_ASSERT_EQUAL(route[2].paths.dot_segments, HZ_SITE_DOTS_RESOLVE);
	CU_ASSERT_EQUAL(route[2].paths.duplicate_slashes, HZ_SITE_SLASHES_KEEP);
	CU_ASSERT_EQUAL(route[2].paths.encoded_slash, HZ_SITE_SLASH_REFUSE);
	hz_site_free(site);
}

static void paths_left_out_are_strict(void)
{
	struct hz_site *site = parse("routes:\n"
	                             "  - { match: GET /a, respond: {} }\n"
	                             "  - { match: GET /a/, respond: {} }\n"
	                             "  - { match: GET /a//, respond: {}, paths: {} }\n");
	const struct hz_site_paths strict = { HZ_SITE_DOTS_RESOLVE, HZ_SITE_SLASHES_KEEP,
		                              HZ_SITE_SLASH_PARAM, HZ_SITE_TRAILING_STRICT };

	CU_ASSERT_EQUAL(site->route_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(memcmp(&site->route[i].paths, &strict, sizeof(strict)), 0);
	hz_site_free(site);
}

static void topics_and_streams_are_kept(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /e, events: { topic: b, heartbeat: 2s, slow: close,\n"
	              "      limit: 7, retry: 1500ms } }\n"
	              "  - { match: GET /l, lines: { topic: hz.latency } }\n"
	              "  - { match: 'POST,PUT /p', publish: { topic: a, body: 1KiB } }\n"
	              "  - { match: POST /q, publish: { topic: a } }\n"
	              "topics: { a: , b: { keep: 3, bytes: 2MiB } }\n");
	const struct hz_site_route *route = site->route;

	CU_ASSERT_EQUAL_FATAL(site->topic_count, 3);
	CU_ASSERT_STRING_EQUAL(site->topic[0].name, HZ_SITE_TOPIC_LATENCY);
	CU_ASSERT_STRING_EQUAL(site->topic[1].name, "a");
	CU_ASSERT_EQUAL(site->topic[1].keep, 256);
	CU_ASSERT_EQUAL(site->topic[1].bytes, 1 << 20);
	CU_ASSERT_EQUAL(site->topic[2].keep, 3);
	CU_ASSERT_EQUAL(site->topic[2].bytes, 2 << 20);
	CU_ASSERT_EQUAL(route[0].handler, HZ_HANDLER_EVENTS);
	CU_ASSERT_EQUAL(route[0].topic, 2);
	CU_ASSERT_EQUAL(route[0].heartbeat_ns, 2 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(route[0].retry_ms, 1500);
	CU_ASSERT_EQUAL(route[0].readers_max, 7);
	CU_ASSERT(route[0].closes_slow);
	CU_ASSERT_EQUAL(route[1].handler, HZ_HANDLER_LINES);
	CU_ASSERT_EQUAL(route[1].topic, 0);
	CU_ASSERT_EQUAL(route[1].heartbeat_ns, 15 * HZ_NS_PER_S);
	CU_ASSERT_EQUAL(route[1].readers_max, 1024);
	CU_ASSERT(!route[1].closes_slow);
	CU_ASSERT_EQUAL(route[2].handler, HZ_HANDLER_PUBLISH);
	CU_ASSERT_EQUAL(route[2].topic, 1);
	CU_ASSERT_EQUAL(route[2].body_bytes_max, 1024);
	CU_ASSERT_EQUAL(route[3].body_bytes_max, HZ_LIMIT_message_bytes_max);
	hz_site_free(site);
	site = parse("routes: []");
	CU_ASSERT_EQUAL(site->topic_count, 1);
	hz_site_free(site);
}

static void routes_of_one_match_are_called_by_their_hosts(void)
{
	struct hz_site *site =
		parse("routes:\n"
	              "  - { match: GET /, respond: {} }\n"
	              "  - { match: GET /, respond: {}, hosts: [www.example.org, example.org] }\n"
	              "  - { match: GET /, respond: {}, hosts: [\"*.shop.example.org\"] }\n"
	              "  - { match: POST /, name: own, respond: {} }\n");

	CU_ASSERT_STRING_EQUAL(site->route[0].name, "GET /");
	CU_ASSERT_STRING_EQUAL(site->route[1].name, "GET www.example.org/");
	CU_ASSERT_STRING_EQUAL(site->route[2].name, "GET *.shop.example.org/");
	CU_ASSERT_STRING_EQUAL(site->route[3].name, "own");
	hz_site_free(site);
}

HZ_SUITE(site, CASE(routes_of_one_match_are_called_by_their_hosts),
         CASE(topics_and_streams_are_kept), CASE(hosts_and_paths_are_kept),
         CASE(paths_left_out_are_strict), CASE(full_site_gives_every_field),
         CASE(empty_sections_give_defaults), CASE(log_is_inherited_replaced_and_switched_off),
         CASE(jwt_is_read_and_kept_in_a_list), CASE(sections_in_any_order_are_read_alike),
         CASE(json_members_and_bytes_are_kept), CASE(methods_have_the_bits_of_http),
         CASE(many_routes_are_read));
