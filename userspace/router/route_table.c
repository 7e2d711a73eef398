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
	bool has_hosts;
};

/* One spelling. */
struct form {
	struct hz_path_text text;
	uint32_t bit; /* 0: no route accepts it, or the path has no such spelling */
};
#define FORMS_MAX 4u

struct search {
	const struct hz_route_table *table;
	const struct hz_route_ask *ask;
	struct hz_route_match *out;
	uint32_t form_count; /* known so far */
	uint32_t marks;
	uint32_t allow;
	struct form form[FORMS_MAX];
};

static int form_set(struct search *s, struct form *form, const uint8_t *path, size_t len,
                    uint32_t bit)
{
	uint32_t special;

	form->bit = bit;
	return hz_path_text_set(&form->text, (struct hz_span){ path, len }, s->ask->arena,
	                        &special);
}

/* The path with a slash more or less at its end. "/" and a path that ends with "//" have no such form, nor
 * has one that begins with "//": a redirect there would name an authority (RFC 3986 4.2), not a path. */
static int other_form(struct search *s, const struct form *form, struct form *out)
{
	uint32_t bit = form->bit << FORM_OTHER_SHIFT & s->table->forms;
	const uint8_t *path = form->text.path;
	uint32_t len = form->text.view.len;
	uint8_t *text;

	out->bit = 0;
	if (bit == 0 || len < 2 || path[1] == '/' || (path[len - 1] == '/' && path[len - 2] == '/'))
		return 0;
	if (path[len - 1] == '/')
		return form_set(s, out, path, len - 1, bit);
	text = hz_arena_get(s->ask->arena, len + 1u);
	if (text == NULL)
		return -ENOMEM;
	memcpy(text, path, len);
	text[len] = '/';
	return form_set(s, out, text, len + 1u, bit);
}

/* Forms 1..3: merged, and form 0 and that one with the other end. */
static int form_make(struct search *s, uint32_t index)
{
	const struct hz_path_text *sent = &s->form[0].text;
	struct form *form = &s->form[index];
	struct hz_span merged;

	s->form_count = index + 1;
	if (index > 1)
		return other_form(s, &s->form[index - 2], form);
	form->bit = 0;
	if (s->form[0].bit != FORM_EMPTY)
		return 0;
	if (hz_path_merge((struct hz_span){ sent->path, sent->view.len }, s->ask->arena, &merged) !=
	    0)
		return -ENOMEM;
	return form_set(s, form, merged.data, merged.len, FORM_MERGED);
}

static enum hz_route_result location_set(struct search *s, const struct hz_path_text *text)
{
	const struct hz_span path = { text->path, text->view.len };

	return hz_path_encode(path, s->ask->arena, &s->out->location) == 0 ? HZ_ROUTE_REDIRECT
	                                                                   : HZ_ROUTE_NO_ROOM;
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
			last = match->value[match->param_count - 1];
		if ((flags & FLAG_NO_SLASH) != 0 ||
		    (last.len > 0 && memchr(last.data, HZ_PATH_SLASH, last.len) != NULL))
			return HZ_ROUTE_BAD;
	}
	if ((form->bit & FORM_ALL) == 0 && (flags & FLAG_REDIRECT) != 0)
		return location_set(s, &form->text);
	for (uint32_t i = 0; (s->marks & HZ_PATH_HAS_SLASH) != 0 && i < match->param_count; i++) {
		if (hz_path_param(match->value[i], s->ask->arena, &match->value[i]) != 0)
			return HZ_ROUTE_NO_ROOM;
	}
	return HZ_ROUTE_FOUND;
}

/* The next spelling that some route accepts: *index is moved to it, FORMS_MAX when there is none. 0 or
 * -ENOMEM. */
static int form_next(struct search *s, uint32_t *index)
{
	do {
		++*index;
		if (*index >= s->form_count && *index < FORMS_MAX && form_make(s, *index) != 0)
			return -ENOMEM;
	} while (*index < FORMS_MAX && s->form[*index].bit == 0);
	return 0;
}

/* The first spelling at the first host was looked up, with this result: what it means, or what the others
 * give, host by host. */
static __attribute__((noinline)) enum hz_route_result
search_on(struct search *s, struct hz_radix_ask *ask, enum hz_radix_result result)
{
	const struct hz_radix *radix = s->table->radix;
	uint32_t index = 0;

	while (result != HZ_RADIX_FOUND) {
		s->allow |= s->out->radix.allow;
		if (form_next(s, &index) != 0)
			return HZ_ROUTE_NO_ROOM;
		if (index == FORMS_MAX && ask->tree == 0) {
			s->out->radix.allow = s->allow;
			return s->allow != 0 ? HZ_ROUTE_METHOD : HZ_ROUTE_NOT_FOUND;
		}
		if (index == FORMS_MAX) {
			ask->tree = hz_host_map_next(s->table->hosts, ask->tree);
			index = 0;
		}
		ask->form = s->form[index].bit;
		result = hz_radix_lookup(radix, ask, &s->form[index].text, &s->out->radix);
	}
	return route_take(s, &s->form[index]);
}

/* The first form: the path as sent where it is plain, as most are; else decoded. */
static int sent_set(struct search *s)
{
	const struct hz_route_ask *ask = s->ask;
	struct hz_span path = ask->path;
	uint32_t special;
	int err;

	s->marks = 0;
	/* "*" is the target of OPTIONS for the server as a whole (RFC 9112 3.2.4). */
	if (path.len == 0 || (path.data[0] != '/' && !(path.len == 1 && path.data[0] == '*')))
		return -EINVAL;
	err = hz_path_text_set(&s->form[0].text, path, ask->arena, &special);
	if (err != 0 || (special & HZ_PATH_HAS_CONTROL) != 0)
		return err != 0 ? err : -EINVAL;
	if (HZ_UNLIKELY((special & (HZ_PATH_HAS_PERCENT | HZ_PATH_HAS_DOT)) != 0)) {
		err = hz_path_decode(path, ask->arena, &path, &s->marks);
		if (err == 0)
			err = hz_path_text_set(&s->form[0].text, path, ask->arena, &special);
	}
	/* Where nobody merges, a path with "//" is like any other. */
	s->form[0].bit = (s->table->forms & FORM_MERGED) != 0 && (special & HZ_PATH_HAS_EMPTY) != 0
	                         ? FORM_EMPTY
	                         : FORM_PLAIN;
	s->form_count = 1;
	return err;
}

enum hz_route_result hz_route_table_find(const struct hz_route_table *table,
                                         const struct hz_route_ask *ask, struct hz_route_match *out)
{
	struct search s; /* field by field: most of it is not needed most of the time */
	struct hz_radix_ask in_tree = { .tree = 0, .method = ask->method };
	enum hz_radix_result result;
	int err;

	s.table = table;
	s.ask = ask;
	s.out = out;
	s.allow = 0;
	err = sent_set(&s);
	if (err != 0)
		return err == -ENOMEM ? HZ_ROUTE_NO_ROOM : HZ_ROUTE_BAD;
	if (table->has_hosts)
		in_tree.tree = hz_host_map_find(table->hosts, ask->host);
	in_tree.form = s.form[0].bit;
	result = hz_radix_lookup(table->radix, &in_tree, &s.form[0].text, &out->radix);
	if (HZ_LIKELY(result == HZ_RADIX_FOUND && s.marks == 0))
		return HZ_ROUTE_FOUND; /* as it was sent: no policy has a say */
	return search_on(&s, &in_tree, result);
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
			table->has_hosts = true;
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
