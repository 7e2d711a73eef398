/* Routes that claim the same requests, and routes of one name: found by sorting. */
#include "config/site_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Both checks sort these; a site has up to HZ_LIMIT_route_claims_max of them. */
struct claim {
	const struct hz_site_route *route;
	const struct hz_yaml_node *item;
	struct hz_span host; /* one of the route's; empty: any */
};

/* The next byte of a pattern with the names of its parameters left out; -1 at the end. A ':' or '*'
 * here is always a parameter's: literal ones do not follow a '/'. They map to bytes that no pattern
 * holds, so that "/a:" is not "/a" with a parameter. */
static int shape_next(struct hz_span pattern, size_t *at)
{
	uint8_t c;

	if (*at >= pattern.len)
		return -1;
	c = pattern.data[*at];
	if (*at == 0 || pattern.data[*at - 1] != '/' || (c != ':' && c != '*')) {
		(*at)++;
		return c;
	}
	while (*at < pattern.len && pattern.data[*at] != '/')
		(*at)++;
	return c == ':' ? 1 : 2;
}

static bool has_last_slash(struct hz_span pattern)
{
	return pattern.len > 1 && pattern.data[pattern.len - 1] == '/';
}

/* What is left of a pattern without the slash at its end, which may or may not tell two apart. */
static struct hz_span without_last_slash(struct hz_span pattern)
{
	return (struct hz_span){ pattern.data, pattern.len - has_last_slash(pattern) };
}

static int shape_compare(struct hz_span a, struct hz_span b)
{
	size_t a_at = 0, b_at = 0;
	int ca, cb;

	a = without_last_slash(a);
	b = without_last_slash(b);
	do {
		ca = shape_next(a, &a_at);
		cb = shape_next(b, &b_at);
	} while (ca == cb && ca != -1);
	return ca - cb;
}

static int host_compare(struct hz_span a, struct hz_span b)
{
	size_t len = HZ_MIN(a.len, b.len);
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* Of one host, and patterns that differ by the slash at their end at most. */
static int place_of_paths_compare(const struct claim *a, const struct claim *b)
{
	int order = host_compare(a->host, b->host);

	return order != 0 ? order : shape_compare(a->route->pattern, b->route->pattern);
}

/* Ties by place in the file, so that the later one is blamed. */
static int place_compare(const struct claim *a, const struct claim *b)
{
	return a->route < b->route ? -1 : a->route > b->route;
}

static int claim_compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = place_of_paths_compare(a, b);

	return order != 0 ? order : place_compare(a, b);
}

static int name_compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = strncmp(a->route->name, b->route->name, sizeof(a->route->name));

	return order != 0 ? order : place_compare(a, b);
}

/* "/a" and "/a/" are two paths, unless one of their routes answers the other's as well. */
static bool paths_meet(const struct hz_site_route *a, const struct hz_site_route *b)
{
	return has_last_slash(a->pattern) == has_last_slash(b->pattern) ||
	       a->paths.trailing_slash != HZ_SITE_TRAILING_STRICT ||
	       b->paths.trailing_slash != HZ_SITE_TRAILING_STRICT;
}

/* Whether two routes that meet at this host have met at no earlier one, where it was said. */
static bool is_first_common(const struct hz_site_route *a, const struct hz_site_route *b,
                            struct hz_span host)
{
	for (uint32_t i = 0; i < a->host_count && host_compare(a->host[i], host) != 0; i++) {
		for (uint32_t k = 0; k < b->host_count; k++) {
			if (host_compare(a->host[i], b->host[k]) == 0)
				return false;
		}
	}
	return true;
}

static void conflict_report(struct hz_site_reader *r, const struct claim *claim,
                            const struct hz_site_route *other, uint32_t both)
{
	bool is_slash = has_last_slash(claim->route->pattern) != has_last_slash(other->pattern);

	hz_site_read_fail(r, hz_yaml_doc_key(claim->item, "match")->value,
	                  "route '%s' conflicts with route '%s' at line %u: both match "
	                  "%s %.*s%s%.*s%s",
	                  claim->route->name, other->name, other->line, hz_site_method_name(both),
	                  HZ_SITE_WORD(claim->route->pattern), claim->host.len > 0 ? " of " : "",
	                  HZ_SITE_WORD(claim->host), is_slash ? ", by their trailing_slash" : "");
}

/* claims[from..to) meet but for their methods and the slash at the end. The first owner of each method
 * keeps it. */
static void methods_check(struct hz_site_reader *r, const struct claim *claims, size_t from,
                          size_t to)
{
	for (size_t i = from + 1; i < to; i++) {
		const struct hz_site_route *route = claims[i].route;

		/* Methods of what stands before are disjoint or reported, so few are looked at. */
		for (size_t k = from; k < i; k++) {
			const struct hz_site_route *other = claims[k].route;
			uint32_t both = route->methods & other->methods;

			if (both == 0 || !paths_meet(route, other))
				continue;
			if (is_first_common(route, other, claims[i].host))
				conflict_report(r, &claims[i], other, both);
			break;
		}
	}
}

static void conflicts_find(struct hz_site_reader *r, struct claim *claims, size_t count)
{
	size_t from = 0;

	qsort(claims, count, sizeof(*claims), claim_compare);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && place_of_paths_compare(&claims[i], &claims[from]) == 0)
			continue;
		methods_check(r, claims, from, i);
		from = i;
	}
}

/* Two routes that are called by their match are one conflict, which is reported; else a hash has met another. */
static void names_find(struct hz_site_reader *r, struct claim *claims, size_t count,
                       bool has_conflicts)
{
	qsort(claims, count, sizeof(*claims), name_compare);
	for (size_t i = 1; i < count; i++) {
		const struct hz_yaml_node *key = hz_yaml_doc_key(claims[i].item, "name");

		if (strcmp(claims[i].route->name, claims[i - 1].route->name) != 0)
			continue;
		if (key != NULL)
			hz_site_read_fail(r, key->value, "the route at line %u is named '%s' too",
			                  claims[i - 1].route->line, claims[i].route->name);
		else if (!has_conflicts)
			hz_site_read_fail(
				r, claims[i].item,
				"without a 'name' it is called '%s', as the route at line "
				"%u: it needs one",
				claims[i].route->name, claims[i - 1].route->line);
	}
}

/* One claim per route and host; of a route with several, the names are looked at once. */
static size_t claims_fill(const struct hz_site *site, const struct hz_yaml_node *list,
                          struct claim *claims, bool by_host)
{
	const struct hz_yaml_node *item = list->first;
	size_t count = 0;

	for (uint32_t i = 0; i < site->route_count; i++, item = item->next) {
		const struct hz_site_route *route = &site->route[i];

		for (uint32_t k = 0; k == 0 || (by_host && k < route->host_count); k++) {
			claims[count] = (struct claim){ route, item, { NULL, 0 } };
			if (by_host && route->host_count > 0)
				claims[count].host = route->host[k];
			count++;
		}
	}
	return count;
}

void hz_site_routes_check(struct hz_site_reader *r, const struct hz_yaml_node *list)
{
	const struct hz_site *site = r->site;
	const uint32_t fails_before = r->fail_count;
	struct claim *claims;
	size_t room = 1;

	for (uint32_t i = 0; i < site->route_count; i++)
		room += HZ_MAX(site->route[i].host_count, 1u);
	if (room > HZ_LIMIT_route_claims_max) {
		hz_site_read_fail(r, list,
		                  "the routes' hosts are %zu in all, at most %d are allowed",
		                  room - 1, HZ_LIMIT_route_claims_max - 1);
		return;
	}
	claims = calloc(room, sizeof(*claims));
	if (claims == NULL) {
		r->err = -ENOMEM;
		return;
	}
	conflicts_find(r, claims, claims_fill(site, list, claims, true));
	names_find(r, claims, claims_fill(site, list, claims, false),
	           r->fail_count != fails_before);
	free(claims);
}
