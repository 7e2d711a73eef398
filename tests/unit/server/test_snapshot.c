/* Snapshot: from site text to routed, handled requests; pins; refusal of conflicts. */
#include "core/span_ops.h"
#include "hz_test.h"
#include "server/snapshot.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char site_text[] =
	"listen:\n"
	"  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
	"routes:\n"
	"  - { name: root, match: GET /, respond: { status: 200, body: \"hi\" } }\n"
	"  - { name: user, match: GET /user/:id/post/:slug, respond: { json: { id: \"{id}\", slug: "
	"\"{slug}\" } } }\n"
	"  - { name: bytes, match: GET /bytes/:n, bytes: { count: n, max: 1KiB } }\n"
	"  - { name: echo, match: POST /echo, echo: {} }\n";

static struct hz_site *site_parse(const char *text)
{
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_site *site = NULL;

	if (hz_site_parse((struct hz_span){ (const uint8_t *)text, strlen(text) }, &site, errors) !=
	    0)
		hz_site_errors_print(stderr, "test",
		                     (struct hz_span){ (const uint8_t *)text, strlen(text) },
		                     errors);
	free(errors);
	return site;
}

static struct hz_snapshot *snapshot_build(const char *text, struct hz_err *err)
{
	struct hz_site *site = site_parse(text);
	struct hz_snapshot *snapshot = NULL;
	struct hz_tune tune;

	if (site == NULL)
		return NULL;
	hz_tune_defaults(&tune);
	if (hz_snapshot_build(
		    &(struct hz_snapshot_conf){ .site = site, .tune = &tune, .generation = 1 },
		    &snapshot, err) != 0)
		hz_site_free(site);
	return snapshot;
}

struct exchange {
	struct hz_http_req req;
	struct hz_http_resp resp;
	struct hz_arena arena;
	uint8_t memory[4096];
	struct hz_http_route route;
};

/* Routes and handles one request; true when a handler answered. */
static bool exchange_run(struct exchange *x, const struct hz_snapshot *snapshot,
                         enum hz_http_method method, const char *path)
{
	memset(x, 0, sizeof(*x));
	hz_arena_init(&x->arena, x->memory, sizeof(x->memory));
	x->req.arena = &x->arena;
	x->req.method = method;
	x->req.route_index = -1;
	x->req.path = (struct hz_span){ (const uint8_t *)path, strlen(path) };
	x->route.body_bytes_max = hz_snapshot_app_ops.limits(snapshot)->body_bytes;
	if (hz_snapshot_app_ops.route(snapshot, &x->req, &x->resp, &x->route) != HZ_HTTP_NEXT)
		return false;
	hz_snapshot_app_ops.handle(snapshot, &x->req, &x->resp);
	return true;
}

static void snapshot_routes_and_handles(void)
{
	const struct hz_http_body body = { .bytes = 5 };
	struct exchange *x = malloc(sizeof(*x));
	struct hz_err err = { 0 };
	struct hz_snapshot *snapshot = snapshot_build(site_text, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(snapshot);
	CU_ASSERT_TRUE(exchange_run(x, snapshot, HZ_HTTP_GET, "/user/4%202/post/a%2Fb"));
	CU_ASSERT_EQUAL(x->resp.status, 200);
	CU_ASSERT_EQUAL(x->resp.body_kind, HZ_BODY_SPAN);
	CU_ASSERT_TRUE(
		hz_span_equals(x->resp.body, HZ_SPAN_LITERAL("{\"id\":\"4 2\",\"slug\":\"a/b\"}")));
	CU_ASSERT_TRUE(exchange_run(x, snapshot, HZ_HTTP_GET, "/bytes/1024"));
	CU_ASSERT_EQUAL(x->resp.body_bytes, 1024);
	CU_ASSERT_TRUE(exchange_run(x, snapshot, HZ_HTTP_HEAD, "/"));
	CU_ASSERT_PTR_NOT_NULL(x->resp.prepared);
	CU_ASSERT_TRUE(exchange_run(x, snapshot, HZ_HTTP_POST, "/echo"));
	CU_ASSERT_EQUAL(x->resp.body_kind, HZ_BODY_NONE); /* no body came */
	x->req.body = &body;
	hz_snapshot_app_ops.handle(snapshot, &x->req, &x->resp);
	CU_ASSERT_EQUAL(x->resp.body_kind, HZ_BODY_REQUEST);
	hz_snapshot_free(snapshot);
	free(x);
}

static void snapshot_refuses_unknown_path_and_method(void)
{
	struct exchange *x = malloc(sizeof(*x));
	struct hz_err err = { 0 };
	struct hz_snapshot *snapshot = snapshot_build(site_text, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(snapshot);
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_GET, "/nope"));
	CU_ASSERT_EQUAL(x->resp.status, 404);
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_DELETE, "/echo"));
	CU_ASSERT_EQUAL(x->resp.status, 405);
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_GET, "/%zz"));
	CU_ASSERT_EQUAL(x->resp.status, 400);
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_GET, "/a/%00"));
	CU_ASSERT_EQUAL(x->resp.status, 400);
	hz_snapshot_free(snapshot);
	free(x);
}

static bool allows(const struct exchange *x, const char *field)
{
	return x->resp.extra.len == strlen(field) &&
	       memcmp(x->resp.extra.data, field, x->resp.extra.len) == 0;
}

static void snapshot_answers_options_of_path_and_server(void)
{
	struct exchange *x = malloc(sizeof(*x));
	struct hz_err err = { 0 };
	struct hz_snapshot *snapshot = snapshot_build(site_text, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(snapshot);
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_OPTIONS, "/"));
	CU_ASSERT_EQUAL(x->resp.status, 204);
	CU_ASSERT(allows(x, "Allow: GET, HEAD, OPTIONS\r\n"));
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_OPTIONS, "/echo"));
	CU_ASSERT(allows(x, "Allow: POST, OPTIONS\r\n"));
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_OPTIONS, "/nope"));
	CU_ASSERT_EQUAL(x->resp.status, 404);
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_OPTIONS, "*"));
	CU_ASSERT_EQUAL(x->resp.status, 204);
	CU_ASSERT(allows(x, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"));
	CU_ASSERT_FALSE(exchange_run(x, snapshot, HZ_HTTP_TRACE, "/"));
	CU_ASSERT_EQUAL(x->resp.status, 405);
	CU_ASSERT(allows(x, "Allow: GET, HEAD\r\n"));
	hz_snapshot_free(snapshot);
	free(x);
}

static void snapshot_pin_holds_until_unpin(void)
{
	struct hz_err err = { 0 };
	struct hz_snapshot *snapshot = snapshot_build(site_text, &err);
	void *slot = snapshot;
	const void *pinned;

	CU_ASSERT_PTR_NOT_NULL_FATAL(snapshot);
	CU_ASSERT_FALSE(hz_snapshot_is_pinned(snapshot));
	pinned = hz_snapshot_app_ops.pin(&slot, 3);
	CU_ASSERT_PTR_EQUAL(pinned, snapshot);
	CU_ASSERT_PTR_EQUAL(hz_snapshot_app_ops.pin(&slot, 0), snapshot);
	hz_snapshot_app_ops.unpin(&slot, 3, pinned);
	CU_ASSERT_TRUE(hz_snapshot_is_pinned(snapshot));
	hz_snapshot_app_ops.unpin(&slot, 0, pinned);
	CU_ASSERT_FALSE(hz_snapshot_is_pinned(snapshot));
	hz_snapshot_free(snapshot);
}

/* The parser refuses such a site already; the snapshot does not rely on it. */
static void snapshot_conflict_names_both_lines_and_leaves_the_site(void)
{
	static const char text[] =
		"listen:\n"
		"  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
		"routes:\n"
		"  - { name: a, match: GET /u/:id, respond: { status: 200, body: \"a\" } }\n"
		"  - { name: b, match: GET /v/:id, respond: { status: 200, body: \"b\" } }\n";
	struct hz_site *site = site_parse(text);
	struct hz_snapshot *snapshot = NULL;
	struct hz_err err = { 0 };
	struct hz_tune tune;

	CU_ASSERT_PTR_NOT_NULL_FATAL(site);
	hz_tune_defaults(&tune);
	((struct hz_site_route *)(uintptr_t)site->route)[1].pattern = site->route[0].pattern;
	CU_ASSERT_EQUAL(
		hz_snapshot_build(
			&(struct hz_snapshot_conf){ .site = site, .tune = &tune, .generation = 1 },
			&snapshot, &err),
		-EINVAL);
	CU_ASSERT_PTR_NULL(snapshot);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_STRING_EQUAL(err.code, "route_conflict");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "line 5: route 'b'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "of line 4"));
	hz_site_free(site); /* still the caller's */
}

static void snapshot_pattern_the_router_refuses_is_named(void)
{
	struct hz_site *site = site_parse(site_text);
	struct hz_snapshot *snapshot = NULL;
	struct hz_err err = { 0 };
	struct hz_tune tune;

	CU_ASSERT_PTR_NOT_NULL_FATAL(site);
	hz_tune_defaults(&tune);
	((struct hz_site_route *)(uintptr_t)site->route)[1].pattern =
		HZ_SPAN_LITERAL("/user/:id/post/:slug/:");
	CU_ASSERT_EQUAL(
		hz_snapshot_build(
			&(struct hz_snapshot_conf){ .site = site, .tune = &tune, .generation = 1 },
			&snapshot, &err),
		-EINVAL);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_route");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "line 5: route 'user'"));
	hz_site_free(site);
}

static const char spelled_text[] =
	"listen:\n"
	"  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
	"paths: { trailing_slash: redirect }\n"
	"routes:\n"
	"  - { name: any, match: GET /a, respond: { body: any } }\n"
	"  - { name: www, match: GET /a, respond: { body: www },\n"
	"      hosts: [www.example.org, \"*.example.org\"], paths: { trailing_slash: same } }\n"
	"  - { name: known, match: GET /.well-known/:x, respond: { body: known } }\n"
	"  - { name: file, match: GET /f/*rest, respond: { body: file } }\n"
	"  - { name: dots, match: GET /d/:x, respond: { body: d }, paths: { dot_segments: refuse,\n"
	"      encoded_slash: refuse, duplicate_slashes: merge } }\n";

/* Status and body or Location of GET path at host. */
static void get_expect(const struct hz_snapshot *snapshot, const char *host, const char *path,
                       uint16_t status, const char *text)
{
	struct exchange *x = malloc(sizeof(*x));
	const struct hz_http_prepared *prepared;
	struct hz_span got;

	memset(x, 0, sizeof(*x));
	hz_arena_init(&x->arena, x->memory, sizeof(x->memory));
	x->req.arena = &x->arena;
	x->req.method = HZ_HTTP_GET;
	x->req.host = hz_span_text(host);
	x->req.path = hz_span_text(path);
	x->req.query = HZ_SPAN_LITERAL("q=1");
	if (hz_snapshot_app_ops.route(snapshot, &x->req, &x->resp, &x->route) == HZ_HTTP_NEXT)
		hz_snapshot_app_ops.handle(snapshot, &x->req, &x->resp);
	prepared = x->resp.prepared;
	got = prepared != NULL ? prepared->body : x->resp.extra;
	if (prepared == NULL || status != 200)
		CU_ASSERT_EQUAL(x->resp.status, status);
	CU_ASSERT(hz_span_equals(got, hz_span_text(text)));
	free(x);
}

static void snapshot_routes_by_host_and_spelling(void)
{
	struct hz_err err = { 0 };
	struct hz_snapshot *snapshot = snapshot_build(spelled_text, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(snapshot);
	get_expect(snapshot, "", "/a", 200, "any");
	get_expect(snapshot, "", "/a/", 308, "Location: /a?q=1\r\n");
	get_expect(snapshot, "WWW.example.org:8080", "/a", 200, "www");
	get_expect(snapshot, "x.y.example.org", "/a/", 200, "www");
	get_expect(snapshot, "example.org", "/a", 200, "any");
	get_expect(snapshot, "www.example.org", "/f", 308, "Location: /f/?q=1\r\n");
	get_expect(snapshot, "", "/f/../f/x", 200, "file");
	get_expect(snapshot, "", "/f/a%2Fb", 400, "Bad Request\n");
	get_expect(snapshot, "", "/.well-known/x", 200, "known");
	get_expect(snapshot, "", "/d//x", 200, "d");
	get_expect(snapshot, "", "/d/./x", 400, "Bad Request\n");
	get_expect(snapshot, "", "/d/x%2Fy", 400, "Bad Request\n");
	get_expect(snapshot, "", "/f//x", 200, "file");
	get_expect(snapshot, "", "/a//", 404, "Not Found\n");
	hz_snapshot_free(snapshot);
}

/* What a lookup needs of such a path is more than the path. */
static void snapshot_long_pattern_with_a_dot_finds_itself(void)
{
	char text[1024];
	struct hz_err err = { 0 };
	struct hz_snapshot *snapshot;

	for (int bytes = 230; bytes < 290; bytes++) {
		snprintf(text, sizeof(text),
		         "listen: [{ interface: eth1, address: 10.7.0.2, port: 80 }]\n"
		         "routes: [{ match: 'GET /.%0*d/:x', respond: { body: hi } }]\n",
		         bytes, 0);
		snapshot = snapshot_build(text, &err);
		CU_ASSERT_PTR_NOT_NULL(snapshot);
		hz_snapshot_free(snapshot);
	}
}

HZ_SUITE(snapshot, CASE(snapshot_long_pattern_with_a_dot_finds_itself),
         CASE(snapshot_routes_by_host_and_spelling), CASE(snapshot_routes_and_handles),
         CASE(snapshot_refuses_unknown_path_and_method),
         CASE(snapshot_answers_options_of_path_and_server), CASE(snapshot_pin_holds_until_unpin),
         CASE(snapshot_conflict_names_both_lines_and_leaves_the_site),
         CASE(snapshot_pattern_the_router_refuses_is_named));
