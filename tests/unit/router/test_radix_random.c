/* The tree against a matcher that tries every pattern, on random routes and paths. */
#include "router/radix.h"

#include "core/base.h"
#include "hz_test.h"
#include <stdio.h>
#include <string.h>

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

#define NAIVE_ROUTES_MAX 40

struct naive {
	char pattern[NAIVE_ROUTES_MAX][256];
	uint32_t methods[NAIVE_ROUTES_MAX];
	uint32_t count;
};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* One segment from the '/' at text; its length with the '/'. */
static size_t segment_bytes(const char *text)
{
	return 1 + strcspn(text + 1, "/");
}

/* Kinds of the segments as letters that sort by priority: s, t (parameter), w. NULL: no match. */
static const char *naive_match(const char *pattern, const char *path, char *kinds)
{
	size_t n = 0;

	while (*pattern == '/') {
		size_t want = segment_bytes(pattern), have;

		if (*path != '/')
			return NULL;
		have = segment_bytes(path);
		if (pattern[1] == '*') {
			kinds[n++] = 'w';
			kinds[n] = 0;
			return kinds;
		}
		if (pattern[1] == ':' ? have == 1
		                      : have != want || memcmp(pattern, path, want) != 0)
			return NULL;
		kinds[n++] = pattern[1] == ':' ? 't' : 's';
		pattern += want;
		path += have;
	}
	kinds[n] = 0;
	return *path == 0 ? kinds : NULL;
}

static enum hz_radix_result naive_lookup(const struct naive *naive, uint32_t method,
                                         const char *path, uint32_t *route, uint32_t *allow)
{
	char best[64] = "~";
	bool is_matched = false;

	*allow = 0;
	for (uint32_t i = 0; i < naive->count; i++) {
		char kinds[64];

		if (naive_match(naive->pattern[i], path, kinds) == NULL)
			continue;
		is_matched = true;
		*allow |= naive->methods[i];
		if ((naive->methods[i] & method) != 0 && strcmp(kinds, best) < 0) {
			memcpy(best, kinds, sizeof(best));
			*route = i;
		}
	}
	if (best[0] != '~')
		return HZ_RADIX_FOUND;
	return is_matched ? HZ_RADIX_METHOD : HZ_RADIX_NOT_FOUND;
}

static const char *const words[] = {
	"a", "ab", "abc", "b", "ba", "", "user", "a-segment-longer-than-one-label-of-the-tree"
};

static void random_path(uint64_t *state, char *out, size_t room, bool is_pattern)
{
	unsigned segments = 1 + next_random(state) % 5;
	size_t at = 0;

	for (unsigned i = 0; i < segments; i++) {
		unsigned pick = next_random(state) % 16;

		if (is_pattern && pick < 5)
			at += (size_t)snprintf(out + at, room - at, "/:p%u", i);
		else if (is_pattern && pick == 5 && i + 1 == segments)
			at += (size_t)snprintf(out + at, room - at, "/*w");
		else
			at += (size_t)snprintf(out + at, room - at, "/%.*s",
			                       pick == 0 && !is_pattern ? 2 : 64,
			                       words[next_random(state) % HZ_ARRAY_LEN(words)]);
	}
}

/* Random routes; those that conflict with earlier ones are left out, as build says. */
static struct hz_radix *naive_fill(uint64_t *state, struct naive *naive)
{
	struct hz_radix_route routes[NAIVE_ROUTES_MAX];
	struct hz_radix_conflict conflict;
	struct hz_radix *radix = NULL;
	unsigned wanted = 1 + next_random(state) % NAIVE_ROUTES_MAX;

	naive->count = 0;
	for (unsigned i = 0; i < wanted; i++) {
		uint32_t n = naive->count;

		random_path(state, naive->pattern[n], sizeof(naive->pattern[n]), true);
		naive->methods[n] = 1 + next_random(state) % 7;
		routes[n] = (struct hz_radix_route){ .pattern = span(naive->pattern[n]),
			                             .methods = naive->methods[n],
			                             .route = n,
			                             .forms = 1 };
		hz_radix_free(radix);
		radix = NULL;
		if (hz_radix_build(routes, n + 1, 1, &radix, &conflict) == 0) {
			naive->count++;
			continue;
		}
		CU_ASSERT(conflict.second == n && conflict.first < n);
		CU_ASSERT((naive->methods[conflict.first] & naive->methods[n]) != 0);
		CU_ASSERT_EQUAL(hz_radix_build(routes, n, 1, &radix, &conflict), 0);
	}
	return radix;
}

/* Values of the match put into its pattern give the path again. */
static bool match_is_consistent(const char *pattern, const char *path,
                                const struct hz_radix_match *match)
{
	char text[256];
	size_t at = 0;
	uint32_t param = 0;

	while (*pattern == '/') {
		size_t bytes = segment_bytes(pattern);

		if (pattern[1] == ':' || pattern[1] == '*') {
			const struct hz_span name = match->name[param], value = match->value[param];

			if (name.len != bytes - 2 || memcmp(name.data, pattern + 2, name.len) != 0)
				return false;
			at += (size_t)snprintf(text + at, sizeof(text) - at, "/%.*s",
			                       (int)value.len, (const char *)value.data);
			param++;
		} else {
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s", (int)bytes,
			                       pattern);
		}
		pattern += bytes;
	}
	return param == match->param_count && strcmp(text, path) == 0;
}

static void random_lookups_agree_with_naive_matcher(void)
{
	uint64_t state = 20240601;
	unsigned wrong = 0, found = 0, method_only = 0, total = 0;
	struct naive naive;

	for (unsigned set = 0; set < 1200; set++) {
		struct hz_radix *radix = naive_fill(&state, &naive);

		for (unsigned i = 0; i < 200; i++) {
			struct hz_radix_match match;
			uint32_t method = 1u << (next_random(&state) % 3), route = 0, allow;
			enum hz_radix_result want, have;
			struct hz_radix_ask ask = { .method = method, .form = 1 };
			struct hz_arena arena = { 0 };
			struct hz_path_text text;
			uint32_t special;
			char path[256];

			random_path(&state, path, sizeof(path), false);
			want = naive_lookup(&naive, method, path, &route, &allow);
			CU_ASSERT_EQUAL_FATAL(hz_path_text_set(&text, span(path), &arena, &special),
			                      0);
			have = hz_radix_lookup(radix, &ask, &text, &match);
			total++;
			found += want == HZ_RADIX_FOUND;
			method_only += want == HZ_RADIX_METHOD;
			if (want != have || (want == HZ_RADIX_METHOD && match.allow != allow) ||
			    (want == HZ_RADIX_FOUND &&
			     (match.route != route ||
			      !match_is_consistent(naive.pattern[route], path, &match))))
				wrong++;
		}
		hz_radix_free(radix);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	/* The comparison is worth something only when every outcome is common. */
	CU_ASSERT(total >= 200000);
	CU_ASSERT(found > total / 20);
	CU_ASSERT(method_only > total / 50);
	CU_ASSERT(total - found - method_only > total / 20);
}

HZ_SUITE(radix_random, CASE(random_lookups_agree_with_naive_matcher));
