/* Section `routes`. */
#include "config/route_name.h"
#include "config/site_mw.h"
#include "config/site_route.h"

#include <stdio.h>
#include <string.h>

static void name_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_route_read *rr = into;
	struct hz_span text;

	if (hz_site_read_word(r, key, 1, HZ_SITE_NAME_MAX - 1, &text))
		(void)hz_site_read_name(r, key->value, text, rr->route->name);
}

/* Name and match are read before the rest, which needs them. */
static void read_already(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	(void)r;
	(void)key;
	(void)into;
}

/* A route has one handler; the first in the file counts. */
static bool handler_take(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         struct hz_site_route_read *rr)
{
	if (rr->handler != NULL) {
		hz_site_read_fail(r, key, "%s has '%.*s' already: one handler per route", rr->where,
		                  HZ_SITE_WORD(rr->handler->text));
		return false;
	}
	rr->handler = key;
	return true;
}

static void respond_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_respond_read(r, key, into);
}

static void bytes_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_bytes_read(r, key, into);
}

static void echo_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_echo_read(r, key, into);
}

static void files_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_files_read(r, key, into);
}

static void redirect_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_redirect_read(r, key, into);
}

static void events_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_events_read(r, key, into);
}

static void lines_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_lines_read(r, key, into);
}

static void publish_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_publish_read(r, key, into);
}

static void module_key_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	if (handler_take(r, key, into))
		hz_site_module_read(r, key, into);
}

#define HZ_MW(name, help)                                                                          \
	static void name##_mw_read(struct hz_site_reader *r, const struct hz_yaml_node *key,       \
	                           void *into)                                                     \
	{                                                                                          \
		struct hz_site_route_read *rr = into;                                              \
                                                                                                   \
		hz_site_mw_##name##_key(r, key, &rr->route->mw);                                   \
	}
#include "core/mw.def"
#undef HZ_MW

static const struct hz_site_key route_keys[] = {
#define HZ_MW(name, help) { #name, name##_mw_read, false },
#include "core/mw.def"
#undef HZ_MW
	{ "name", read_already, false },        { "match", read_already, true },
	{ "respond", respond_key_read, false }, { "bytes", bytes_key_read, false },
	{ "echo", echo_key_read, false },       { "hosts", hz_site_hosts_read, false },
	{ "paths", hz_site_paths_read, false }, { "files", files_key_read, false },
	{ "cache", hz_site_cache_read, false }, { "redirect", redirect_key_read, false },
	{ "delay", hz_site_delay_read, false }, { "events", events_key_read, false },
	{ "lines", lines_key_read, false },     { "publish", publish_key_read, false },
	{ "module", module_key_read, false },
};

/* What could never match is refused. */
static void merged_check(struct hz_site_reader *r, const struct hz_yaml_node *item,
                         const struct hz_site_route_read *rr)
{
	const struct hz_span pattern = rr->route->pattern;
	const struct hz_yaml_node *match = NULL;

	if (!rr->is_match_bad && pattern.len > 0 &&
	    memmem(pattern.data, pattern.len, "//", 2) != NULL)
		match = hz_yaml_doc_key(item, "match");
	if (match != NULL)
		hz_site_read_fail(r, match->value,
		                  "'//' never matches where duplicate_slashes is merge");
}

/* Its own name, else that of its match; of what has none, and so is never served, the place in the file. */
static void route_name(struct hz_site_reader *r, const struct hz_yaml_node *item, uint32_t index,
                       struct hz_site_route_read *rr)
{
	const struct hz_yaml_node *match = hz_yaml_doc_key(item, "match");
	const struct hz_yaml_node *hosts = hz_yaml_doc_key(item, "hosts");
	const struct hz_yaml_node *name = hz_yaml_doc_key(item, "name"), *host = NULL;

	if (hosts != NULL && hosts->value->kind == HZ_YAML_LIST)
		host = hosts->value->first;
	if (match != NULL && match->value->kind == HZ_YAML_SCALAR && match->value->text.len > 0)
		hz_route_name_make(match->value->text,
		                   host != NULL && host->kind == HZ_YAML_SCALAR
		                           ? host->text
		                           : (struct hz_span){ NULL, 0 },
		                   rr->route->name);
	else
		snprintf(rr->route->name, sizeof(rr->route->name), "route-%u", index + 1);
	if (name != NULL)
		name_read(r, name, rr);
}

static void route_read(struct hz_site_reader *r, const struct hz_yaml_node *item, uint32_t index,
                       struct hz_site_route *route)
{
	struct hz_site_route_read rr = { .route = route };
	const struct hz_yaml_node *key;

	route->line = item->line;
	route->column = item->column;
	route->at = hz_site_read_place(item);
	route->body_bytes_max = r->site->limits.body_bytes;
	route->paths = r->site->paths;
	if (item->kind == HZ_YAML_MAP) {
		route_name(r, item, index, &rr);
		snprintf(rr.where, sizeof(rr.where), "route '%s'", route->name);
		key = hz_yaml_doc_key(item, "match");
		rr.is_match_bad = key == NULL;
		if (key != NULL)
			hz_site_match_read(r, key, &rr);
	} else {
		snprintf(rr.where, sizeof(rr.where), "an entry of 'routes'");
	}
	r->scope = route->name;
	/* A misspelt handler is one error, not two. */
	if (hz_site_read_map(r, item, rr.where, route_keys, HZ_ARRAY_LEN(route_keys), &rr) &&
	    rr.handler == NULL)
		hz_site_read_fail(r, item,
		                  "%s needs a handler: files, respond, redirect, echo, bytes, "
		                  "events, lines, publish or module",
		                  rr.where);
	else if (route->paths.duplicate_slashes == HZ_SITE_SLASHES_MERGE)
		merged_check(r, item, &rr);
	r->scope = NULL;
	hz_site_files_finish(r, item, &rr);
	hz_site_mw_inherit(&route->mw, &r->site->defaults);
}

void hz_site_routes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_LIMIT_routes_max);
	struct hz_site_route *routes;
	uint32_t index = 0, fails_before = r->fail_count;

	(void)into;
	if (list == NULL)
		return;
	routes = hz_site_read_get(r, list->count * sizeof(*routes));
	if (routes == NULL)
		return;
	r->site->route = routes;
	r->site->route_count = list->count;
	for (const struct hz_yaml_node *item = list->first; item != NULL && r->err == 0;
	     item = item->next, index++)
		route_read(r, item, index, &routes[index]);
	/* Half-read routes would conflict for no reason. */
	if (r->err == 0 && r->fail_count == fails_before)
		hz_site_routes_check(r, list);
}
