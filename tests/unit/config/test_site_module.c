/* Modules of a site, and routes that a program adds to it. */
#include "config/site.h"
#include "hz_test.h"
#include <errno.h>
#include <string.h>

static struct hz_site *parse(const char *text)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;

	CU_ASSERT_EQUAL_FATAL(hz_site_parse((struct hz_span){ (const uint8_t *)text, strlen(text) },
	                                    &site, &errors),
	                      0);
	return site;
}

static void module_of_a_route_is_kept(void)
{
	struct hz_site *site = parse("limits: { body_bytes: 1KiB }\n"
	                             "routes:\n"
	                             "  - { match: GET /a, module: { file: /lib/a.so } }\n"
	                             "  - { match: PUT /b, module: { file: /lib/b.so, config: "
	                             "\"x=1\\ny=2\", body: 5GiB } }\n");

	CU_ASSERT_EQUAL(site->route[0].handler, HZ_HANDLER_MODULE);
	CU_ASSERT_STRING_EQUAL(site->route[0].module_file, "/lib/a.so");
	CU_ASSERT_STRING_EQUAL(site->route[0].module_config, "");
	CU_ASSERT_EQUAL(site->route[0].body_bytes_max, 1024);
	CU_ASSERT_PTR_NULL(site->route[0].own);
	CU_ASSERT_STRING_EQUAL(site->route[1].module_config, "x=1\ny=2");
	CU_ASSERT_EQUAL(site->route[1].body_bytes_max, 5ull << 30);
	hz_site_free(site);
}

static void appended_routes_follow_those_of_the_file(void)
{
	struct hz_site *site = parse("limits: { body_bytes: 1KiB }\n"
	                             "defaults: { timeout: 5s }\n"
	                             "paths: { trailing_slash: same }\n"
	                             "routes: [{ name: a, match: GET /a, respond: {} }]\n");
	const struct hz_site_own own[] = {
		{ .match = "GET /x/:id", .name = "x", .own = &own },
		{ .match = "PUT,POST /y/*rest", .name = "y", .body_bytes_max = UINT64_MAX },
	};
	char why[256] = "";

	CU_ASSERT_EQUAL_FATAL(hz_site_append(site, own, 2, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL_FATAL(site->route_count, 3);
	CU_ASSERT_STRING_EQUAL(site->route[0].name, "a");
	CU_ASSERT_STRING_EQUAL(site->route[1].name, "x");
	CU_ASSERT_EQUAL(site->route[1].handler, HZ_HANDLER_OWN);
	CU_ASSERT_PTR_EQUAL(site->route[1].own, &own);
	CU_ASSERT_EQUAL(site->route[1].methods, 3); /* GET implies HEAD */
	CU_ASSERT_EQUAL(site->route[1].pattern.len, 6);
	CU_ASSERT_EQUAL(site->route[1].body_bytes_max, 1024);
	CU_ASSERT_EQUAL(site->route[1].paths.trailing_slash, HZ_SITE_TRAILING_SAME);
	CU_ASSERT_PTR_NOT_NULL(site->route[1].mw.timeout);
	CU_ASSERT_EQUAL(site->route[2].body_bytes_max, UINT64_MAX);
	hz_site_free(site);
}

static void appended_route_that_is_none_changes_nothing(void)
{
	static const char *const bad[][2] = {
		{ "GET", "route 'n', \"GET\": 'match' is METHOD PATH" },
		{ "get /", "unknown method 'get'" },
		{ "GET x", "the path must begin with '/'" },
		{ "GET /:a/:a", "two parameters have the same name" },
		{ "", "must not be empty" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hz_site *site = parse("routes: [{ match: GET /a, respond: {} }]\n");
		const struct hz_site_own own[] = {
			{ .match = "GET /good", .name = "good" },
			{ .match = bad[i][0], .name = "n" },
		};
		char why[256] = "";

		CU_ASSERT_EQUAL(hz_site_append(site, own, 2, why, sizeof(why)), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, "route 'n'"));
		if (i < 4)
			CU_ASSERT_PTR_NOT_NULL(strstr(why, bad[i][1]));
		CU_ASSERT_EQUAL(site->route_count, 1);
		hz_site_free(site);
	}
}

static void appended_route_with_a_bad_name_or_one_of_another_is_refused(void)
{
	static const char *const bad[][2] = {
		{ "a", "two routes are named 'a'" },
		{ "good", "two routes are named 'good'" },
		{ "", "not a name" },
		{ ".x", "not a name" },
		{ "a b", "not a name" },
		{ "x\n\"y", "not a name" },
		{ "12345678901234567890123456789012", "not a name" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hz_site *site = parse("routes: [{ name: a, match: GET /a, respond: {} }]\n");
		const struct hz_site_own own[] = {
			{ .match = "GET /good", .name = "good" },
			{ .match = "GET /n", .name = bad[i][0] },
		};
		char why[256] = "";

		CU_ASSERT_EQUAL(hz_site_append(site, own, 2, why, sizeof(why)), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, bad[i][1]));
		CU_ASSERT_EQUAL(site->route_count, 1);
		hz_site_free(site);
	}
}

static void appended_route_without_a_name_is_called_by_its_match(void)
{
	struct hz_site *site = parse("routes: [{ match: GET /a, respond: {} }]\n");
	const struct hz_site_own own[] = { { .match = "GET /x/:id" }, { .match = "POST /a" } };
	char why[256] = "";

	CU_ASSERT_EQUAL_FATAL(hz_site_append(site, own, 2, why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(site->route[1].name, "GET /x/:id");
	CU_ASSERT_STRING_EQUAL(site->route[2].name, "POST /a");
	hz_site_free(site);
}

/* What claims the requests of another is a conflict, which the router tells; one hash of two matches is not. */
static void appended_routes_of_one_hash_are_refused_by_name(void)
{
	struct hz_site *site = parse("routes: [{ match: GET /a, respond: {} }]\n");
	const struct hz_site_own hash[] = { { .match = "GET /api/v1/customers/28233/orders/:id" },
		                            { .match = "GET /api/v1/customers/60421/orders/:id" } };
	const struct hz_site_own conflict = { .match = "GET /a" };
	char why[256] = "";

	CU_ASSERT_EQUAL(hz_site_append(site, hash, 2, why, sizeof(why)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "two routes are named 'GET /api/v1/cu~3n77cf~rders/:id'");
	CU_ASSERT_EQUAL(hz_site_append(site, &conflict, 1, why, sizeof(why)), 0);
	hz_site_free(site);
}

HZ_SUITE(site_module, CASE(module_of_a_route_is_kept),
         CASE(appended_routes_follow_those_of_the_file),
         CASE(appended_route_that_is_none_changes_nothing),
         CASE(appended_route_with_a_bad_name_or_one_of_another_is_refused),
         CASE(appended_route_without_a_name_is_called_by_its_match),
         CASE(appended_routes_of_one_hash_are_refused_by_name));
