/* The tree by the table: priorities, fallback, methods, conflicts, sizes. */
#include "router/path.h"
#include "router/radix.h"

#include "core/base.h"
#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET    1u
#define POST   4u
#define PUT    8u
#define DELETE 16u

#define LITERAL(text)                                                                              \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}
#define ROUTE(span, mask)                                                                          \
	{                                                                                          \
		.pattern = span, .methods = (mask), .forms = 1                                     \
	}

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static bool span_is(struct hz_span a, const char *text)
{
	return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

/* One tree, in which a route's number is its place. */
static struct hz_radix *build(const struct hz_radix_route *routes, uint32_t count)
{
	struct hz_radix_route *numbered = calloc(count + 1u, sizeof(*numbered));
	struct hz_radix_conflict conflict;
	struct hz_radix *radix = NULL;

	for (uint32_t i = 0; i < count; i++) {
		numbered[i] = routes[i];
		numbered[i].route = i;
	}
	CU_ASSERT_EQUAL_FATAL(hz_radix_build(numbered, count, 1, &radix, &conflict), 0);
	free(numbered);
	return radix;
}

static enum hz_radix_result lookup(const struct hz_radix *radix, uint32_t method,
                                   struct hz_span path, struct hz_radix_match *match)
{
	const struct hz_radix_ask ask = { .method = method, .form = 1 };
	struct hz_arena arena = { 0 };
	struct hz_path_text text;
	uint32_t special;

	CU_ASSERT_EQUAL_FATAL(hz_path_text_set(&text, path, &arena, &special), 0);
	return hz_radix_lookup(radix, &ask, &text, match);
}

static const struct hz_radix_route table[] = {
	ROUTE(LITERAL("/"), GET),
	ROUTE(LITERAL("/user/new"), GET),
	ROUTE(LITERAL("/user/:id"), GET | POST),
	ROUTE(LITERAL("/user/:id/post/:slug"), GET),
	ROUTE(LITERAL("/user/new/post/first"), POST),
	ROUTE(LITERAL("/static/*path"), GET),
	ROUTE(LITERAL("/static/logo.png"), GET),
	ROUTE(LITERAL("/user/:name"), DELETE),
	ROUTE(LITERAL("/any/thing"), 0),
	ROUTE(LITERAL("/:a/:b/:c/end"), GET),
};

static const struct {
	const char *path;
	uint32_t method;
	enum hz_radix_result result;
	uint32_t route_or_allow;
	const char *first_value;
} lookups[] = {
	{ "/", GET, HZ_RADIX_FOUND, 0, NULL },
	{ "", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "*", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "/user/new", GET, HZ_RADIX_FOUND, 1, NULL },
	{ "/user/new", POST, HZ_RADIX_FOUND, 2, "new" },
	{ "/user/newer", GET, HZ_RADIX_FOUND, 2, "newer" },
	{ "/user/ne", GET, HZ_RADIX_FOUND, 2, "ne" },
	{ "/user/7", DELETE, HZ_RADIX_FOUND, 7, "7" },
	{ "/user/", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "/user", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "/user/new/post/first", GET, HZ_RADIX_FOUND, 3, "new" },
	{ "/user/new/post/first", POST, HZ_RADIX_FOUND, 4, NULL },
	{ "/user/new/post/first", DELETE, HZ_RADIX_METHOD, GET | POST, NULL },
	{ "/user/7/post/", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "/user/7/post/a", POST, HZ_RADIX_METHOD, GET, NULL },
	{ "/user/7/post/end", GET, HZ_RADIX_FOUND, 3, "7" },
	{ "/user/7/x/end", GET, HZ_RADIX_FOUND, 9, "user" },
	{ "/user/7/x/ends", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "/static/", GET, HZ_RADIX_FOUND, 5, "" },
	{ "/static", GET, HZ_RADIX_NOT_FOUND, 0, NULL },
	{ "/static/a/b", GET, HZ_RADIX_FOUND, 5, "a/b" },
	{ "/static/logo.png", GET, HZ_RADIX_FOUND, 6, NULL },
	{ "/static/logo.png/", GET, HZ_RADIX_FOUND, 5, "logo.png/" },
	{ "/static/b/c/end", GET, HZ_RADIX_FOUND, 5, "b/c/end" },
	{ "/any/thing", DELETE, HZ_RADIX_FOUND, 8, NULL },
	{ "/user/7", 32, HZ_RADIX_METHOD, GET | POST | DELETE, NULL },
};

static void lookup_of_table_is_as_listed(void)
{
	struct hz_radix *radix = build(table, HZ_ARRAY_LEN(table));

	for (size_t i = 0; i < HZ_ARRAY_LEN(lookups); i++) {
		struct hz_radix_match match;
		enum hz_radix_result result =
			lookup(radix, lookups[i].method, span(lookups[i].path), &match);

		CU_ASSERT_EQUAL(result, lookups[i].result);
		if (result == HZ_RADIX_FOUND)
			CU_ASSERT_EQUAL(match.route, lookups[i].route_or_allow);
		if (result == HZ_RADIX_METHOD)
			CU_ASSERT_EQUAL(match.allow, lookups[i].route_or_allow);
		if (result == HZ_RADIX_FOUND && lookups[i].first_value != NULL)
			CU_ASSERT(match.param_count > 0 &&
			          span_is(match.value[0], lookups[i].first_value));
		if (result == HZ_RADIX_FOUND && lookups[i].first_value == NULL)
			CU_ASSERT_EQUAL(match.param_count, 0);
	}
	hz_radix_free(radix);
}

static void names_of_one_path_differ_by_method(void)
{
	struct hz_radix *radix = build(table, HZ_ARRAY_LEN(table));
	struct hz_radix_match match;

	CU_ASSERT_EQUAL(lookup(radix, POST, span("/user/x"), &match), HZ_RADIX_FOUND);
	CU_ASSERT(span_is(match.name[0], "id"));
	CU_ASSERT_EQUAL(lookup(radix, DELETE, span("/user/x"), &match), HZ_RADIX_FOUND);
	CU_ASSERT(span_is(match.name[0], "name"));
	CU_ASSERT_EQUAL(lookup(radix, GET, span("/user/x/post/y"), &match), HZ_RADIX_FOUND);
	CU_ASSERT_EQUAL(match.param_count, 2);
	CU_ASSERT(span_is(match.name[1], "slug") && span_is(match.value[1], "y"));
	hz_radix_free(radix);
}

static void tree_without_routes_finds_nothing(void)
{
	struct hz_radix *radix = build(NULL, 0);
	struct hz_radix_match match;

	CU_ASSERT_EQUAL(lookup(radix, GET, span("/"), &match), HZ_RADIX_NOT_FOUND);
	CU_ASSERT_EQUAL(lookup(radix, GET, span(""), &match), HZ_RADIX_NOT_FOUND);
	hz_radix_free(radix);
}

static void escaped_slash_stays_in_its_segment(void)
{
	struct hz_radix *radix = build(table, HZ_ARRAY_LEN(table));
	struct hz_radix_match match;
	uint8_t memory[64];
	struct hz_arena arena;
	struct hz_span path, value;
	uint32_t marks;

	hz_arena_init(&arena, memory, sizeof(memory));
	CU_ASSERT_EQUAL(hz_path_decode(span("/user/a%2Fb"), &arena, &path, &marks), 0);
	CU_ASSERT_EQUAL(lookup(radix, GET, path, &match), HZ_RADIX_FOUND);
	CU_ASSERT_EQUAL(match.route, 2);
	CU_ASSERT_EQUAL(hz_path_param(match.value[0], &arena, &value), 0);
	CU_ASSERT(span_is(value, "a/b"));
	CU_ASSERT_EQUAL(hz_path_decode(span("/user%2Fnew"), &arena, &path, &marks), 0);
	CU_ASSERT_EQUAL(lookup(radix, GET, path, &match), HZ_RADIX_NOT_FOUND);
	hz_radix_free(radix);
}

static void conflict_names_both_routes(void)
{
	static const struct {
		const char *a, *b;
		uint32_t a_methods, b_methods;
		int err;
	} pairs[] = {
		{ "/x", "/x", GET, GET, -EEXIST },
		{ "/x", "/x", GET | POST, POST, -EEXIST },
		{ "/x", "/x", 0, POST, -EEXIST },
		{ "/x", "/x", GET, 0, -EEXIST },
		{ "/x", "/x", GET, POST, 0 },
		{ "/x/:a", "/x/:b", GET, GET, -EEXIST },
		{ "/x/:a", "/x/b", GET, GET, 0 },
		{ "/x/:a", "/x/*b", GET, GET, 0 },
		{ "/x/*a", "/x/*b", GET, GET, -EEXIST },
		{ "/x/*a", "/x/*b", GET, POST, 0 },
		{ "/x/", "/x", GET, GET, 0 },
		{ "/:a/y", "/:b/y", GET, GET, -EEXIST },
		{ "/:a/y", "/:b/z", GET, GET, 0 },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(pairs); i++) {
		struct hz_radix_route routes[] = {
			ROUTE(span("/other"), GET),
			ROUTE(span(pairs[i].a), pairs[i].a_methods),
			ROUTE(span("/x/y/z"), GET),
			ROUTE(span(pairs[i].b), pairs[i].b_methods),
		};
		struct hz_radix_conflict conflict;
		struct hz_radix *radix = NULL;

		CU_ASSERT_EQUAL(hz_radix_build(routes, 4, 1, &radix, &conflict), pairs[i].err);
		if (pairs[i].err == -EEXIST) {
			CU_ASSERT_EQUAL(conflict.first, 1);
			CU_ASSERT_EQUAL(conflict.second, 3);
			CU_ASSERT_PTR_NOT_NULL(conflict.why);
			CU_ASSERT_PTR_NULL(radix);
		}
		hz_radix_free(radix);
	}
}

static void pattern_out_of_grammar_is_refused(void)
{
	static const char *const bad[] = {
		"",
		"a",
		":a",
		"*a",
		"/:",
		"/*",
		"/:a/:a",
		"/*a/b",
		"/*a/",
		"/a*",
		"/a*b",
		"/:a b",
		"/:a*",
		"/a%41",
		"/a?b",
		"/a#b",
		"/a b",
		"/a\tb",
		"/a\x7f",
		"/.",
		"/..",
		"/a/../b",
		"/./a",
		"/:a/..",
		"/:a.b",
		"/:1/:2/:3/:4/:5/:6/:7/:8/:9/:10/:11/:12/:13/:14/:15/:16/:17",
		"/:n2345678901234567890123456789012345678901234567890123456789012345",
	};
	static const char *const good[] = {
		"/a:b",      "/a.b",
		"/...",      "/.a",
		"/a//b",     "//",
		"/a/",       "/:a_b-9/*rest",
		"/\xc3\xbc", "/:1/:2/:3/:4/:5/:6/:7/:8/:9/:10/:11/:12/:13/:14/:15/:16",
	};
	struct hz_radix_conflict conflict;
	struct hz_radix *radix = NULL;

	for (size_t i = 0; i < HZ_ARRAY_LEN(bad); i++) {
		struct hz_radix_route routes[] = { ROUTE(span("/ok"), GET),
			                           ROUTE(span(bad[i]), GET) };

		CU_ASSERT_EQUAL(hz_radix_build(routes, 2, 1, &radix, &conflict), -EINVAL);
		CU_ASSERT_EQUAL(conflict.first, 1);
		CU_ASSERT_PTR_NOT_NULL(conflict.why);
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(good); i++) {
		struct hz_radix_route routes[] = { ROUTE(span("/ok"), GET),
			                           ROUTE(span(good[i]), GET) };

		hz_radix_free(build(routes, 2));
	}
}

/* /a/x/x..., /:p/x..., every way static or parameter: 2^n ways through n segments, and one more with a
 * wildcard for all of them. */
static int overlap_build(unsigned segments, bool has_wild)
{
	uint32_t count = 1u << segments;
	struct hz_radix_route *routes = calloc(count + 1u, sizeof(*routes));
	char(*text)[64] = calloc(count, sizeof(*text));
	struct hz_radix_conflict conflict;
	struct hz_radix *radix = NULL;
	int err;

	for (uint32_t i = 0; i < count; i++) {
		size_t at = 0;

		for (unsigned k = 0; k < segments; k++)
			at += (size_t)snprintf(text[i] + at, sizeof(text[i]) - at,
			                       i >> k & 1 ? "/:p%u" : "/a", k);
		routes[i] = (struct hz_radix_route)ROUTE(span(text[i]), GET);
		routes[i].route = i;
	}
	routes[count] = (struct hz_radix_route)ROUTE(span("/*rest"), PUT);
	err = hz_radix_build(routes, count + has_wild, 1, &radix, &conflict);
	if (err == 0) {
		struct hz_radix_match match;
		char path[64] = "";

		for (unsigned k = 0; k < segments; k++)
			strncat(path, "/a", sizeof(path) - strlen(path) - 1);
		CU_ASSERT_EQUAL(lookup(radix, GET, span(path), &match), HZ_RADIX_FOUND);
		CU_ASSERT_EQUAL(match.route, 0);
		/* Every way is tried and fails: the deepest stack there is. */
		CU_ASSERT_EQUAL(lookup(radix, POST, span(path), &match), HZ_RADIX_METHOD);
		strncat(path, "/", sizeof(path) - strlen(path) - 1);
		CU_ASSERT_EQUAL(lookup(radix, GET, span(path), &match),
		                has_wild ? HZ_RADIX_METHOD : HZ_RADIX_NOT_FOUND);
	}
	hz_radix_free(radix);
	free(routes);
	free(text);
	return err;
}

static void overlap_beyond_the_limit_is_refused(void)
{
	CU_ASSERT_EQUAL(overlap_build(5, true), 0);
	CU_ASSERT_EQUAL(overlap_build(7, false), 0); /* 128 ways */
	CU_ASSERT_EQUAL(overlap_build(7, true), -EINVAL);
	CU_ASSERT_EQUAL(overlap_build(8, false), -EINVAL);
}

/* Route i of a big site, as its pattern or as a path that it matches. */
static void big_text(char out[64], unsigned i, const char *param, const char *rest)
{
	if (i % 3 == 0)
		snprintf(out, 64, "/api/v%u/item%u", i % 97, i);
	else if (i % 3 == 1)
		snprintf(out, 64, "/api/v%u%s/part%u", i % 97, param, i);
	else
		snprintf(out, 64, "/shop%u/a-rather-long-static-segment-%u/%s", i % 97, i, rest);
}

static void ten_thousand_routes_find_themselves(void)
{
	enum { COUNT = 10000 };
	struct hz_radix_route *routes = calloc(COUNT, sizeof(*routes));
	char(*pattern)[64] = calloc(COUNT, sizeof(*pattern));
	char(*path)[64] = calloc(COUNT, sizeof(*path));
	struct hz_radix_match match;
	struct hz_radix *radix;
	unsigned wrong = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		big_text(pattern[i], i, "/:id", "*rest");
		big_text(path[i], i, "/four", "r/s");
		routes[i] = (struct hz_radix_route)ROUTE(span(pattern[i]), GET);
	}
	radix = build(routes, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		if (lookup(radix, GET, span(path[i]), &match) != HZ_RADIX_FOUND ||
		    match.route != i || match.param_count != (i % 3 == 0 ? 0 : 1))
			wrong++;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	hz_radix_free(radix);
	free(routes);
	free(pattern);
	free(path);
}

/* "/s" n times, and what follows. */
static char *deep_text(unsigned n, const char *rest)
{
	char *text = malloc(2 * n + strlen(rest) + 1);

	for (unsigned i = 0; i < n; i++)
		memcpy(text + 2 * i, "/s", 2);
	memcpy(text + 2 * n, rest, strlen(rest) + 1);
	return text;
}

/* Static runs beyond what is hashed at once, each a prefix of the next, with and without a parameter. */
static void deep_prefixes_find_themselves(void)
{
	enum { DEPTH = 150, COUNT = 3 * DEPTH };
	static const char *const rests[] = { "", "/:x", "/:x/t" }, *const paths[] = { "", "/v",
		                                                                      "/v/t" };
	struct hz_radix_route *routes = calloc(COUNT, sizeof(*routes));
	char *pattern[COUNT], *path;
	struct hz_radix_match match;
	struct hz_radix_conflict conflict;
	struct hz_radix *radix = NULL;
	unsigned wrong = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		pattern[i] = deep_text(1 + i / 3, rests[i % 3]);
		routes[i] = (struct hz_radix_route)ROUTE(span(pattern[i]), GET);
	}
	/* Every prefix with a parameter is one more way. */
	CU_ASSERT_EQUAL(hz_radix_build(routes, COUNT, 1, &radix, &conflict), -EINVAL);
	radix = build(routes, 3 * 120);
	for (unsigned i = 0; i < 3 * 120; i++) {
		path = deep_text(1 + i / 3, paths[i % 3]);
		if (lookup(radix, GET, span(path), &match) != HZ_RADIX_FOUND || match.route != i)
			wrong++;
		free(path);
	}
	path = deep_text(120, "/v/t/u");
	CU_ASSERT_EQUAL(lookup(radix, GET, span(path), &match), HZ_RADIX_NOT_FOUND);
	free(path);
	path = deep_text(60, "/v/u");
	CU_ASSERT_EQUAL(lookup(radix, GET, span(path), &match), HZ_RADIX_NOT_FOUND);
	free(path);
	CU_ASSERT_EQUAL(wrong, 0);
	hz_radix_free(radix);
	for (unsigned i = 0; i < COUNT; i++)
		free(pattern[i]);
	free(routes);
}

/* Labels of more than one chunk, up to the longest pattern. */
static void long_segments_find_themselves(void)
{
	static const unsigned lengths[] = { 1,   6,   7,   8,   9,   125, 126, 127, 128,
		                            129, 253, 254, 255, 256, 381, 382, 8000 };
	enum { COUNT = 2 * HZ_ARRAY_LEN(lengths) };
	struct hz_radix_route routes[COUNT];
	char *text[COUNT];
	uint8_t memory[2048];
	struct hz_radix_match match;
	struct hz_radix *radix;

	for (unsigned i = 0; i < COUNT; i++) {
		unsigned bytes = lengths[i / 2];

		text[i] = malloc(bytes + 32);
		snprintf(text[i], bytes + 32, "/%0*u%s", (int)bytes, i % 2, i % 2 ? "/:x/end" : "");
		routes[i] = (struct hz_radix_route)ROUTE(span(text[i]), GET);
	}
	radix = build(routes, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		const struct hz_radix_ask ask = { .method = GET, .form = 1 };
		struct hz_path_text path;
		struct hz_arena arena;
		uint32_t special;

		hz_arena_init(&arena, memory, sizeof(memory));
		CU_ASSERT_EQUAL_FATAL(hz_path_text_set(&path, span(text[i]), &arena, &special), 0);
		CU_ASSERT_EQUAL(hz_radix_lookup(radix, &ask, &path, &match), HZ_RADIX_FOUND);
		CU_ASSERT_EQUAL(match.route, i);
		text[i][1 + lengths[i / 2] / 2] ^= 1; /* one byte of it is another */
		hz_arena_reset(&arena);
		CU_ASSERT_EQUAL_FATAL(hz_path_text_set(&path, span(text[i]), &arena, &special), 0);
		CU_ASSERT_EQUAL(hz_radix_lookup(radix, &ask, &path, &match), HZ_RADIX_NOT_FOUND);
	}
	hz_radix_free(radix);
	for (unsigned i = 0; i < COUNT; i++)
		free(text[i]);
}

static void node_with_most_children_finds_each(void)
{
	char pattern[256][3];
	struct hz_radix_route routes[256];
	uint32_t count = 0;
	struct hz_radix *radix;
	struct hz_radix_match match;

	for (unsigned byte = 0x21; byte < 256; byte++) {
		if (strchr("%*:?#./\x7f", (int)byte) != NULL)
			continue;
		snprintf(pattern[count], sizeof(pattern[count]), "/%c", (char)byte);
		routes[count] = (struct hz_radix_route)ROUTE(span(pattern[count]), GET);
		count++;
	}
	radix = build(routes, count);
	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(lookup(radix, GET, span(pattern[i]), &match), HZ_RADIX_FOUND);
		CU_ASSERT_EQUAL(match.route, i);
	}
	CU_ASSERT_EQUAL(lookup(radix, GET, (struct hz_span){ (const uint8_t *)"/\0", 2 }, &match),
	                HZ_RADIX_NOT_FOUND);
	hz_radix_free(radix);
}

HZ_SUITE(radix, CASE(lookup_of_table_is_as_listed), CASE(names_of_one_path_differ_by_method),
         CASE(tree_without_routes_finds_nothing), CASE(escaped_slash_stays_in_its_segment),
         CASE(conflict_names_both_routes), CASE(pattern_out_of_grammar_is_refused),
         CASE(overlap_beyond_the_limit_is_refused), CASE(ten_thousand_routes_find_themselves),
         CASE(deep_prefixes_find_themselves), CASE(long_segments_find_themselves),
         CASE(node_with_most_children_finds_each));
