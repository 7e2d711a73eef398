/* Spellings of a path are tried one after another, each in the tree of the host, and a spelling is only
 * offered to the routes that accept it: so a route's policy decides about that route alone, and a site
 * of strict routes takes one walk. */
#include "router/route_table.h"

#include "core/base.h"
#include "router/host_map.h"
#include "router/path.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a walk of the tree is about, as bits of hz_radix_route.forms. */
enum {
	FORM_PLAIN = 1,  /* a path without "//" */
	FORM_EMPTY = 2,  /* one with, as it is */
	FORM_MERGED = 4, /* one with, merged */
	FORM_ALL = 7,
	FORM_OTHER_SHIFT = 3, /* the same with the slash at the end added or taken away */
};

/* What becomes of a match, as bits of hz_radix_route.flags. */
enum {
	FLAG_REDIRECT = 1, /* of another slash at the end */
	FLAG_NO_DOTS = 2,
	FLAG_NO_SLASH = 4,
	FLAG_NO_SLASH_IN_LAST = 8, /* parameter: it is a wildcard */
};

struct hz_route_table {
	struct hz_radix *radix; /* owned; tree n is that of host n */
	struct hz_host_map *hosts;
	uint32_t forms; /* of all routes */
};

/* One spelling. */
struct form {
	struct hz_span path;
	uint32_t bit; /* 0: no route accepts it, or the path has no such spelling */
};
#define FORMS_MAX 4u

struct search {
	const struct hz_route_table *table;
	const struct hz_route_ask *ask;
	struct hz_route_match *out;
	struct form form[FORMS_MAX];
	uint32_t form_count; /* known so far */
	uint32_t marks;
	uint32_t allow;
};

/* The path with a slash more or less at its end. "/" and a path that ends with "//" have no such form, nor
 * has one that begins with "//": a redirect there would name an authority (RFC 3986 4.2), not a path. */
static int other_form(struct search *s, const struct form *form, struct form *out)
{
	uint32_t bit = form->bit << FORM_OTHER_SHIFT & s->table->forms;
	struct hz_span path = form->path;
	uint8_t *text;

	*out = (struct form){ 0 };
	if (bit == 0 || path.len < 2 || path.data[1] == '/' ||
	    (path.data[path.len - 1] == '/' && path.data[path.len - 2] == '/'))
		return 0;
	if (path.data[path.len - 1] == '/') {
		*out = (struct form){ { path.data, path.len - 1 }, bit };
		return 0;
	}
	text = hz_arena_get(s->ask->arena, path.len + 1);
	if (text == NULL)
		return -ENOMEM;
	memcpy(text, path.data, path.len);
	text[path.len] = '/';
	*out = (struct form){ { text, path.len + 1 }, bit };
	return 0;
}

/* Forms 1..3: merged, and form 0 and that one with the other end. */
static int form_make(struct search *s, uint32_t index)
{
	struct form *form = &s->form[index];

	s->form_count = index + 1;
	if (index > 1)
		return other_form(s, &s->form[index - 2], form);
	*form = (struct form){ .bit = s->form[0].bit == FORM_EMPTY ? FORM_MERGED & s->table->forms
		                                                   : 0 };
	return form->bit == 0 ? 0 : hz_path_merge(s->form[0].path, s->ask->arena, &form->path);
}

/* The route is known: does it take the path as it was spelled? */
static enum hz_route_result route_take(struct search *s, const struct form *form)
{
	struct hz_radix_match *match = &s->out->radix;
	uint32_t flags = match->flags;

	if ((s->marks & HZ_PATH_HAD_DOTS) != 0 && (flags & FLAG_NO_DOTS) != 0)
		return HZ_ROUTE_BAD;
	if ((s->marks & HZ_PATH_HAS_SLASH) != 0) {
		struct hz_span last = { NULL, 0 };

		if ((flags & FLAG_NO_SLASH_IN_LAST) != 0)
			last = match->param[match->param_count - 1].value;
		if ((flags & FLAG_NO_SLASH) != 0 ||
		    (last.len > 0 && memchr(last.data, HZ_PATH_SLASH, last.len) != NULL))
			return HZ_ROUTE_BAD;
	}
	if ((form->bit & FORM_ALL) == 0 && (flags & FLAG_REDIRECT) != 0)
		return hz_path_encode(form->path, s->ask->arena, &s->out->location) == 0
		               ? HZ_ROUTE_REDIRECT
		               : HZ_ROUTE_NO_ROOM;
	for (uint32_t i = 0; (s->marks & HZ_PATH_HAS_SLASH) != 0 && i < match->param_count; i++) {
		if (hz_path_param(match->param[i].value, s->ask->arena, &match->param[i].value) !=
		    0)
			return HZ_ROUTE_NO_ROOM;
	}
	return HZ_ROUTE_FOUND;
}

/* All spellings among the routes of one host. NOT_FOUND: the next host's turn. */
static enum hz_route_result host_find(struct search *s, uint32_t host)
{
	struct hz_radix_ask ask = { .tree = host, .method = s->ask->method };

	for (uint32_t i = 0; i < FORMS_MAX; i++) {
		const struct form *form = &s->form[i];
		enum hz_radix_result result;

		if (i >= s->form_count && form_make(s, i) != 0)
			return HZ_ROUTE_NO_ROOM;
		if (form->bit == 0)
			continue;
		ask.form = form->bit;
		result = hz_radix_lookup(s->table->radix, &ask, form->path, &s->out->radix);
		if (result == HZ_RADIX_FOUND)
			return route_take(s, form);
		s->allow |= s->out->radix.allow;
	}
	return HZ_ROUTE_NOT_FOUND;
}

enum hz_route_result hz_route_table_find(const struct hz_route_table *table,
                                         const struct hz_route_ask *ask, struct hz_route_match *out)
{
	uint32_t host = hz_host_map_find(table->hosts, ask->host);
	struct search s = { .table = table, .ask = ask, .out = out, .form_count = 1 };
	enum hz_route_result result;
	int err = hz_path_decode(ask->path, ask->arena, &s.form[0].path, &s.marks);

	if (err != 0)
		return err == -ENOMEM ? HZ_ROUTE_NO_ROOM : HZ_ROUTE_BAD;
	/* Where nobody merges, a path with "//" is like any other. */
	s.form[0].bit = (table->forms & FORM_MERGED) != 0 && hz_path_has_empty(s.form[0].path)
	                        ? FORM_EMPTY
	                        : FORM_PLAIN;
	for (;;) {
		result = host_find(&s, host);
		if (result != HZ_ROUTE_NOT_FOUND || host == 0)
			break;
		host = hz_host_map_next(table->hosts, host);
	}
	out->radix.allow = s.allow;
	return result == HZ_ROUTE_NOT_FOUND && s.allow != 0 ? HZ_ROUTE_METHOD : result;
}

static bool has_wildcard(struct hz_span pattern)
{
	for (size_t i = 1; i < pattern.len; i++) {
		if (pattern.data[i] == '*' && pattern.data[i - 1] == '/')
			return true;
	}
	return false;
}

/* The route's entry in the trees, but for its host. */
static struct hz_radix_route claim_of(const struct hz_route_conf *conf, uint32_t route)
{
	const struct hz_route_paths *paths = &conf->paths;
	uint32_t forms = FORM_PLAIN | (paths->merge ? FORM_MERGED : FORM_EMPTY);
	uint32_t flags = 0;

	if (paths->trailing != HZ_ROUTE_TRAILING_STRICT)
		forms |= forms << FORM_OTHER_SHIFT;
	if (paths->trailing == HZ_ROUTE_TRAILING_REDIRECT)
		flags |= FLAG_REDIRECT;
	if (paths->refuse_dots)
		flags |= FLAG_NO_DOTS;
	if (paths->slash == HZ_ROUTE_SLASH_REFUSE)
		flags |= FLAG_NO_SLASH;
	else if (paths->slash == HZ_ROUTE_SLASH_PARAM && has_wildcard(conf->pattern))
		flags |= FLAG_NO_SLASH_IN_LAST;
	return (struct hz_radix_route){
		.pattern = conf->pattern,
		.methods = conf->methods,
		.route = route,
		.forms = (uint8_t)forms,
		.flags = (uint8_t)flags,
	};
}

/* While building. */
struct claims {
	struct hz_radix_route *all;
	uint32_t count, tree_count;
};

static int claims_fill(struct hz_route_table *table, const struct hz_route_conf *routes,
                       uint32_t count, struct claims *claims, struct hz_radix_conflict *conflict)
{
	claims->tree_count = 1;
	for (uint32_t i = 0; i < count; i++) {
		struct hz_radix_route claim = claim_of(&routes[i], i);

		table->forms |= claim.forms;
		if (routes[i].host_count == 0)
			claims->all[claims->count++] = claim;
		for (uint32_t k = 0; k < routes[i].host_count; k++) {
			if (hz_host_map_add(table->hosts, routes[i].host[k], &claim.tree) != 0) {
				*conflict = (struct hz_radix_conflict){ i, i, "a bad host" };
				return -EINVAL;
			}
			claims->tree_count = HZ_MAX(claims->tree_count, claim.tree + 1);
			claims->all[claims->count++] = claim;
		}
	}
	hz_host_map_finish(table->hosts);
	return 0;
}

static int table_open(struct hz_route_table **out, const struct hz_route_conf *routes,
                      uint32_t count, struct claims *claims, struct hz_radix_conflict *conflict)
{
	struct hz_route_table *table = calloc(1, sizeof(*table));
	size_t names = 0, bytes = 0, claim_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		names += routes[i].host_count;
		claim_count += HZ_MAX(routes[i].host_count, 1u);
		for (uint32_t k = 0; k < routes[i].host_count; k++)
			bytes += routes[i].host[k].len;
	}
	*out = table;
	if (claim_count > HZ_LIMIT_route_claims_max) {
		*conflict = (struct hz_radix_conflict){ 0, count - 1, "too many hosts in all" };
		return -EINVAL;
	}
	claims->all = calloc(claim_count + 1, sizeof(*claims->all));
	if (table == NULL || claims->all == NULL)
		return -ENOMEM;
	table->hosts = hz_host_map_open((uint32_t)names, bytes);
	return table->hosts == NULL ? -ENOMEM : 0;
}

int hz_route_table_build(const struct hz_route_conf *routes, uint32_t count,
                         struct hz_route_table **out, struct hz_radix_conflict *conflict)
{
	struct hz_route_table *table = NULL;
	struct claims claims = { 0 };
	int err;

	*conflict = (struct hz_radix_conflict){ 0 };
	err = table_open(&table, routes, count, &claims, conflict);
	if (err == 0)
		err = claims_fill(table, routes, count, &claims, conflict);
	if (err == 0) {
		err = hz_radix_build(claims.all, claims.count, claims.tree_count, &table->radix,
		                     conflict);
		if (err != 0 && conflict->why != NULL) {
			conflict->first = claims.all[conflict->first].route;
			conflict->second = claims.all[conflict->second].route;
		}
	}
	free(claims.all);
	if (err != 0)
		hz_route_table_free(table);
	else
		*out = table;
	return err;
}

void hz_route_table_free(struct hz_route_table *table)
{
	if (table == NULL)
		return;
	hz_radix_free(table->radix);
	hz_host_map_close(table->hosts);
	free(table);
}

size_t hz_route_table_bytes(const struct hz_route_table *table)
{
	return sizeof(*table) + hz_radix_bytes(table->radix) + hz_host_map_bytes(table->hosts);
}
