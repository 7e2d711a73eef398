/* Hosts and spellings of paths by the table. */
#include "router/host_map.h"
#include "router/path.h"
#include "router/route_table.h"

#include "core/base.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define GET  1u
#define POST 4u

/* --- hosts --------------------------------------------------------------------------------------- */

static const char *const names[] = { "www.example.org", "*.example.org", "*.a.example.org",
	                             "example.org",     "[2001:db8::1]", "10.7.0.2",
	                             "x.a.example.org" };

static const struct {
	const char *host;
	int name; /* index, -1: none */
} hosts[] = {
	{ "www.example.org", 0 },
	{ "WWW.Example.ORG", 0 },
	{ "www.example.org.", 0 },
	{ "www.example.org:80", 0 },
	{ "www.example.org.:80", 0 },
	{ "www.example.org:", 0 },
	{ "www.example.org..", -1 },
	{ "ww.example.org", 1 },
	{ "wwww.example.org", 1 },
	{ "a.b.c.example.org", 1 },
	{ "a.example.org", 1 },
	{ "b.a.example.org", 2 },
	{ "c.b.a.example.org", 2 },
	{ "x.a.example.org", 6 },
	{ "y.x.a.example.org", 2 },
	{ "example.org", 3 },
	{ ".example.org", -1 },
	{ ".a.example.org", -1 },
	{ "b..example.org", -1 },
	{ "xexample.org", -1 },
	{ "example.or", -1 },
	{ "example.orgx", -1 },
	{ "www@example.org", -1 },
	{ "www.exampl\305.org", -1 },
	{ "[2001:db8::1]", 4 },
	{ "[2001:DB8::1]:8080", 4 },
	{ "[2001:db8::2]", -1 },
	{ "[2001:db8::1", -1 },
	{ "10.7.0.2:80", 5 },
	{ "10.7.0.3", -1 },
	{ "", -1 },
	{ ".", -1 },
	{ ":80", -1 },
	{ "www%2eexample.org", -1 },
};

static struct hz_host_map *map_open(uint32_t *number)
{
	struct hz_host_map *map = hz_host_map_open(HZ_ARRAY_LEN(names), 200);

	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	for (uint32_t i = 0; i < HZ_ARRAY_LEN(names); i++)
		CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_text(names[i]), &number[i]), 0);
	hz_host_map_finish(map);
	return map;
}

static void host_of_table_is_found_as_listed(void)
{
	uint32_t number[HZ_ARRAY_LEN(names)];
	struct hz_host_map *map = map_open(number);

	for (size_t i = 0; i < HZ_ARRAY_LEN(hosts); i++) {
		uint32_t want = hosts[i].name < 0 ? 0 : number[hosts[i].name];
		uint32_t have = hz_host_map_find(map, hz_span_text(hosts[i].host));

		CU_ASSERT_EQUAL(have, want);
		if (have != want)
			printf("# host '%s'\n", hosts[i].host);
	}
	CU_ASSERT_EQUAL(hz_host_map_find(map, (struct hz_span){ NULL, 0 }), 0);
	hz_host_map_close(map);
}

static void name_of_host_is_followed_by_the_wildcards_around_it(void)
{
	uint32_t number[HZ_ARRAY_LEN(names)], again;
	struct hz_host_map *map = map_open(number);

	CU_ASSERT_EQUAL(hz_host_map_next(map, number[6]), number[2]);
	CU_ASSERT_EQUAL(hz_host_map_next(map, number[2]), number[1]);
	CU_ASSERT_EQUAL(hz_host_map_next(map, number[1]), 0);
	CU_ASSERT_EQUAL(hz_host_map_next(map, number[0]), number[1]);
	CU_ASSERT_EQUAL(hz_host_map_next(map, number[3]), 0);
	CU_ASSERT_EQUAL(hz_host_map_next(map, 0), 0);
	CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_text("*.Example.org"), &again), 0);
	CU_ASSERT_EQUAL(again, number[1]);
	hz_host_map_close(map);
}

static void name_of_host_at_the_limits_is_taken_and_beyond_refused(void)
{
	struct hz_host_map *map = hz_host_map_open(4, 1024);
	char text[260], wild[64] = "*";
	uint32_t host;

	memset(text, 'a', sizeof(text));
	for (size_t i = 60; i < sizeof(text); i += 60)
		text[i] = '.';
	CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_make(text, 253), &host), 0);
	CU_ASSERT_EQUAL(hz_host_map_find(map, hz_span_make(text, 253)), host);
	CU_ASSERT_EQUAL(hz_host_map_find(map, hz_span_make(text, 254)), 0);
	CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_make(text, 254), &host), -EINVAL);
	for (unsigned i = 0; i < HZ_LIMIT_host_labels_max; i++)
		strncat(wild, ".l", 3);
	CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_text(wild), &host), 0);
	wild[0] = 'x';
	CU_ASSERT_EQUAL(hz_host_map_find(map, hz_span_text(wild)), host);
	wild[0] = '*';
	strncat(wild, ".l", 3);
	CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_text(wild), &host), -EINVAL);
	hz_host_map_close(map);
}

/* Every byte at every place of a name: only its other case is the same host. */
static void host_differs_by_every_byte_but_for_case(void)
{
	const char name[] = "abcdefghij.klmnopq-rstuvwxyz0.z";
	struct hz_host_map *map = hz_host_map_open(1, sizeof(name));
	uint32_t host;
	unsigned wrong = 0;

	CU_ASSERT_EQUAL(hz_host_map_add(map, hz_span_text(name), &host), 0);
	hz_host_map_finish(map);
	for (size_t at = 0; at < sizeof(name) - 1; at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			char text[sizeof(name)];
			bool is_same = byte == (uint8_t)name[at] ||
			               (name[at] >= 'a' && byte == (uint8_t)name[at] - 32u);

			/* A port begins here. */
			if (byte == ':')
				continue;
			memcpy(text, name, sizeof(name));
			text[at] = (char)byte;
			wrong += (hz_host_map_find(map, hz_span_make(text, sizeof(name) - 1)) ==
			          host) != is_same;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	hz_host_map_close(map);
}

/* --- routes -------------------------------------------------------------------------------------- */

#define TEXT(text)                                                                                 \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}
static const struct hz_span www[] = { TEXT("www.example.org"), TEXT("*.shop.example.org") };
static const struct hz_span any_example[] = { TEXT("*.example.org") };

#define REDIRECT                                                                                   \
	{                                                                                          \
		.trailing = HZ_ROUTE_TRAILING_REDIRECT                                             \
	}
#define SAME                                                                                       \
	{                                                                                          \
		.trailing = HZ_ROUTE_TRAILING_SAME                                                 \
	}
static const struct hz_route_conf routes[] = {
	{ .pattern = TEXT("/"), .methods = GET },
	{ .pattern = TEXT("/"), .methods = GET, .host = www, .host_count = 2 },
	{ .pattern = TEXT("/only"), .methods = GET, .host = www, .host_count = 2 },
	{ .pattern = TEXT("/only"), .methods = POST, .host = any_example, .host_count = 1 },
	{ .pattern = TEXT("/:any"), .methods = GET, .host = any_example, .host_count = 1 },
	{ .pattern = TEXT("/strict/a"), .methods = GET },
	{ .pattern = TEXT("/redirect/a"), .methods = GET, .paths = REDIRECT }, /* 6 */
	{ .pattern = TEXT("/redirect/b/"), .methods = GET, .paths = REDIRECT },
	{ .pattern = TEXT("/same/:x"), .methods = GET, .paths = SAME },
	{ .pattern = TEXT("/files/*path"), .methods = GET, .paths = REDIRECT }, /* 9 */
	{ .pattern = TEXT("/merge/*path"), .methods = GET, .paths = { .merge = true } },
	{ .pattern = TEXT("/keep/*path"), .methods = GET },
	{ .pattern = TEXT("/dots/a"), .methods = GET, .paths = { .refuse_dots = true } }, /* 12 */
	{ .pattern = TEXT("/no/:x"), .methods = GET, .paths = { .slash = HZ_ROUTE_SLASH_REFUSE } },
	{ .pattern = TEXT("/any/*x"), .methods = GET, .paths = { .slash = HZ_ROUTE_SLASH_ANY } },
	{ .pattern = TEXT("/par/:x/*y"), .methods = GET }, /* 15 */
	{ .pattern = TEXT("/strict/a/"), .methods = POST },
	{ .pattern = TEXT("/m/r/:x"),
	  .methods = GET,
	  .paths = { .merge = true, .trailing = HZ_ROUTE_TRAILING_REDIRECT } },
	{ .pattern = TEXT("/:k/:l/:m/end"), .methods = GET, .paths = REDIRECT }, /* 18 */
	{ .pattern = TEXT("//odd"), .methods = GET, .paths = REDIRECT },
};

#define FOUND HZ_ROUTE_FOUND
static const struct {
	const char *host, *path;
	uint32_t method;
	enum hz_route_result result;
	uint32_t route_or_allow;
	const char *text; /* the last value, or where to */
} requests[] = {
	{ "", "/", GET, FOUND, 0, NULL },
	{ "other.org", "/", GET, FOUND, 0, NULL },
	{ "www.example.org:80", "/", GET, FOUND, 1, NULL },
	{ "a.shop.example.org", "/", GET, FOUND, 1, NULL },
	{ "shop.example.org", "/", GET, FOUND, 0, NULL },
	{ "www.example.org", "/only", GET, FOUND, 2, NULL },
	{ "www.example.org", "/only", POST, FOUND, 3, NULL },
	{ "www.example.org", "/only", 8, HZ_ROUTE_METHOD, GET | POST, NULL },
	{ "a.shop.example.org", "/only", POST, FOUND, 3, NULL },
	{ "a.example.org", "/only", GET, FOUND, 4, "only" },
	{ "a.example.org", "/only", 8, HZ_ROUTE_METHOD, GET | POST, NULL },
	{ "other.org", "/only", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "www.example.org", "/strict/a", GET, FOUND, 5, NULL },
	{ "", "/strict/a", GET, FOUND, 5, NULL },
	{ "", "/strict/a/", GET, HZ_ROUTE_METHOD, POST, NULL },
	{ "", "/redirect/a", GET, FOUND, 6, NULL },
	{ "", "/redirect/a/", GET, HZ_ROUTE_REDIRECT, 6, "/redirect/a" },
	{ "", "/redirect/a/", POST, HZ_ROUTE_METHOD, GET, NULL },
	{ "", "/redirect/b", GET, HZ_ROUTE_REDIRECT, 7, "/redirect/b/" },
	{ "", "/redirect/b//", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/same/1", GET, FOUND, 8, "1" },
	{ "", "/same/1/", GET, FOUND, 8, "1" },
	{ "", "/same/", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/files", GET, HZ_ROUTE_REDIRECT, 9, "/files/" },
	{ "", "/files/", GET, FOUND, 9, "" },
	{ "", "/files/a/", GET, FOUND, 9, "a/" },
	{ "", "/merge//a///b/", GET, FOUND, 10, "a/b/" },
	{ "", "//merge/a", GET, FOUND, 10, "a" },
	{ "", "/keep//a", GET, FOUND, 11, "/a" },
	{ "", "/keep/a//", GET, FOUND, 11, "a//" },
	{ "", "//keep/a", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/dots/a", GET, FOUND, 12, NULL },
	{ "", "/dots/./a", GET, HZ_ROUTE_BAD, 0, NULL },
	{ "", "/dots/%2e/a", GET, HZ_ROUTE_BAD, 0, NULL },
	{ "", "/dots/a/b/..", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/strict/x/../a", GET, FOUND, 5, NULL },
	{ "", "/strict/%61", GET, FOUND, 5, NULL },
	{ "", "/../strict/a", GET, HZ_ROUTE_BAD, 0, NULL },
	{ "", "/strict/%2561", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/strict%2Fa", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/same/a%2fb", GET, FOUND, 8, "a/b" },
	{ "", "/no/a", GET, FOUND, 13, "a" },
	{ "", "/no/a%2fb", GET, HZ_ROUTE_BAD, 0, NULL },
	{ "", "/any/a%2f..%2Fb", GET, FOUND, 14, "a/../b" },
	{ "", "/keep/a%2f..%2Fb", GET, HZ_ROUTE_BAD, 0, NULL },
	{ "", "/par/a%2Fb/c", GET, FOUND, 15, "c" },
	{ "", "/par/a%2Fb/c%2fd", GET, HZ_ROUTE_BAD, 0, NULL },
	{ "", "/m//r/x", GET, FOUND, 17, "x" },
	{ "", "/m//r//x/", GET, HZ_ROUTE_REDIRECT, 17, "/m/r/x" },
	{ "", "/m/r/x%3Fy%2fz%c3%a4/", GET, HZ_ROUTE_REDIRECT, 17, "/m/r/x%3Fy%2Fz%C3%A4" },
	{ "", "/a/b/c/end/", GET, HZ_ROUTE_REDIRECT, 18, "/a/b/c/end" },
	{ "", "//odd", GET, FOUND, 19, NULL },
	{ "", "//odd/", GET, HZ_ROUTE_NOT_FOUND, 0, NULL }, /* "Location: //odd" is a host */
	{ "", "//evil.example/b/c/end/", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "/%5cevil.example/b/c/end/", GET, HZ_ROUTE_REDIRECT, 18, "/%5Cevil.example/b/c/end" },
	{ "", "*", GET, HZ_ROUTE_NOT_FOUND, 0, NULL },
	{ "", "", GET, HZ_ROUTE_BAD, 0, NULL },
};

static void request_of_table_is_answered_as_listed(void)
{
	struct hz_radix_conflict conflict;
	struct hz_route_table *table = NULL;

	CU_ASSERT_EQUAL_FATAL(hz_route_table_build(routes, HZ_ARRAY_LEN(routes), &table, &conflict),
	                      0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(requests); i++) {
		uint8_t memory[512];
		struct hz_arena arena;
		struct hz_route_ask ask = { .method = requests[i].method,
			                    .host = hz_span_text(requests[i].host),
			                    .path = hz_span_text(requests[i].path),
			                    .arena = &arena };
		struct hz_route_match match;
		enum hz_route_result result;
		bool is_right;

		hz_arena_init(&arena, memory, sizeof(memory));
		result = hz_route_table_find(table, &ask, &match);
		is_right = result == requests[i].result;
		if (is_right && (result == HZ_ROUTE_FOUND || result == HZ_ROUTE_REDIRECT))
			is_right = match.radix.route == requests[i].route_or_allow;
		if (is_right && result == HZ_ROUTE_METHOD)
			is_right = match.radix.allow == requests[i].route_or_allow;
		if (is_right && result == HZ_ROUTE_FOUND && requests[i].text != NULL)
			is_right = hz_span_equals(match.radix.value[match.radix.param_count - 1],
			                          hz_span_text(requests[i].text));
		if (is_right && result == HZ_ROUTE_REDIRECT)
			is_right = hz_span_equals(match.location, hz_span_text(requests[i].text));
		CU_ASSERT(is_right);
		if (!is_right)
			printf("# host '%s' path '%s': result %d route %u\n", requests[i].host,
			       requests[i].path, (int)result, match.radix.route);
	}
	hz_route_table_free(table);
}

static void path_that_needs_more_than_the_arena_has_no_room(void)
{
	struct hz_radix_conflict conflict;
	struct hz_route_table *table = NULL;
	static const char *const paths[] = { "/same/%41", "/redirect/a/", "/redirect/b",
		                             "//merge/a", "/same/a%2Fb" };
	struct hz_route_match match;

	CU_ASSERT_EQUAL_FATAL(hz_route_table_build(routes, HZ_ARRAY_LEN(routes), &table, &conflict),
	                      0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(paths); i++) {
		uint8_t memory[8];
		struct hz_arena arena;
		struct hz_route_ask ask = { .method = GET,
			                    .path = hz_span_text(paths[i]),
			                    .arena = &arena };

		hz_arena_init(&arena, memory, sizeof(memory));
		CU_ASSERT_EQUAL(hz_route_table_find(table, &ask, &match), HZ_ROUTE_NO_ROOM);
	}
	hz_route_table_free(table);
}

static void conflict_is_one_of_host_and_method(void)
{
	static const struct {
		struct hz_route_conf a, b;
		int err;
	} pairs[] = {
		{ { TEXT("/x"), GET, www, 2, { 0 } }, { TEXT("/x"), GET, NULL, 0, { 0 } }, 0 },
		{ { TEXT("/x"), GET, www, 2, { 0 } },
		  { TEXT("/x"), GET, www + 1, 1, { 0 } },
		  -EEXIST },
		{ { TEXT("/x"), GET, www, 1, { 0 } }, { TEXT("/x"), GET, www + 1, 1, { 0 } }, 0 },
		{ { TEXT("/x"), GET, www, 2, { 0 } }, { TEXT("/x"), POST, www, 2, { 0 } }, 0 },
		{ { TEXT("/:x"), GET, NULL, 0, { 0 } },
		  { TEXT("/:y"), GET, NULL, 0, { .merge = true } },
		  -EEXIST },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(pairs); i++) {
		struct hz_route_conf three[] = { { .pattern = TEXT("/other"), .methods = GET },
			                         pairs[i].a,
			                         pairs[i].b };
		struct hz_radix_conflict conflict;
		struct hz_route_table *table = NULL;

		CU_ASSERT_EQUAL(hz_route_table_build(three, 3, &table, &conflict), pairs[i].err);
		if (pairs[i].err != 0) {
			CU_ASSERT_EQUAL(conflict.first, 1);
			CU_ASSERT_EQUAL(conflict.second, 2);
			CU_ASSERT_PTR_NOT_NULL(conflict.why);
		}
		hz_route_table_free(table);
	}
}

static void table_beyond_its_limits_is_refused(void)
{
	enum { COUNT = HZ_LIMIT_route_claims_max / 2 + 1 };
	struct hz_route_conf *conf = calloc(COUNT, sizeof(*conf));
	struct hz_span bad = TEXT("*");
	struct hz_radix_conflict conflict;
	struct hz_route_table *table = NULL;

	for (uint32_t i = 0; i < COUNT; i++)
		conf[i] = (struct hz_route_conf){ TEXT("/x"), GET, www, 2, { 0 } };
	CU_ASSERT_EQUAL(hz_route_table_build(conf, COUNT, &table, &conflict), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(conflict.why);
	bad = hz_span_text("a.");
	bad.len = 0;
	conf[1].host = &bad;
	conf[1].host_count = 1;
	CU_ASSERT_EQUAL(hz_route_table_build(conf, 2, &table, &conflict), -EINVAL);
	CU_ASSERT_EQUAL(conflict.first, 1);
	free(conf);
}

HZ_SUITE(route_table, CASE(host_of_table_is_found_as_listed),
         CASE(name_of_host_is_followed_by_the_wildcards_around_it),
         CASE(name_of_host_at_the_limits_is_taken_and_beyond_refused),
         CASE(host_differs_by_every_byte_but_for_case),
         CASE(request_of_table_is_answered_as_listed),
         CASE(path_that_needs_more_than_the_arena_has_no_room),
         CASE(conflict_is_one_of_host_and_method), CASE(table_beyond_its_limits_is_refused));
