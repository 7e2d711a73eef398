/* Routes that claim the same requests, and routes of one name: found by sorting. */
#include "config/site_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Both checks sort these; a site has up to HZ_LIMIT_routes_max routes. */
struct claim {
	const struct hz_site_route *route;
	const struct hz_yaml_node *item;
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

static int shape_compare(struct hz_span a, struct hz_span b)
{
	size_t a_at = 0, b_at = 0;
	int ca, cb;

	do {
		ca = shape_next(a, &a_at);
		cb = shape_next(b, &b_at);
	} while (ca == cb && ca != -1);
	return ca - cb;
}

/* Ties by place in the file, so that the later one is blamed. */
static int place_compare(const struct claim *a, const struct claim *b)
{
	return a->route < b->route ? -1 : a->route > b->route;
}

static int claim_compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = shape_compare(a->route->pattern, b->route->pattern);

	return order != 0 ? order : place_compare(a, b);
}

static int name_compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = strncmp(a->route->name, b->route->name, sizeof(a->route->name));

	return order != 0 ? order : place_compare(a, b);
}

/* claims[from..to) have one shape. The first owner of each method keeps it. */
static void methods_check(struct hz_site_reader *r, const struct claim *claims, size_t from,
                          size_t to)
{
	for (size_t i = from + 1; i < to; i++) {
		const struct hz_site_route *route = claims[i].route;

		/* Methods of what stands before are disjoint or reported, so few are looked at. */
		for (size_t k = from; k < i; k++) {
			const struct hz_site_route *other = claims[k].route;
			uint32_t both = route->methods & other->methods;

			if (both == 0)
				continue;
			hz_site_read_fail(
				r, hz_yaml_doc_key(claims[i].item, "match")->value,
				"route '%s' conflicts with route '%s' at line %u: both match "
				"%s %.*s",
				route->name, other->name, other->line, hz_site_method_name(both),
				HZ_SITE_WORD(route->pattern));
			break;
		}
	}
}

static void conflicts_find(struct hz_site_reader *r, struct claim *claims, size_t count)
{
	size_t from = 0;

	qsort(claims, count, sizeof(*claims), claim_compare);
	for (size_t i = 1; i <= count; i++) {
		if (i < count &&
		    shape_compare(claims[i].route->pattern, claims[from].route->pattern) == 0)
			continue;
		methods_check(r, claims, from, i);
		from = i;
	}
}

static void names_find(struct hz_site_reader *r, struct claim *claims, size_t count)
{
	qsort(claims, count, sizeof(*claims), name_compare);
	for (size_t i = 1; i < count; i++) {
		const struct hz_yaml_node *key;

		if (strcmp(claims[i].route->name, claims[i - 1].route->name) != 0)
			continue;
		key = hz_yaml_doc_key(claims[i].item, "name");
		hz_site_read_fail(r, key != NULL ? key->value : claims[i].item,
		                  "the route at line %u is named '%s' too",
		                  claims[i - 1].route->line, claims[i].route->name);
	}
}

void hz_site_routes_check(struct hz_site_reader *r, const struct hz_yaml_node *list)
{
	struct claim *claims = calloc(list->count + 1u, sizeof(*claims));
	size_t count = 0;

	if (claims == NULL) {
		r->err = -ENOMEM;
		return;
	}
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next) {
		claims[count] = (struct claim){ &r->site->route[count], item };
		count++;
	}
	conflicts_find(r, claims, count);
	names_find(r, claims, count);
	free(claims);
}
