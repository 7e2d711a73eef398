/* Which chain a request goes through: that of its route, of the route a preflight asks about, or of the defaults. */
#include "core/span_ops.h"
#include "http/field.h"
#include "hz_test.h"
#include "server/snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char site_text[] =
	"defaults: { headers: { X-Chain: defaults } }\n"
	"routes:\n"
	"  - { match: \"GET,PUT /page\", respond: { body: page }, headers: { X-Chain: page },\n"
	"      cors: { origins: [\"https://a.example\"], methods: [PUT] } }\n"
	"  - { match: GET /plain, respond: { body: plain }, headers: { X-Chain: plain } }\n"
	"  - { match: OPTIONS /own, respond: { body: own }, headers: { X-Chain: own } }\n"
	"  - { match: GET /none, respond: { body: none }, headers: off }\n"
	"  - { name: followed, match: GET /traced, respond: { body: traced }, trace: on }\n";

struct world {
	struct hz_app_state app;
	struct hz_env env;
	struct hz_snapshot *snapshot;
	struct hz_http_req req;
	struct hz_http_resp resp;
	struct hz_http_route route;
	struct hz_arena arena;
	uint8_t memory[4096];
};

static struct world *world_open(void)
{
	const struct hz_span text = HZ_SPAN_LITERAL(site_text);
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct world *world = calloc(1, sizeof(*world));
	struct hz_site *site = NULL;
	struct hz_err err = { 0 };
	struct hz_snapshot_conf conf;
	struct hz_tune tune;

	CU_ASSERT_EQUAL_FATAL(hz_site_parse(text, &site, errors), 0);
	hz_tune_defaults(&tune);
	conf = (struct hz_snapshot_conf){ .site = site, .tune = &tune, .generation = 1 };
	CU_ASSERT_EQUAL_FATAL(hz_snapshot_build(&conf, &world->snapshot, &err), 0);
	world->snapshot->app = &world->app;
	free(errors);
	return world;
}

static void world_close(struct world *world)
{
	hz_snapshot_free(world->snapshot);
	free(world);
}

/* The value of X-Chain on the answer to a preflight for method, or with NULL to a plain request; "" without one. */
static const char *chain_of(struct world *world, enum hz_http_method method, const char *path,
                            const char *asked)
{
	struct hz_http_req *req = &world->req;

	memset(req, 0, sizeof(*req));
	world->resp = (struct hz_http_resp){ 0 };
	hz_arena_init(&world->arena, world->memory, sizeof(world->memory));
	req->arena = &world->arena;
	req->env = &world->env;
	req->method = method;
	req->path = hz_span_text(path);
	if (asked != NULL) {
		req->header_count = 2;
		req->header[0] = (struct hz_http_header){ HZ_SPAN_LITERAL("Origin"),
			                                  HZ_SPAN_LITERAL("https://a.example") };
		req->header[1] =
			(struct hz_http_header){ HZ_SPAN_LITERAL("Access-Control-Request-Method"),
			                         hz_span_text(asked) };
		hz_http_field_note(req, 0);
		hz_http_field_note(req, 1);
	}
	if (hz_snapshot_app_ops.route(world->snapshot, req, &world->resp, &world->route) ==
	    HZ_HTTP_NEXT)
		hz_snapshot_app_ops.handle(world->snapshot, req, &world->resp);
	for (unsigned i = 0; i < world->resp.field_count; i++) {
		static const char *const names[] = { "defaults", "page", "plain", "own" };

		for (size_t k = 0; k < HZ_ARRAY_LEN(names); k++) {
			const struct hz_span field = world->resp.field[i];

			if (memmem(field.data, field.len, names[k], strlen(names[k])) != NULL)
				return names[k];
		}
	}
	return "";
}

static void chain_is_that_of_the_route_else_of_the_defaults(void)
{
	struct world *world = world_open();

	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_GET, "/plain", NULL), "plain");
	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_GET, "/none", NULL), "");
	CU_ASSERT_PTR_NULL(world->req.app);
	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_GET, "/nothing", NULL), "defaults");
	CU_ASSERT_EQUAL(hz_http_resp_status(&world->resp), 404);
	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_DELETE, "/plain", NULL), "defaults");
	CU_ASSERT_EQUAL(hz_http_resp_status(&world->resp), 405);
	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_OPTIONS, "/own", NULL), "own");
	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_OPTIONS, "/page", NULL), "defaults");
	world_close(world);
}

static void preflight_goes_through_the_chain_of_the_route_it_asks_about(void)
{
	struct world *world = world_open();

	/* `cors` answers before `headers` sees it, in the route's chain */
	CU_ASSERT_STRING_EQUAL(chain_of(world, HZ_HTTP_OPTIONS, "/page", "PUT"), "");
	CU_ASSERT_EQUAL(hz_http_resp_status(&world->resp), 204);
	CU_ASSERT_EQUAL(world->resp.extra.len, 0); /* not the 204 with Allow */
	CU_ASSERT_EQUAL_FATAL(world->resp.field_count, 1);
	CU_ASSERT_TRUE(hz_span_starts_with(
		world->resp.field[0],
		HZ_SPAN_LITERAL("Access-Control-Allow-Origin: https://a.example\r\n")));
	world_close(world);
}

static void preflight_that_concerns_no_route_of_cors_is_answered_as_before(void)
{
	static const struct {
		const char *path, *asked;
		uint16_t status;
	} rows[] = {
		{ "/plain", "GET", 204 },    { "/page", "DELETE", 204 }, { "/page", "put", 204 },
		{ "/page", "NOTHING", 204 }, { "/nothing", "GET", 404 }, { "*", "GET", 204 },
	};
	struct world *world = world_open();

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		CU_ASSERT_STRING_EQUAL(
			chain_of(world, HZ_HTTP_OPTIONS, rows[i].path, rows[i].asked), "defaults");
		CU_ASSERT_EQUAL(hz_http_resp_status(&world->resp), rows[i].status);
		CU_ASSERT_EQUAL(world->resp.extra.len > 0, rows[i].status == 204); /* Allow */
	}
	world_close(world);
}

static void id_spell(const uint8_t *id, size_t bytes, char *out)
{
	for (size_t i = 0; i < bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

/* What http cannot know of an answer that is told about. */
static void answer_that_is_told_has_the_ids_of_its_trace_and_its_route(void)
{
	struct world *world = world_open();
	struct hz_event_slow record = { 0 };
	const struct hz_mw_trace *trace;
	char id[33];

	hz_rng_seed(&world->env.rng, 1);
	(void)chain_of(world, HZ_HTTP_GET, "/traced", NULL);
	hz_snapshot_app_ops.describe(world->snapshot, &world->req, &record);
	CU_ASSERT_STRING_EQUAL(record.route_name, "followed");
	CU_ASSERT_PTR_NOT_NULL_FATAL(world->req.app);
	trace = hz_chain_call(&world->req)->trace;
	CU_ASSERT_PTR_NOT_NULL_FATAL(trace);
	id_spell(record.trace_id, sizeof(record.trace_id), id);
	CU_ASSERT(hz_span_equals(trace->trace_id, hz_span_text(id)));
	id_spell(record.span_id, sizeof(record.span_id), id);
	CU_ASSERT(hz_span_equals(trace->span_id, hz_span_text(id)));

	memset(&record, 0, sizeof(record));
	(void)chain_of(world, HZ_HTTP_GET, "/plain", NULL);
	hz_snapshot_app_ops.describe(world->snapshot, &world->req, &record);
	CU_ASSERT_NOT_EQUAL(record.route_name[0], '\0');
	CU_ASSERT_EQUAL(record.trace_id[0] | record.trace_id[8] | record.span_id[0], 0);
	(void)chain_of(world, HZ_HTTP_GET, "/nothing", NULL);
	memset(&record, 0, sizeof(record));
	hz_snapshot_app_ops.describe(world->snapshot, &world->req, &record);
	CU_ASSERT_EQUAL(record.route_name[0], '\0');
	world_close(world);
}

HZ_SUITE(app_chain, CASE(answer_that_is_told_has_the_ids_of_its_trace_and_its_route),
         CASE(chain_is_that_of_the_route_else_of_the_defaults),
         CASE(preflight_goes_through_the_chain_of_the_route_it_asks_about),
         CASE(preflight_that_concerns_no_route_of_cors_is_answered_as_before));
